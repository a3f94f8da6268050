"""What every `launch` asks before it launches, so that a bad call gets one clear sentence."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
import triton
from torch import Tensor

FLOATS = (torch.float32, torch.float16, torch.bfloat16)

_target: list[int] = []  # the architecture that a recorded launch is compiled for


def check(
    dtypes: Sequence[torch.dtype] = FLOATS, contiguous: bool = True, **tensors: Tensor
) -> None:
    """Hold tensors to what a kernel can take.

    Args:
        dtypes: Those the kernel was written for.
        contiguous: Whether rows must follow one another without gaps.
        tensors: By the name that the caller knows them by.

    Raises:
        TypeError: For a dtype that the kernel does not take.
        ValueError: For tensors on several devices or with gaps, and where nothing can run them.
    """
    (first, one), *rest = tensors.items()
    if not _target and not interpreted() and not one.is_cuda:
        found = "there is no CUDA device here" if not torch.cuda.is_available() else "move it there"
        raise ValueError(f"{first} is on {one.device}, and the kernel runs on a GPU: {found}")
    for name, tensor in rest:
        if tensor.device != one.device:
            raise ValueError(f"{name} is on {tensor.device}, but {first} is on {one.device}")
    for name, tensor in tensors.items():
        if tensor.dtype not in dtypes:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
            raise TypeError(f"{name} is {tensor.dtype}; the kernel takes {known}")
        if contiguous and not tensor.is_contiguous():
            raise ValueError(f"{name} has gaps between its rows: pass {name}.contiguous()")


def expect(holds: bool, message: str) -> None:
    """Refuse a call in the words of `message` unless a condition on its arguments holds.

    Raises:
        ValueError: Unless `holds`.
    """
    if not holds:
        raise ValueError(message)


def interpreted() -> bool:
    """Whether kernels run through Triton's interpreter in this process."""
    return bool(triton.knobs.runtime.interpret)


def architecture(tensor: Tensor) -> int:
    """Compute capability times ten of where a launch will run: 90 is Hopper.

    Where there is no GPU the interpreter runs the form for the first of them.
    """
    if _target:
        return _target[-1]
    if not tensor.is_cuda:
        return 80
    major, minor = torch.cuda.get_device_capability(tensor.device)
    return major * 10 + minor


def processors(tensor: Tensor) -> int:
    """Streaming multiprocessors of the device; those of an H100 or H200 where there is none."""
    if not tensor.is_cuda:
        return 3 if interpreted() else 132
    return int(torch.cuda.get_device_properties(tensor.device).multi_processor_count)


def descriptors(tensor: Tensor) -> None:
    """Give kernels that make tile descriptors on the device the memory they keep them in."""
    if tensor.is_cuda:
        triton.set_allocator(
            lambda size, alignment, stream: torch.empty(
                size, dtype=torch.int8, device=tensor.device
            )
        )


@contextlib.contextmanager
def compiled_for(target: int) -> Iterator[None]:
    """Let launches within believe that they run on that architecture."""
    _target.append(target)
    try:
        yield
    finally:
        _target.pop()
