"""Flash attention: the same sums as attention, a block of keys at a time, with no matrix of scores.

A softmax needs the largest score and the sum of all exponentials before it can divide. Both can be
kept while the keys go by: when a larger score comes, what was summed so far is scaled down. So the
keys may come in blocks, or be shared out, and the parts merged.
"""

import math
from typing import NamedTuple

import numpy as np

from llmdeep.attention import attention_scores
from llmdeep.shapes import Array, Bool, Float


class Partial(NamedTuple):
    """Attention over some of the keys, before the division.

    Attributes:
        mixed: Sum of exp(score - largest) times the values.
        total: Sum of exp(score - largest).
        largest: Largest score, nats; -inf where no key may be seen.
    """

    mixed: Float[Array, "*batch queries d_value"]
    total: Float[Array, "*batch queries 1"]
    largest: Float[Array, "*batch queries 1"]


def flash_attention(
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    values: Float[Array, "*batch keys d_value"],
    mask: Bool[Array, "*#batch #queries keys"] | None = None,
    scale: float | None = None,
    block: int = 64,
) -> tuple[Float[Array, "*batch queries d_value"], Float[Array, "*batch queries 1"]]:
    """What `attention` computes, over one block of keys after another.

    Args:
        mask: True where a query may look at a key.
        scale: Factor on the dot products; 1 / sqrt(d_head) if None.
        block: Keys at a time. The result does not depend on it, but for rounding.

    Returns:
        The mixed values, in the dtype of `values`, and the logarithm of each query's sum of
        exponentials, in nats: all that a backward pass needs to have the weights again.

    Raises:
        ValueError: If block is not positive.

    Source:
        Dao et al. 2022, arXiv:2205.14135; the running softmax is Milakov & Gimelshein 2018,
        arXiv:1805.02867.

    Examples:
        >>> keys = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        >>> output, log_total = flash_attention(np.zeros((1, 2)), keys, keys, block=2)
        >>> output.round(3), log_total.round(3)
        (array([[0.333, 0.333]]), array([[1.099]]))
    """
    if block < 1:
        raise ValueError(f"a block must hold at least one key, not {block}")
    seen = nothing_seen(queries, values)
    for start in range(0, keys.shape[-2], block):
        part = slice(start, start + block)
        visible = None if mask is None else mask[..., part]
        scores = attention_scores(queries, keys[..., part, :], visible, scale)
        seen = merge(seen, partial_attention(scores, values[..., part, :]))
    output, log_total = finish(seen)
    return output.astype(values.dtype), log_total


def partial_attention(
    scores: Float[Array, "*batch queries keys"], values: Float[Array, "*batch keys d_value"]
) -> Partial:
    """Attention over some keys, from their scores in nats, -inf where one may not be seen."""
    largest = np.max(scores, axis=-1, keepdims=True, initial=-math.inf)
    exponentials = np.exp(scores - _finite(largest))
    return Partial(exponentials @ values, exponentials.sum(axis=-1, keepdims=True), largest)


def merge(one: Partial, other: Partial) -> Partial:
    """Attention over the keys of both, as if they had come together.

    Each part is scaled to the larger of the two maxima, so that nothing overflows. The order does
    not matter, which lets many processors share the keys of one query.
    """
    largest = np.maximum(one.largest, other.largest)
    shrink_one = np.exp(one.largest - _finite(largest))
    shrink_other = np.exp(other.largest - _finite(largest))
    return Partial(
        one.mixed * shrink_one + other.mixed * shrink_other,
        one.total * shrink_one + other.total * shrink_other,
        largest,
    )


def finish(
    seen: Partial,
) -> tuple[Float[Array, "*batch queries d_value"], Float[Array, "*batch queries 1"]]:
    """Divide: the mixed values, and the log of the sum of exponentials.

    A query that saw nothing gets 0, and -inf.
    """
    some = seen.total > 0
    safe = np.where(some, seen.total, 1)
    return seen.mixed / safe, np.where(some, seen.largest + np.log(safe), -math.inf)


def nothing_seen(
    queries: Float[Array, "*batch queries d_head"], values: Float[Array, "*batch keys d_value"]
) -> Partial:
    """The start, which changes nothing that it is merged with."""
    *rows, _ = queries.shape
    wide = np.promote_types(queries.dtype, np.float32)
    zero = np.zeros((*rows, values.shape[-1]), wide)
    return Partial(zero, np.zeros((*rows, 1), wide), np.full((*rows, 1), -math.inf, wide))


def attention_gradient(
    upstream: Float[Array, "*batch queries d_value"],
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    values: Float[Array, "*batch keys d_value"],
    weights: Float[Array, "*batch queries keys"],
    scale: float,
    slope: Float[Array, "*batch queries keys"] | float = 1.0,
) -> tuple[
    Float[Array, "*batch queries d_head"],
    Float[Array, "*batch keys d_head"],
    Float[Array, "*batch keys d_value"],
]:
    """The loss's gradients at queries, keys and values.

    Through the softmax a score's gradient is its weight times (what its value would have earned,
    less what the query earned on average). That average is a dot product of the output and its
    gradient, so a backward pass can go block by block as well.

    Args:
        upstream: Gradient of the loss at the output.
        weights: The softmax's, 0 where a query may not look.
        scale: Factor on the dot products.
        slope: Derivative of what was done to the scores after scaling, as by `soft_cap`.

    Source:
        Dao et al. 2022, arXiv:2205.14135, appendix B.2.
    """
    earned = upstream @ np.swapaxes(values, -1, -2)
    average = np.sum(weights * earned, axis=-1, keepdims=True)
    d_scores = weights * (earned - average) * slope * scale
    d_keys = np.swapaxes(d_scores, -1, -2) @ queries
    return d_scores @ keys, d_keys, np.swapaxes(weights, -1, -2) @ upstream


def soft_cap(scores: Float[Array, "*shape"], cap: float) -> Float[Array, "*shape"]:
    """Bend scores so that they stay within ±cap, and are unchanged near 0: cap * tanh(s / cap).

    Args:
        cap: In nats.

    Raises:
        ValueError: If cap is not positive.

    Source:
        Gemma Team 2024, arXiv:2408.00118, with 50 in attention.

    Examples:
        >>> soft_cap(np.array([0.0, 1.0, 1000.0]), cap=50.0).round(3)
        array([ 0.,  1., 50.])
    """
    if cap <= 0:
        raise ValueError(f"cap must be positive, not {cap}")
    return cap * np.tanh(scores / cap)


def _finite(largest: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return np.where(largest == -math.inf, 0, largest)  # -inf - -inf would be NaN
