"""Flash attention's concepts: the same function, tile by tile, with every byte accounted for."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from llmdeep.attention import attention, causal_mask
from llmdeep.attention_recomputation import tiled_attention_gradient
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
from llmdeep.flash_attention import finish, flash_attention, merge, partial_attention

ORDERS = pytest.mark.parametrize("tiled", [tiled_attention, tiled_attention_keys_outside])
SHAPES = [(1, 1, 1, 1), (7, 7, 3, 5), (33, 33, 8, 8), (5, 12, 4, 2), (64, 64, 16, 16)]
TILES = [(1, 1), (4, 3), (16, 16), (100, 100)]


def drawn(n_queries: int, n_keys: int, d_head: int, d_value: int, dtype: type = np.float64) -> list:
    rng = np.random.default_rng(n_queries * 100 + d_head)
    shapes = ((n_queries, d_head), (n_keys, d_head), (n_keys, d_value))
    return [rng.normal(0, 2, shape).astype(dtype) for shape in shapes]


@ORDERS
@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_give_what_torch_gives(tiled, shape, causal, tile) -> None:  # type: ignore[no-untyped-def]
    queries, keys, values = drawn(*shape)
    mask = torch.tensor(causal_mask(*shape[:2])) if causal else None
    right = functional.scaled_dot_product_attention(
        *(torch.tensor(x)[None] for x in (queries, keys, values)), attn_mask=mask
    )[0]
    found = tiled(queries, keys, values, tile, causal)
    # the sums that the first version parks in memory are float32
    exact = 1e-5 if tiled is tiled_attention_keys_outside else 1e-12
    np.testing.assert_allclose(found.output, right, rtol=exact, atol=exact)
    np.testing.assert_allclose(plain_attention(queries, keys, values, causal).output, right)


@pytest.mark.parametrize("causal", [False, True])
def test_half_precision_rounds_less_in_tiles_than_through_memory(causal: bool) -> None:
    halves = drawn(200, 200, 32, 32, np.float16)
    right = plain_attention(*(x.astype(np.float64) for x in halves), causal).output

    def error(found: Counted) -> float:
        return float(np.sqrt(np.mean((found.output - right) ** 2)))

    in_tiles, plain = tiled_attention(*halves, (16, 16), causal), plain_attention(*halves, causal)
    assert in_tiles.output.dtype == plain.output.dtype == np.float16
    assert error(in_tiles) < error(plain) < 0.01


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_bytes_are_what_the_loops_say(
    n: int, d: int, rows: int, columns: int, causal: bool
) -> None:
    inputs = drawn(n, n, d, d, np.float16)
    blocks = [(i, min(i + rows, n)) for i in range(0, n, rows)]
    seen = [
        (i, j, k, min(k + columns, n))
        for i, j in blocks
        for k in range(0, n, columns)
        if not causal or k < j
    ]
    found = tiled_attention(*inputs, (rows, columns), causal)
    each = 2 * d
    assert found.tiles == len(seen) == visible_tiles(n, n, (rows, columns), causal).sum()
    assert found.read["keys"] == found.read["values"] == each * sum(m - k for *_, k, m in seen)
    assert found.read["queries"] == found.written["output"] == each * n
    assert found.written["log of sums"] == 4 * n

    first = tiled_attention_keys_outside(*inputs, (rows, columns), causal)
    passed = sum(j - i for i, j, *_ in seen)
    again = sum(j - i for i, j, k, _ in seen if k)
    assert first.tiles == len(seen)
    assert first.read["keys"] == first.read["values"] == each * n
    assert first.read["queries"] == first.written["output"] == each * passed
    assert first.read.get("output", 0) == each * again
    assert (first.written["maxima and sums"], first.read.get("maxima and sums", 0)) == (
        8 * passed,
        8 * again,
    )


def test_plain_attention_moves_every_score_four_times() -> None:
    found = plain_attention(*drawn(50, 50, 8, 8, np.float16))
    assert found.bytes == 2 * (4 * 50 * 50 + 4 * 50 * 8)


@pytest.mark.parametrize(("tile", "d_head"), [((4, 3), 8), ((16, 16), 5), ((1, 9), 2)])
def test_a_tile_holds_what_the_formula_says(tile: tuple[int, int], d_head: int) -> None:
    inputs = drawn(64, 64, d_head, d_head, np.float16)
    assert tiled_attention(*inputs, tile).held == tile_bytes(tile, d_head, 2)


@pytest.mark.parametrize("chip", [1_000, 50_000, 233_472])
def test_the_largest_tile_fits_and_a_larger_one_does_not(chip: int) -> None:
    rows, columns = largest_tile(chip, 64, 2)
    assert tile_bytes((rows, columns), 64, 2) <= chip < tile_bytes((rows + 1, columns + 1), 64, 2)


def test_a_chip_that_holds_nothing_and_a_tile_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold one query"):
        largest_tile(100, 64, 2)
    with pytest.raises(ValueError, match="at least 1 query"):
        tiled_attention(*drawn(4, 4, 2, 2), (0, 3))


def test_the_papers_tile_is_the_papers() -> None:
    assert papers_tile(4 * 64 * 100 * 2, 64, 2) == (64, 100)
    assert papers_tile(4 * 64 * 10 * 2, 64, 2) == (10, 10)


@pytest.mark.parametrize("block", [1, 5, 64])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_from_recomputed_weights_is_autograds(block: int, masked: bool) -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=(2, n, d)) for n, d in ((9, 4), (13, 4), (13, 6))]
    mask = causal_mask(9, 13) if masked else np.ones((9, 13), bool)
    upstream = rng.normal(size=(2, 9, 6))
    leaves = [torch.tensor(x, requires_grad=True) for x in arrays]
    out = functional.scaled_dot_product_attention(*leaves, attn_mask=torch.tensor(mask))
    out.backward(torch.tensor(upstream))
    output, log_total = flash_attention(*arrays, mask)
    found = tiled_attention_gradient(upstream, *arrays, output, log_total, mask, block=block)
    for gradient, leaf in zip(found, leaves, strict=True):
        np.testing.assert_allclose(gradient, leaf.grad, rtol=1e-10, atol=1e-12)


def test_a_query_that_sees_nothing_gets_nothing_and_moves_nothing() -> None:
    rng = np.random.default_rng(4)
    queries, keys, values, upstream = rng.normal(size=(4, 6, 3))
    mask = np.ones((6, 6), bool)
    mask[2] = False
    output, log_total = flash_attention(queries, keys, values, mask, block=4)
    np.testing.assert_allclose(output, attention(queries, keys, values, mask))
    assert (output[2] == 0).all()
    assert log_total[2] == -math.inf
    d_queries, d_keys, d_values = tiled_attention_gradient(
        upstream, queries, keys, values, output, log_total, mask, block=4
    )
    assert (d_queries[2] == 0).all()
    others = [0, 1, 3, 4, 5]
    alone = tiled_attention_gradient(
        upstream[others], queries[others], keys, values, output[others], log_total[others]
    )
    np.testing.assert_allclose(d_keys, alone[1])
    np.testing.assert_allclose(d_values, alone[2])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.floats(-1e4, 1e4), st.just(-math.inf)), min_size=2, max_size=12),
    st.data(),
)
def test_any_split_of_the_keys_merges_to_the_same(scores: list[float], data: st.DataObject) -> None:
    row = np.array([scores])
    values = np.arange(2.0 * len(scores)).reshape(-1, 2)
    cut = data.draw(st.integers(0, len(scores)))
    whole = finish(partial_attention(row, values))
    left = partial_attention(row[:, :cut], values[:cut])
    right = partial_attention(row[:, cut:], values[cut:])
    for parts in ((left, right), (right, left)):
        merged = finish(merge(*parts))
        np.testing.assert_allclose(merged[0], whole[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(merged[1], whole[1])
