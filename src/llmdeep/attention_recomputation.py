"""The backward pass of flash attention: weights are computed again, a tile at a time.

A forward pass that stores no weights leaves the logarithm of each query's sum behind, and with it
any weight is one exponential away: exp(score - log of the sum).
"""

import math

import numpy as np

from llmdeep.attention import attention_scores
from llmdeep.shapes import Array, Bool, Float


def tiled_attention_gradient(
    upstream: Float[Array, "*batch queries d_value"],
    queries: Float[Array, "*batch queries d_head"],
    keys: Float[Array, "*batch keys d_head"],
    values: Float[Array, "*batch keys d_value"],
    output: Float[Array, "*batch queries d_value"],
    log_total: Float[Array, "*batch queries 1"],
    mask: Bool[Array, "*#batch #queries keys"] | None = None,
    scale: float | None = None,
    block: int = 64,
) -> tuple[
    Float[Array, "*batch queries d_head"],
    Float[Array, "*batch keys d_head"],
    Float[Array, "*batch keys d_value"],
]:
    """The loss's gradients at queries, keys and values, over one block of keys after another.

    Args:
        upstream: Gradient of the loss at the output.
        output, log_total: What `flash_attention` returned.
        mask: True where a query may look at a key.
        scale: Factor on the dot products; 1 / sqrt(d_head) if None.
        block: Keys at a time.

    Returns:
        In float32 or wider.

    Source:
        Dao et al. 2022, arXiv:2205.14135, algorithm 4; Dao 2023, arXiv:2307.08691, algorithm 2,
        which keeps one number a query, log_total, in place of a maximum and a sum.
    """
    if scale is None:
        scale = 1 / math.sqrt(queries.shape[-1])
    # what a query earned on average: its weights times (upstream · values), without the weights
    average = np.sum(upstream * output, axis=-1, keepdims=True)
    safe = np.where(log_total == -math.inf, 0, log_total)  # of a query that saw nothing
    wide = np.promote_types(queries.dtype, np.float32)
    d_queries = np.zeros(queries.shape, wide)
    d_keys, d_values = np.zeros(keys.shape, wide), np.zeros(values.shape, wide)
    for start in range(0, keys.shape[-2], block):
        part = slice(start, start + block)
        k, v = keys[..., part, :], values[..., part, :]
        scores = attention_scores(queries, k, None if mask is None else mask[..., part], scale)
        weights = np.exp(scores - safe)  # the forward pass's, again
        earned = upstream @ np.swapaxes(v, -1, -2)
        d_scores = weights * (earned - average) * scale
        d_queries += d_scores @ k
        d_keys[..., part, :] = np.swapaxes(d_scores, -1, -2) @ queries
        d_values[..., part, :] = np.swapaxes(weights, -1, -2) @ upstream
    return d_queries, d_keys, d_values
