"""Matrix product of 8-bit integers, exact until the scales: one a row of x, one a row of weight.

oracle   NumPy's product of the integers, times the scales
memory   half the bytes of 16-bit operands
limit    depth at most 131072, beyond which the 32-bit sum could overflow
source   Dettmers et al. 2022, arXiv:2208.07339, without its outliers
"""

from typing import Any

import torch
from torch import Tensor

from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels import matmul
from llmdeep.shapes import Array


def launch(
    x: Tensor,
    weight: Tensor,
    x_scale: Tensor,
    weight_scale: Tensor,
    bulk: bool | None = None,
    config: Config | None = None,
) -> Tensor:
    """(x * x_scale) @ (weight * weight_scale).T in bfloat16, of x [rows, depth].

    Args:
        x, weight: int8; weight is [columns, depth].
        x_scale, weight_scale: float32, one a row.
    """
    check(dtypes=(torch.int8,), x=x, weight=weight)
    check(dtypes=(torch.float32,), x_scale=x_scale, weight_scale=weight_scale)
    expect(x.shape[1] <= 131072, f"sums of {x.shape[1]} products may overflow 32 bits")
    expect(len(x_scale) == len(x) and len(weight_scale) == len(weight), "one scale for each row")
    return matmul.launch(
        x, weight, x_scale=x_scale, weight_scale=weight_scale, bulk=bulk, config=config
    )


def inputs(draw: Draw, rows: int, columns: int, depth: int, **rest: Any) -> dict[str, Any]:
    return {
        "x": draw.integers(rows, depth, low=-127, high=128, dtype=torch.int8),
        "weight": draw.integers(columns, depth, low=-127, high=128, dtype=torch.int8),
        "x_scale": draw.uniform(rows, low=0.5, high=1.5, dtype=torch.float32) / 127,
        "weight_scale": draw.uniform(columns, low=0.5, high=1.5, dtype=torch.float32) / 127,
        **rest,
    }


def oracle(x: Array, weight: Array, x_scale: Array, weight_scale: Array, **_: Any) -> Array:
    wide = x.astype("float64") @ weight.astype("float64").T
    return wide * x_scale[:, None] * weight_scale


def reference(x: Tensor, weight: Tensor, x_scale: Tensor, weight_scale: Tensor, **_: Any) -> Tensor:
    """The integers' product, exact in float64, then the scales, rounded to bfloat16 at the end."""
    y = (x.double() @ weight.double().t()).to(x_scale.dtype) * x_scale[:, None] * weight_scale
    return y if y.dtype == torch.float64 else y.to(torch.bfloat16)


def library(x: Tensor, weight: Tensor, x_scale: Tensor, weight_scale: Tensor, **_: Any) -> Tensor:
    """As torch has it: for more than 16 rows, and rows and columns that are multiples of 8."""
    return (torch._int_mm(x, weight.t()) * x_scale[:, None] * weight_scale).to(torch.bfloat16)


def wrong(
    x: Tensor, weight: Tensor, x_scale: Tensor, weight_scale: Tensor, bulk: bool | None = None
) -> Tensor:
    """Gives every row of x the scale of the first."""
    same = x_scale[:1].expand_as(x_scale).contiguous()
    return launch(x, weight, same, weight_scale, bulk)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": n, "columns": 130, "depth": 64} for n in (1, 127, 128, 129)),
        *({"rows": 3, "columns": 5, "depth": n} for n in (1, 127, 128, 129)),
        {"rows": 33, "columns": 40, "depth": 160, "bulk": True},
    ],
    cases={"8k": Case(matmul.BIG, "int8", matmul.LITTLE)},
    flops=lambda rows, columns, depth: 2.0 * rows * columns * depth,
    bytes_moved=lambda itemsize, rows, columns, depth: (
        1.0 * depth * (rows + columns) + 2.0 * rows * columns + 4.0 * (rows + columns)
    ),
    formula="2 · rows · columns · depth operations",
    limits=Limits(registers=255, shared=232448),
    family="matmul",
    peers={
        "torch._int_mm, then scales": library,
        "torch._int_mm and scales, compiled": peers.compiled(library),
    },
    configs=[
        {},
        matmul.tiling(128, 256, 128, specialize=False, warps=8, stages=3),
        matmul.tiling(128, 128, 128, specialize=False, warps=8, stages=4),
        matmul.tiling(128, 256, 64, specialize=False, warps=8, stages=4),
    ],
    dtypes=("int8",),
)
