"""What dividing by √d_head is for: without it, softmax saturates as heads grow.

Notice: not scaled, the entropy falls towards 0 and a typical gradient dies. The mean gradient dies
more slowly than the median: a few queries whose two best keys nearly tie hold it up.
"""

from typing import Annotated

import numpy as np

from llmdeep.attention import attention_scores, entropy, softmax, softmax_jacobian_norm
from llmdeep.widgets import (
    Axis,
    Chart,
    Line,
    Matrix,
    Metric,
    Metrics,
    Note,
    Rule,
    Seed,
    Slider,
    View,
)

SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
N_QUERIES = 128


def render(
    d_head: Annotated[int, Slider(values=SIZES, label="size of the head, d_head")] = 64,
    n_keys: Annotated[int, Slider(values=(2, 4, 8, 16, 32, 64), label="number of keys")] = 16,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((N_QUERIES, max(SIZES)))
    keys = rng.standard_normal((n_keys, max(SIZES)))

    products, scores = np.zeros((N_QUERIES, n_keys)), {}  # a larger head adds to a smaller one's
    for start, size in zip([0, *SIZES[:-1]], SIZES, strict=True):
        more = slice(start, size)
        products = products + attention_scores(queries[:, more], keys[:, more], scale=1.0)
        scores[size] = products

    weights = {
        (size, scaled): softmax(scores[size] * (size**-0.5 if scaled else 1.0))
        for size in SIZES
        for scaled in (True, False)
    }

    def spread(size: int, scaled: bool) -> float:
        return float(entropy(weights[size, scaled]).mean())

    def gradients(size: int, scaled: bool) -> np.ndarray:
        return softmax_jacobian_norm(weights[size, scaled])

    scaled, unscaled = ([gradients(size, flag) for size in SIZES] for flag in (True, False))
    here = Rule(x=d_head, label=f"d_head = {d_head}")
    horizontal = Axis("d_head", "log")
    return [
        Chart(
            [
                Line(SIZES, [spread(size, True) for size in SIZES], "divided by √d_head"),
                Line(SIZES, [spread(size, False) for size in SIZES], "not divided", dashed=True),
                here,
            ],
            x=horizontal,
            y=Axis("mean entropy", unit="nats", domain=(0, float(np.log(n_keys)))),
            title="How spread out the weights are",
        ),
        Chart(
            [
                Line(SIZES, [np.median(g) for g in scaled], "divided, median"),
                Line(SIZES, [np.median(g) for g in unscaled], "not divided, median", dashed=True),
                Line(SIZES, [np.mean(g) for g in unscaled], "not divided, mean", dashed=True),
                here,
            ],
            x=horizontal,
            y=Axis("norm of the Jacobian", "log"),
            title="How much the weights move when scores move",
        ),
        *(
            Matrix(
                weights[d_head, flag][:8],
                title=f"Weights of 8 queries, scores {'' if flag else 'not '}divided by √{d_head}",
                domain=(0, 1),
                row_label="query",
                column_label="key",
            )
            for flag in (True, False)
        ),
        Metrics(
            mean_entropy_divided=Metric(spread(d_head, True), "nats"),
            mean_entropy_not_divided=Metric(spread(d_head, False), "nats"),
            entropy_at_most=Metric(float(np.log(n_keys)), "nats", "ln of the number of keys"),
        ),
        Note(
            f"{N_QUERIES} random queries and {n_keys} random keys, all components independent with "
            "mean 0 and variance 1: a model at its start, not a trained one."
        ),
    ]
