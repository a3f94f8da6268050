"""Attention: each position looks at the others and takes what is relevant.

    scores = queries @ keys.T / sqrt(d_head)    how well query i matches key j
    weights = softmax(scores)                   each row positive, summing to 1
    output = weights @ values                   a weighted mean of the values

A mask is a boolean array, True where a query may look at a key.
"""

import math

import numpy as np

from llmdeep.shapes import Array, Bool, Float, Int


def attention(
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    values: Float[Array, "*batch keys d_value"],
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
    scale: float | None = None,
) -> Float[Array, "*batch queries d_value"]:
    """Mix the values, for each query by the softmax of its scaled dot products with the keys.

    Args:
        mask: True where a query may look at a key. A query that may look at nothing gets 0.
        scale: Factor on the dot products; 1 / sqrt(d_head) if None.

    Returns:
        In the dtype of `values`.

    Precision:
        Scores, weights and the sum are in float32 or wider.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, equation 1.

    Examples:
        >>> keys = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> values = np.array([[10.0], [20.0]])
        >>> attention(np.array([[0.0, 0.0], [9.0, -9.0]]), keys, values).round(2)
        array([[15.],
               [10.]])
    """
    weights = attention_weights(queries, keys, mask, scale)
    return (weights @ _wide(values)).astype(values.dtype)


def attention_weights(
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
    scale: float | None = None,
) -> Float[Array, "*batch queries keys"]:
    """How much of each value each query takes: positive, and each row sums to 1 (or is all 0).

    Examples:
        >>> one = np.ones((3, 4))
        >>> attention_weights(one, one, causal_mask(3)).round(3)
        array([[1.   , 0.   , 0.   ],
               [0.5  , 0.5  , 0.   ],
               [0.333, 0.333, 0.333]])
    """
    return softmax(attention_scores(queries, keys, mask, scale))


def attention_scores(
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
    scale: float | None = None,
) -> Float[Array, "*batch queries keys"]:
    """Scaled dot products of queries and keys, -inf where the mask is False.

    Returns:
        In nats (the softmax exponentiates them), in float32 or wider: a dot product of float16
        vectors easily passes float16's largest number, 65504.

    Examples:
        >>> attention_scores(np.array([[3.0, 4.0, 0.0, 0.0]]), np.array([[3.0, 4.0, 0.0, 0.0]]))
        array([[12.5]])
    """
    if scale is None:
        scale = 1 / math.sqrt(queries.shape[-1])
    scores = _wide(queries) @ np.swapaxes(_wide(keys), -1, -2) * scale
    return scores if mask is None else np.where(mask, scores, -math.inf)


def softmax(scores: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*shape"]:
    """Turn scores into positive weights that sum to 1 along `axis`.

    p_i = exp(s_i - max s) / sum_j exp(s_j - max s). Subtracting the maximum changes nothing in
    exact arithmetic and keeps exp from overflowing.

    Args:
        scores: In nats: a score larger by 1 gets e times the weight. A score of -inf gets weight
            0; where all scores along `axis` are -inf, all weights are 0, since there is nothing
            to choose from. A NaN or +inf makes the weights along its axis NaN.

    Returns:
        Dimensionless, in the dtype of `scores`; computed in float32 or wider.

    Source:
        Bridle 1990; the shift is standard numerical practice.

    Examples:
        >>> softmax(np.log(np.array([1.0, 2.0, 5.0])))
        array([0.125, 0.25 , 0.625])
        >>> softmax(np.array([1e5, 1e5, -np.inf]))
        array([0.5, 0.5, 0. ])
        >>> softmax(np.array([-np.inf, -np.inf]))
        array([0., 0.])
    """
    wide = _wide(scores)
    largest = np.max(wide, axis=axis, keepdims=True, initial=-math.inf)
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, as documented
        exponentials = np.exp(wide - np.where(largest == -math.inf, 0, largest))
    total = np.sum(exponentials, axis=axis, keepdims=True)
    return (exponentials / np.where(total == 0, 1, total)).astype(scores.dtype)


def softmax_jacobian(
    weights: Float[Array, "*batch outcomes"],
) -> Float[Array, "*batch outcomes outcomes"]:
    """How each weight moves with each score: d p_i / d s_j = p_i (1[i = j] - p_j).

    Every row and every column sums to 0: the weights keep summing to 1, and a shift of all
    scores moves nothing. It vanishes as one weight tends to 1.

    Args:
        weights: A softmax's output, not its scores.

    Returns:
        Per nat.

    Examples:
        >>> softmax_jacobian(np.array([0.5, 0.5]))
        array([[ 0.25, -0.25],
               [-0.25,  0.25]])
    """
    column, row = weights[..., :, None], weights[..., None, :]
    return column * (np.eye(weights.shape[-1], dtype=weights.dtype) - row)


def softmax_jacobian_norm(
    weights: Float[Array, "*batch outcomes"],
) -> Float[Array, "*batch"]:
    """The Frobenius norm of `softmax_jacobian`, without the matrix.

    Its square is the sum over i of p_i² ((1 - p_i)² + sum of p_j² over all j but i).

    Args:
        weights: A softmax's output, not its scores.

    Returns:
        Per nat.

    Precision:
        For the largest weight, 1 - p_i is the sum of the others: the difference would be 0 long
        before they are.

    Examples:
        >>> softmax_jacobian_norm(np.array([[0.5, 0.5], [1.0, 1e-30]]))
        array([5.e-01, 2.e-30])
    """
    largest = np.max(weights, axis=-1, keepdims=True)
    others = weights.copy()
    np.put_along_axis(others, np.argmax(weights, axis=-1, keepdims=True), 0, axis=-1)
    squares = others**2
    rest, rest_squared = others.sum(axis=-1), squares.sum(axis=-1, keepdims=True)
    at_largest = largest[..., 0] ** 2 * (rest**2 + rest_squared[..., 0])
    elsewhere = squares * ((1 - others) ** 2 + largest**2 + rest_squared - squares)
    return np.asarray(np.sqrt(at_largest + elsewhere.sum(axis=-1)))


def entropy(weights: Float[Array, "*batch outcomes"]) -> Float[Array, "*batch"]:
    """How spread out weights are: -sum p ln p, from 0 (all on one) to ln n (uniform), in nats.

    Examples:
        >>> entropy(np.array([[0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]])).round(3)
        array([1.386, 0.   ])
    """
    surprise = -np.log(np.where(weights > 0, weights, 1))  # 0 ln 0 is 0, its limit
    return np.asarray(np.sum(weights * surprise, axis=-1))


def causal_mask(n_queries: int, n_keys: int | None = None) -> Bool[Array, "queries keys"]:
    """Each position looks at itself and at what came before, never ahead.

    The queries are the last `n_queries` of `n_keys` positions, as they are when earlier keys come
    from a cache. (torch's `is_causal` takes them as the first.)

    Examples:
        >>> causal_mask(3).astype(int)
        array([[1, 0, 0],
               [1, 1, 0],
               [1, 1, 1]])
        >>> causal_mask(1, 3).astype(int)
        array([[1, 1, 1]])
    """
    return _steps_back(n_queries, n_keys) >= 0


def sliding_window_mask(
    n_queries: int, window: int, n_keys: int | None = None
) -> Bool[Array, "queries keys"]:
    """Causal, and no further back than `window` positions, the position itself included.

    Raises:
        ValueError: If window is less than 1, since a position would not see itself.

    Source:
        Beltagy et al. 2020, arXiv:2004.05150 (both sides); causal as in Mistral 7B, 2310.06825.

    Examples:
        >>> sliding_window_mask(4, window=2).astype(int)
        array([[1, 0, 0, 0],
               [1, 1, 0, 0],
               [0, 1, 1, 0],
               [0, 0, 1, 1]])
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, the position itself, got {window}")
    back = _steps_back(n_queries, n_keys)
    return (back >= 0) & (back < window)


def padding_mask(lengths: Int[Array, "*batch"], n_keys: int) -> Bool[Array, "*batch 1 keys"]:
    """Hide the filler after each sequence's real tokens; the same for all its queries.

    Args:
        lengths: Number of real tokens of each sequence; they come first.
        n_keys: Length to which all sequences were padded.

    Examples:
        >>> padding_mask(np.array([3, 1]), n_keys=3).astype(int)
        array([[[1, 1, 1]],
        <BLANKLINE>
               [[1, 0, 0]]])
    """
    return np.arange(n_keys) < lengths[..., None, None]


def multi_head_attention(
    x: Float[Array, "*batch queries d_model"],
    w_query: Float[Array, "d_model d_attention"],
    w_key: Float[Array, "d_context d_attention"],
    w_value: Float[Array, "d_context d_attention"],
    w_output: Float[Array, "d_attention d_output"],
    n_heads: int,
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
    context: Float[Array, "*batch keys d_context"] | None = None,
) -> Float[Array, "*batch queries d_output"]:
    """Several attentions side by side, each on its own slice of the projections, then mixed.

    Args:
        w_query: The heads' projections side by side: head h owns columns h*d_head to
            (h+1)*d_head, and d_attention = n_heads * d_head. The same holds for `w_key`,
            `w_value` and, by rows, `w_output`.
        mask: The same for every head.
        context: Where keys and values come from; `x` itself if None (self-attention).

    Raises:
        ValueError: If d_attention is not a multiple of n_heads.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2. No biases.

    Examples:
        >>> x, eye = np.array([[1.0, 0.0], [0.0, 1.0]]), np.eye(2)
        >>> multi_head_attention(x, eye, eye, eye, eye, n_heads=2, mask=causal_mask(2)).round(2)
        array([[1.  , 0.  ],
               [0.5 , 0.73]])
    """
    source = x if context is None else context
    queries = split_heads(x @ w_query, n_heads)
    keys = split_heads(source @ w_key, n_heads)
    values = split_heads(source @ w_value, n_heads)
    mask_of_every_head = None if mask is None else mask[..., None, :, :]
    return merge_heads(attention(queries, keys, values, mask_of_every_head)) @ w_output


def split_heads(
    x: Float[Array, "*batch positions d_attention"], n_heads: int
) -> Float[Array, "*batch {n_heads} positions d_head"]:
    """Cut each position's vector into `n_heads` slices and put the head axis first.

    Raises:
        ValueError: If d_attention is not a multiple of n_heads.

    Examples:
        >>> split_heads(np.zeros((10, 512)), n_heads=8).shape
        (8, 10, 64)
        >>> split_heads(np.zeros((10, 512)), n_heads=7)
        Traceback (most recent call last):
        ValueError: 512 channels do not divide into 7 heads
    """
    *batch, positions, d_attention = x.shape
    if n_heads < 1 or d_attention % n_heads:
        raise ValueError(f"{d_attention} channels do not divide into {n_heads} heads")
    slices = x.reshape(*batch, positions, n_heads, d_attention // n_heads)
    return np.swapaxes(slices, -3, -2)


def merge_heads(
    x: Float[Array, "*batch heads positions d_head"],
) -> Float[Array, "*batch positions d_attention"]:
    """Put the heads' vectors side by side again: the inverse of `split_heads`."""
    *batch, heads, positions, d_head = x.shape
    return np.swapaxes(x, -3, -2).reshape(*batch, positions, heads * d_head)


def _wide(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)


def _steps_back(n_queries: int, n_keys: int | None) -> Int[Array, "queries keys"]:
    """How many positions before each query each key stands; negative where it is ahead."""
    n_keys = n_queries if n_keys is None else n_keys
    if n_keys < n_queries:
        raise ValueError(f"{n_queries} queries cannot be the last of only {n_keys} positions")
    return np.arange(n_keys - n_queries, n_keys)[:, None] - np.arange(n_keys)
