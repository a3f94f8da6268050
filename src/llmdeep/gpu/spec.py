"""What a kernel file says about its kernel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Size = Mapping[str, Any]  # numbers and flags that `inputs` turns into tensors
Config = Mapping[str, Any]  # block sizes, num_warps, num_stages: what may change without the result
Call = Callable[..., Any]  # takes what `inputs` returned, returns a tensor or a tuple of tensors


@dataclass(frozen=True)
class Limits:
    """What the compiler may use for any case on any architecture, so that a change shows.

    Attributes:
        registers: Of one thread; 255 is all that it can have.
        shared: Shared memory of one program, in bytes.
        spills: Bytes that a thread stores outside its registers for want of them.
    """

    registers: int
    shared: int
    spills: int = 0


@dataclass(frozen=True)
class Case:
    """One realistic call: compiled without a GPU, and on one checked and timed.

    Attributes:
        size: Arguments of `inputs`, `flops` and `bytes_moved`.
        dtype: Of the inputs, by torch's name.
        check: A smaller size for the comparison with float64, where that would not fit.
        architectures: Those it can be compiled for.
    """

    size: Size
    dtype: str = "bfloat16"
    check: Size | None = None
    architectures: Sequence[int] = (80, 90, 100)


@dataclass(frozen=True)
class Kernel:
    """Everything the checks and the measurements know about a kernel.

    Attributes:
        launch: Tensors to tensors, by the kernel. Takes `config` too, one of `configs`.
        inputs: Draws tensors for a size: `inputs(draw, **size)` returns arguments of `launch`.
        oracle: The same in NumPy, a concept of the book; runs on the same numbers in float64.
        reference: The same in plain torch at the precision of the inputs: how good is good.
        wrong: `launch` with one plausible mistake, which the check must reject.
        sizes: What the interpreter runs: on both sides of each block boundary, all flags.
        cases: What is compiled and measured.
        flops: Additions and multiplications of a size.
        bytes_moved: Bytes that must cross device memory: each input read and each output written
            once. Takes the size and `itemsize`, that of the inputs.
        formula: The larger of the two in words, for a reader.
        limits: What the compiler may use.
        family: When it is measured, and where the gallery shows it; one of `FAMILIES`.
        peers: What else computes it in plain torch, by name. Each is measured beside the kernel.
        configs: The candidates that a GPU chooses from; the first is used without one.
        dtypes: What the interpreter runs; bfloat16 it cannot.
        tolerance: What the error may be beyond twice that of `reference`, by dtype name; half a
            unit in the last place of the dtype where nothing is said.
    """

    launch: Call
    inputs: Call
    oracle: Call
    reference: Call
    wrong: Call
    sizes: Sequence[Size]
    cases: Mapping[str, Case]
    flops: Callable[..., float]
    bytes_moved: Callable[..., float]
    formula: str
    limits: Limits
    family: str
    peers: Mapping[str, Call] = field(default_factory=dict)
    configs: Sequence[Config] = ({},)
    dtypes: Sequence[str] = ("float32", "float16")
    tolerance: Mapping[str, float] = field(default_factory=dict)


# In the order in which they are measured on a GPU: what is sure first.
FAMILIES = (
    "norms",
    "losses",
    "attention",
    "decoding",
    "matmul",
    "backward",
    "experts",
    "recurrences",
    "sampling",
)
