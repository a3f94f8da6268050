"""Routing: each token of a mixture of experts goes to the few experts that score highest for it."""

import numpy as np

from llmdeep.attention import softmax
from llmdeep.shapes import Array, Float, Int


def top_experts(
    logits: Float[Array, "*batch experts"], k: int
) -> tuple[Float[Array, "*batch chosen"], Int[Array, "*batch chosen"]]:
    """The k experts of the largest logits, likeliest first, and how much each one counts.

    Returns:
        Weights that sum to 1 over the chosen, in the dtype of `logits`, and the experts' numbers;
        of equal logits the lower number comes first.

    Raises:
        ValueError: If there are fewer than k experts, or k is not positive.

    Source:
        Shazeer et al. 2017, arXiv:1701.06538, without noise; the softmax over the chosen alone as
        in Mixtral, Jiang et al. 2024, arXiv:2401.04088.

    Examples:
        >>> weights, experts = top_experts(np.log(np.array([1.0, 6.0, 1.0, 2.0])), k=2)
        >>> weights.round(2), experts
        (array([0.75, 0.25]), array([1, 3]))
    """
    n_experts = logits.shape[-1]
    if not 1 <= k <= n_experts:
        raise ValueError(f"k must be from 1 to {n_experts}, the number of experts, not {k}")
    experts = np.argsort(-logits, axis=-1, kind="stable")[..., :k]
    return softmax(np.take_along_axis(logits, experts, axis=-1)), experts
