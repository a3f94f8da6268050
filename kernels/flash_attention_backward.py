"""Attention backward: the weights are made again from the scores, one block after another.

oracle   llmdeep.flash_attention.attention_gradient
chapter  docs/inference/flash-attention.md
memory   one pass sums over queries for each block of keys, another over keys for each block of
         queries; nothing the size of the scores is stored, and no sum depends on an order
limit    d_head is 16, 32, 64 or 128
source   Dao 2023, arXiv:2307.08691, in two passes instead of one with atomic additions
"""

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu import peers
from llmdeep.gpu.calls import architecture, check, descriptors, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Config, Kernel, Limits
from llmdeep.kernels import _attention as shared
from llmdeep.kernels import flash_attention
from llmdeep.kernels._tiles import fetch, tiles_of
from llmdeep.kernels.flash_attention import LOG2_E, tanh


@triton.jit
def averages_kernel(
    upstream_ptr, output_ptr, averages_ptr, rows, D: tl.constexpr, ROWS: tl.constexpr
):
    """What each query earned: its output times the gradient there."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    place = row[:, None] * D + tl.arange(0, D)[None, :]
    inside = row < rows
    upstream = tl.load(upstream_ptr + place, mask=inside[:, None], other=0.0).to(tl.float32)
    output = tl.load(output_ptr + place, mask=inside[:, None], other=0.0).to(tl.float32)
    tl.store(averages_ptr + row, tl.sum(upstream * output, axis=1), mask=inside)


@triton.jit
def weights_again(
    products, query, key, log_total, slope, scale, cap, n_queries, n_keys, first_query,
    CAUSAL: tl.constexpr, WINDOW: tl.constexpr, ALIBI: tl.constexpr, CAP: tl.constexpr,
):  # fmt: skip
    """The weights from the dot products and the forward pass's sums, and the cap's slope."""
    scores = products * (scale * LOG2_E)
    bend = 1.0
    if CAP:
        t = tanh(products * (scale / cap))
        scores = cap * t * LOG2_E
        bend = 1.0 - t * t
    if ALIBI:
        scores = scores - slope * tl.abs(query - key).to(tl.float32)
    weights = tl.exp2(scores - log_total * LOG2_E)
    visible = (query < n_queries + first_query) & (key < n_keys)
    if WINDOW:
        visible = visible & (query >= key) & (query - key < WINDOW)
    elif CAUSAL:
        visible = visible & (query >= key)
    return tl.where(visible, weights, 0.0), bend


@triton.jit
def keys_and_values_kernel(
    queries_ptr, keys_ptr, values_ptr, upstream_ptr, log_total_ptr, averages_ptr, slopes_ptr,
    d_keys_ptr, d_values_ptr, n_queries, n_keys, n_heads, group, scale, cap,
    CAUSAL: tl.constexpr, WINDOW: tl.constexpr, ALIBI: tl.constexpr, CAP: tl.constexpr,
    D_HEAD: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, BULK: tl.constexpr,
):  # fmt: skip
    first_key = tl.program_id(0) * KEYS
    kv_head = tl.program_id(1).to(tl.int64)
    keys_head = keys_ptr + kv_head * n_keys * D_HEAD
    values_head = values_ptr + kv_head * n_keys * D_HEAD
    k = fetch(
        tiles_of(keys_head, n_keys, D_HEAD, KEYS, BULK), first_key, n_keys, D_HEAD, KEYS, BULK
    )
    v = fetch(
        tiles_of(values_head, n_keys, D_HEAD, KEYS, BULK), first_key, n_keys, D_HEAD, KEYS, BULK
    )
    key = first_key + tl.arange(0, KEYS)[:, None]
    first_query = n_keys - n_queries

    # the queries that may see these keys
    begin, end = 0, n_queries
    if CAUSAL or WINDOW:
        begin = tl.maximum(first_key - first_query, 0) // QUERIES * QUERIES
    if WINDOW:
        end = tl.minimum(n_queries, first_key + KEYS + WINDOW - 1 - first_query)

    d_keys = tl.zeros([KEYS, D_HEAD], tl.float32)
    d_values = tl.zeros([KEYS, D_HEAD], tl.float32)
    # One stage: the compiler cannot run ahead of a loop that makes descriptors.
    for member in tl.range(0, group, num_stages=1):  # all heads that share these keys
        head = kv_head * group + member
        slope = 0.0
        if ALIBI:
            slope = tl.load(slopes_ptr + head % n_heads) * LOG2_E
        queries_tiles = tiles_of(
            queries_ptr + head * n_queries * D_HEAD, n_queries, D_HEAD, QUERIES, BULK
        )
        upstream_tiles = tiles_of(
            upstream_ptr + head * n_queries * D_HEAD, n_queries, D_HEAD, QUERIES, BULK
        )
        for start in range(begin, end, QUERIES):
            q = fetch(queries_tiles, start, n_queries, D_HEAD, QUERIES, BULK)
            upstream = fetch(upstream_tiles, start, n_queries, D_HEAD, QUERIES, BULK)
            row = start + tl.arange(0, QUERIES)
            of_row = head * n_queries + row
            log_total = tl.load(log_total_ptr + of_row, mask=row < n_queries, other=0.0)
            average = tl.load(averages_ptr + of_row, mask=row < n_queries, other=0.0)

            products = tl.dot(k, q.trans(), input_precision="ieee")  # [KEYS, QUERIES]
            weights, bend = weights_again(
                products, first_query + row[None, :], key, log_total[None, :], slope, scale, cap,
                n_queries, n_keys, first_query, CAUSAL, WINDOW, ALIBI, CAP,
            )  # fmt: skip
            d_values = tl.dot(weights.to(v.dtype), upstream, d_values, input_precision="ieee")
            earned = tl.dot(v, upstream.trans(), input_precision="ieee")
            d_scores = weights * (earned - average[None, :]) * bend
            d_keys = tl.dot(d_scores.to(q.dtype), q, d_keys, input_precision="ieee")

    place = kv_head * n_keys * D_HEAD + key * D_HEAD + tl.arange(0, D_HEAD)[None, :]
    inside = key < n_keys
    tl.store(d_keys_ptr + place, (d_keys * scale).to(k.dtype), mask=inside)
    tl.store(d_values_ptr + place, d_values.to(v.dtype), mask=inside)


@triton.jit
def queries_kernel(
    queries_ptr, keys_ptr, values_ptr, upstream_ptr, log_total_ptr, averages_ptr, slopes_ptr,
    d_queries_ptr, n_queries, n_keys, n_heads, group, scale, cap,
    CAUSAL: tl.constexpr, WINDOW: tl.constexpr, ALIBI: tl.constexpr, CAP: tl.constexpr,
    D_HEAD: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, BULK: tl.constexpr,
):  # fmt: skip
    block = tl.program_id(0)
    if CAUSAL or WINDOW:
        block = tl.num_programs(0) - 1 - block  # those with the most keys begin first
    head = tl.program_id(1).to(tl.int64)
    first_row = block * QUERIES
    first_query = n_keys - n_queries
    row = first_row + tl.arange(0, QUERIES)
    of_head = head * n_queries
    q = fetch(
        tiles_of(queries_ptr + of_head * D_HEAD, n_queries, D_HEAD, QUERIES, BULK),
        first_row, n_queries, D_HEAD, QUERIES, BULK,
    )  # fmt: skip
    upstream = fetch(
        tiles_of(upstream_ptr + of_head * D_HEAD, n_queries, D_HEAD, QUERIES, BULK),
        first_row, n_queries, D_HEAD, QUERIES, BULK,
    )  # fmt: skip
    log_total = tl.load(log_total_ptr + of_head + row, mask=row < n_queries, other=0.0)
    average = tl.load(averages_ptr + of_head + row, mask=row < n_queries, other=0.0)
    slope = 0.0
    if ALIBI:
        slope = tl.load(slopes_ptr + head % n_heads) * LOG2_E
    kv = head // group * n_keys * D_HEAD
    keys_tiles = tiles_of(keys_ptr + kv, n_keys, D_HEAD, KEYS, BULK)
    values_tiles = tiles_of(values_ptr + kv, n_keys, D_HEAD, KEYS, BULK)

    begin, end = 0, n_keys
    if WINDOW:
        begin = tl.maximum(first_query + first_row - WINDOW + 1, 0) // KEYS * KEYS
    if CAUSAL or WINDOW:
        end = tl.minimum(n_keys, first_query + first_row + QUERIES)

    d_queries = tl.zeros([QUERIES, D_HEAD], tl.float32)
    for start in range(begin, end, KEYS):
        k = fetch(keys_tiles, start, n_keys, D_HEAD, KEYS, BULK)  # [KEYS, D_HEAD]
        v = fetch(values_tiles, start, n_keys, D_HEAD, KEYS, BULK)
        products = tl.dot(q, k.trans(), input_precision="ieee")  # [QUERIES, KEYS]
        weights, bend = weights_again(
            products, first_query + row[:, None], start + tl.arange(0, KEYS)[None, :],
            log_total[:, None], slope, scale, cap, n_queries, n_keys, first_query,
            CAUSAL, WINDOW, ALIBI, CAP,
        )  # fmt: skip
        earned = tl.dot(upstream, v.trans(), input_precision="ieee")
        d_scores = weights * (earned - average[:, None]) * bend
        d_queries = tl.dot(d_scores.to(k.dtype), k, d_queries, input_precision="ieee")

    place = (of_head + row[:, None]) * D_HEAD + tl.arange(0, D_HEAD)[None, :]
    tl.store(d_queries_ptr + place, (d_queries * scale).to(q.dtype), mask=row[:, None] < n_queries)


def launch(
    upstream: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    output: Tensor,
    log_total: Tensor,
    causal: bool = False,
    window: int = 0,
    slopes: Tensor | None = None,
    cap: float = 0.0,
    bulk: bool | None = None,
    config: Config | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients at queries, keys and values, from that at the output of `flash_attention`.

    Args:
        output, log_total: What `flash_attention` returned; the other arguments are as there.
    """
    check(upstream=upstream, queries=queries, keys=keys, values=values, output=output)
    check(dtypes=(torch.float32,), log_total=log_total)
    batch, n_heads, n_queries, d_head = queries.shape
    _, n_kv_heads, n_keys, _ = keys.shape
    expect(d_head in (16, 32, 64, 128), f"d_head is {d_head}, not 16, 32, 64 or 128")
    expect(upstream.shape == output.shape == queries.shape, "upstream and output as the queries")
    bulk = architecture(queries) >= 90 if bulk is None else bulk
    if bulk:
        descriptors(queries)
    config = config or default_config(architecture(queries), queries.element_size())
    d_queries, d_keys, d_values = (torch.empty_like(x) for x in (queries, keys, values))
    averages = torch.empty_like(log_total)
    rows = batch * n_heads * n_queries
    averages_kernel[(triton.cdiv(rows, 64),)](
        upstream, output, averages, rows, D=d_head, ROWS=64, num_warps=4
    )
    tensors = (
        queries, keys, values, upstream, log_total, averages,
        queries if slopes is None else slopes,
    )  # fmt: skip
    numbers = (n_queries, n_keys, n_heads, n_heads // n_kv_heads, 1 / math.sqrt(d_head), cap)
    flags = {
        "CAUSAL": causal, "WINDOW": window, "ALIBI": slopes is not None, "CAP": cap > 0,
        "D_HEAD": d_head, "BULK": bulk,
        "num_warps": config["num_warps"], "num_stages": config["num_stages"],
    }  # fmt: skip
    stay, go = config["STAY"], config["GO"]
    keys_and_values_kernel[(triton.cdiv(n_keys, stay), batch * n_kv_heads)](
        *tensors, d_keys, d_values, *numbers, QUERIES=go, KEYS=stay, **flags
    )
    queries_kernel[(triton.cdiv(n_queries, stay), batch * n_heads)](
        *tensors, d_queries, *numbers, QUERIES=stay, KEYS=go, **flags
    )
    return d_queries, d_keys, d_values


def default_config(target: int, itemsize: int) -> Config:
    """How many positions stay in a program, and how many at a time go by."""
    if itemsize == 4:
        return {"STAY": 32, "GO": 32, "num_warps": 4, "num_stages": 1}
    if target < 90:
        return {"STAY": 64, "GO": 32, "num_warps": 4, "num_stages": 2}
    return {"STAY": 128, "GO": 64, "num_warps": 8, "num_stages": 2}


def inputs(draw: Draw, **size: Any) -> dict[str, Any]:
    drawn = shared.inputs(draw, **size)
    queries = drawn["queries"]
    if draw.device == "meta":
        output, log_total = queries, queries[..., 0].float().contiguous()
    else:
        output, log_total = flash_attention.launch(**drawn)
    upstream = draw.normal(*queries.shape)
    return {"upstream": upstream, "output": output, "log_total": log_total, **drawn}


def attend(**named: Any) -> Tensor:
    """Attention as it is written down, without the sums that only this kernel needs."""
    return shared.reference(**named)[0]


def wrong(**named: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Takes the average of what a query earned for 0, as if weights did not have to sum to 1."""
    return launch(**{**named, "output": torch.zeros_like(named["output"])})


def flops(**size: Any) -> float:
    """Five products where the forward pass has two; that two of them are done twice is our cost."""
    return 2.5 * shared.flops(**size)


def bytes_moved(itemsize: int, **size: Any) -> float:
    """Queries, keys and values, their gradients, the output and its gradient."""
    return 2.0 * shared.bytes_moved(itemsize, **size)


SHAPE = flash_attention.SHAPE
OF = ["queries", "keys", "values"]
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=shared.gradient_oracle,
    reference=peers.gradients(attend, OF),
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_queries": n, "n_keys": n} for n in (1, 32, 33)),
        {**SHAPE, "causal": True},
        {**SHAPE, "window": 20, "n_queries": 64},
        {**SHAPE, "bulk": True, "causal": True},
        {**SHAPE, "bulk": True, "window": 33},
        {**SHAPE, "n_heads": 3, "n_kv_heads": 3, "d_head": 64, "causal": True},
        {**SHAPE, "n_heads": 6, "n_kv_heads": 2, "d_head": 128},
        {**SHAPE, "n_heads": 4, "alibi": True, "causal": True},
        {**SHAPE, "batch": 2, "cap": 2.0},
    ],
    cases={
        "d64": flash_attention.case(64, (90,)),
        "d128": flash_attention.case(128),
        "d128_causal": flash_attention.case(128, (90,), causal=True),
    },
    flops=flops,
    bytes_moved=bytes_moved,
    formula="10 · batch · n_heads · d_head operations a pair of query and key",
    limits=Limits(registers=255, shared=232448),
    family="backward",
    peers={
        "cuDNN": peers.backward(shared.library("CUDNN_ATTENTION"), OF),
        "FlashAttention-2": peers.backward(shared.library("FLASH_ATTENTION"), OF),
    },
    tolerance={"float32": 1.2e-7},  # log_total has been rounded once more than torch's
    configs=[
        {},
        {"STAY": 128, "GO": 32, "num_warps": 8, "num_stages": 2},
        {"STAY": 128, "GO": 64, "num_warps": 8, "num_stages": 3},
        {"STAY": 64, "GO": 64, "num_warps": 4, "num_stages": 2},
        {"STAY": 64, "GO": 64, "num_warps": 8, "num_stages": 3},
    ],
)
