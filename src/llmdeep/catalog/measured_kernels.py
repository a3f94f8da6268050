"""The book's kernels as GPUs measured them: points of a roofline, each with its file."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from llmdeep.catalog.rows import read_rows

FILE = Path(__file__).with_name("measured_kernels.json")


@dataclass(frozen=True)
class MeasuredKernel:
    """One case of a kernel on a device: its work, its bytes, and the median of its times.

    `source` is the file of the measurement, below the root of the repository; `accelerator` is the
    name of the device in the catalog, `dtype` that of torch.
    """

    name: str
    kernel: str
    accelerator: str
    dtype: str
    flops: float
    bytes: float
    milliseconds: float
    source: str
    confidence: str

    @property
    def intensity(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.bytes

    @property
    def tflops(self) -> float:
        """10¹² FLOPs a second."""
        return self.flops / self.milliseconds / 1e9


@lru_cache(maxsize=1)
def measured_kernels() -> tuple[MeasuredKernel, ...]:
    """Every measurement of `gpu_runs/` whose code is the kernel's code now.

    `llmdeep gpu run` and `llmdeep gpu record` write the file; `llmdeep gpu check` compares it.
    """
    return read_rows(FILE, MeasuredKernel)
