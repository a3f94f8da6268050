"""Positions: vectors that tell attention in which order the tokens came."""

import numpy as np

from llmdeep.shapes import Array, Float, Int


def sinusoidal_encoding(
    positions: Int[Array, "positions"], d_model: int, base: float = 10_000.0
) -> Float[Array, "positions d_model"]:
    """One vector a position: pairs of sine and cosine, each pair turning at its own speed.

    Channel 2i is sin(pos * w_i) and channel 2i + 1 is cos(pos * w_i), with the frequencies w_i of
    `frequencies`. Nothing is learned, and any whole position has a vector, negative ones too.

    Returns:
        Values in [-1, 1]; every vector has length sqrt(d_model / 2).

    Raises:
        ValueError: If d_model is odd or not positive, or base is not positive.

    Precision:
        float64 throughout: in float32 some angles of position 100,000 are off by 0.006 rad.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

    Examples:
        >>> sinusoidal_encoding(np.arange(3), d_model=4).round(3)
        array([[ 0.   ,  1.   ,  0.   ,  1.   ],
               [ 0.841,  0.54 ,  0.01 ,  1.   ],
               [ 0.909, -0.416,  0.02 ,  1.   ]])
    """
    angles = np.outer(positions, frequencies(d_model, base))  # (positions, d_model / 2)
    encoding = np.empty((len(positions), d_model))
    encoding[:, 0::2] = np.sin(angles)
    encoding[:, 1::2] = np.cos(angles)
    return encoding


def frequencies(d_model: int, base: float = 10_000.0) -> Float[Array, "pairs"]:
    """How far each pair turns from one position to the next, in radians: w_i = base**(-2i/d_model).

    Raises:
        ValueError: If d_model is odd or not positive, or base is not positive.

    Examples:
        >>> frequencies(4)
        array([1.  , 0.01])
        >>> frequencies(5)
        Traceback (most recent call last):
        ValueError: d_model must be even and at least 2 (a sine and a cosine a pair), got 5
    """
    if d_model < 2 or d_model % 2:
        raise ValueError(
            f"d_model must be even and at least 2 (a sine and a cosine a pair), got {d_model}"
        )
    if not base > 0:
        raise ValueError(f"base must be positive, got {base}")
    return base ** (-np.arange(0, d_model, 2) / d_model)


def wavelengths(d_model: int, base: float = 10_000.0) -> Float[Array, "pairs"]:
    """How many positions each pair takes for one full turn: 2 pi / w_i, a geometric sequence.

    Examples:
        >>> wavelengths(4).round(2)
        array([  6.28, 628.32])
    """
    return 2 * np.pi / frequencies(d_model, base)


def shift_matrix(
    offset: int, d_model: int, base: float = 10_000.0
) -> Float[Array, "d_model d_model"]:
    """The matrix R with encoding(pos + offset) = R @ encoding(pos), whatever pos is.

    Turning a clock hand by a fixed angle is linear in the hand's two coordinates, so R is a
    rotation: a 2 x 2 block [[cos, sin], [-sin, cos]] of the angle offset * w_i for each pair.

    Examples:
        >>> before, after = sinusoidal_encoding(np.array([5, 8]), d_model=6)
        >>> bool(np.allclose(shift_matrix(3, d_model=6) @ before, after))
        True
    """
    angles = offset * frequencies(d_model, base)
    even, odd = np.arange(0, d_model, 2), np.arange(1, d_model, 2)
    rotation = np.zeros((d_model, d_model))
    rotation[even, even] = rotation[odd, odd] = np.cos(angles)
    rotation[even, odd] = np.sin(angles)
    rotation[odd, even] = -np.sin(angles)
    return rotation


def offset_similarity(
    offsets: Int[Array, "offsets"], d_model: int, base: float = 10_000.0
) -> Float[Array, "offsets"]:
    """Dot product of two encodings that far apart: sum over pairs of cos(offset * w_i).

    From sin a sin b + cos a cos b = cos(a - b): the two positions enter by their difference only,
    and its sign does not matter.

    Returns:
        Dimensionless, d_model / 2 at offset 0 and never more.

    Examples:
        >>> offset_similarity(np.array([-1, 0, 1]), d_model=4).round(3)
        array([1.54, 2.  , 1.54])
    """
    return np.cos(np.outer(offsets, frequencies(d_model, base))).sum(axis=1)


def learned_encoding(
    table: Float[Array, "trained d_model"], positions: Int[Array, "positions"]
) -> Float[Array, "positions d_model"]:
    """Look positions up in a table of parameters, one row a position.

    Raises:
        IndexError: If a position has no row: a learned table ends where it was trained to end.

    Source:
        Gehring et al. 2017, arXiv:1705.03122, section 3.1; used by GPT-1, BERT, GPT-2 and GPT-3.

    Examples:
        >>> learned_encoding(np.zeros((4, 2)), np.array([0, 4]))
        Traceback (most recent call last):
        IndexError: position 4 has no row: the table was made for positions 0 to 3
    """
    outside = positions[(positions < 0) | (positions >= len(table))]
    if outside.size:
        raise IndexError(
            f"position {outside[0]} has no row: the table was made for positions 0 to "
            f"{len(table) - 1}"
        )
    return table[positions]
