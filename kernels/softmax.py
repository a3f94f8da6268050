"""Softmax of each row: one program a row, the row held in registers; longer rows in two passes.

oracle   llmdeep.attention.softmax
chapter  docs/foundations/attention.md
memory   x is read once and y written once; past 32768 columns x is read twice
limit    none on the rows' length; the last axis must be contiguous
source   the running maximum and sum of long rows: Milakov & Gimelshein 2018, arXiv:1805.02867
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.attention import softmax as oracle
from llmdeep.gpu.calls import check
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits

LONGEST_ROW = 32768  # columns that the registers of one program hold without spilling


@triton.jit
def softmax_kernel(x_ptr, y_ptr, rows, columns, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.arange(0, BLOCK)[None, :]
    inside = (row < rows) & (column < columns)

    # masked lanes hold -inf, whose exponential is 0
    x = tl.load(x_ptr + row * columns + column, mask=inside, other=-float("inf"))
    x = x.to(tl.float32)  # [ROWS, BLOCK]

    largest = tl.max(x, axis=1, keep_dims=True)
    # a row of nothing but -inf has weights 0, not NaN
    largest = tl.where(largest == -float("inf"), 0.0, largest)
    exponentials = tl.exp(x - largest)
    total = tl.sum(exponentials, axis=1, keep_dims=True)
    y = exponentials / tl.where(total == 0.0, 1.0, total)

    tl.store(y_ptr + row * columns + column, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def long_softmax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, BLOCK)
    x_row = x_ptr + row * columns
    y_row = y_ptr + row * columns

    # each lane keeps the maximum and the sum of the columns it has seen
    largest = tl.full([BLOCK], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, columns, BLOCK):
        column = start + lane
        x = tl.load(x_row + column, mask=column < columns, other=-float("inf"))
        x = x.to(tl.float32)
        new_largest = tl.maximum(largest, x)
        shift = tl.where(new_largest == -float("inf"), 0.0, new_largest)
        total = total * tl.exp(largest - shift) + tl.exp(x - shift)
        largest = new_largest

    row_largest = tl.max(largest, axis=0)
    row_largest = tl.where(row_largest == -float("inf"), 0.0, row_largest)
    row_total = tl.sum(total * tl.exp(largest - row_largest), axis=0)
    scale = 1.0 / tl.where(row_total == 0.0, 1.0, row_total)

    for start in range(0, columns, BLOCK):
        column = start + lane
        inside = column < columns
        # read for the last time: make room for rows still to come
        x = tl.load(x_row + column, mask=inside, eviction_policy="evict_first")
        y = tl.exp(x.to(tl.float32) - row_largest) * scale
        tl.store(y_row + column, y.to(y_ptr.dtype.element_ty), mask=inside)


def launch(x: Tensor, longest: int = LONGEST_ROW, config: Config | None = None) -> Tensor:
    """Softmax over the last axis, in the dtype of `x`, computed in float32.

    Args:
        longest: Columns from which on a row is read twice.
    """
    check(x=x)
    y = torch.empty_like(x)
    columns = x.shape[-1]
    if not x.numel():
        return y
    rows = x.numel() // columns
    if columns > longest:
        block = min(4096, triton.next_power_of_2(longest))
        warps = (config or {}).get("num_warps") or 16
        long_softmax_kernel[(rows,)](x, y, columns, BLOCK=block, num_warps=warps)
        return y
    block = triton.next_power_of_2(columns)
    together = max(1, 1024 // block)  # short rows share a program
    warps = (config or {}).get("num_warps") or min(max(block * together // 512, 4), 16)
    softmax_kernel[(triton.cdiv(rows, together),)](
        x, y, rows, columns, ROWS=together, BLOCK=block, num_warps=warps
    )
    return y


def inputs(draw: Draw, rows: int, columns: int, **rest: Any) -> dict[str, Any]:
    return {"x": draw.normal(rows, columns, scale=3.0), **rest}


def reference(x: Tensor, longest: int = 0) -> Tensor:
    return torch.softmax(x, dim=-1)


def wrong(x: Tensor, longest: int = LONGEST_ROW) -> Tensor:
    """Takes base 2 for base e: the conversion of the unit is left out."""
    return launch(x * 0.6931471805599453, longest)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=lambda x, longest=0: oracle(x),
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": 3, "columns": n} for n in (1, 2, 127, 128, 129, 1023, 1024, 1025)),
        *({"rows": n, "columns": 256} for n in (1, 4, 5)),  # four rows share a program
        *({"rows": 2, "columns": n, "longest": 64} for n in (65, 127, 128, 129)),  # two passes
    ],
    cases={
        "1k": Case({"rows": 262144, "columns": 1024}),
        "8k": Case({"rows": 32768, "columns": 8192}),
        "32k": Case({"rows": 8192, "columns": 32768}),
        "128k": Case({"rows": 2048, "columns": 131072}),
    },
    flops=lambda rows, columns: 5.0 * rows * columns,
    bytes_moved=lambda itemsize, rows, columns: 2.0 * itemsize * rows * columns,
    formula="2 · rows · columns · itemsize bytes",
    limits=Limits(registers=128, shared=1024),
    family="norms",
    peers={"torch.softmax": reference},
    configs=[{}, {"num_warps": 4}, {"num_warps": 8}, {"num_warps": 16}, {"num_warps": 32}],
)
