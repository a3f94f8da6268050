"""Matrix product with bias and activation: programs that stay, and take one tile after another.

oracle   llmdeep.feed_forward.silu, gelu_tanh after a product
memory   x and weight are fetched tile by tile by the bulk copy engine, the result written once
limit    the copy engine takes rows that are multiples of 16 bytes; others are loaded one by one
source   the order of tiles and the specialised warps: Triton's tutorial 09 on persistent products
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from llmdeep import feed_forward
from llmdeep.gpu import peers
from llmdeep.gpu.calls import FLOATS, architecture, check, descriptors, expect, processors
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels.gated_activation import opening
from llmdeep.shapes import Array

ACTIVATIONS = ("none", "silu", "gelu_tanh")
FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)


@triton.jit
def tile_place(tile, row_tiles, column_tiles, TOGETHER: tl.constexpr):
    """Neighbouring programs take tiles that share rows and columns, which the L2 cache keeps."""
    of_group = TOGETHER * column_tiles
    first = tile // of_group * TOGETHER
    height = tl.minimum(row_tiles - first, TOGETHER)
    return first + tile % of_group % height, tile % of_group // height


@triton.jit
def fetch_pair(
    x_tiles, weight_tiles, row, column, k, rows, columns, depth,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, BULK: tl.constexpr,
):  # fmt: skip
    if BULK:
        return x_tiles.load([row, k]), weight_tiles.load([column, k])
    else:
        channel = k + tl.arange(0, DEPTH)[None, :]
        of_x = row + tl.arange(0, ROWS)[:, None]
        of_weight = column + tl.arange(0, COLUMNS)[:, None]
        x = tl.load(
            x_tiles + of_x.to(tl.int64) * depth + channel,
            mask=(of_x < rows) & (channel < depth), other=0.0,
        )  # fmt: skip
        weight = tl.load(
            weight_tiles + of_weight.to(tl.int64) * depth + channel,
            mask=(of_weight < columns) & (channel < depth), other=0.0,
        )  # fmt: skip
        return x, weight


@triton.jit
def matmul_kernel(
    x_ptr, weight_ptr, bias_ptr, x_scale_ptr, weight_scale_ptr, y_ptr, rows, columns, depth,
    BIAS: tl.constexpr, ACTIVATION: tl.constexpr, SCALED: tl.constexpr, WHOLE: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, TOGETHER: tl.constexpr,
    BULK: tl.constexpr, SPECIALIZE: tl.constexpr,
):  # fmt: skip
    row_tiles, column_tiles = tl.cdiv(rows, ROWS), tl.cdiv(columns, COLUMNS)
    if BULK:
        x_tiles = tl.make_tensor_descriptor(x_ptr, [rows, depth], [depth, 1], [ROWS, DEPTH])
        weight_tiles = tl.make_tensor_descriptor(
            weight_ptr, [columns, depth], [depth, 1], [COLUMNS, DEPTH]
        )
        y_tiles = tl.make_tensor_descriptor(y_ptr, [rows, columns], [columns, 1], [ROWS, COLUMNS])
    else:
        x_tiles, weight_tiles = x_ptr, weight_ptr

    for tile in tl.range(
        tl.program_id(0), row_tiles * column_tiles, tl.num_programs(0), warp_specialize=SPECIALIZE
    ):
        row_tile, column_tile = tile_place(tile, row_tiles, column_tiles, TOGETHER)
        row, column = row_tile * ROWS, column_tile * COLUMNS
        SUM: tl.constexpr = tl.int32 if WHOLE else tl.float32
        total = tl.zeros([ROWS, COLUMNS], SUM)
        for k in range(0, depth, DEPTH):
            x, weight = fetch_pair(
                x_tiles, weight_tiles, row, column, k, rows, columns, depth,
                ROWS, COLUMNS, DEPTH, BULK,
            )  # fmt: skip
            total = tl.dot(x, weight.trans(), total, input_precision="ieee", out_dtype=SUM)

        of_row = row + tl.arange(0, ROWS)
        of_column = column + tl.arange(0, COLUMNS)
        y = total.to(tl.float32)  # [ROWS, COLUMNS]
        if SCALED:
            x_scale = tl.load(x_scale_ptr + of_row, mask=of_row < rows, other=0.0)
            weight_scale = tl.load(
                weight_scale_ptr + of_column, mask=of_column < columns, other=0.0
            )
            y = y * x_scale[:, None] * weight_scale[None, :]
        if BIAS:
            bias = tl.load(bias_ptr + of_column, mask=of_column < columns, other=0.0)
            y = y + bias.to(tl.float32)[None, :]
        if ACTIVATION == 1:
            y = y * opening(y, False)
        if ACTIVATION == 2:
            y = y * opening(y, True)

        if BULK:
            y_tiles.store([row, column], y.to(y_ptr.dtype.element_ty))
        else:
            place = of_row[:, None].to(tl.int64) * columns + of_column[None, :]
            inside = (of_row[:, None] < rows) & (of_column[None, :] < columns)
            tl.store(y_ptr + place, y.to(y_ptr.dtype.element_ty), mask=inside)


def launch(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: str = "none",
    x_scale: Tensor | None = None,
    weight_scale: Tensor | None = None,
    bulk: bool | None = None,
    config: Config | None = None,
) -> Tensor:
    """activation(x @ weight.T + bias) of x [rows, depth] and weight [columns, depth].

    Args:
        x_scale, weight_scale: float32, one a row of x and of weight; for 8-bit operands.
        bulk: Whether the bulk copy engine fetches the tiles. If None it does where there is one
            and it can: rows must be multiples of 16 bytes.

    Returns:
        In the dtype of x; in bfloat16 for 8-bit operands.
    """
    check(dtypes=(*FLOATS, *FP8, torch.int8), x=x, weight=weight)
    rows, depth = x.shape
    columns = len(weight)
    expect(weight.shape[1] == depth, f"x has {depth} channels and weight {weight.shape[1]}")
    expect(activation in ACTIVATIONS, f"activation must be one of {ACTIVATIONS}, not {activation}")
    narrow = x.element_size() == 1
    y = torch.empty(rows, columns, dtype=torch.bfloat16 if narrow else x.dtype, device=x.device)
    aligned = depth * x.element_size() % 16 == 0 and columns * y.element_size() % 16 == 0
    bulk = architecture(x) >= 90 and aligned if bulk is None else bulk
    expect(aligned or not bulk, f"rows of {depth} and {columns} numbers are not 16-byte multiples")
    if bulk:
        descriptors(x)
    config = config or default_config(architecture(x), x.element_size())
    tiles = triton.cdiv(rows, config["ROWS"]) * triton.cdiv(columns, config["COLUMNS"])
    matmul_kernel[(min(tiles, processors(x)),)](
        x, weight, x if bias is None else bias, x if x_scale is None else x_scale,
        x if weight_scale is None else weight_scale, y, rows, columns, depth,
        BIAS=bias is not None, ACTIVATION=ACTIVATIONS.index(activation),
        SCALED=x_scale is not None, WHOLE=x.dtype == torch.int8, TOGETHER=8, BULK=bulk, **config,
    )  # fmt: skip
    return y


def default_config(target: int, itemsize: int) -> Config:
    """Tiles that fit the shared memory and the registers of an architecture."""
    config: dict[str, Any] = {"SPECIALIZE": False, "num_warps": 8, "num_stages": 3}
    if itemsize == 4:
        return {**config, "ROWS": 32, "COLUMNS": 32, "DEPTH": 32, "num_warps": 4}
    if target < 90:
        return {**config, "ROWS": 128, "COLUMNS": 128, "DEPTH": 128 // itemsize}
    return {**config, "ROWS": 128, "COLUMNS": 256, "DEPTH": 128 // itemsize}


def inputs(
    draw: Draw,
    rows: int,
    columns: int,
    depth: int,
    bias: bool = False,
    activation: str = "none",
    **rest: Any,
) -> dict[str, Any]:
    wide = torch.bfloat16 if draw.dtype.itemsize == 1 else draw.dtype
    return {
        "x": draw.normal(rows, depth),
        "weight": draw.normal(columns, depth),
        "bias": draw.normal(columns, scale=depth**0.5, dtype=wide) if bias else None,
        "activation": activation,
        **rest,
    }


def oracle(x: Array, weight: Array, bias: Array | None, activation: str, **_: Any) -> Array:
    y = x @ weight.T if bias is None else x @ weight.T + bias
    if activation == "none":
        return y
    return feed_forward.silu(y) if activation == "silu" else feed_forward.gelu_tanh(y)


def reference(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str, **_: Any) -> Tensor:
    if x.element_size() == 1:  # torch multiplies no such numbers without scales
        x, weight = x.to(torch.bfloat16), weight.to(torch.bfloat16)
    y = functional.linear(x, weight, bias)
    if activation == "none":
        return y
    return functional.silu(y) if activation == "silu" else functional.gelu(y, approximate="tanh")


def library(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str, **_: Any) -> Tensor:
    """As torch has it, which multiplies 8-bit operands only with scales."""
    if x.element_size() > 1:
        return reference(x, weight, bias, activation)
    one = torch.ones((), device=x.device)
    return torch._scaled_mm(x, weight.t(), one, one, out_dtype=torch.bfloat16, use_fast_accum=True)


def wrong(**named: Any) -> Tensor:
    """Leaves out the last channel, as a loop with a bound that is one too small would."""
    short = named["x"].clone()
    short[:, -1] = 0
    return launch(**{**named, "x": short})


def tiling(
    rows: int, columns: int, depth: int, specialize: bool, warps: int, stages: int
) -> Config:
    return {
        "ROWS": rows, "COLUMNS": columns, "DEPTH": depth, "SPECIALIZE": specialize,
        "num_warps": warps, "num_stages": stages,
    }  # fmt: skip


BIG = {"rows": 8192, "columns": 8192, "depth": 8192}
LITTLE = {"rows": 4096, "columns": 4096, "depth": 8192}  # several tiles a program
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": n, "columns": 33, "depth": 31} for n in (1, 31, 32, 33)),
        *({"rows": 40, "columns": n, "depth": 64} for n in (1, 32, 129)),
        *({"rows": 3, "columns": 5, "depth": n} for n in (1, 32, 33, 100)),
        {"rows": 300, "columns": 65, "depth": 16},  # more tiles than programs, uneven groups
        {"rows": 33, "columns": 40, "depth": 48, "bulk": True},
        {"rows": 40, "columns": 24, "depth": 64, "bias": True, "activation": "silu", "bulk": True},
        {"rows": 40, "columns": 33, "depth": 33, "bias": True, "activation": "gelu_tanh"},
    ],
    cases={
        "8k": Case(BIG, check=LITTLE),
        "8k_bias_silu": Case(
            {**BIG, "bias": True, "activation": "silu"},
            check={**LITTLE, "bias": True, "activation": "silu"},
            architectures=(90,),
        ),
        "deep": Case({"rows": 512, "columns": 4096, "depth": 16384}, architectures=(90,)),
        "8k_fp8": Case(BIG, "float8_e4m3fn", LITTLE, (90, 100)),
    },
    flops=lambda rows, columns, depth, **_: 2.0 * rows * columns * depth,
    bytes_moved=lambda itemsize, rows, columns, depth, **_: (
        itemsize * depth * (rows + columns) + max(itemsize, 2.0) * rows * columns
    ),
    formula="2 · rows · columns · depth operations",
    limits=Limits(registers=255, shared=232448),
    family="matmul",
    peers={"torch": library, "torch.compile": peers.compiled(library)},
    configs=[
        {},
        tiling(128, 256, 64, True, warps=4, stages=3),
        tiling(128, 128, 64, True, warps=4, stages=4),
        tiling(128, 256, 64, False, warps=8, stages=3),
        tiling(128, 128, 64, False, warps=8, stages=4),
        tiling(128, 128, 64, False, warps=4, stages=4),
        tiling(64, 128, 128, False, warps=4, stages=3),
        tiling(128, 256, 128, False, warps=8, stages=3),
    ],
)  # fmt: skip
