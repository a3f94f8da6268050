"""Emergence: how a metric turns a smooth gain into a jump, and the milestones that were published.

Notice: the models get better in the same way whatever the metric; only the score's shape changes.
"""

from typing import Annotated

import numpy as np

from llmdeep.emergence import METRICS, decades_to_rise, score_of, sit_test, token_accuracy
from llmdeep.milestones import ABILITIES, EMERGENT, MODELS
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Note,
    Point,
    Seed,
    Slider,
    Table,
    View,
)

SIZES = np.logspace(6, 12, 61)
TESTED = slice(0, None, 5)  # the sizes that sit the simulated test
UNITS = ("share of answers", "share of questions", "wrong tokens an answer", "0 is perfect")
LENGTHS = (1, 2, 3, 5, 8, 12, 20, 32)
QUESTIONS = (20, 50, 100, 200, 500, 1000)
RISE = "from 10% to 90% of its way"
BILLION = 1e9


def render(
    metric: Annotated[str, Choice(*METRICS, label="score the answers by")] = "exact match",
    answer_length: Annotated[
        int, Slider(values=LENGTHS, label="length of an answer", unit="tokens")
    ] = 8,
    exponent: Annotated[float, Slider(0.1, 0.5, step=0.05, label="exponent of the loss")] = 0.3,
    questions: Annotated[int, Slider(values=QUESTIONS, label="questions in the test")] = 100,
    timeline: Annotated[
        str, Choice("models", "reported abilities", label="published, below")
    ] = "models",
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    accuracy = token_accuracy(SIZES, exponent)
    guesses = np.random.default_rng(seed).dirichlet([4.0] * 4, size=max(QUESTIONS))
    truth = score_of(metric, accuracy, answer_length, guesses)
    measured = sit_test(metric, accuracy[TESTED], answer_length, guesses[:questions], seed)
    simulated = Axis("parameters (simulated)", "log")
    return [
        Chart(
            [Line(SIZES, accuracy)],
            x=simulated,
            y=Axis("probability", domain=(0, 1)),
            title="What improves: the chance of one right token",
        ),
        Chart(
            [
                Line(SIZES, truth, "true score"),
                Point(SIZES[TESTED], measured, f"measured, {questions} questions"),
            ],
            x=simulated,
            y=Axis(metric, unit=UNITS[METRICS.index(metric)]),
            title="What is reported: the score of a test",
        ),
        Metrics(
            one_token_rises_over=Metric(decades_to_rise(SIZES, accuracy), "powers of ten", RISE),
            the_score_rises_over=Metric(decades_to_rise(SIZES, truth), "powers of ten", RISE),
            measured_at_exactly_0=Metric(int((measured == 0).sum()), f"of {len(measured)} models"),
        ),
        Note(
            "Simulated above: a power law gives the probability of each token, tokens are "
            "independent, and the constants are chosen to be seen, not fitted. Published below."
        ),
        *(_models() if timeline == "models" else _abilities()),
    ]


def _models() -> list[View]:
    years = [m.year - MODELS[0].year for m in MODELS]
    sizes = [(m.parameters or np.nan) / BILLION for m in MODELS]  # NaN, not published: not drawn
    rows = [
        (m.date, m.name, size, m.known_for, m.source) for m, size in zip(MODELS, sizes, strict=True)
    ]
    return [
        Chart(
            [Point(years, sizes, texts=[m.name for m in MODELS])],
            x=Axis("years after the transformer"),
            y=Axis("parameters", "log", unit="billions"),
            title="Published models",
        ),
        Table(("published", "model", "billions", "known for", "source"), rows),
    ]


def _abilities() -> list[View]:
    rows = [(a.name, a.flops, a.parameters / BILLION, a.family, a.reference) for a in ABILITIES]
    scales: dict[tuple[float, float], list[str]] = {}
    for _, flops, size, family, _ in rows:
        scales.setdefault((flops, size), []).append(family)
    counts = [len(families) for families in scales.values()]
    names = [" and ".join(dict.fromkeys(families)) for families in scales.values()]
    texts = [f"{name} {size:g}B" for name, (_, size) in zip(names, scales, strict=True)]
    return [
        Chart(
            [Point([flops for flops, _ in scales], np.cumsum(counts), texts=texts)],
            x=Axis("training compute", "log", unit="FLOP"),
            y=Axis("abilities reported up to here", domain=(0, len(ABILITIES) + 1)),
            title="Scales at which abilities were reported to emerge",
        ),
        Table(("ability", "FLOP", "billions", "family", "reported by"), rows, title=EMERGENT),
    ]
