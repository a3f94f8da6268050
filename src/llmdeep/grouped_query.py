"""Grouped-query attention: several heads of queries share one head of keys and values.

The cache and its traffic shrink by the size of a group. One group a head is multi-head attention;
one group in all is multi-query attention. Query head h belongs to group h // (heads a group).
"""

import math

import numpy as np

from llmdeep.attention import attention_scores
from llmdeep.shapes import Array, Bool, Float


def grouped_scores(
    queries: Float[Array, "*batch heads queries d_head"],
    keys: Float[Array, "*batch kv_heads keys d_head"],
    mask: Bool[Array, "*#batch 1 #queries keys"] | None = None,
) -> Float[Array, "*batch heads queries keys"]:
    """Scaled dot products of each head's queries with its group's keys, -inf where masked.

    A group's queries are stacked as if they were more positions of one head, so that no key is
    copied.

    Returns:
        In nats.

    Raises:
        ValueError: If the heads do not divide into the groups.

    Source:
        Ainslie et al. 2023, arXiv:2305.13245; Shazeer 2019, arXiv:1911.02150 (one group).

    Examples:
        >>> queries, keys = np.ones((4, 1, 9)), np.array([[[1.0] * 9], [[2.0] * 9]])
        >>> grouped_scores(queries, keys)[:, 0, 0]
        array([3., 3., 6., 6.])
    """
    *batch, heads, n_queries, _ = queries.shape
    scores = attention_scores(_stack(queries, keys.shape[-3]), keys)
    scores = scores.reshape(*batch, heads, n_queries, keys.shape[-2])
    return scores if mask is None else np.where(mask, scores, -math.inf)


def grouped_mix(
    weights: Float[Array, "*batch heads queries keys"],
    values: Float[Array, "*batch kv_heads keys d_value"],
) -> Float[Array, "*batch heads queries d_value"]:
    """Each head's weighted mean of its group's values.

    Raises:
        ValueError: If the heads do not divide into the groups.
    """
    mixed = _stack(weights, values.shape[-3]) @ values
    return mixed.reshape(*weights.shape[:-1], values.shape[-1])


def _stack(
    x: Float[Array, "*batch heads queries columns"], groups: int
) -> Float[Array, "*batch kv_heads rows columns"]:
    *batch, heads, n_queries, columns = x.shape
    if heads % groups:
        raise ValueError(f"{heads} heads do not divide into {groups} groups")
    return x.reshape(*batch, groups, heads // groups * n_queries, columns)
