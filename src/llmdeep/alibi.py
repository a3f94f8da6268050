"""ALiBi: no position in the stream, only a penalty on scores that grows with the distance."""

import numpy as np

from llmdeep.shapes import Array, Float


def alibi_slopes(n_heads: int) -> Float[Array, "n_heads"]:
    """How much each head's score falls with each position of distance: 2**(-8 h / n_heads).

    Where n_heads is no power of two, the missing heads take every other slope of the next power,
    as the authors' code does.

    Returns:
        Nats per position, positive, largest first for a power of two.

    Raises:
        ValueError: If there is no head.

    Source:
        Press, Smith & Lewis 2021, arXiv:2108.12409, section 3 and the released code.

    Examples:
        >>> alibi_slopes(4)
        array([0.25      , 0.0625    , 0.015625  , 0.00390625])
        >>> alibi_slopes(3)
        array([0.0625    , 0.00390625, 0.25      ])
    """
    if n_heads < 1:
        raise ValueError(f"there must be at least one head, not {n_heads}")
    power = 2 ** int(np.log2(n_heads))
    slopes = 2.0 ** (-8.0 * np.arange(1, power + 1) / power)
    between = 2.0 ** (-8.0 * np.arange(1, 2 * power + 1, 2) / (2 * power))
    return np.concatenate([slopes, between[: n_heads - power]])


def alibi_bias(
    slopes: Float[Array, "n_heads"], n_queries: int, n_keys: int
) -> Float[Array, "n_heads queries keys"]:
    """What is added to the scores: minus the slope times the distance.

    The queries are the last `n_queries` of `n_keys` positions.

    Returns:
        Nats, at most 0.

    Examples:
        >>> alibi_bias(np.array([0.5]), n_queries=2, n_keys=3)
        array([[[-0.5,  0. , -0.5],
                [-1. , -0.5,  0. ]]])
    """
    queries = np.arange(n_keys - n_queries, n_keys)[:, None]
    distance = np.abs(queries - np.arange(n_keys))
    return slopes[:, None, None] * -distance
