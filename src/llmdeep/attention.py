"""Attention: each position looks at the others and takes what is relevant."""

import numpy as np

from llmdeep.shapes import Array, Float


def softmax(scores: Float[Array, "*batch n"], axis: int = -1) -> Float[Array, "*batch n"]:
    """Turn scores into positive weights that sum to 1 along `axis`.

    p_i = exp(s_i - max s) / sum_j exp(s_j - max s). Subtracting the maximum changes nothing in
    exact arithmetic and keeps exp from overflowing. Scores of -inf get weight 0.

    Args:
        scores: In nats: a score larger by 1 gets e times the weight.

    Source:
        Bridle 1990; the shift is standard numerical practice.
    """
    shifted = scores - np.max(scores, axis=axis, keepdims=True)
    weights = np.exp(shifted)
    return weights / np.sum(weights, axis=axis, keepdims=True)
