"""What plain and tiled attention move between memory and chip, counted while both are computed.

Notice: the scores make up nearly all of the plain one's bytes, and the tiles never store them. A
larger chip saves more. With tiles chosen too small, the keys are read so often that nothing is won.
"""

import math
from typing import Annotated

import numpy as np

from llmdeep.attention_traffic import (
    Counted,
    largest_tile,
    papers_tile,
    plain_attention,
    tile_bytes,
    tiled_attention,
    tiled_attention_keys_outside,
    visible_tiles,
)
from llmdeep.shapes import Array
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Choice,
    ControlError,
    Matrix,
    Metric,
    Metrics,
    Note,
    Slider,
    Table,
    Toggle,
    View,
)

CHIPS = (16, 32, 48, 64, 96, 128, 164, 228)
MOST_TILES, DRAWN = 4096, 32
OPERANDS = ("queries", "keys", "values", "scores", "weights", "output")
KEPT = ("log of sums", "maxima and sums")


def render(
    length: Annotated[int, Slider(16, 1024, log=True, count=7, unit="tokens")] = 512,
    d_head: Annotated[int, Slider(4, 128, log=True, count=6, label="size of the head")] = 64,
    chip: Annotated[
        float, Slider(4, 256, values=CHIPS, label="memory on the chip", unit="KiB")
    ] = 228.0,
    tiles: Annotated[
        str, Choice("chosen below", "the largest that fit", "the first paper’s")
    ] = "chosen below",
    tile_queries: Annotated[
        int, Slider(1, 1024, log=True, count=11, label="queries, if chosen")
    ] = 64,
    tile_keys: Annotated[int, Slider(1, 1024, log=True, count=11, label="keys, if chosen")] = 64,
    numbers: Annotated[str, Choice("16 bits", "32 bits", label="stored numbers")] = "16 bits",
    causal: Annotated[bool, Toggle("causal mask, and no work on hidden tiles")] = False,
    stays: Annotated[
        str, Choice("queries (version 2)", "keys (version 1)", label="what stays on the chip")
    ] = "queries (version 2)",
) -> list[View]:
    dtype = np.dtype(np.float16 if numbers == "16 bits" else np.float32)
    n_bytes = int(chip * 1024)
    tile = chosen_tile(tiles, n_bytes, d_head, dtype.itemsize, (tile_queries, tile_keys))
    tile = (min(tile[0], length), min(tile[1], length))
    grid = visible_tiles(length, length, tile, causal)
    if grid.size > MOST_TILES:
        raise ControlError(
            f"{grid.size:,} tiles are too many to compute here; at most {MOST_TILES:,} are. "
            "Take larger tiles, a larger chip or a shorter text."
        )
    exact = np.random.default_rng(0).standard_normal((3, length, d_head))
    q, k, v = exact.astype(dtype)
    compute = tiled_attention if stays.startswith("queries") else tiled_attention_keys_outside
    tiled = compute(q, k, v, tile, causal)
    plain = plain_attention(q, k, v, causal)
    exactly = [x.astype(np.float64) for x in (q, k, v)]
    right = plain_attention(exactly[0], exactly[1], exactly[2], causal).output
    needed = tile_bytes(tile, d_head, dtype.itemsize)
    names = [name for name in (*OPERANDS, *KEPT) if moved(tiled, name) or moved(plain, name)]
    rows, columns = tile
    how = f"root mean square, against float64{', at most' if dtype.itemsize == 4 else ''}"
    return [
        Metrics(
            plain=Metric(plain.bytes / 1e6, "MB", "read and written"),
            tiled=Metric(tiled.bytes / 1e6, "MB", compared(plain.bytes, tiled.bytes)),
            tile=Metric(
                f"{rows} × {columns}",
                note=f"queries × keys; {tiled.tiles:,} of {grid.size:,} computed",
            ),
            on_the_chip=Metric(
                tiled.held / 1024, "KiB", f"at most, of {chip:g}: {tiled.held / n_bytes:.0%}"
            ),
            error_in_tiles=Metric(error(tiled, right), note=how),
            error_of_the_plain=Metric(error(plain, right), note="the same"),
        ),
        Chart(
            [
                Bar(names, [moved(plain, name) / 1e6 for name in names], "plain"),
                Bar(names, [moved(tiled, name) / 1e6 for name in names], "tiled"),
            ],
            x=Axis(scale="category"),
            y=Axis("read and written", unit="MB"),
            title=f"Bytes between memory and chip · {length:g} tokens, one head",
        ),
        Table(
            ("kB of", "plain: read", "written", "tiled: read", "written"),
            [(name, *(part.get(name, 0) / 1e3 for part in parts(plain, tiled))) for name in names],
        ),
        *fits(needed, n_bytes, tiles),
        *picture(grid),
        Note(
            "Queries, keys and values are random numbers. Their arrays stand for memory, and each "
            "block that is sliced out of them or stored adds its bytes: a model with one memory "
            "and one chip. Real chips have caches besides, which serve part of what is read again."
        ),
    ]


def chosen_tile(
    rule: str, n_bytes: int, d_head: int, itemsize: int, chosen: tuple[int, int]
) -> tuple[int, int]:
    if rule == "chosen below":
        return chosen
    if rule == "the first paper’s":
        return papers_tile(n_bytes, d_head, itemsize)
    try:
        return largest_tile(n_bytes, d_head, itemsize)
    except ValueError as error:
        raise ControlError(f"{error}. Take a larger chip or a smaller head.") from None


def fits(needed: int, chip: int, rule: str) -> list[View]:
    """A warning, if a tile needs more than there is."""
    if needed <= chip:
        return []
    why = (
        "The paper counts four blocks of d_head channels; scores and float32 sums come on top. "
        if rule == "the first paper’s"
        else ""
    )
    text = f"This tile needs {needed / 1024:.0f} KiB, the chip has {chip / 1024:g}. {why}"
    return [Note(f"{text}The bytes are counted as if it fitted.", tone="warning")]


def compared(plain: int, tiled: int) -> str:
    if tiled <= plain:
        return f"{plain / tiled:.3g} times less"
    return f"{tiled / plain:.3g} times as much: the keys are read too often"


def parts(plain: Counted, tiled: Counted) -> tuple[dict[str, int], ...]:
    return plain.read, plain.written, tiled.read, tiled.written


def moved(counted: Counted, name: str) -> int:
    return counted.read.get(name, 0) + counted.written.get(name, 0)


def error(counted: Counted, right: Array) -> float:
    """Root mean square, to what does not depend on the order in which a machine adds."""
    found = float(np.sqrt(np.mean((counted.output - right) ** 2)))
    if counted.output.dtype == np.float16:
        return float(f"{found:.2g}")
    return 10.0 ** math.ceil(math.log10(found)) if found else 0.0


def picture(grid: Array) -> list[View]:
    """The tiles of the score matrix: 1 where one was computed."""
    if max(grid.shape) > DRAWN:
        return [Note(f"{grid.shape[0]} × {grid.shape[1]} tiles are too many to draw.")]
    shown = np.where(grid, 1.0, np.nan)
    return [
        Matrix(
            shown,
            title=f"Tiles of the scores: {int(grid.sum()):,} computed",
            row_label="block of queries",
            column_label="block of keys",
            domain=(0, 1),
            digits=0,
        )
    ]
