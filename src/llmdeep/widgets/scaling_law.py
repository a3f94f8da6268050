"""How large a model a compute budget pays for: six published answers, and where real models lie.

Notice: the constants that a paper prints rounded and those it used differ by a factor; the rule of
20 tokens a parameter is what approaches 1 and 2, and the refit, say, and not the printed formula.
"""

from typing import Annotated

import numpy as np

from llmdeep.catalog import models
from llmdeep.parameter_counts import model_parameters
from llmdeep.scaling_laws import FITS, LAWS, PF_DAY, extra_compute, loss, optimum
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Note,
    Point,
    Rule,
    Slider,
    Table,
    View,
)
from llmdeep.widgets._models import Config, described

BUDGETS = np.geomspace(1e18, 1e27, 10)
SIZES = np.geomspace(1 / 32, 32, 41)


def render(
    power: Annotated[
        float, Slider(18, 27, step=0.5, label="compute, FLOP: 10 to the power of")
    ] = 23.76,
    fit: Annotated[str, Choice(*FITS, label="loss by")] = "refit of Chinchilla 3",
    factor: Annotated[
        float,
        Slider(values=(1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8), label="size, times the best"),
    ] = 1.0,
    config: Config = "",
) -> list[View]:
    law, compute = FITS[fit], 10.0**power
    best = optimum(law, compute)
    chosen = factor * best.parameters
    spent = loss(law, chosen, compute / 6 / chosen)
    curve = best.parameters * SIZES
    more = extra_compute(law, compute, factor)
    reachable = bool(np.isfinite(more))
    placed, mine = trained(), own(config)
    names, sizes, texts = zip(*placed, strict=True)
    return [
        Metrics(
            compute=Metric(compute, "FLOP", f"{compute / PF_DAY:,.4g} petaFLOP/s-days"),
            best_size=Metric(best.parameters / 1e9, "billion parameters", f"says the {fit}"),
            tokens=Metric(best.tokens / 1e9, "billion", f"{best.ratio:.3g} a parameter"),
            loss=Metric(float(spent), "nats a token", f"{law.E:g} of them can’t be learned"),
            the_best_loss_at_this_size=Metric(
                more if reachable else "out of reach",
                "× the compute" if reachable else "",
                f"{chosen / 1e9:.3g} billion parameters",
            ),
        ),
        *([Metrics(**pasted(*mine, compute))] if mine else []),
        Chart(
            [
                *(
                    Line(BUDGETS, [optimum(each, c).ratio for c in BUDGETS], name)
                    for name, each in LAWS.items()
                ),
                Point(
                    [6 * n * d for n, d in zip(sizes, texts, strict=True)],
                    [d / n for n, d in zip(sizes, texts, strict=True)],
                    "published models",
                    names,
                ),
                *([Point([compute], [compute / 6 / mine[1] ** 2], mine[0])] if mine else []),
                Rule(x=compute),
            ],
            x=Axis("training compute", "log", unit="FLOP"),
            y=Axis("tokens a parameter", "log"),
            title="How to divide a budget, by six laws",
        ),
        Table(
            ("law", "billion parameters", "billion tokens", "tokens a parameter", "exponent"),
            [
                (name, n / 1e9, d / 1e9, d / n, each.exponent)
                for name, each in LAWS.items()
                for n, d in [optimum(each, compute)]
            ],
            title="The best size for this budget",
        ),
        Chart(
            [
                Line(curve, loss(law, curve, compute / 6 / curve), "loss, all compute spent"),
                Point([chosen], [float(spent)], "here"),
                Rule(x=best.parameters, label="best"),
            ],
            x=Axis("parameters", "log"),
            y=Axis("loss", unit="nats a token"),
            title=f"The price of another size, by the {fit}",
        ),
        Table(
            ("model", "billion parameters", "billion tokens", "tokens a parameter", "FLOP, 6ND"),
            [(name, n / 1e9, d / 1e9, d / n, 6 * n * d) for name, n, d in placed],
            title="Published models (of a mixture of experts, the active parameters)",
        ),
        Note(
            "Kaplan’s sizes leave embeddings out. All laws were fitted to smaller models than most "
            "of those shown; a loss in nats holds for its own tokenizer only."
        ),
    ]


def pasted(name: str, parameters: float, compute: float) -> dict[str, Metric]:
    """What the budget means for the reader's own model."""
    tokens = compute / 6 / parameters
    return {
        name: Metric(parameters / 1e9, "billion parameters", "that work on a token"),
        "its tokens": Metric(tokens / 1e9, "billion", f"{tokens / parameters:.3g} a parameter"),
    }


def trained() -> list[tuple[str, float, float]]:
    """Each published model whose training tokens are known: name, parameters at work, tokens."""
    return [
        (row.name, row.published_active or row.published, row.tokens)
        for row in models()
        if row.tokens
    ]


def own(config: str) -> tuple[str, float] | None:
    """The pasted model and the parameters that work on one of its tokens."""
    if not config.strip():
        return None
    name, description = described("", config)
    return name, model_parameters(description, active=True).total
