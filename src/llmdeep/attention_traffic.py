"""Bytes that attention moves between memory and chip, counted while it is computed.

A chip holds little, so numbers come from memory, are worked on, and go back. Here the arrays that
are handed over stand for memory; whatever a step takes from it or puts there adds its bytes.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from llmdeep.attention import attention_scores, causal_mask, softmax
from llmdeep.flash_attention import Partial, finish, merge, nothing_seen, partial_attention
from llmdeep.shapes import Array, Bool, Float

SUM = 4  # bytes of a number that is being summed: float32


class Counted(NamedTuple):
    """Attention, and what it took to compute it.

    Attributes:
        read: Bytes from memory to the chip, by tensor.
        written: Bytes from the chip to memory, by tensor.
        tiles: How many tiles of scores were computed.
        held: Most bytes that the chip held at once.
    """

    output: Float[Array, "queries d_value"]
    read: dict[str, int]
    written: dict[str, int]
    tiles: int
    held: int

    @property
    def bytes(self) -> int:
        """Bytes moved, both ways."""
        return sum(self.read.values()) + sum(self.written.values())


def plain_attention(
    queries: Float[Array, "queries d_head"],
    keys: Float[Array, "keys d_head"],
    values: Float[Array, "keys d_value"],
    causal: bool = False,
) -> Counted:
    """Three operations, one after the other: all scores and all weights go through memory.

    Each operation reads its operands once and writes its result once, in the dtype of `values`.
    `tiles` is 1 and `held` is 0: how an operation does its own work is not asked.
    """
    mask = causal_mask(len(queries), len(keys)) if causal else None
    scores = attention_scores(queries, keys, mask).astype(values.dtype)
    weights = softmax(scores)
    wide = np.promote_types(weights.dtype, np.float32)
    output = (weights.astype(wide) @ values.astype(wide)).astype(values.dtype)
    read = {
        "queries": queries.nbytes,
        "keys": keys.nbytes,
        "values": values.nbytes,
        "scores": scores.nbytes,
        "weights": weights.nbytes,
    }
    written = {"scores": scores.nbytes, "weights": weights.nbytes, "output": output.nbytes}
    return Counted(output, read, written, tiles=1, held=0)


def tiled_attention(
    queries: Float[Array, "queries d_head"],
    keys: Float[Array, "keys d_head"],
    values: Float[Array, "keys d_value"],
    tile: Sequence[int],
    causal: bool = False,
) -> Counted:
    """A block of queries stays on the chip while the keys go by; no score leaves it.

    The output is written once, and with it the logarithm of each query's sum, for a backward pass.

    Args:
        tile: How many queries and how many keys at a time.

    Source:
        Dao 2023, arXiv:2307.08691, algorithm 1: the order of loops since the second version.
    """
    output = np.zeros((len(queries), values.shape[1]), values.dtype)
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    tiles = held = 0
    for rows, visible in _blocks(len(queries), len(keys), tile, causal):
        q = queries[rows]
        read["queries"] += q.nbytes
        seen = nothing_seen(q, values)
        for columns, mask in visible:
            k, v = keys[columns], values[columns]
            read["keys"] += k.nbytes
            read["values"] += v.nbytes
            scores = attention_scores(q, k, mask)
            seen = merge(seen, partial_attention(scores, v))
            tiles += 1
            held = max(held, _nbytes(q, k, v, scores, *seen))
        block, log_total = finish(seen)
        output[rows] = block
        written["output"] += output[rows].nbytes
        written["log of sums"] += log_total.astype(np.float32).nbytes
    return Counted(output, dict(read), dict(written), tiles, held)


def tiled_attention_keys_outside(
    queries: Float[Array, "queries d_head"],
    keys: Float[Array, "keys d_head"],
    values: Float[Array, "keys d_value"],
    tile: Sequence[int],
    causal: bool = False,
) -> Counted:
    """A block of keys stays while the queries go by, and their unfinished outputs with them.

    Source:
        Dao et al. 2022, arXiv:2205.14135, algorithm 1: the order of loops of the first version.
    """
    output = np.zeros((len(queries), values.shape[1]), values.dtype)
    largest = np.full((len(queries), 1), -math.inf, np.float32)
    total = np.zeros((len(queries), 1), np.float32)
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    tiles = held = 0
    by_rows = [(rows, list(seen)) for rows, seen in _blocks(len(queries), len(keys), tile, causal)]
    for start in range(0, len(keys), tile[1]):
        k, v = keys[start : start + tile[1]], values[start : start + tile[1]]
        read["keys"] += k.nbytes
        read["values"] += v.nbytes
        for rows, visible in by_rows:
            masks = [mask for columns, mask in visible if columns.start == start]
            if not masks:
                continue
            q, seen = queries[rows], nothing_seen(queries[rows], values)
            read["queries"] += q.nbytes
            if start:  # the first block of keys finds nothing to go on with
                seen = Partial(output[rows] * total[rows], total[rows], largest[rows])
                read["output"] += output[rows].nbytes
                read["maxima and sums"] += _nbytes(total[rows], largest[rows])
            scores = attention_scores(q, k, masks[0])
            seen = merge(seen, partial_attention(scores, v))
            output[rows], total[rows], largest[rows] = finish(seen)[0], seen.total, seen.largest
            written["output"] += output[rows].nbytes
            written["maxima and sums"] += _nbytes(total[rows], largest[rows])
            tiles += 1
            held = max(held, _nbytes(q, k, v, scores, *seen))
    return Counted(output, dict(read), dict(written), tiles, held)


def visible_tiles(
    n_queries: int, n_keys: int, tile: Sequence[int], causal: bool = False
) -> Bool[Array, "rows columns"]:
    """Which tiles of the scores have at least one that a mask leaves.

    Examples:
        >>> visible_tiles(4, 4, (2, 1), causal=True).astype(int)
        array([[1, 1, 0, 0],
               [1, 1, 1, 1]])
    """
    rows, columns = tile
    if min(rows, columns) < 1:
        raise ValueError(f"a tile has at least 1 query and 1 key, not {rows} and {columns}")
    ends = np.minimum(np.arange(rows, n_queries + rows, rows), n_queries)
    starts = np.arange(0, n_keys, columns)
    last_seen = n_keys - n_queries + ends - 1 if causal else np.full(len(ends), n_keys)
    return starts <= last_seen[:, None]


def tile_bytes(tile: Sequence[int], d_head: int, itemsize: int) -> int:
    """What a tile needs on the chip: queries, keys, values; its scores and sums in float32.

    Examples:
        >>> tile_bytes((64, 64), d_head=64, itemsize=2)
        57856
    """
    rows, columns = tile
    return itemsize * d_head * (rows + 2 * columns) + SUM * rows * (d_head + columns + 2)


def largest_tile(chip: int, d_head: int, itemsize: int) -> tuple[int, int]:
    """The largest square tile that fits into `chip` bytes.

    Raises:
        ValueError: If not even one query and one key do.

    Examples:
        >>> largest_tile(228 * 1024, d_head=128, itemsize=2)
        (129, 129)
    """
    size = 0
    while tile_bytes((size + 1, size + 1), d_head, itemsize) <= chip:
        size += 1
    if not size:
        needed = tile_bytes((1, 1), d_head, itemsize)
        raise ValueError(f"a chip of {chip} bytes cannot hold one query and one key: {needed}")
    return size, size


def papers_tile(chip: int, d_head: int, itemsize: int) -> tuple[int, int]:
    """The tile of the first paper: a quarter of the chip for keys, and no more queries than d_head.

    It counts four blocks of d_head channels, and neither scores nor wider sums.

    Source:
        Dao et al. 2022, arXiv:2205.14135, algorithm 1, line 1.
    """
    columns = -(-(chip // itemsize) // (4 * d_head))
    return min(columns, d_head), columns


def _blocks(
    n_queries: int, n_keys: int, tile: Sequence[int], causal: bool
) -> Iterator[tuple[slice, Iterator[tuple[slice, Bool[Array, "queries keys"] | None]]]]:
    """Blocks of queries, and for each the blocks of keys it may look at, with the mask there."""
    for number, seen in enumerate(visible_tiles(n_queries, n_keys, tile, causal)):
        rows = slice(number * tile[0], min((number + 1) * tile[0], n_queries))
        yield rows, _columns(rows, np.flatnonzero(seen), n_queries, n_keys, tile[1], causal)


def _columns(
    rows: slice, numbers: Array, n_queries: int, n_keys: int, width: int, causal: bool
) -> Iterator[tuple[slice, Bool[Array, "queries keys"] | None]]:
    query = np.arange(rows.start, rows.stop)[:, None] + n_keys - n_queries
    for number in numbers.tolist():
        columns = slice(number * width, min((number + 1) * width, n_keys))
        within = columns.stop - 1 <= query[0, 0]
        mask = None if within or not causal else np.arange(columns.start, columns.stop) <= query
        yield columns, mask


def _nbytes(*arrays: Array) -> int:
    return sum(array.nbytes for array in arrays)
