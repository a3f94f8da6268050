"""Attention forward: a block of queries stays, the keys go by, the scores are never stored.

oracle   llmdeep.flash_attention.partial_attention, finish
chapter  docs/inference/flash-attention.md
memory   queries once; keys and values once for each block of queries, mostly from the L2 cache
limit    d_head is 16, 32, 64, 128 or 256
source   Dao 2023, arXiv:2307.08691; tiles by the bulk copy engine and specialised warps as in Shah
         et al. 2024, arXiv:2407.08608
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu.calls import FLOATS, architecture, check, descriptors, expect
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels import _attention as shared
from llmdeep.kernels._tiles import fetch, tiles_of

LOG2_E = tl.constexpr(1.4426950408889634)
FP8 = (torch.float8_e4m3fn, torch.float8_e5m2)


@triton.jit
def adjusted(
    scores, query, key, slope, scale, cap, n_keys,
    CAUSAL: tl.constexpr, WINDOW: tl.constexpr, ALIBI: tl.constexpr, CAP: tl.constexpr,
    EVEN: tl.constexpr,
):  # fmt: skip
    """From dot products to scores in bits, -inf where a query may not look."""
    scores = scores * scale
    if CAP:
        scores = cap * tanh(scores / cap) * LOG2_E  # the scale is in nats here
    if ALIBI:
        scores = scores - slope * tl.abs(query - key).to(tl.float32)
    if WINDOW:
        scores = tl.where((query >= key) & (query - key < WINDOW), scores, -float("inf"))
    elif CAUSAL:
        scores = tl.where(query >= key, scores, -float("inf"))
    if not EVEN:
        scores = tl.where(key < n_keys, scores, -float("inf"))
    return scores


@triton.jit
def tanh(x):
    # near 0, where 1 - exp would cancel, a convergent of Lambert's continued fraction
    square = x * x
    above = x * (10395.0 + square * (1260.0 + square * 21.0))
    below = 10395.0 + square * (4725.0 + square * (210.0 + square))
    small = tl.exp2(-2.0 * LOG2_E * tl.abs(x))
    far = (1.0 - small) / (1.0 + small)
    return tl.where(tl.abs(x) < 1.0, above / below, tl.where(x < 0.0, -far, far))


@triton.jit
def flash_attention_kernel(
    queries_ptr, keys_ptr, values_ptr, slopes_ptr, output_ptr, log_total_ptr,
    n_queries, n_keys, n_heads, group, scale, cap,
    CAUSAL: tl.constexpr, WINDOW: tl.constexpr, ALIBI: tl.constexpr, CAP: tl.constexpr,
    EVEN: tl.constexpr, D_HEAD: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr,
    BULK: tl.constexpr, SPECIALIZE: tl.constexpr,
):  # fmt: skip
    block = tl.program_id(0)
    if CAUSAL or WINDOW:
        block = tl.num_programs(0) - 1 - block  # those with the most keys begin first
    head = tl.program_id(1).to(tl.int64)
    # heads are numbered through the batch, so head // group is the head of its keys
    keys_head = keys_ptr + head // group * n_keys * D_HEAD
    values_head = values_ptr + head // group * n_keys * D_HEAD
    queries_head = queries_ptr + head * n_queries * D_HEAD
    row = block * QUERIES + tl.arange(0, QUERIES)[:, None]
    channel = tl.arange(0, D_HEAD)[None, :]
    query = n_keys - n_queries + row  # the queries are the last of the positions
    slope = 0.0
    if ALIBI:
        slope = tl.load(slopes_ptr + head % n_heads) * LOG2_E

    q = fetch(
        tiles_of(queries_head, n_queries, D_HEAD, QUERIES, BULK),
        block * QUERIES, n_queries, D_HEAD, QUERIES, BULK,
    )  # fmt: skip
    keys_tiles = tiles_of(keys_head, n_keys, D_HEAD, KEYS, BULK)
    values_tiles = tiles_of(values_head, n_keys, D_HEAD, KEYS, BULK)

    first, end = 0, n_keys
    if WINDOW:
        first = n_keys - n_queries + block * QUERIES - WINDOW + 1
        first = tl.maximum(first, 0) // KEYS * KEYS
    if CAUSAL or WINDOW:
        end = tl.minimum(n_keys, n_keys - n_queries + (block + 1) * QUERIES)

    mixed = tl.zeros([QUERIES, D_HEAD], tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    largest = tl.full([QUERIES], -float("inf"), tl.float32)
    for start in tl.range(first, end, KEYS, warp_specialize=SPECIALIZE):
        key = start + tl.arange(0, KEYS)[None, :]
        k = fetch(keys_tiles, start, n_keys, D_HEAD, KEYS, BULK)  # [KEYS, D_HEAD]
        v = fetch(values_tiles, start, n_keys, D_HEAD, KEYS, BULK)
        scores = tl.dot(q, k.trans(), input_precision="ieee")  # [QUERIES, KEYS]
        scores = adjusted(
            scores, query, key, slope, scale, cap, n_keys, CAUSAL, WINDOW, ALIBI, CAP, EVEN
        )

        new_largest = tl.maximum(largest, tl.max(scores, axis=1))
        # a query that has seen nothing yet has -inf here, and -inf - -inf would be NaN
        safe = new_largest
        if CAUSAL or WINDOW:
            safe = tl.where(new_largest == -float("inf"), 0.0, new_largest)
        weights = tl.exp2(scores - safe[:, None])
        shrink = tl.exp2(largest - safe)
        total = total * shrink + tl.sum(weights, axis=1)
        mixed = mixed * shrink[:, None]
        mixed = tl.dot(weights.to(v.dtype), v, mixed, input_precision="ieee")
        largest = new_largest

    output = mixed / total[:, None]
    log_total = (largest + tl.log2(total)) / LOG2_E

    output_head = output_ptr + head * n_queries * D_HEAD
    inside = row < n_queries
    tl.store(
        output_head + row * D_HEAD + channel, output.to(output_ptr.dtype.element_ty), mask=inside
    )
    place = block * QUERIES + tl.arange(0, QUERIES)
    tl.store(log_total_ptr + head * n_queries + place, log_total, mask=place < n_queries)


def launch(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    causal: bool = False,
    window: int = 0,
    slopes: Tensor | None = None,
    cap: float = 0.0,
    bulk: bool | None = None,
    config: Config | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention of [batch, heads, positions, d_head], and the log of each query's sum, in nats.

    Args:
        keys, values: With as many heads, or a divisor of it. The queries are their last positions.
        causal: Whether a query sees no key behind it.
        window: How many keys it sees at most, itself included; 0 for all. Implies causal.
        slopes: ALiBi's, float32, one a head.
        cap: Where scores are bent to stay within ±cap nats; 0 for nowhere.
        bulk: Whether the bulk copy engine fetches keys and values; where there is one if None.
    """
    check(dtypes=(*FLOATS, *FP8), queries=queries, keys=keys, values=values)
    batch, n_heads, n_queries, d_head = queries.shape
    _, n_kv_heads, n_keys, _ = keys.shape
    expect(d_head in (16, 32, 64, 128, 256), f"d_head is {d_head}, not 16, 32, 64, 128 or 256")
    expect(keys.shape == values.shape, "keys and values must have the same shape")
    expect(n_heads % n_kv_heads == 0, f"{n_heads} heads do not share {n_kv_heads} evenly")
    expect(
        n_queries <= n_keys or not (causal or window),
        f"{n_queries} queries cannot be the last of {n_keys} positions",
    )
    bulk = architecture(queries) >= 90 if bulk is None else bulk
    if bulk:
        descriptors(queries)
    config = config or default_config(d_head, architecture(queries), queries.element_size())
    block_of_queries, block_of_keys = config["QUERIES"], config["KEYS"]
    wide = torch.bfloat16 if queries.dtype in FP8 else queries.dtype
    output = torch.empty(queries.shape, dtype=wide, device=queries.device)
    log_total = torch.empty(queries.shape[:3], dtype=torch.float32, device=queries.device)
    scale = 1 / math.sqrt(d_head)
    flash_attention_kernel[(triton.cdiv(n_queries, block_of_queries), batch * n_heads)](
        queries, keys, values, queries if slopes is None else slopes, output, log_total,
        n_queries, n_keys, n_heads, n_heads // n_kv_heads,
        scale if cap else scale * LOG2_E.value, cap,
        CAUSAL=causal, WINDOW=window, ALIBI=slopes is not None, CAP=cap > 0,
        EVEN=n_keys % block_of_keys == 0, D_HEAD=d_head, BULK=bulk, **config,
    )  # fmt: skip
    return output, log_total


def default_config(d_head: int, target: int, itemsize: int) -> Config:
    """Blocks that fit the shared memory and the registers of an architecture."""
    if itemsize == 4:
        return {"QUERIES": 32, "KEYS": 32, "SPECIALIZE": False, "num_warps": 4, "num_stages": 2}
    if target < 90 or d_head > 128:
        return {"QUERIES": 64, "KEYS": 64, "SPECIALIZE": False, "num_warps": 4, "num_stages": 2}
    return {
        "QUERIES": 128,
        "KEYS": 128 if target == 90 else 64,
        "SPECIALIZE": False,
        "num_warps": 8,
        "num_stages": 2,
    }


def wrong(**named: Any) -> tuple[Tensor, Tensor]:
    """Leaves the logarithm of the sums in bits, the unit of the loop."""
    output, log_total = launch(**named)
    return output, log_total / math.log(2)


SHAPE = {"batch": 1, "n_heads": 2, "n_kv_heads": 1, "n_queries": 33, "n_keys": 65, "d_head": 16}
BIG = {"batch": 2, "n_heads": 16, "n_kv_heads": 16, "n_queries": 8192, "n_keys": 8192}


def case(
    d_head: int,
    architectures: Sequence[int] = (80, 90, 100),
    dtype: str = "bfloat16",
    **flags: Any,
) -> Case:
    """Checked with as many heads, for which the same code is compiled, and fewer positions."""
    size = {**BIG, "d_head": d_head, **flags}
    positions = max(2048, flags.get("window", 0) * 3 // 2)
    check = {**size, "batch": 1, "n_queries": positions, "n_keys": positions}
    return Case(size, dtype, check, architectures)


KERNEL = Kernel(
    launch=launch,
    inputs=shared.inputs,
    oracle=shared.oracle,
    reference=shared.reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_queries": n, "n_keys": n} for n in (1, 31, 32, 33)),
        *({**SHAPE, "n_queries": 33, "n_keys": n, "causal": True} for n in (33, 63, 64, 65)),
        *({**SHAPE, "window": n} for n in (1, 32, 33, 100)),
        *({**SHAPE, "bulk": True, **flags} for flags in ({}, {"causal": True}, {"window": 40})),
        {**SHAPE, "n_heads": 3, "n_kv_heads": 3, "d_head": 64, "causal": True},
        {**SHAPE, "n_heads": 6, "n_kv_heads": 2, "d_head": 128},
        {**SHAPE, "n_heads": 3, "n_kv_heads": 1, "alibi": True},
        {**SHAPE, "n_heads": 4, "alibi": True, "causal": True, "cap": 2.0},
        {**SHAPE, "batch": 2, "cap": 0.5},
        {**SHAPE, "cap": 20.0, "window": 17, "n_queries": 65},
    ],
    cases={
        "d64": case(64),
        "d128": case(128),
        "d64_causal": case(64, causal=True),
        "d128_causal": case(128, causal=True),
        "d128_grouped": case(128, causal=True, n_kv_heads=4),
        "d128_window": case(128, (90,), window=4096),
        "d128_alibi": case(128, (90,), causal=True, alibi=True),
        "d128_cap": case(128, (90,), causal=True, cap=50.0),
        "d128_fp8": case(128, (90,), "float8_e4m3fn"),
    },
    flops=shared.flops,
    bytes_moved=shared.bytes_moved,
    formula="4 · batch · n_heads · d_head operations a pair of query and key",
    limits=Limits(registers=255, shared=232448),
    family="attention",
    peers={
        "cuDNN": shared.library("CUDNN_ATTENTION"),
        "FlashAttention-2": shared.library("FLASH_ATTENTION"),
        "flex_attention": shared.flexible,
    },
    tolerance={"float8_e4m3fn": 0.06},  # the weights are rounded to three bits
    configs=[
        {},
        {"QUERIES": 128, "KEYS": 128, "SPECIALIZE": True, "num_warps": 4, "num_stages": 2},
        {"QUERIES": 128, "KEYS": 64, "SPECIALIZE": True, "num_warps": 4, "num_stages": 3},
        {"QUERIES": 128, "KEYS": 128, "SPECIALIZE": False, "num_warps": 8, "num_stages": 3},
        {"QUERIES": 128, "KEYS": 64, "SPECIALIZE": False, "num_warps": 8, "num_stages": 3},
        {"QUERIES": 64, "KEYS": 128, "SPECIALIZE": False, "num_warps": 4, "num_stages": 2},
        {"QUERIES": 64, "KEYS": 64, "SPECIALIZE": False, "num_warps": 4, "num_stages": 3},
    ],
)
