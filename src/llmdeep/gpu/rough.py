"""Interpreted kernels with functions as rough as a GPU's, whose errors NumPy's do not have.

A GPU has short instructions for exp2, division and roots, and Triton uses them: exp(x) is exp2 of
a rounded product. Here each result is off by up to what the worst of them may be, at random, so
that a bound which holds has room for the real ones.

Source: PTX ISA, floating-point instructions: ex2.approx.f32 and div.full.f32 are off by two units
in the last place at most; the others by less.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from triton.runtime.interpreter import InterpreterBuilder

Values = Any  # an array of the interpreter's, of any dtype

LARGEST_ERROR = 2.0**-22  # two units of float32, relative to the result
LOG2_E = np.float32(1.4426950408889634)


@contextlib.contextmanager
def rough_functions(seed: int = 0) -> Iterator[None]:
    """Kernels interpreted within have a GPU's exp, logarithm, division and roots in float32."""
    generator = np.random.default_rng(seed)

    def off(exact: Callable[..., Values]) -> Callable[..., Values]:
        def rough(*given: Values) -> Values:
            result = exact(*given)
            if result.dtype != np.float32:
                return result
            error = generator.uniform(-LARGEST_ERROR, LARGEST_ERROR, result.shape)
            return (result * (1 + error)).astype(np.float32)

        return rough

    def unary(exact: Callable[..., Values]) -> Any:
        rough = off(exact)
        return lambda self, x: self.unary_op(x, rough)

    divided = off(np.divide)
    changed = {
        "create_exp": unary(_exp),
        "create_exp2": unary(np.exp2),
        "create_log": unary(np.log),
        "create_log2": unary(np.log2),
        "create_sqrt": unary(np.sqrt),
        "create_rsqrt": unary(lambda x: 1 / np.sqrt(x)),
        "create_fdiv": lambda self, x, y: self.binary_op(x, y, divided),
    }
    usual = {name: getattr(InterpreterBuilder, name) for name in changed}
    for name, function in changed.items():
        setattr(InterpreterBuilder, name, function)
    try:
        yield
    finally:
        for name, function in usual.items():
            setattr(InterpreterBuilder, name, function)


def _exp(x: Values) -> Values:
    """As compiled for float32: exp2(x log₂ e), whose argument is rounded."""
    return np.exp2(x * LOG2_E) if x.dtype == np.float32 else np.exp(x)
