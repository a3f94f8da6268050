"""Accelerators: memory, bandwidth, dense peak rates and links, each row with its source."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from llmdeep.catalog.rows import read_rows

FILE = Path(__file__).with_name("accelerators.json")


@dataclass(frozen=True)
class Accelerator:
    """One row. Rates are dense peaks (without 2:4 sparsity) of matrix units, in 10¹² a second.

    A rate that was never published is None, as is one that the hardware lacks. `memory_gb` is in
    10⁹ bytes as vendors print it, `bandwidth_gbs` in 10⁹ bytes a second; `link_gbs` is one
    direction of all links to other accelerators together.

    `confidence` is "source" (read in the owner's publication), "mixed" (compute and memory read
    there, the rest widely reported) or "reported".
    """

    name: str
    vendor: str
    year: int
    memory_gb: float
    memory_type: str
    bandwidth_gbs: float
    source: str
    confidence: str
    fp32: float | None = None
    tf32: float | None = None
    fp16: float | None = None
    bf16: float | None = None
    fp8: float | None = None
    int8: float | None = None
    fp6: float | None = None
    fp4: float | None = None
    link: str = ""
    link_gbs: float | None = None
    l2_mb: float | None = None
    last_level_cache_mb: float | None = None
    sram_per_sm_kb: float | None = None
    shared_memory_per_sm_kb: float | None = None
    sm_count: int | None = None
    power_w: float | None = None
    notes: str = ""

    def peak(self, number_format: str) -> float | None:
        """FLOP/s of matrix units on numbers of a format, "bf16" or another of the rates above.

        Raises:
            ValueError: If there is no such format.
        """
        if number_format not in RATES:
            raise ValueError(f"{number_format!r} is not one of {', '.join(RATES)}")
        rate: float | None = getattr(self, number_format)
        return None if rate is None else rate * 1e12

    @property
    def sixteen_bit(self) -> float | None:
        """TFLOP/s on bf16 numbers, or on fp16 ones where there is no bf16 (V100)."""
        return self.bf16 or self.fp16

    @property
    def bandwidth(self) -> float:
        """Bytes a second between memory and chip."""
        return self.bandwidth_gbs * 1e9


RATES = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp6", "fp4")


@lru_cache(maxsize=1)
def accelerators() -> tuple[Accelerator, ...]:
    """Every accelerator of the catalog."""
    return read_rows(FILE, Accelerator)


def accelerator(name: str) -> Accelerator:
    """The accelerator of this name.

    Raises:
        LookupError: If there is none; the message lists those there are.
    """
    for row in accelerators():
        if row.name == name:
            return row
    names = ", ".join(row.name for row in accelerators())
    raise LookupError(f"there is no accelerator {name!r}; there are {names}")
