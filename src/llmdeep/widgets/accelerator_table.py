"""The accelerators of the catalog: dense rates, memory and links, and where each figure was read.

Notice: sort by the ridge. It is the FLOPs that a chip can do for each byte it reads, and it has
grown from generation to generation: arithmetic became cheap faster than bytes did.
"""

from typing import Annotated

from llmdeep.catalog import Accelerator, accelerators
from llmdeep.widgets import Choice, Metrics, Note, Table, View

ALL = "all"
VENDORS = (ALL, *dict.fromkeys(row.vendor for row in accelerators()))
Cell = float | int | str | None


def render(
    columns: Annotated[str, Choice("rates", "memory", "source", label="show")] = "rates",
    vendor: Annotated[str, Choice(*VENDORS)] = ALL,
    order: Annotated[
        str,
        Choice("vendor", "year", "16-bit rate", "memory", "bandwidth", "ridge", label="sort by"),
    ] = "vendor",
) -> list[View]:
    rows = [row for row in accelerators() if vendor in (ALL, row.vendor)]
    if order != "vendor":
        rows.sort(key=lambda row: -number(row, order))
    heads, cells = {"rates": RATES, "memory": MEMORY, "source": SOURCE}[columns]
    return [
        Metrics(accelerators=len(rows), vendors=len({row.vendor for row in rows})),
        Table(heads, [cells(row) for row in rows], title=f"Accelerators by {order}"),
        Note(
            "Rates are dense: no multiplication with a zero of 2:4 sparsity is counted. An empty "
            "cell is a rate that the hardware lacks or that its maker never published."
        ),
    ]


def number(row: Accelerator, order: str) -> float:
    """What a row is sorted by; the largest comes first, the unknown last."""
    return {
        "year": row.year,
        "16-bit rate": row.sixteen_bit or 0,
        "memory": row.memory_gb,
        "bandwidth": row.bandwidth_gbs,
        "ridge": ridge(row) or 0,
    }[order]


def ridge(row: Accelerator) -> float | None:
    """FLOPs on 16-bit numbers a byte of memory bandwidth."""
    rate = row.sixteen_bit
    return round(1000 * rate / row.bandwidth_gbs, 1) if rate else None


def rates(row: Accelerator) -> list[Cell]:
    narrow = [row.fp8, row.int8, row.fp6, row.fp4]
    return [row.name, row.year, row.fp32, row.tf32, row.sixteen_bit, *narrow, ridge(row)]


def memory(row: Accelerator) -> list[Cell]:
    link = [row.link or None, row.link_gbs, row.l2_mb, row.sram_per_sm_kb, row.sm_count]
    return [row.name, row.memory_gb, row.memory_type, row.bandwidth_gbs, *link, row.power_w]


def source(row: Accelerator) -> list[Cell]:
    return [row.name, row.confidence, row.source, row.notes]


RATES = (
    (
        "10¹² a second, dense",
        "year",
        "fp32",
        "tf32",
        "bf16 or fp16",
        "fp8",
        "int8",
        "fp6",
        "fp4",
        "ridge, FLOP a byte",
    ),
    rates,
)
MEMORY = (
    (
        "accelerator",
        "memory, GB",
        "kind",
        "bandwidth, GB/s",
        "link",
        "links, GB/s each way",
        "L2, MB",
        "L1 and shared, kB a unit",
        "units",
        "power, W",
    ),
    memory,
)
SOURCE = (("accelerator", "confidence", "figures read in", "notes"), source)
