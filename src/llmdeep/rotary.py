"""Rotary position embedding: turn queries and keys by an angle that grows with the position.

A dot product of two turned vectors depends on their positions by the difference alone, so attention
learns about distance and nothing is added to the stream.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from llmdeep.positions import frequencies
from llmdeep.shapes import Array, Float, Int


@dataclass(frozen=True)
class RopeScaling:
    """How a model's frequencies were changed after training on shorter texts.

    "linear" divides all of them by `factor`. "llama3" divides those that make less than
    `low_freq_factor` turns in `original_max_positions`, keeps those that make more than
    `high_freq_factor`, and blends between; the last three fields are its own.
    """

    kind: Literal["linear", "llama3"]
    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_positions: int = 8192


def rotary_frequencies(
    d_head: int, theta: float = 10_000.0, scaling: RopeScaling | None = None
) -> Float[Array, "pairs"]:
    """How far each pair of channels turns from one position to the next, in radians.

    w_i = theta**(-2i/d_head), changed by `scaling` if there is one.

    Raises:
        ValueError: If d_head is odd or not positive, or theta is not positive.

    Source:
        Su et al. 2021, arXiv:2104.09864 (the frequencies); Chen et al. 2023, arXiv:2306.15595
        (linear); Grattafiori et al. 2024, arXiv:2407.21783, and its released code (llama3).

    Examples:
        >>> rotary_frequencies(4)
        array([1.  , 0.01])
        >>> rotary_frequencies(4, scaling=RopeScaling("linear", factor=2.0))
        array([0.5  , 0.005])
        >>> rotary_frequencies(4, scaling=RopeScaling("llama3", factor=8.0))  # 13 turns in 8192
        array([1.  , 0.01])
        >>> rotary_frequencies(4, theta=1e8, scaling=RopeScaling("llama3", factor=8.0))
        array([1.00e+00, 1.25e-05])
    """
    fast = frequencies(d_head, theta)
    if scaling is None:
        return fast
    slow = fast / scaling.factor
    if scaling.kind == "linear":
        return slow
    turns = scaling.original_max_positions * fast / (2 * math.pi)
    span = scaling.high_freq_factor - scaling.low_freq_factor
    kept = np.clip((turns - scaling.low_freq_factor) / span, 0, 1)
    return kept * fast + (1 - kept) * slow


def turns(
    positions: Int[Array, "*batch positions"], frequencies: Float[Array, "pairs"]
) -> tuple[Float[Array, "*batch positions 2 pairs"], Float[Array, "*batch positions 2 pairs"]]:
    """The two factors with which `rotate` multiplies: cosines, and sines with their signs.

    They serve all heads of all layers, so they are computed once.

    Returns:
        float32. The angles are float64: in float32 those of position 100,000 are off by 0.004 rad.
    """
    angles = (positions[..., None] * frequencies)[..., None, :]
    sines = np.sin(angles)
    cosines = np.cos(angles)
    return (
        np.concatenate([cosines, cosines], axis=-2).astype(np.float32),
        np.concatenate([-sines, sines], axis=-2).astype(np.float32),
    )


def rotate(
    x: Float[Array, "*batch positions d_head"],
    cosines: Float[Array, "*#batch positions 2 pairs"],
    sines: Float[Array, "*#batch positions 2 pairs"],
) -> Float[Array, "*batch positions d_head"]:
    """Turn each pair of channels of each vector by its position's angle.

    Channel i is paired with channel i + d_head/2, as in all files of the Llama family that are
    published for the library `transformers`. (The paper pairs neighbours, 2i with 2i + 1. The two
    differ by an order of the channels, which the matrices before them have learned.)

    Args:
        cosines: With `sines` the result of `turns`.

    Returns:
        In the dtype of `x`: vectors of the same lengths.

    Source:
        Su et al. 2021, arXiv:2104.09864, equation 34.

    Examples:
        >>> quarter = turns(np.array([1]), np.array([math.pi / 2, 0.0]))
        >>> rotate(np.array([[1.0, 2.0, 3.0, 4.0]]), *quarter).round(6)
        array([[-3.,  2.,  1.,  4.]])
    """
    *batch, d_head = x.shape
    pairs = x.reshape(*batch, 2, d_head // 2)  # [:, 0] first members, [:, 1] second members
    turned = pairs * cosines + pairs[..., ::-1, :] * sines
    return turned.reshape(x.shape).astype(x.dtype, copy=False)
