"""Sampling: from logits to the probabilities that a token is drawn from.

Four settings, applied in this order, each to what the one before has left:

    temperature   logits are divided by it: below 1 sharper, above 1 flatter, 0 only the likeliest
    top-k         only the k likeliest tokens
    top-p         only the likeliest tokens that together reach probability p
    min-p         only tokens at least min_p times as likely as the likeliest
"""

import math
from dataclasses import dataclass

import numpy as np

from llmdeep.attention import softmax
from llmdeep.shapes import Array, Bool, Float


@dataclass(frozen=True)
class Sampling:
    """How to choose the next token; by default from the model's own distribution.

    Attributes:
        temperature: 0 or more. 0 takes the largest logit, of equal ones the lowest id.
        top_k: At least 1; more than the vocabulary has keeps all. None: all.
        top_p: Above 0, at most 1. None: all.
        min_p: From 0 to 1. None: all.

    Raises:
        ValueError: If a setting is outside its range.

    Source:
        Fan et al. 2018, arXiv:1805.04833 (top-k); Holtzman et al. 2019, arXiv:1904.09751 (top-p);
        Nguyen et al. 2024, arXiv:2407.01082 (min-p).

    Examples:
        >>> Sampling(top_p=90)
        Traceback (most recent call last):
        ValueError: top_p must be above 0 and at most 1, not 90
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more and finite, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.min_p is not None and not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p must be from 0 to 1, not {self.min_p}")


UNCHANGED = Sampling()
GREEDY = Sampling(temperature=0.0)


def probabilities(
    logits: Float[Array, "*batch vocab"], sampling: Sampling = UNCHANGED
) -> Float[Array, "*batch vocab"]:
    """The distribution that the next token is drawn from.

    Of equally likely tokens at the edge of top-k or top-p, those with the lower ids are kept.

    Args:
        logits: In nats. A token of logit -inf is never drawn.

    Returns:
        float64, each row sums to 1: float32 sums of a large vocabulary would be off by more than
        its rare tokens.

    Raises:
        ValueError: If a row has a NaN or +inf, or is -inf throughout.

    Examples:
        >>> logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
        >>> probabilities(logits, Sampling(top_k=2))
        array([0.625, 0.375, 0.   , 0.   ])
        >>> probabilities(logits, Sampling(top_p=0.75)).round(3)
        array([0.625, 0.375, 0.   , 0.   ])
        >>> probabilities(logits, Sampling(min_p=0.2)).round(3)
        array([0.526, 0.316, 0.158, 0.   ])
        >>> probabilities(logits, Sampling(temperature=0.0))
        array([1., 0., 0., 0.])
    """
    wide = logits.astype(np.float64)
    largest = wide.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError("logits must be numbers below infinity, and at least one above -infinity")
    if sampling.temperature == 0:
        chosen = wide.argmax(axis=-1)
        return (np.arange(logits.shape[-1]) == chosen[..., None]).astype(np.float64)
    with np.errstate(over="ignore"):  # a tiny temperature takes the others to -inf, as it should
        shares = softmax((wide - largest) / sampling.temperature)
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        shares = _keep(shares, _ranks(shares) < sampling.top_k)
    if sampling.top_p is not None and sampling.top_p < 1:
        shares = _keep(shares, _likelier(shares) < sampling.top_p)
    if sampling.min_p is not None:
        shares = _keep(shares, shares >= sampling.min_p * shares.max(axis=-1, keepdims=True))
    return shares


def draw(probabilities: Float[Array, "vocab"], rng: np.random.Generator) -> int:
    """Draw a token: the first whose cumulative probability exceeds a uniform random number.

    One number of the generator a draw, so that a seed means the same text everywhere.

    Examples:
        >>> draw(np.array([0.0, 1.0, 0.0]), np.random.default_rng(0))
        1
    """
    cumulative = np.cumsum(probabilities)
    # scaled by the sum, which rounding may leave a little below 1
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))


def _keep(
    shares: Float[Array, "*batch vocab"], kept: Bool[Array, "*batch vocab"]
) -> Float[Array, "*batch vocab"]:
    left = np.where(kept, shares, 0)
    return left / left.sum(axis=-1, keepdims=True)


def _ranks(shares: Float[Array, "*batch vocab"]) -> Array:
    """Each token's place when the likeliest comes first; of equals, the lower id."""
    order = np.argsort(-shares, axis=-1, kind="stable")
    return np.argsort(order, axis=-1, kind="stable")


def _likelier(shares: Float[Array, "*batch vocab"]) -> Float[Array, "*batch vocab"]:
    """How much probability stands before each token when the likeliest comes first."""
    order = np.argsort(-shares, axis=-1, kind="stable")
    before = np.zeros_like(shares)
    np.cumsum(np.take_along_axis(shares, order, axis=-1)[..., :-1], axis=-1, out=before[..., 1:])
    return np.take_along_axis(before, np.argsort(order, axis=-1, kind="stable"), axis=-1)
