"""Attention of one new token: the keys are split among programs, and the parts merged.

oracle   llmdeep.flash_attention.flash_attention
chapter  docs/inference/flash-attention.md
memory   keys and values are read once for all the heads that share them
limit    d_head is 16, 32, 64, 128 or 256; at most 64 heads share a head of keys
source   Dao et al. 2023, "Flash-Decoding for long-context inference" (PyTorch blog)
"""

import math
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from llmdeep.flash_attention import flash_attention
from llmdeep.gpu.calls import check, expect, processors
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def decode_kernel(
    queries_ptr, keys_ptr, values_ptr, lengths_ptr, table_ptr, mixed_ptr, log_total_ptr,
    rows_of_head, pages_of_sequence, split_length, scale,
    N_KV_HEADS: tl.constexpr, GROUP: tl.constexpr, HEADS: tl.constexpr, D_HEAD: tl.constexpr,
    KEYS: tl.constexpr, PAGED: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(0).to(tl.int64) // N_KV_HEADS
    kv_head = tl.program_id(0) % N_KV_HEADS
    split = tl.program_id(1)
    length = tl.load(lengths_ptr + sequence)
    channel = tl.arange(0, D_HEAD)[None, :]
    member = tl.arange(0, HEADS)  # the heads that share these keys, padded for the tensor cores
    head = (sequence * N_KV_HEADS + kv_head) * GROUP + member
    q = tl.load(
        queries_ptr + head[:, None] * D_HEAD + channel, mask=member[:, None] < GROUP, other=0.0
    )

    mixed = tl.zeros([HEADS, D_HEAD], tl.float32)
    total = tl.zeros([HEADS], tl.float32)
    largest = tl.full([HEADS], -float("inf"), tl.float32)
    first = split * split_length
    for start in range(first, tl.minimum(first + split_length, length), KEYS):
        key = start + tl.arange(0, KEYS)
        inside = key < length
        if PAGED:
            # rows_of_head is the size of a page
            page = tl.load(
                table_ptr + sequence * pages_of_sequence + key // rows_of_head,
                mask=inside, other=0,
            ).to(tl.int64)  # fmt: skip
            row = (page * N_KV_HEADS + kv_head) * rows_of_head + key % rows_of_head
        else:
            row = (sequence * N_KV_HEADS + kv_head) * rows_of_head + key
        place = row[:, None] * D_HEAD + channel
        k = tl.load(keys_ptr + place, mask=inside[:, None], other=0.0)  # [KEYS, D_HEAD]
        v = tl.load(values_ptr + place, mask=inside[:, None], other=0.0)

        scores = tl.dot(q, k.trans(), input_precision="ieee") * (scale * LOG2_E)
        scores = tl.where(inside[None, :], scores, -float("inf"))
        new_largest = tl.maximum(largest, tl.max(scores, axis=1))
        weights = tl.exp2(scores - new_largest[:, None])
        shrink = tl.exp2(largest - new_largest)
        total = total * shrink + tl.sum(weights, axis=1)
        mixed = tl.dot(weights.to(v.dtype), v, mixed * shrink[:, None], input_precision="ieee")
        largest = new_largest

    # a split behind the end of its sequence has seen nothing
    safe = tl.where(total == 0.0, 1.0, total)
    n_splits = tl.num_programs(1)
    of_split = head * n_splits + split
    tl.store(
        mixed_ptr + of_split[:, None] * D_HEAD + channel, mixed / safe[:, None],
        mask=member[:, None] < GROUP,
    )  # fmt: skip
    tl.store(log_total_ptr + of_split, largest + tl.log2(safe), mask=member < GROUP)


@triton.jit
def merge_kernel(
    mixed_ptr, log_total_ptr, output_ptr, n_splits,
    D: tl.constexpr, CHANNELS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[None, :]
    split = tl.arange(0, SPLITS)
    inside = split < n_splits

    log_total = tl.load(log_total_ptr + head * n_splits + split, mask=inside, other=-float("inf"))
    place = (head * n_splits + split[:, None]) * D + channel
    mixed = tl.load(mixed_ptr + place, mask=inside[:, None], other=0.0)  # [SPLITS, CHANNELS]

    shares = tl.exp2(log_total - tl.max(log_total, axis=0))
    output = tl.sum(mixed * shares[:, None], axis=0) / tl.sum(shares, axis=0)

    place = head * D + tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    tl.store(output_ptr + place, output.to(output_ptr.dtype.element_ty))


def launch(
    queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, config: Config | None = None
) -> Tensor:
    """Attention of one query a head, [batch, n_heads, d_head], over the keys of a cache.

    Args:
        keys, values: [batch, n_kv_heads, room for keys, d_head].
        lengths: int32, how many keys of each sequence there are; at least 1.
    """
    expect(keys.ndim == 4 and keys.shape == values.shape, "keys and values must be alike, 4-D")
    return decode(queries, keys, values, lengths, None, keys.shape[2], config)


def decode(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    table: Tensor | None,
    room: int,
    config: Config | None,
) -> Tensor:
    """Over a cache in one piece, or in the pages that `table` lists for each sequence.

    Args:
        room: The longest that a sequence can be.
    """
    check(queries=queries, keys=keys, values=values)
    check(dtypes=(torch.int32,), lengths=lengths, table=lengths if table is None else table)
    batch, n_heads, d_head = queries.shape
    _, n_kv_heads, rows_of_head, _ = keys.shape
    group = n_heads // n_kv_heads
    expect(d_head in (16, 32, 64, 128, 256), f"d_head is {d_head}, not 16, 32, 64, 128 or 256")
    expect(n_heads == group * n_kv_heads, f"{n_heads} heads do not share {n_kv_heads} evenly")
    expect(group <= 64, f"{group} heads share a head of keys, and at most 64 can")
    config = config or {"KEYS": 64, "waves": 4, "num_warps": 4, "num_stages": 3}
    block = config["KEYS"]
    n_splits = splits(batch * n_kv_heads, triton.cdiv(room, block), processors(queries), config)
    split_length = triton.cdiv(triton.cdiv(room, block), n_splits) * block
    mixed = torch.empty(
        batch, n_heads, n_splits, d_head, dtype=torch.float32, device=queries.device
    )
    log_total = torch.empty(batch, n_heads, n_splits, dtype=torch.float32, device=queries.device)
    decode_kernel[(batch * n_kv_heads, n_splits)](
        queries, keys, values, lengths, lengths if table is None else table, mixed, log_total,
        rows_of_head, 0 if table is None else table.shape[1], split_length,
        1 / math.sqrt(d_head), N_KV_HEADS=n_kv_heads, GROUP=group,
        HEADS=max(16, triton.next_power_of_2(group)), D_HEAD=d_head, KEYS=block,
        PAGED=table is not None, num_warps=config["num_warps"], num_stages=config["num_stages"],
    )  # fmt: skip
    return merged(mixed, log_total, queries.dtype)


def splits(programs: int, blocks: int, n_processors: int, config: Config) -> int:
    """Into how many parts the keys go, so that every processor has `waves` programs to run."""
    wanted = triton.cdiv(config["waves"] * n_processors, programs)
    return max(1, min(blocks, wanted, 128))


def merged(mixed: Tensor, log_total: Tensor, dtype: torch.dtype) -> Tensor:
    """The parts [batch, heads, splits, channels], weighted by their sums, which are in bits."""
    batch, n_heads, n_splits, d = mixed.shape
    output = torch.empty(batch, n_heads, d, dtype=dtype, device=mixed.device)
    channels = min(64, d)
    merge_kernel[(batch * n_heads, d // channels)](
        mixed, log_total, output, n_splits,
        D=d, CHANNELS=channels, SPLITS=triton.next_power_of_2(n_splits), num_warps=4,
    )  # fmt: skip
    return output


def inputs(
    draw: Draw, batch: int, n_heads: int, n_kv_heads: int, n_keys: int, d_head: int, full: bool
) -> dict[str, Any]:
    lengths = draw.integers(batch, low=1, high=n_keys + 1, dtype=torch.int32)
    return {
        "queries": draw.normal(batch, n_heads, d_head),
        "keys": draw.normal(batch, n_kv_heads, n_keys, d_head),
        "values": draw.normal(batch, n_kv_heads, n_keys, d_head),
        "lengths": torch.full_like(lengths, n_keys) if full else lengths,
    }


def oracle(queries: Array, keys: Array, values: Array, lengths: Array) -> Array:
    group = queries.shape[1] // keys.shape[1]
    found = []
    for query, k, v, length in zip(queries, keys, values, lengths, strict=True):
        k, v = (np.repeat(x[:, :length], group, axis=0) for x in (k, v))
        found.append(flash_attention(query[:, None], k, v)[0][:, 0])
    return np.stack(found)


def reference(queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
    """As it is written down, each step rounded to the dtype of the inputs."""
    batch, n_heads, d_head = queries.shape
    n_kv_heads, n_keys = keys.shape[1:3]
    grouped = queries.reshape(batch, n_kv_heads, n_heads // n_kv_heads, d_head)
    scores = grouped @ keys.transpose(-1, -2) * d_head**-0.5
    behind = torch.arange(n_keys, device=lengths.device) >= lengths[:, None]
    scores = scores.masked_fill(behind[:, None, None], -math.inf)
    return (torch.softmax(scores, -1) @ values).reshape(queries.shape)


def library(queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
    """scaled_dot_product_attention, which knows no lengths: for full caches."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]):
        return functional.scaled_dot_product_attention(
            queries[:, :, None], keys, values, enable_gqa=queries.shape[1] != keys.shape[1]
        )[:, :, 0]


def wrong(queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor) -> Tensor:
    """Looks at one key more than there is."""
    return launch(queries, keys, values, (lengths + 1).clamp(max=keys.shape[2]))


def flops(
    batch: int, n_heads: int, n_keys: int, d_head: int, n_kv_heads: int = 1, full: bool = True
) -> float:
    return 4.0 * batch * n_heads * n_keys * d_head


def bytes_moved(
    itemsize: int, batch: int, n_heads: int, n_kv_heads: int, n_keys: int, d_head: int, full: bool
) -> float:
    return 2.0 * itemsize * batch * d_head * (n_kv_heads * n_keys + n_heads)


SHAPE = {"batch": 2, "n_heads": 4, "n_kv_heads": 2, "n_keys": 130, "d_head": 16, "full": False}
BIG = {"n_heads": 32, "d_head": 128, "full": True}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_keys": n, "full": True} for n in (1, 63, 64, 65, 200)),
        *({**SHAPE, "batch": n} for n in (1, 5)),
        {**SHAPE, "n_heads": 3, "n_kv_heads": 3, "d_head": 64},
        {**SHAPE, "n_heads": 17, "n_kv_heads": 1, "d_head": 32},  # more heads than a tile has rows
        {**SHAPE, "batch": 1, "n_kv_heads": 1, "n_keys": 700, "full": True},  # many splits
    ],
    cases={
        "batch32": Case({**BIG, "batch": 32, "n_kv_heads": 8, "n_keys": 4096}),
        "long": Case({**BIG, "batch": 1, "n_kv_heads": 4, "n_keys": 262144}, architectures=(90,)),
    },
    flops=flops,
    bytes_moved=bytes_moved,
    formula="2 · batch · n_kv_heads · n_keys · d_head · itemsize bytes",
    limits=Limits(registers=255, shared=166912),
    family="decoding",
    peers={"scaled_dot_product_attention": library},
    configs=[
        {"KEYS": 64, "waves": 4, "num_warps": 4, "num_stages": 3},
        {"KEYS": 64, "waves": 2, "num_warps": 4, "num_stages": 3},
        {"KEYS": 64, "waves": 4, "num_warps": 4, "num_stages": 4},
        {"KEYS": 128, "waves": 2, "num_warps": 4, "num_stages": 2},
        {"KEYS": 128, "waves": 2, "num_warps": 8, "num_stages": 2},
        {"KEYS": 32, "waves": 8, "num_warps": 2, "num_stages": 4},
    ],
)  # fmt: skip
