"""Attention against torch, closed forms and its own promises."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import scaled_dot_product_attention

from llmdeep.attention import (
    attention,
    attention_scores,
    attention_weights,
    causal_mask,
    entropy,
    merge_heads,
    multi_head_attention,
    padding_mask,
    sliding_window_mask,
    softmax,
    softmax_jacobian,
    softmax_jacobian_norm,
    split_heads,
)

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
SHAPES = [  # batch, queries, keys, d_head, d_value
    ((), 1, 1, 1, 1),
    ((), 5, 7, 3, 4),
    ((3,), 7, 7, 17, 17),
    ((2, 3), 13, 5, 8, 2),
]
scores_1d = arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e4, 1e4))


def inputs(shape, dtype, seed=0):
    batch, n_queries, n_keys, d_head, d_value = shape
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((*batch, n_queries, d_head)).astype(dtype)
    keys = rng.standard_normal((*batch, n_keys, d_head)).astype(dtype)
    values = rng.standard_normal((*batch, n_keys, d_value)).astype(dtype)
    mask = rng.random((*batch, n_queries, n_keys)) < 0.5
    mask[..., 0] = True  # every query may look at something
    return queries, keys, values, mask


def torched(*several):
    return [torch.from_numpy(a) for a in several]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_attention_agrees_with_torch(shape, dtype, masked, scale):
    q, k, v, mask = inputs(shape, dtype)
    mask = mask if masked else None
    expected = scaled_dot_product_attention(
        *torched(q, k, v), attn_mask=torch.from_numpy(mask) if masked else None, scale=scale
    )
    output = attention(q, k, v, mask, scale)
    assert output.dtype == dtype
    np.testing.assert_allclose(output, expected.numpy(), atol=TOLERANCE[dtype])


def test_the_causal_mask_agrees_with_torchs_for_equal_lengths():
    q, k, v, _ = inputs(((2,), 9, 9, 4, 4), np.float64)
    expected = scaled_dot_product_attention(*torched(q, k, v), is_causal=True)
    np.testing.assert_allclose(attention(q, k, v, causal_mask(9)), expected.numpy(), atol=1e-12)


def test_one_mask_serves_every_sequence_of_a_batch():
    q, k, v, _ = inputs(((3,), 4, 4, 2, 2), np.float64)
    together = attention(q, k, v, causal_mask(4))
    alone = [attention(q[i], k[i], v[i], causal_mask(4)) for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-15)


def test_a_query_that_may_look_at_nothing_gets_zero_and_disturbs_nobody():
    q, k, v, mask = inputs(((), 6, 6, 4, 3), np.float64)
    before = attention(q, k, v, mask)
    mask[2] = False
    output = attention(q, k, v, mask)
    assert (output[2] == 0).all()
    assert (attention_weights(q, k, mask)[2] == 0).all()
    np.testing.assert_array_equal(np.delete(output, 2, 0), np.delete(before, 2, 0))


def test_hidden_keys_and_values_have_no_influence():
    q, k, v, _ = inputs(((), 5, 5, 4, 3), np.float64)
    before = attention(q, k, v, causal_mask(5))
    k[3:], v[3:] = 1e6, -1e6
    np.testing.assert_array_equal(attention(q, k, v, causal_mask(5))[:3], before[:3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_scores_do_not_overflow(dtype):
    q, k, v, _ = inputs(((), 5, 7, 16, 4), dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        output = attention(q * 1e6, k * 1e6, v)
    nearest = np.argmax(q.astype(np.float64) @ k.astype(np.float64).T, axis=1)
    np.testing.assert_allclose(output, v[nearest], rtol=1e-6)


def test_float16_is_computed_wider_and_returned_narrow():
    q, k, v, _ = inputs(((), 6, 6, 32, 4), np.float16)
    q, k = q * np.float16(300), k * np.float16(300)  # scores far past 65504, float16's largest
    wide = attention(q.astype(np.float64), k.astype(np.float64), v.astype(np.float64))
    output = attention(q, k, v)
    assert output.dtype == np.float16
    assert attention_scores(q, k).dtype == np.float32
    assert np.abs(attention_scores(q, k)).max() > 65504
    np.testing.assert_allclose(output, wide, atol=2e-3)


def test_only_float16_is_widened():
    for dtype in (np.float32, np.float64):
        q, k, _, mask = inputs(((), 3, 3, 2, 2), dtype)
        assert attention_weights(q, k, mask).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_heads", [1, 2, 6])
@pytest.mark.parametrize("hidden", ["nothing", "the future", "padding"])
@pytest.mark.parametrize("cross", [False, True])
def test_multi_head_attention_agrees_with_torch(dtype, n_heads, hidden, cross):
    rng = np.random.default_rng(n_heads)
    d_model, n_queries, n_keys = 12, 5, 9 if cross else 5
    x = rng.standard_normal((3, n_queries, d_model)).astype(dtype)
    context = rng.standard_normal((3, n_keys, d_model)).astype(dtype) if cross else x
    weights = [rng.standard_normal((d_model, d_model)).astype(dtype) / 4 for _ in range(4)]
    mask = {
        "nothing": None,
        "the future": np.tri(n_queries, n_keys, dtype=bool),
        "padding": padding_mask(np.array([1, n_keys, 3]), n_keys),
    }[hidden]

    module = torch.nn.MultiheadAttention(d_model, n_heads, bias=False, batch_first=True)
    module = module.to(torch.from_numpy(x).dtype)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.from_numpy(np.concatenate([w.T for w in weights[:3]])))
        module.out_proj.weight.copy_(torch.from_numpy(weights[3].T))
        forbidden = None
        if mask is not None:
            full = np.broadcast_to(mask, (3, n_queries, n_keys))
            forbidden = torch.from_numpy(np.repeat(~full, n_heads, axis=0))
        source = torch.from_numpy(context)
        expected, expected_weights = module(
            torch.from_numpy(x), source, source, attn_mask=forbidden, average_attn_weights=False
        )

    output = multi_head_attention(
        x, *weights, n_heads=n_heads, mask=mask, context=context if cross else None
    )
    heads = attention_weights(
        split_heads(x @ weights[0], n_heads),
        split_heads(context @ weights[1], n_heads),
        None if mask is None else mask[..., None, :, :],
    )
    np.testing.assert_allclose(output, expected.numpy(), atol=TOLERANCE[dtype])
    np.testing.assert_allclose(heads, expected_weights.numpy(), atol=TOLERANCE[dtype])


def test_heads_are_cut_side_by_side_and_put_back():
    x = np.arange(2 * 3 * 8.0).reshape(2, 3, 8)
    heads = split_heads(x, 4)
    assert heads.shape == (2, 4, 3, 2)
    np.testing.assert_array_equal(heads[1, 2], x[1, :, 4:6])
    np.testing.assert_array_equal(merge_heads(heads), x)


@pytest.mark.parametrize("n_heads", [0, -2, 5, 16])
def test_heads_that_do_not_divide_the_channels_are_refused(n_heads):
    with pytest.raises(ValueError, match=f"8 channels do not divide into {n_heads} heads"):
        split_heads(np.zeros((3, 8)), n_heads)


@given(scores_1d)
def test_softmax_agrees_with_torch(scores):
    expected = torch.softmax(torch.from_numpy(scores), dim=0)
    np.testing.assert_allclose(softmax(scores), expected.numpy(), atol=1e-12)


@given(scores_1d, st.floats(-1e3, 1e3))
def test_softmax_ignores_a_shift_and_keeps_the_order(scores, shift):
    weights = softmax(scores)
    np.testing.assert_allclose(softmax(scores + shift), weights, atol=1e-9)
    assert np.isclose(weights.sum(), 1)
    assert (weights[np.argsort(scores, kind="stable")][1:] >= np.sort(weights)[:-1] - 1e-15).all()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_works_along_any_axis(axis):
    scores = np.random.default_rng(0).standard_normal((3, 4, 5))
    expected = torch.softmax(torch.from_numpy(scores), dim=axis)
    np.testing.assert_allclose(softmax(scores, axis), expected.numpy(), atol=1e-15)


@pytest.mark.parametrize(
    ("scores", "weights"),
    [
        ([0.0, -np.inf], [1, 0]),
        ([-np.inf, -np.inf], [0, 0]),
        ([1e308, 1e308], [0.5, 0.5]),
        ([-1e308, 1e308], [0, 1]),
        ([0.0, np.nan], [np.nan, np.nan]),
        ([0.0, np.inf], [np.nan, np.nan]),
        ([], []),
    ],
)
@pytest.mark.filterwarnings("error")
def test_softmax_at_its_edges(scores, weights):
    np.testing.assert_array_equal(softmax(np.array(scores)), weights)


def test_softmax_of_float16_is_as_good_as_float16_allows():
    scores = np.linspace(-8, 8, 3000).astype(np.float16)
    weights = softmax(scores)
    assert weights.dtype == np.float16
    np.testing.assert_allclose(weights, softmax(scores.astype(np.float64)), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_jacobian_agrees_with_autograd(dtype):
    scores = np.random.default_rng(3).standard_normal((4, 7)).astype(dtype) * 3
    expected = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda s: torch.softmax(s, dim=0), row)
            for row in torch.from_numpy(scores)
        ]
    )
    jacobian = softmax_jacobian(softmax(scores))
    assert jacobian.dtype == dtype
    np.testing.assert_allclose(jacobian, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(jacobian.sum(axis=-1), 0, atol=1e-6)


@pytest.mark.parametrize("size", [0.1, 1, 3])
def test_the_norm_of_the_jacobian_needs_no_jacobian(size):
    weights = softmax(np.random.default_rng(5).standard_normal((6, 4, 9)) * size)
    expected = np.linalg.norm(softmax_jacobian(weights), axis=(-2, -1))
    np.testing.assert_allclose(softmax_jacobian_norm(weights), expected, rtol=1e-9)


def test_the_norm_of_the_jacobian_outlives_a_weight_that_rounds_to_1():
    weights = np.array([[1.0, 1e-30, 0.0], [0.0, 1.0, 0.0]])  # to first order, ‖J‖ = 2 · 1e-30
    np.testing.assert_allclose(softmax_jacobian_norm(weights), [2e-30, 0], rtol=1e-9)


def test_entropy_agrees_with_torch_and_reaches_its_ends():
    weights = softmax(np.random.default_rng(4).standard_normal((5, 9)))
    expected = torch.distributions.Categorical(torch.from_numpy(weights)).entropy()
    np.testing.assert_allclose(entropy(weights), expected.numpy(), atol=1e-12)
    assert entropy(np.eye(3)).tolist() == [0, 0, 0]
    assert np.isclose(entropy(np.full(8, 1 / 8)), np.log(8))


@given(st.integers(1, 12), st.integers(0, 12))
def test_the_causal_mask_ends_at_the_query(n_queries, cached):
    mask = causal_mask(n_queries, n_queries + cached)
    for query in range(n_queries):
        for key in range(n_queries + cached):
            assert mask[query, key] == (key <= query + cached)


@given(st.integers(1, 12), st.integers(1, 14))
def test_a_window_is_causal_and_no_wider_than_it_says(n, window):
    mask = sliding_window_mask(n, window)
    assert (mask <= causal_mask(n)).all()
    assert mask.sum(axis=1).tolist() == [min(i + 1, window) for i in range(n)]
    assert mask.diagonal().all()


def test_masks_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="window must be at least 1"):
        sliding_window_mask(4, 0)
    with pytest.raises(ValueError, match="5 queries cannot be the last of only 3 positions"):
        causal_mask(5, 3)


def test_the_padding_mask_hides_what_follows_each_length():
    mask = padding_mask(np.array([[2, 0], [4, 1]]), n_keys=4)
    assert mask.shape == (2, 2, 1, 4)
    assert mask.sum(axis=-1).tolist() == [[[2], [0]], [[4], [1]]]
    assert mask[0, 0, 0].tolist() == [True, True, False, False]


def test_without_a_mask_attention_is_equivariant_and_a_causal_mask_breaks_that():
    rng = np.random.default_rng(5)
    x, order = rng.standard_normal((8, 6)), rng.permutation(8)
    np.testing.assert_allclose(
        attention(x[order], x[order], x[order]), attention(x, x, x)[order], atol=1e-12
    )
    causal = attention(x, x, x, causal_mask(8))[order]
    assert not np.allclose(attention(x[order], x[order], x[order], causal_mask(8)), causal)
