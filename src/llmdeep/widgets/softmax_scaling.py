"""What the scale 1/sqrt(d_head) is for: without it, softmax saturates as heads grow.

Notice: the unscaled curve falls towards 0 nats while the scaled one does not move.
"""

from typing import Annotated

import numpy as np

from llmdeep.attention import softmax
from llmdeep.widgets import Axis, Chart, Line, Matrix, Metric, Metrics, Rule, Seed, Slider, View

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def render(
    d_head: Annotated[int, Slider(values=SIZES, minimum=1, maximum=512)] = 64,
    n_keys: Annotated[int, Slider(2, 64, step=2)] = 16,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((64, max(SIZES)))
    keys = rng.standard_normal((n_keys, max(SIZES)))

    def weights(size: int, scaled: bool) -> np.ndarray:
        scores = queries[:, :size] @ keys[:, :size].T
        return softmax(scores / np.sqrt(size) if scaled else scores)

    def entropy(size: int, scaled: bool) -> float:
        p = weights(size, scaled)
        return float(-np.sum(p * np.log(p + 1e-300), axis=-1).mean())

    return [
        Chart(
            [
                Line(SIZES, [entropy(size, True) for size in SIZES], "scaled by 1/√d"),
                Line(SIZES, [entropy(size, False) for size in SIZES], "not scaled", dashed=True),
                Rule(x=d_head, label=f"d_head = {d_head}"),
            ],
            x=Axis("head size", "log"),
            y=Axis("mean entropy", unit="nats", domain=(0, float(np.log(n_keys)))),
            title="Entropy of the attention weights",
        ),
        Matrix(
            weights(d_head, False)[:8],
            title="Weights, not scaled",
            domain=(0, 1),
            row_label="query",
            column_label="key",
        ),
        Matrix(
            weights(d_head, True)[:8],
            title="Weights, scaled",
            domain=(0, 1),
            row_label="query",
            column_label="key",
        ),
        Metrics(
            scaled=Metric(entropy(d_head, True), "nats"),
            not_scaled=Metric(entropy(d_head, False), "nats"),
            uniform=Metric(float(np.log(n_keys)), "nats", "the most there can be"),
        ),
    ]
