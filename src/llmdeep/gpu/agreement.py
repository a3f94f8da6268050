"""How far a kernel is from float64, and how far it may be."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from llmdeep.gpu.draw import Draw, as_numpy, copied, widened
from llmdeep.gpu.spec import Call, Kernel, Size

SEEDS = 3  # on a GPU each comparison is drawn this often

# What a kernel's float32 results may be off for the GPU's exp, division and roots, which are short
# programs: torch takes longer ones. 16 times the error of one of them (rough.LARGEST_ERROR), for a
# kernel uses several and takes differences.
OF_FAST_FUNCTIONS = 2.0**-18


class Error(NamedTuple):
    """How one output of a call compares with float64, as ‖output − exact‖ / ‖exact‖."""

    output: int
    error: float
    torch: float  # of the same computation in torch, at the same precision
    bound: float

    @property
    def passes(self) -> bool:
        """Whether the error is within its bound; a NaN never is."""
        return self.error <= self.bound


def agreement(
    kernel: Kernel,
    size: Size,
    dtype: str,
    device: str,
    seed: int = 0,
    call: Call | None = None,
    exact: str = "oracle",
    fast_functions: bool | None = None,
    **settings: Any,
) -> list[Error]:
    """Run a kernel on fresh random inputs and compare each of its outputs with float64.

    Args:
        call: What to run: `kernel.launch` unless given.
        exact: Where the exact result comes from: the book's "oracle" in NumPy, or the
            "reference" in torch, on the device and in float64, for sizes beyond NumPy.
        fast_functions: Whether exp, division and roots are a GPU's; on a GPU they are, if None.
        settings: Further arguments of the call, such as `config`.
    """
    inputs = kernel.inputs(Draw(device, dtype, seed), **size)
    with poisoned_memory():
        outputs = _tuple((call or kernel.launch)(**copied(inputs), **settings))
    beside = _tuple(kernel.reference(**copied(inputs)))
    if exact == "oracle":
        truth = [_wide(one) for one in _tuple(kernel.oracle(**as_numpy(inputs)))]
    else:
        truth = [_wide(one) for one in _tuple(kernel.reference(**widened(inputs)))]
    if not len(outputs) == len(beside) == len(truth):
        raise ValueError(
            f"{len(outputs)} outputs, {len(beside)} of the reference, {len(truth)} of the oracle"
        )
    fast = device == "cuda" if fast_functions is None else fast_functions
    found = []
    for index, (output, one, right) in enumerate(zip(outputs, beside, truth, strict=True)):
        in_torch = relative_error(_wide(one), right)
        slack = kernel.tolerance.get(dtype, half_unit(output.dtype))
        if fast and output.dtype == torch.float32:
            slack = max(slack, OF_FAST_FUNCTIONS)
        found.append(
            Error(index, relative_error(_wide(output), right), in_torch, 2 * in_torch + slack)
        )
    return found


def relative_error(values: Tensor, exact: Tensor) -> float:
    """‖values − exact‖ / ‖exact‖; infinities must be the same ones, and a NaN is never right."""
    if values.shape != exact.shape:
        raise ValueError(f"the shape is {tuple(values.shape)}, not {tuple(exact.shape)}")
    exact = exact.to(values.device)
    infinite = exact.isinf()
    if values.isnan().any() or not torch.equal(values[infinite], exact[infinite]):
        return float("nan")
    values, exact = values[~infinite], exact[~infinite]
    distance, norm = float((values - exact).norm()), float(exact.norm())
    return distance / norm if norm else distance


def half_unit(dtype: torch.dtype) -> float:
    """The relative error of rounding once to a dtype; 0 for integers, which must be equal."""
    return torch.finfo(dtype).eps / 2 if dtype.is_floating_point else 0.0


@contextlib.contextmanager
def poisoned_memory() -> Iterator[None]:
    """Memory that a call allocates holds NaN until it is written."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def _tuple(outputs: Any) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, tuple) else (outputs,)


def _wide(values: Any) -> Tensor:
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.asarray(values))
    return tensor.double()
