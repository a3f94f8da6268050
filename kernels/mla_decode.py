"""Decode with multi-head latent attention: one latent vector a position is key and value at once.

oracle   llmdeep.flash_attention.flash_attention
memory   each position's latent and rotary part are read once for all heads
limit    the latent has a power of two of channels, at least 16; so has the rotary part
source   DeepSeek-AI 2024, arXiv:2405.04434, with the up-projections absorbed into the queries
"""

import math
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.flash_attention import flash_attention
from llmdeep.gpu.calls import architecture, check, expect, processors
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels.decode_attention import merged, splits
from llmdeep.shapes import Array

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def mla_decode_kernel(
    queries_ptr, cache_ptr, lengths_ptr, mixed_ptr, log_total_ptr,
    n_heads, room, split_length, scale,
    LATENT: tl.constexpr, ROTARY: tl.constexpr, HEADS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * HEADS + tl.arange(0, HEADS)
    split = tl.program_id(2)
    length = tl.load(lengths_ptr + sequence)
    latent = tl.arange(0, LATENT)[None, :]
    rotary = LATENT + tl.arange(0, ROTARY)[None, :]
    query_row = queries_ptr + (sequence * n_heads + head[:, None]) * (LATENT + ROTARY)
    q_latent = tl.load(query_row + latent, mask=head[:, None] < n_heads, other=0.0)
    q_rotary = tl.load(query_row + rotary, mask=head[:, None] < n_heads, other=0.0)

    mixed = tl.zeros([HEADS, LATENT], tl.float32)
    total = tl.zeros([HEADS], tl.float32)
    largest = tl.full([HEADS], -float("inf"), tl.float32)
    first = split * split_length
    for start in range(first, tl.minimum(first + split_length, length), KEYS):
        key = start + tl.arange(0, KEYS)
        inside = key < length
        cache_row = cache_ptr + (sequence * room + key[:, None]) * (LATENT + ROTARY)
        # read once, used twice: as keys here, as values below
        c = tl.load(cache_row + latent, mask=inside[:, None], other=0.0)  # [KEYS, LATENT]
        r = tl.load(cache_row + rotary, mask=inside[:, None], other=0.0)

        scores = tl.dot(q_latent, c.trans(), input_precision="ieee")
        scores = tl.dot(q_rotary, r.trans(), scores, input_precision="ieee") * (scale * LOG2_E)
        scores = tl.where(inside[None, :], scores, -float("inf"))
        new_largest = tl.maximum(largest, tl.max(scores, axis=1))
        weights = tl.exp2(scores - new_largest[:, None])
        shrink = tl.exp2(largest - new_largest)
        total = total * shrink + tl.sum(weights, axis=1)
        mixed = tl.dot(weights.to(c.dtype), c, mixed * shrink[:, None], input_precision="ieee")
        largest = new_largest

    # a split behind the end of its sequence has seen nothing
    safe = tl.where(total == 0.0, 1.0, total)
    of_split = (sequence * n_heads + head) * tl.num_programs(2) + split
    tl.store(
        mixed_ptr + of_split[:, None] * LATENT + latent, mixed / safe[:, None],
        mask=head[:, None] < n_heads,
    )  # fmt: skip
    tl.store(log_total_ptr + of_split, largest + tl.log2(safe), mask=head < n_heads)


def launch(
    queries: Tensor,
    cache: Tensor,
    lengths: Tensor,
    latent: int,
    scale: float,
    config: Config | None = None,
) -> Tensor:
    """Attention of [batch, n_heads, latent + rotary] over a cache of latents.

    Args:
        queries: With the up-projection of the keys absorbed, and their rotary part behind.
        cache: [batch, room for keys, latent + rotary]; the first `latent` channels are values too.
        lengths: int32, how many keys of each sequence there are; at least 1.
        scale: Factor on the dot products; that of the heads before absorbing.

    Returns:
        [batch, n_heads, latent], to be multiplied by the up-projection of the values.
    """
    check(queries=queries, cache=cache)
    check(dtypes=(torch.int32,), lengths=lengths)
    batch, n_heads, channels = queries.shape
    room, rotary = cache.shape[1], channels - latent
    for name, width in (("latent", latent), ("rotary part", rotary)):
        expect(width >= 16 and width & (width - 1) == 0, f"the {name} has {width} channels")
    expect(cache.shape[2] == channels, "queries and cache differ in their channels")
    config = config or default_config(n_heads, queries.element_size(), architecture(queries))
    block, heads = config["KEYS"], config["HEADS"]
    programs = batch * triton.cdiv(n_heads, heads)
    n_splits = splits(programs, triton.cdiv(room, block), processors(queries), config)
    split_length = triton.cdiv(triton.cdiv(room, block), n_splits) * block
    mixed = torch.empty(
        batch, n_heads, n_splits, latent, dtype=torch.float32, device=queries.device
    )
    log_total = torch.empty(batch, n_heads, n_splits, dtype=torch.float32, device=queries.device)
    mla_decode_kernel[(batch, triton.cdiv(n_heads, heads), n_splits)](
        queries, cache, lengths, mixed, log_total, n_heads, room, split_length, scale,
        LATENT=latent, ROTARY=rotary, HEADS=heads, KEYS=block,
        num_warps=config["num_warps"], num_stages=config["num_stages"],
    )  # fmt: skip
    return merged(mixed, log_total, queries.dtype)


def default_config(n_heads: int, itemsize: int, target: int) -> Config:
    """Many heads make it a matter of arithmetic: then a tile of 64 of them reads the cache."""
    if itemsize == 4 or n_heads <= 16 or target < 90:
        return {"HEADS": 16, "KEYS": 32, "waves": 2, "num_warps": 4, "num_stages": 2}
    keys = 64 if target == 90 else 32
    return {"HEADS": 64, "KEYS": keys, "waves": 2, "num_warps": 8, "num_stages": 2}


def inputs(
    draw: Draw, batch: int, n_heads: int, n_keys: int, latent: int, rotary: int, full: bool
) -> dict[str, Any]:
    lengths = draw.integers(batch, low=1, high=n_keys + 1, dtype=torch.int32)
    return {
        "queries": draw.normal(batch, n_heads, latent + rotary),
        "cache": draw.normal(batch, n_keys, latent + rotary),
        "lengths": torch.full_like(lengths, n_keys) if full else lengths,
        "latent": latent,
        "scale": 1 / math.sqrt(latent + rotary),
    }


def oracle(queries: Array, cache: Array, lengths: Array, latent: int, scale: float) -> Array:
    return np.stack(
        [
            flash_attention(query, keys[:length], keys[:length, :latent], scale=scale)[0]
            for query, keys, length in zip(queries, cache, lengths, strict=True)
        ]
    )


def reference(queries: Tensor, cache: Tensor, lengths: Tensor, latent: int, scale: float) -> Tensor:
    scores = queries @ cache.transpose(1, 2) * scale
    behind = torch.arange(cache.shape[1], device=lengths.device) >= lengths[:, None]
    scores = scores.masked_fill(behind[:, None], -math.inf)
    return torch.softmax(scores, -1) @ cache[..., :latent]


def wrong(queries: Tensor, cache: Tensor, lengths: Tensor, latent: int, scale: float) -> Tensor:
    """Leaves the rotary part out of the scores: tokens would have no positions."""
    without = queries.clone()
    without[..., latent:] = 0
    return launch(without, cache, lengths, latent, scale)


def flops(
    batch: int, n_heads: int, n_keys: int, latent: int, rotary: int, full: bool = True
) -> float:
    return 2.0 * batch * n_heads * n_keys * (2 * latent + rotary)


def bytes_moved(
    itemsize: int, batch: int, n_heads: int, n_keys: int, latent: int, rotary: int, full: bool
) -> float:
    heads = n_heads * (2 * latent + rotary)
    return 1.0 * itemsize * batch * (n_keys * (latent + rotary) + heads)


SHAPE = {"batch": 2, "n_heads": 5, "n_keys": 70, "latent": 32, "rotary": 16, "full": False}
BIG = {"batch": 128, "n_keys": 4096, "latent": 512, "rotary": 64, "full": True}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_keys": n, "full": True} for n in (1, 31, 32, 33, 64, 65)),
        *({**SHAPE, "n_heads": n} for n in (1, 16, 17, 64, 65)),
        {**SHAPE, "latent": 64, "rotary": 32, "n_keys": 200},
    ],
    cases={
        "heads16": Case({**BIG, "n_heads": 16}),
        "heads128": Case({**BIG, "n_heads": 128}, architectures=(90, 100)),
    },
    flops=flops,
    bytes_moved=bytes_moved,
    formula="batch · n_keys · (latent + rotary) · itemsize bytes; "
    "2 · batch · n_heads · n_keys · (2 · latent + rotary) operations",
    limits=Limits(registers=255, shared=232448),
    family="decoding",
    peers={"torch": reference},
    configs=[
        {},
        {"HEADS": 16, "KEYS": 64, "waves": 2, "num_warps": 4, "num_stages": 2},
        {"HEADS": 32, "KEYS": 64, "waves": 2, "num_warps": 4, "num_stages": 2},
        {"HEADS": 64, "KEYS": 32, "waves": 2, "num_warps": 8, "num_stages": 3},
        {"HEADS": 64, "KEYS": 64, "waves": 1, "num_warps": 8, "num_stages": 2},
    ],
)
