"""The time below which nothing can be: bytes over bandwidth, operations over rate."""

from typing import NamedTuple

from llmdeep.catalog.accelerators import Accelerator, accelerator

# By what the driver calls the device. The datasheet's rates are the catalog's.
DEVICES = {
    "NVIDIA A100-SXM4-40GB": "A100 40GB SXM",
    "NVIDIA A100-SXM4-80GB": "A100 80GB SXM",
    "NVIDIA H100 80GB HBM3": "H100 SXM5",
    "NVIDIA H200": "H200 SXM",
    "NVIDIA B200": "B200 (HGX, SXM)",
}
RATE_OF_DTYPE = {  # the fastest unit that takes operands of a dtype
    "float32": "tf32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "fp8",
    "float8_e5m2": "fp8",
    "int8": "int8",
}


class Floor(NamedTuple):
    """The larger of two times, and which one that is."""

    milliseconds: float
    bound: str  # "compute" or "memory"


def datasheet(device: str) -> Accelerator:
    """The catalog's row of a device, by the driver's name for it.

    Raises:
        LookupError: If no row is known to be that device: its floors would be guesses.
    """
    if device not in DEVICES:
        known = ", ".join(DEVICES)
        raise LookupError(f"no datasheet is known for {device!r}; add it to roofs.py: {known}")
    return accelerator(DEVICES[device])


def floor(flops: float, bytes_moved: float, tflops: float, tbs: float) -> Floor:
    """The least time for an amount of work at two rates.

    Args:
        tflops: 10¹² operations a second.
        tbs: 10¹² bytes a second.

    Examples:
        >>> floor(flops=2e12, bytes_moved=1e9, tflops=1000, tbs=4)
        Floor(milliseconds=2.0, bound='compute')
    """
    compute, memory = flops / tflops / 1e9, bytes_moved / tbs / 1e9
    return Floor(max(compute, memory), "compute" if compute > memory else "memory")
