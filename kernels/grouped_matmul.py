"""The products of a mixture of experts in one launch: each token with the matrices of its experts.

oracle   NumPy's product, expert by expert
memory   rows are gathered as they are read: no sorted copy of the tokens is made
limit    none; experts without a token cost nothing
source   Gale et al. 2022, arXiv:2211.15841, with tiles that never span two experts
"""

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu.calls import architecture, check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array


@triton.jit
def grouped_matmul_kernel(
    x_ptr, weight_ptr, order_ptr, starts_ptr, tile_ends_ptr, y_ptr, columns, depth, n_experts, k,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, EXPERTS: tl.constexpr,
    TOGETHER: tl.constexpr,
):  # fmt: skip
    # neighbouring programs share columns of one expert's matrix, which the L2 cache keeps
    tile = tl.program_id(0) // (TOGETHER * tl.cdiv(columns, COLUMNS)) * TOGETHER
    rest = tl.program_id(0) % (TOGETHER * tl.cdiv(columns, COLUMNS))
    tile += rest % TOGETHER
    column = rest // TOGETHER * COLUMNS + tl.arange(0, COLUMNS)

    # the expert whose tiles end behind this one
    expert_number = tl.arange(0, EXPERTS)
    ends = tl.load(tile_ends_ptr + expert_number, mask=expert_number < n_experts, other=2**30)
    expert = tl.sum((ends <= tile).to(tl.int32))
    if expert < n_experts:
        before = tl.max(tl.where(expert_number < expert, ends, 0))
        start = tl.load(starts_ptr + expert)
        end = tl.load(starts_ptr + expert + 1)
        row = start + (tile - before) * ROWS + tl.arange(0, ROWS)
        pair = tl.load(order_ptr + row, mask=row < end, other=0)
        token = (pair // k).to(tl.int64)
        of_expert = weight_ptr + expert.to(tl.int64) * columns * depth

        total = tl.zeros([ROWS, COLUMNS], tl.float32)
        for first in range(0, depth, DEPTH):
            channel = first + tl.arange(0, DEPTH)[None, :]
            x = tl.load(
                x_ptr + token[:, None] * depth + channel,
                mask=(row[:, None] < end) & (channel < depth), other=0.0,
            )  # fmt: skip
            weight = tl.load(
                of_expert + column[:, None].to(tl.int64) * depth + channel,
                mask=(column[:, None] < columns) & (channel < depth), other=0.0,
            )  # fmt: skip
            total = tl.dot(x, weight.trans(), total, input_precision="ieee")

        place = pair[:, None].to(tl.int64) * columns + column[None, :]
        inside = (row[:, None] < end) & (column[None, :] < columns)
        tl.store(y_ptr + place, total.to(y_ptr.dtype.element_ty), mask=inside)


def launch(x: Tensor, weight: Tensor, experts: Tensor, config: Config | None = None) -> Tensor:
    """y[token, j] = weight[experts[token, j]] @ x[token], of x [tokens, depth].

    Args:
        weight: [experts, columns, depth].
        experts: int32 [tokens, k]: the experts of each token.

    Returns:
        [tokens, k, columns].
    """
    check(x=x, weight=weight)
    check(dtypes=(torch.int32,), experts=experts)
    tokens, depth = x.shape
    n_experts, columns, _ = weight.shape
    expect(weight.shape[2] == depth, f"x has {depth} channels and weight {weight.shape[2]}")
    expect(len(experts) == tokens, "there must be one row of experts for each token")
    config = config or default_config(architecture(x), x.element_size())
    k = experts.shape[1]
    rows = config["ROWS"]
    # pairs of token and expert by expert, all on the device: nothing waits for a count
    order = experts.flatten().argsort(stable=True)
    counts = (experts.flatten()[None] == torch.arange(n_experts, device=x.device)[:, None]).sum(1)
    starts = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
    tile_ends = ((counts + rows - 1) // rows).cumsum(0)
    tiles = triton.cdiv(tokens * k, rows) + n_experts  # at least as many as there can be
    tiles = triton.cdiv(tiles, 4) * 4
    y = torch.empty(tokens, k, columns, dtype=x.dtype, device=x.device)
    grouped_matmul_kernel[(tiles * triton.cdiv(columns, config["COLUMNS"]),)](
        x, weight, order.int(), starts.int(), tile_ends.int(), y, columns, depth, n_experts, k,
        EXPERTS=triton.next_power_of_2(n_experts), TOGETHER=4, **config,
    )  # fmt: skip
    return y


def default_config(target: int, itemsize: int) -> Config:
    config = {"ROWS": 64, "COLUMNS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 3}
    if itemsize == 4:
        return {**config, "ROWS": 16, "COLUMNS": 32, "DEPTH": 32}
    return {**config, "ROWS": 128, "num_warps": 8} if target >= 90 else config


def inputs(
    draw: Draw, tokens: int, n_experts: int, k: int, columns: int, depth: int
) -> dict[str, Any]:
    scores = draw.uniform(tokens, n_experts, dtype=torch.float32)
    return {
        "x": draw.normal(tokens, depth),
        "weight": draw.normal(n_experts, columns, depth, scale=depth**-0.5),
        "experts": scores.topk(k).indices.int(),
    }


def oracle(x: Array, weight: Array, experts: Array) -> Array:
    y = np.empty((*experts.shape, weight.shape[1]))
    for expert, matrix in enumerate(weight):
        token, place = np.nonzero(experts == expert)
        y[token, place] = x[token] @ matrix.T
    return y


def reference(x: Tensor, weight: Tensor, experts: Tensor) -> Tensor:
    """One expert after another."""
    y = torch.empty(*experts.shape, weight.shape[1], dtype=x.dtype, device=x.device)
    for expert, matrix in enumerate(weight):
        token, place = (experts == expert).nonzero(as_tuple=True)
        y[token, place] = x[token] @ matrix.t()
    return y


def library(x: Tensor, weight: Tensor, experts: Tensor) -> Tensor:
    """torch's grouped_mm, on tokens sorted by expert, and sorted back."""
    order = experts.flatten().argsort(stable=True)
    every = torch.arange(len(weight), device=x.device)[:, None]
    counts = (experts.flatten() == every).sum(dim=1)  # bincount would wait for the GPU
    sorted_x = x[order // experts.shape[1]]
    product = torch.nn.functional.grouped_mm(
        sorted_x, weight.transpose(1, 2), offs=counts.cumsum(0).int()
    )
    y = torch.empty_like(product)
    y[order] = product
    return y.view(*experts.shape, -1)


def wrong(x: Tensor, weight: Tensor, experts: Tensor) -> Tensor:
    """Counts the experts from 1."""
    return launch(x, weight, (experts + 1) % len(weight))


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *(
            {"tokens": n, "n_experts": 5, "k": 2, "columns": 33, "depth": 20}
            for n in (1, 7, 8, 9, 40)
        ),
        *(
            {"tokens": 6, "n_experts": 3, "k": 1, "columns": n, "depth": 33}
            for n in (1, 32, 128, 129)
        ),
        {"tokens": 3, "n_experts": 9, "k": 3, "columns": 8, "depth": 70},  # some get no token
    ],
    cases={
        "up": Case(
            {"tokens": 32768, "n_experts": 128, "k": 8, "columns": 1536, "depth": 2048},
            check={"tokens": 1024, "n_experts": 128, "k": 8, "columns": 1536, "depth": 2048},
        ),
    },
    flops=lambda tokens, n_experts, k, columns, depth: 2.0 * tokens * k * columns * depth,
    bytes_moved=lambda itemsize, tokens, n_experts, k, columns, depth: (
        1.0 * itemsize * (tokens * depth + n_experts * columns * depth + tokens * k * columns)
    ),
    formula="2 · tokens · k · columns · depth operations",
    limits=Limits(registers=255, shared=166912),
    family="experts",
    peers={"torch grouped_mm": library, "expert by expert": reference},
    configs=[
        {},
        {"ROWS": 128, "COLUMNS": 128, "DEPTH": 64, "num_warps": 8, "num_stages": 4},
        {"ROWS": 128, "COLUMNS": 256, "DEPTH": 64, "num_warps": 8, "num_stages": 3},
        {"ROWS": 64, "COLUMNS": 256, "DEPTH": 64, "num_warps": 4, "num_stages": 3},
        {"ROWS": 64, "COLUMNS": 128, "DEPTH": 64, "num_warps": 4, "num_stages": 4},
    ],
)
