"""The four settings of sampling on the model's own logits: what may be drawn, and what is.

Notice: temperature bends the whole curve, the three cuts only cut its tail. Top-k keeps as many
tokens in the middle of a word, where one is enough, as where a hundred would do.
"""

from typing import Annotated

import numpy as np

from llmdeep.attention import entropy
from llmdeep.book_model import load
from llmdeep.sampling import Sampling, draw, probabilities
from llmdeep.transformer import forward
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Line,
    Metric,
    Metrics,
    Seed,
    Slider,
    Table,
    Text,
    View,
)
from llmdeep.widgets._book import read_text, token_names

N_SHOWN = 12
ALL = 2048
RANKS = 60


def render(
    prompt: Annotated[str, Text(max_length=600)] = "The old woman opened the door and saw a",
    temperature: Annotated[float, Slider(0.0, 2.0, step=0.25)] = 1.0,
    top_k: Annotated[int, Slider(values=(1, 2, 5, 10, 50, 200, ALL), label="top-k")] = ALL,
    top_p: Annotated[float, Slider(0.1, 1.0, step=0.1, label="top-p")] = 1.0,
    min_p: Annotated[float, Slider(0.0, 0.5, step=0.05, label="min-p")] = 0.0,
    n_draws: Annotated[int, Slider(values=(100, 1000, 10_000), label="draws")] = 1000,
    seed: Annotated[int, Seed()] = 1,
) -> list[View]:
    config, weights, tokenizer = load()
    tokens = read_text(prompt, tokenizer, config.max_positions)
    logits = forward(weights, config, tokens, last=1)[0]
    own = probabilities(logits)
    left = probabilities(logits, Sampling(temperature, top_k, top_p, min_p))
    rng = np.random.default_rng(seed)
    counts = np.bincount([draw(left, rng) for _ in range(n_draws)], minlength=len(left))
    order = np.argsort(-own, kind="stable")
    likeliest = order[:N_SHOWN]
    names = token_names(likeliest, tokenizer)
    ranks = np.arange(1, RANKS + 1)
    return [
        Chart(
            [
                Bar(names, left[likeliest], "probability"),
                Bar(names, counts[likeliest] / n_draws, f"share of {n_draws:,} draws"),
            ],
            x=Axis(f"the {N_SHOWN} likeliest tokens", "category"),
            y=Axis("probability"),
            title="What may be drawn, and what is drawn",
        ),
        Chart(
            [
                Line(ranks, own[order[:RANKS]], "the model’s own", dashed=True),
                Line(ranks, _or_gap(left[order[:RANKS]]), "drawn from"),
            ],
            x=Axis("rank", "log"),
            y=Axis("probability", "log"),
            title=f"The {RANKS} likeliest, by rank",
        ),
        Metrics(
            tokens_left=Metric(int((left > 0).sum()), note=f"of {len(left):,}"),
            cut_away=Metric(float(own[left == 0].sum()), note="probability, by the model’s own"),
            entropy_of_the_model=Metric(float(entropy(own)) / np.log(2), "bits"),
            entropy_drawn_from=Metric(float(entropy(left)) / np.log(2), "bits"),
        ),
        Table(
            ("token", "own probability", "drawn with", "draws expected", "draws"),
            [
                (name, float(own[t]), float(left[t]), float(n_draws * left[t]), int(counts[t]))
                for name, t in zip(names, likeliest, strict=True)
            ],
            title="In numbers",
        ),
    ]


def _or_gap(shares: np.ndarray) -> np.ndarray:
    """Nothing where a token was cut: a log scale has no 0."""
    return np.where(shares > 0, shares, np.nan)
