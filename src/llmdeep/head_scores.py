"""What a head does, as a number: the share of its attention that goes where a known kind looks."""

import numpy as np

from llmdeep.shapes import Array, Float, Int


def previous_token_score(
    weights: Float[Array, "*heads positions positions"],
) -> Float[Array, "*heads"]:
    """Mean weight that a position gives to the one before it, from 0 to 1.

    Raises:
        ValueError: For fewer than two positions.

    Source:
        Voita et al. 2019, arXiv:1905.09418 (positional heads); Olsson et al. 2022,
        arXiv:2209.11895.

    Examples:
        >>> previous_token_score(np.array([[[1, 0, 0], [0.9, 0.1, 0], [0, 0.7, 0.3]]]))
        array([0.8])
    """
    _need(weights, 2)
    return np.diagonal(weights, offset=-1, axis1=-2, axis2=-1).mean(axis=-1)


def first_token_score(
    weights: Float[Array, "*heads positions positions"],
) -> Float[Array, "*heads"]:
    """Mean weight that a position gives to the very first, from 0 to 1; the first left out.

    Raises:
        ValueError: For fewer than two positions.

    Source:
        Xiao et al. 2023, arXiv:2309.17453 (attention sinks).
    """
    _need(weights, 2)
    return weights[..., 1:, 0].mean(axis=-1)


def induction_score(
    weights: Float[Array, "*heads positions positions"], period: int
) -> Float[Array, "*heads"]:
    """Mean weight given to what followed this token one period ago, from 0 to 1.

    Of a text that repeats itself every `period` tokens. Whoever looks there sees the token that
    comes next.

    Raises:
        ValueError: If the text is not longer than one period.

    Source:
        Olsson et al. 2022, arXiv:2209.11895, "prefix matching score".
    """
    _need(weights, period + 1)
    return np.diagonal(weights, offset=1 - period, axis1=-2, axis2=-1)[..., 1:].mean(axis=-1)


def repeated_tokens(
    n_tokens: int, period: int, vocabulary_size: int, rng: np.random.Generator
) -> Int[Array, "positions"]:
    """Random tokens, drawn once and repeated: only memory of the first time helps.

    Examples:
        >>> repeated_tokens(5, 2, 100, np.random.default_rng(0))
        array([85, 63, 85, 63, 85])
    """
    return np.resize(rng.integers(vocabulary_size, size=period), n_tokens)


def _need(weights: Float[Array, "*heads positions positions"], n_positions: int) -> None:
    if weights.shape[-1] < n_positions:
        raise ValueError(f"{weights.shape[-1]} positions; this score needs at least {n_positions}")
