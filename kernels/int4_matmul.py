"""Matrix product with four-bit weights, made whole in registers; for few rows the sum is shared.

oracle   llmdeep.group_quantization.unpack_nibbles, dequantize_groups
memory   weights are read once, at half a byte each, and a scale for each 128
limit    depth a multiple of 128
source   Frantar et al. 2022, arXiv:2210.17323 (the format); Frantar et al. 2024,
         arXiv:2408.11743 (why few rows are bound by the bytes of the weights)
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu.calls import FLOATS, check, expect, processors
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.group_quantization import dequantize_groups, unpack_nibbles
from llmdeep.kernels.column_sums import column_sums
from llmdeep.shapes import Array

GROUP = 128


@triton.jit
def int4_matmul_kernel(
    x_ptr, packed_ptr, scales_ptr, partial_ptr, rows, columns, depth, groups_of_split,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, HALF: tl.constexpr,
):  # fmt: skip
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    split = tl.program_id(2)
    groups = depth // (2 * HALF)
    lane = tl.arange(0, HALF)
    of_column = column.to(tl.int64)

    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    for group in range(split * groups_of_split, tl.minimum((split + 1) * groups_of_split, groups)):
        x_group = x_ptr + row.to(tl.int64) * depth + group * 2 * HALF + lane[None, :]
        x_low = tl.load(x_group, mask=row < rows, other=0.0)  # [ROWS, HALF]
        x_high = tl.load(x_group + HALF, mask=row < rows, other=0.0)
        packed = tl.load(
            packed_ptr + of_column[:, None] * (depth // 2) + group * HALF + lane[None, :],
            mask=column[:, None] < columns, other=0, eviction_policy="evict_first",
        )  # fmt: skip
        scale = tl.load(scales_ptr + of_column * groups + group, mask=column < columns, other=0.0)

        # whole numbers from -8 to 7, exact in any float
        low = ((packed & 15) - 8).to(x_low.dtype)  # [COLUMNS, HALF]
        high = (((packed >> 4) & 15) - 8).to(x_low.dtype)
        product = tl.dot(x_low, low.trans(), input_precision="ieee")
        product = tl.dot(x_high, high.trans(), product, input_precision="ieee")
        # the scale once for a group's sum, instead of once for each weight
        total += product * scale.to(tl.float32)[None, :]

    place = (split.to(tl.int64) * rows + row) * columns + column[None, :]
    inside = (row < rows) & (column[None, :] < columns)
    tl.store(partial_ptr + place, total.to(partial_ptr.dtype.element_ty), mask=inside)


def launch(x: Tensor, packed: Tensor, scales: Tensor, config: Config | None = None) -> Tensor:
    """x @ weight.T of x [rows, depth] and a weight [columns, depth] in four bits.

    Args:
        packed: int8 [columns, depth / 2], as `pack_nibbles` makes it.
        scales: [columns, depth / 128], in the dtype of x.
    """
    check(dtypes=FLOATS, x=x, scales=scales)
    check(dtypes=(torch.int8,), packed=packed)
    rows, depth = x.shape
    columns = len(packed)
    expect(depth % GROUP == 0, f"depth is {depth}, not a multiple of {GROUP}")
    expect(packed.shape[1] * 2 == depth, f"packed has {packed.shape[1]} bytes a row for {depth}")
    expect(scales.shape == (columns, depth // GROUP), "one scale for each group of each row")
    config = config or default_config(rows)
    groups = depth // GROUP
    tiles = triton.cdiv(rows, config["ROWS"]) * triton.cdiv(columns, config["COLUMNS"])
    splits = max(1, min(groups, config["waves"] * processors(x) // tiles))
    of_split = triton.cdiv(groups, splits)
    splits = triton.cdiv(groups, of_split)
    y = torch.empty(rows, columns, dtype=x.dtype, device=x.device)
    parts = (
        y if splits == 1
        else torch.empty(splits, rows * columns, dtype=torch.float32, device=x.device)
    )  # fmt: skip
    grid = (triton.cdiv(columns, config["COLUMNS"]), triton.cdiv(rows, config["ROWS"]), splits)
    int4_matmul_kernel[grid](
        x, packed, scales, parts, rows, columns, depth, of_split,
        ROWS=config["ROWS"], COLUMNS=config["COLUMNS"], HALF=GROUP // 2,
        num_warps=config["num_warps"], num_stages=config["num_stages"],
    )  # fmt: skip
    return y if splits == 1 else column_sums(parts, x.dtype).view(rows, columns)


def default_config(rows: int) -> Config:
    if rows <= 16:
        return {"ROWS": 16, "COLUMNS": 64, "waves": 4, "num_warps": 4, "num_stages": 4}
    return {"ROWS": 64, "COLUMNS": 64, "waves": 2, "num_warps": 4, "num_stages": 4}


def inputs(draw: Draw, rows: int, columns: int, depth: int) -> dict[str, Any]:
    groups = depth // GROUP
    spread = draw.uniform(columns, groups, low=0.5, high=1.5, dtype=torch.float32)
    return {
        "x": draw.normal(rows, depth),
        "packed": draw.integers(columns, depth // 2, low=-128, high=128, dtype=torch.int8),
        "scales": (spread / depth**0.5 / 4).to(draw.dtype),
    }


def oracle(x: Array, packed: Array, scales: Array) -> Array:
    return x @ dequantize_groups(unpack_nibbles(packed), scales).T


def reference(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
    """Makes the weights whole in memory, then multiplies."""
    grouped = packed.view(torch.uint8).view(len(packed), -1, 1, GROUP // 2)
    codes = torch.cat([grouped & 15, grouped >> 4], dim=2).to(x.dtype) - 8
    weight = codes.view(len(packed), -1, GROUP) * scales[..., None]
    return x @ weight.view(len(packed), -1).t()


def sixteen_bit() -> Any:
    """torch.matmul on the same weights in 16 bits, made whole before: what is to be beaten."""
    held: dict[str, Any] = {}

    def run(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
        if held.get("packed") is not packed:
            one = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
            held.update(packed=packed, weight=reference(one, packed, scales).t().contiguous())
        return x @ held["weight"].t()

    return run


def wrong(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
    """Takes the halves of each byte for one another."""
    return launch(x, ((packed << 4) | ((packed >> 4) & 15)).to(torch.int8), scales)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": n, "columns": 40, "depth": 256} for n in (1, 15, 16, 17, 65)),
        *({"rows": 2, "columns": n, "depth": 128} for n in (1, 63, 64, 65, 129)),
        {"rows": 2, "columns": 8, "depth": 1408},  # eleven groups for several splits
    ],
    cases={
        "one_row": Case({"rows": 1, "columns": 8192, "depth": 8192}),
        "rows16": Case({"rows": 16, "columns": 28672, "depth": 8192}, architectures=(90,)),
        "rows256": Case({"rows": 256, "columns": 8192, "depth": 8192}, architectures=(90,)),
    },
    flops=lambda rows, columns, depth: 2.0 * rows * columns * depth,
    bytes_moved=lambda itemsize, rows, columns, depth: (
        columns * depth * (0.5 + itemsize / GROUP) + itemsize * rows * (depth + columns)
    ),
    formula="columns · depth · (1/2 + itemsize/128) bytes",
    limits=Limits(registers=255, shared=166912),
    family="matmul",
    peers={"torch.matmul in 16 bits": sixteen_bit()},
    configs=[
        {},
        {"ROWS": 16, "COLUMNS": 32, "waves": 4, "num_warps": 2, "num_stages": 4},
        {"ROWS": 16, "COLUMNS": 64, "waves": 8, "num_warps": 4, "num_stages": 3},
        {"ROWS": 16, "COLUMNS": 128, "waves": 4, "num_warps": 4, "num_stages": 4},
        {"ROWS": 64, "COLUMNS": 128, "waves": 1, "num_warps": 8, "num_stages": 3},
        {"ROWS": 128, "COLUMNS": 128, "waves": 1, "num_warps": 8, "num_stages": 3},
    ],
)
