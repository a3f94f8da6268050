"""Sums of the columns of a matrix: the second half of every sum over rows that programs share.

oracle   numpy.sum
memory   x is read once
limit    meant for few rows: one program reads all rows of its columns
source   -
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu import peers
from llmdeep.gpu.calls import check
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits


@triton.jit
def column_sums_kernel(x_ptr, sums_ptr, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    for start in range(0, rows, ROWS):
        row = start + tl.arange(0, ROWS)[:, None]
        inside = (row < rows) & (column < columns)
        total += tl.load(x_ptr + row.to(tl.int64) * columns + column, mask=inside, other=0.0)
    sums = tl.sum(total, axis=0)

    place = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    tl.store(sums_ptr + place, sums.to(sums_ptr.dtype.element_ty), mask=place < columns)


def column_sums(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Sums over the first axis of a float32 matrix, rounded once to `dtype`."""
    check(dtypes=(torch.float32,), x=x)
    rows, columns = x.shape
    sums = torch.empty(columns, dtype=dtype, device=x.device)
    column_sums_kernel[(triton.cdiv(columns, 32),)](
        x, sums, rows, columns, ROWS=32, COLUMNS=32, num_warps=4
    )
    return sums


def launch(x: Tensor, config: Config | None = None) -> Tensor:
    """Sums over the first axis, in float32."""
    return column_sums(x, torch.float32)


def inputs(draw: Draw, rows: int, columns: int) -> dict[str, Any]:
    return {"x": draw.normal(rows, columns, dtype=torch.float32)}


def reference(x: Tensor) -> Tensor:
    return x.sum(dim=0)


def wrong(x: Tensor) -> Tensor:
    """Leaves the last rows out where they do not fill a block."""
    return launch(x[: len(x) // 32 * 32])


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=lambda x: x.sum(axis=0),
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": n, "columns": 33} for n in (1, 31, 32, 33, 264)),
        *({"rows": 40, "columns": n} for n in (1, 31, 32, 64)),
    ],
    cases={"partials": Case({"rows": 264, "columns": 8192}, dtype="float32")},
    flops=lambda rows, columns: 1.0 * rows * columns,
    bytes_moved=lambda itemsize, rows, columns: 4.0 * (rows + 1) * columns,
    formula="rows · columns · 4 bytes",
    limits=Limits(registers=64, shared=1024),
    family="backward",
    peers={"torch.sum": reference, "torch.compile": peers.compiled(reference)},
    dtypes=("float32",),
)
