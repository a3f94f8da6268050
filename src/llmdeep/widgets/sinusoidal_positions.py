"""Sinusoidal encodings: positions written by clock hands of many speeds.

Notice: dot products depend on the offset alone, and one rotation carries every position k steps
on.
"""

from typing import Annotated

import numpy as np

from llmdeep.positions import offset_similarity, shift_matrix, sinusoidal_encoding, wavelengths
from llmdeep.widgets import (
    Axis,
    Chart,
    Line,
    Matrix,
    Metric,
    Metrics,
    Point,
    Rule,
    Slider,
    View,
)


def render(
    d_model: Annotated[int, Slider(values=(4, 8, 16, 24, 32), label="channels (d_model)")] = 24,
    length: Annotated[
        int, Slider(values=(8, 16, 24, 32, 48), label="length of the text", unit="positions")
    ] = 24,
    base: Annotated[
        float,
        Slider(values=(10, 100, 1_000, 10_000, 100_000, 1_000_000), label="base"),
    ] = 10_000,
    offset: Annotated[int, Slider(-16, 16, label="steps to move, k")] = 3,
) -> list[View]:
    positions = np.arange(length)
    encoding = sinusoidal_encoding(positions, d_model, base)
    rotation = shift_matrix(offset, d_model, base)
    carried = encoding @ rotation.T
    error = np.abs(carried - sinusoidal_encoding(positions + offset, d_model, base)).max()

    offsets = np.arange(1 - length, length - length // 2)
    middle, end = encoding[length // 2], encoding[-1]
    turns = wavelengths(d_model, base)
    shown = min(d_model, 8)
    return [
        Matrix(
            encoding,
            rows=[str(p) for p in positions],
            columns=[f"{'sin' if c % 2 == 0 else 'cos'} {c // 2}" for c in range(d_model)],
            title="The encoding: each row is the vector of a position",
            row_label="position",
            column_label="channel",
            domain=(-1, 1),
            diverging=True,
        ),
        Chart(
            [
                Point(np.arange(d_model // 2), turns),
                Rule(y=length, label=f"length of the text: {length}"),
            ],
            x=Axis("pair of channels"),
            y=Axis("wavelength", "log", unit="positions"),
            title="How long each pair takes for a turn",
        ),
        Chart(
            [
                Line(offsets, offset_similarity(offsets, d_model, base), "formula"),
                Point(positions - length // 2, encoding @ middle, f"with position {length // 2}"),
                Point(positions - length + 1, encoding @ end, f"with position {length - 1}"),
                Rule(x=offset, label=f"k = {offset}"),
            ],
            x=Axis("distance", unit="positions"),
            y=Axis("dot product"),
            title="Dot product of two positions, by their distance",
        ),
        Matrix(
            rotation[:shown, :shown],
            title=f"The map from p to p + k, first {shown // 2} pairs: a 2 × 2 rotation each",
            row_label="channel at p + k",
            column_label="channel at p",
            domain=(-1, 1),
            diverging=True,
        ),
        Metrics(
            largest_error_of_the_map=Metric(float(error), note=f"over all {length} positions"),
            dot_product_at_distance_k=Metric(
                float(offset_similarity(np.array([offset]), d_model, base)[0]),
                note=f"{d_model / 2:g} at distance 0",
            ),
            longest_wavelength=Metric(float(turns[-1]), "positions"),
        ),
    ]
