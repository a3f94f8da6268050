"""Heads that copy: found by score on random tokens that repeat, taken out, and the loss measured.

Notice: from the second time on the copier knows nearly every token. No head with a high score is
needed for that alone, all of them together are; and one head without any score is, by itself.
"""

from typing import Annotated

import numpy as np

from llmdeep.ablation import surprisals, without_heads
from llmdeep.book_model import load
from llmdeep.head_scores import induction_score, repeated_tokens
from llmdeep.shapes import Array
from llmdeep.transformer import attention_patterns
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Choice,
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

TIMES, N_ALONE, N_BYTES = 3, 8, 256


def render(
    model: Annotated[str, Choice("copier", "storybook")] = "copier",
    period: Annotated[int, Slider(values=(8, 12, 16, 20), unit="tokens")] = 16,
    removed: Annotated[int, Slider(0, 6, label="heads taken out")] = 4,
    seed: Annotated[int, Seed(label="seed of the tokens")] = 0,
) -> list[View]:
    config, weights, _ = load(model)
    n_kinds = N_BYTES if model == "copier" else config.vocabulary_size
    rng = np.random.default_rng(seed)
    tokens = repeated_tokens(TIMES * period, period, n_kinds, rng)
    scores = induction_score(attention_patterns(weights, config, tokens), period)
    order = np.argsort(-scores, axis=None, kind="stable").tolist()
    ranked = [(i // config.n_heads, i % config.n_heads) for i in order]
    best = ranked[:removed]

    def costs(heads: list[tuple[int, int]]) -> Array:
        return surprisals(weights, config, tokens, without_heads(heads, config))

    def later(costs: Array) -> float:
        return float(costs[period:].mean())  # costs[i] is that of token i + 1

    intact, without = costs([]), costs(best)
    alone = [later(costs([head])) for head in ranked[:N_ALONE]]
    positions = list(range(2, len(tokens) + 1))
    return [
        Matrix(
            scores,
            rows=[f"layer {i + 1}" for i in range(config.n_layers)],
            columns=[f"{i + 1}" for i in range(config.n_heads)],
            title="Induction score of every head",
            column_label="head",
            domain=(0, 1),
        ),
        Chart(
            [
                Line(positions, intact, "all heads"),
                Line(positions, without, "heads taken out"),
                Rule(y=float(np.log(n_kinds)), label="knowing nothing"),
                *(Rule(x=period * i + 1.0, label="again") for i in range(1, TIMES)),
            ],
            x=Axis("position"),
            y=Axis("surprisal", unit="nats"),
            title="What each token costs",
        ),
        Chart(
            [
                Bar(
                    [*map(_name, ranked[:N_ALONE]), f"first {removed}"],
                    [each - later(intact) for each in (*alone, later(without))],
                )
            ],
            x=Axis("taken out", "category"),
            y=Axis("cost", unit="nats a token"),
            title="What the repetitions cost more without a head, and without several",
        ),
        Metrics(
            first_time=Metric(float(intact[: period - 1].mean()), "nats a token"),
            again=Metric(later(intact), "nats a token"),
            again_without_these=Metric(
                later(without), "nats a token", ", ".join(map(_name, best)) or "none taken out"
            ),
        ),
        Note(
            f"{period} tokens drawn at random, {TIMES} times over: only the text itself tells what "
            "comes next. The copier was trained on such lists and nothing else, storybook on "
            "stories and a few such lists. Heads are named layer.head and stand by score; one "
            "taken out writes its mean instead of its message."
        ),
    ]


def _name(head: tuple[int, int]) -> str:
    return f"{head[0] + 1}.{head[1] + 1}"
