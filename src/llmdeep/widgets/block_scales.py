"""One block of weights in few bits: the scale that its numbers share, and what an outlier does.

Notice: raise the outlier. The scale must follow the largest number, so all the others have fewer
and fewer steps left, until most are stored as zero. Small blocks keep the damage local.
"""

from typing import Annotated

import numpy as np

from llmdeep.block_scales import LARGEST_BLOCK, quantize_blocks
from llmdeep.weight_bytes import FORMATS
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Point,
    Seed,
    Slider,
    Table,
    View,
)

N_WEIGHTS = 128


def render(
    format: Annotated[str, Choice(*LARGEST_BLOCK)] = "mxfp4",
    outlier: Annotated[
        float, Slider(1, 100, log=True, count=21, label="one weight times", unit="×")
    ] = 10.0,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    weights = np.random.default_rng(seed).standard_normal(N_WEIGHTS)
    weights[40] = 2.0 * outlier
    stored, scales = in_blocks(weights, format)
    others = np.arange(N_WEIGHTS) != 40
    order = np.argsort(weights[others], kind="stable")
    block = LARGEST_BLOCK[format]
    return [
        Metrics(
            error_of_the_others=Metric(100 * error(weights, stored, others), "%", "of their size"),
            stored_as_zero=Metric(int((stored == 0).sum()), f"of {N_WEIGHTS}"),
            bits_a_weight=Metric(stored_bits(format), note=f"a scale for {block} of them"),
        ),
        Chart(
            [
                Line([-4, 4], [-4, 4], "exact", dashed=True),
                Point(weights[others][order], stored[others][order], f"as {format}"),
            ],
            x=Axis("weight", domain=[-4, 4]),
            y=Axis("stored", domain=[-4, 4]),
            title="Each weight but the outlier, and what is stored of it",
        ),
        Chart(
            [Bar([str(k + 1) for k in range(len(scales))], scales)],
            x=Axis("block", "category"),
            y=Axis("scale"),
            title=f"The scale of each block; the outlier is in block {40 // block + 1}",
        ),
        Table(
            ("format", "error of the others, %", "stored as zero", "bits a weight"),
            [
                (
                    name,
                    100 * error(weights, each, others),
                    int((each == 0).sum()),
                    stored_bits(name),
                )
                for name in LARGEST_BLOCK
                for each in [in_blocks(weights, name)[0]]
            ],
            title="The same weights in every format",
        ),
    ]


def in_blocks(weights: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What is stored of each weight, and the scales, block by block."""
    small, scales = quantize_blocks(weights.reshape(-1, LARGEST_BLOCK[name]), name)
    return (small * scales).ravel(), scales.ravel()


def error(weights: np.ndarray, stored: np.ndarray, others: np.ndarray) -> float:
    """Root mean square of the errors over that of the weights, without the outlier."""
    return float(np.linalg.norm((stored - weights)[others]) / np.linalg.norm(weights[others]))


def stored_bits(name: str) -> float:
    return FORMATS["int4, groups of 128" if name == "int4" else name].bits_per_weight
