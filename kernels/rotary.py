"""Rotary positions, in place: queries and keys of a token turn by the token's angles.

oracle   llmdeep.rotary.rotate
memory   queries and keys are read once and written once; the tables stay in the L2 cache
limit    d_head must be even; a pair is channel i with channel i + d_head/2
source   Su et al. 2021, arXiv:2104.09864
"""

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.rotary import rotate
from llmdeep.shapes import Array


@triton.jit
def rotary_kernel(
    queries_ptr, keys_ptr, cosines_ptr, sines_ptr, positions_ptr,
    N_HEADS: tl.constexpr, N_KV_HEADS: tl.constexpr, PAIRS: tl.constexpr,
    HEADS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    position = tl.load(positions_ptr + token).to(tl.int64)
    pair = tl.arange(0, BLOCK)[None, :]
    cosine = tl.load(cosines_ptr + position * PAIRS + pair, mask=pair < PAIRS, other=0.0)
    sine = tl.load(sines_ptr + position * PAIRS + pair, mask=pair < PAIRS, other=0.0)

    for first in tl.static_range(0, N_HEADS, HEADS):
        turn(queries_ptr, token, first, cosine, sine, N_HEADS, PAIRS, HEADS, BLOCK)
    for first in tl.static_range(0, N_KV_HEADS, HEADS):
        turn(keys_ptr, token, first, cosine, sine, N_KV_HEADS, PAIRS, HEADS, BLOCK)


@triton.jit
def turn(
    x_ptr, token, first, cosine, sine,
    N_HEADS: tl.constexpr, PAIRS: tl.constexpr, HEADS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    head = first + tl.arange(0, HEADS)[:, None]
    pair = tl.arange(0, BLOCK)[None, :]
    inside = (head < N_HEADS) & (pair < PAIRS)
    one_ptr = x_ptr + (token * N_HEADS + head) * PAIRS * 2 + pair

    one = tl.load(one_ptr, mask=inside, other=0.0).to(tl.float32)  # [HEADS, BLOCK]
    two = tl.load(one_ptr + PAIRS, mask=inside, other=0.0).to(tl.float32)

    turned_one = one * cosine - two * sine
    turned_two = two * cosine + one * sine

    tl.store(one_ptr, turned_one.to(x_ptr.dtype.element_ty), mask=inside)
    tl.store(one_ptr + PAIRS, turned_two.to(x_ptr.dtype.element_ty), mask=inside)


def launch(
    queries: Tensor,
    keys: Tensor,
    cosines: Tensor,
    sines: Tensor,
    positions: Tensor,
    config: Config | None = None,
) -> tuple[Tensor, Tensor]:
    """Turn queries [tokens, heads, d_head] and keys in place, and return them.

    Args:
        cosines, sines: float32, one row a position and one column a pair.
        positions: Of each token, int32 or int64.
    """
    check(queries=queries, keys=keys)
    check(dtypes=(torch.float32,), cosines=cosines, sines=sines)
    tokens, n_heads, d_head = queries.shape
    expect(d_head % 2 == 0, f"d_head must be even, not {d_head}")
    expect(cosines.shape[1] == d_head // 2, f"cosines must have {d_head // 2} columns")
    expect(len(keys) == len(positions) == tokens, "queries, keys and positions differ in tokens")
    config = config or {"HEADS": 8, "num_warps": 4}
    rotary_kernel[(tokens,)](
        queries, keys, cosines, sines, positions,
        N_HEADS=n_heads, N_KV_HEADS=keys.shape[1], PAIRS=d_head // 2,
        BLOCK=triton.next_power_of_2(d_head // 2), **config,
    )  # fmt: skip
    return queries, keys


def inputs(draw: Draw, tokens: int, n_heads: int, n_kv_heads: int, d_head: int) -> dict[str, Any]:
    angles = draw.uniform(2 * tokens, d_head // 2, high=6.28, dtype=torch.float32)
    return {
        "queries": draw.normal(tokens, n_heads, d_head),
        "keys": draw.normal(tokens, n_kv_heads, d_head),
        "cosines": angles.cos(),
        "sines": angles.sin(),
        "positions": draw.integers(tokens, low=0, high=2 * tokens, dtype=torch.int32),
    }


def oracle(
    queries: Array, keys: Array, cosines: Array, sines: Array, positions: Array
) -> tuple[Array, Array]:
    c, s = cosines[positions], sines[positions]
    # one token after another, and its heads as the batch
    factors = [np.stack(pair, axis=-2)[:, None] for pair in ([c, c], [-s, s])]
    return rotate(queries, *factors), rotate(keys, *factors)


def reference(
    queries: Tensor, keys: Tensor, cosines: Tensor, sines: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    cosine = torch.cat([cosines, cosines], -1)[positions, None].to(queries.dtype)
    sine = torch.cat([-sines, sines], -1)[positions, None].to(queries.dtype)
    turned = [x * cosine + x.roll(x.shape[-1] // 2, -1) * sine for x in (queries, keys)]
    return turned[0], turned[1]


def wrong(
    queries: Tensor, keys: Tensor, cosines: Tensor, sines: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Turns the other way: attention would still see distances, and the model none it knows."""
    return launch(queries, keys, cosines, -sines, positions)


def bytes_moved(itemsize: int, tokens: int, n_heads: int, n_kv_heads: int, d_head: int) -> float:
    return 2.0 * itemsize * tokens * (n_heads + n_kv_heads) * d_head


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        {"tokens": tokens, "n_heads": n_heads, "n_kv_heads": n_kv_heads, "d_head": d_head}
        for tokens, n_heads, n_kv_heads, d_head in (
            (1, 1, 1, 2), (3, 7, 1, 62), (3, 8, 2, 64), (3, 9, 3, 66), (2, 17, 8, 128),
        )
    ],
    cases={
        "16k": Case({"tokens": 16384, "n_heads": 32, "n_kv_heads": 8, "d_head": 128}),
        "64k_d64": Case({"tokens": 65536, "n_heads": 12, "n_kv_heads": 4, "d_head": 64}),
    },
    flops=lambda tokens, n_heads, n_kv_heads, d_head: (
        3.0 * tokens * (n_heads + n_kv_heads) * d_head
    ),
    bytes_moved=bytes_moved,
    formula="2 · tokens · (n_heads + n_kv_heads) · d_head · itemsize bytes",
    limits=Limits(registers=64, shared=1024),
    family="norms",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[
        {"HEADS": 8, "num_warps": 4},
        {"HEADS": 16, "num_warps": 4},
        {"HEADS": 8, "num_warps": 2},
        {"HEADS": 32, "num_warps": 8},
    ],
)  # fmt: skip
