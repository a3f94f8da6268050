"""Decode attention over a cache in pages, which a table lists for each sequence.

oracle   llmdeep.flash_attention.flash_attention
memory   as in decode_attention, and one number a page from the table
limit    d_head is 16, 32, 64, 128 or 256; at most 64 heads share a head of keys
source   Kwon et al. 2023, arXiv:2309.06180
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from llmdeep.gpu.calls import expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels import decode_attention
from llmdeep.kernels.decode_attention import decode
from llmdeep.shapes import Array


def launch(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    table: Tensor,
    config: Config | None = None,
) -> Tensor:
    """Attention of one query a head, [batch, n_heads, d_head], over the pages of a cache.

    Args:
        keys, values: [pages, n_kv_heads, positions of a page, d_head], shared by all sequences.
        lengths: int32, how many keys each sequence has; at least 1.
        table: int32, [batch, pages of the longest]: where each sequence's pages are, in order.
    """
    expect(keys.ndim == 4 and keys.shape == values.shape, "keys and values must be alike, 4-D")
    expect(table.ndim == 2 and len(table) == len(queries), "the table needs one row a sequence")
    return decode(queries, keys, values, lengths, table, table.shape[1] * keys.shape[2], config)


def inputs(
    draw: Draw,
    batch: int,
    n_heads: int,
    n_kv_heads: int,
    n_keys: int,
    d_head: int,
    full: bool,
    page: int,
) -> dict[str, Any]:
    of_sequence = -(-n_keys // page)
    pages = batch * of_sequence + 3  # some that nobody owns
    lengths = draw.integers(batch, low=1, high=n_keys + 1, dtype=torch.int32)
    places = draw.permutation(pages, dtype=torch.int32)[: batch * of_sequence]
    return {
        "queries": draw.normal(batch, n_heads, d_head),
        "keys": draw.normal(pages, n_kv_heads, page, d_head),
        "values": draw.normal(pages, n_kv_heads, page, d_head),
        "lengths": torch.full_like(lengths, n_keys) if full else lengths,
        "table": places.reshape(batch, of_sequence).contiguous(),
    }


def oracle(queries: Array, keys: Array, values: Array, lengths: Array, table: Array) -> Array:
    in_order = (
        np.swapaxes(x[table], 1, 2).reshape(len(table), x.shape[1], -1, x.shape[3])
        for x in (keys, values)
    )
    return decode_attention.oracle(queries, *in_order, lengths)


def reference(
    queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, table: Tensor
) -> Tensor:
    """Gathers the pages, then attends."""
    in_order = (
        x[table.long()].transpose(1, 2).reshape(len(table), x.shape[1], -1, x.shape[3])
        for x in (keys, values)
    )
    return decode_attention.reference(queries, *in_order, lengths)


def wrong(queries: Tensor, keys: Tensor, values: Tensor, lengths: Tensor, table: Tensor) -> Tensor:
    """Takes the pages in the order of memory."""
    return launch(queries, keys, values, lengths, table.sort(dim=1).values)


def flops(page: int, **size: Any) -> float:
    return decode_attention.flops(**size)


def bytes_moved(itemsize: int, page: int, **size: Any) -> float:
    table = 4.0 * size["batch"] * -(-size["n_keys"] // page)
    return decode_attention.bytes_moved(itemsize, **size) + table


SHAPE = {**decode_attention.SHAPE, "page": 16}
BIG: dict[str, Any] = dict(decode_attention.KERNEL.cases["batch32"].size)
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_keys": n, "full": True} for n in (1, 15, 16, 17, 64, 65)),
        {**SHAPE, "page": 64},
        {**SHAPE, "batch": 5, "page": 3},
    ],
    cases={
        "page16": Case({**BIG, "page": 16}),
        "page64": Case({**BIG, "page": 64}, architectures=(90,)),
    },
    flops=flops,
    bytes_moved=bytes_moved,
    formula="2 · batch · n_kv_heads · n_keys · d_head · itemsize bytes, and the table",
    limits=Limits(registers=255, shared=166912),
    family="decoding",
    peers={"gather, then torch": reference},
    configs=decode_attention.KERNEL.configs,
)
