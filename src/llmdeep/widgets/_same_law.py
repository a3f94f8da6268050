"""The check below speculative decoding: whether what comes out has the target's law."""

import numpy as np
from numpy.random import Generator

from llmdeep.generation import Law
from llmdeep.sampling import draw
from llmdeep.shapes import Array
from llmdeep.speculative_decoding import acceptance, emitted, speculate
from llmdeep.tokenization import Tokenizer
from llmdeep.widgets._book import token_names
from llmdeep.widgets._views import Axis, Bar, Chart, Metric, Metrics, View

N_SHOWN = 8
N_DRAWS = 1000


def same_law(
    examined: list[tuple[Array, Array]], rng: Generator, tokenizer: Tokenizer
) -> list[View]:
    """Summed exactly at all places, and drawn many times where the draft was furthest off.

    Args:
        examined: The target's and the draft's law wherever a drafted token was looked at.
    """
    furthest = max(float(np.abs(emitted(p, q) - p).max()) for p, q in examined)
    p, q = min(examined, key=lambda laws: acceptance(*laws))
    rounds = (next(speculate(_always(p), _always(q), [0], 2, 1, rng)) for _ in range(N_DRAWS))
    drawn = np.bincount([found.tokens[0] for found in rounds], minlength=len(p)) / N_DRAWS
    alone = np.bincount([draw(p, rng) for _ in range(N_DRAWS)], minlength=len(p)) / N_DRAWS
    shown = np.argsort(-np.maximum(p, q), kind="stable")[:N_SHOWN]
    names = token_names(shown, tokenizer)
    return [
        Chart(
            [
                Bar(names, q[shown], "the draft’s"),
                Bar(names, p[shown], "the target’s"),
                Bar(names, drawn[shown], f"share of {N_DRAWS:,} speculative draws"),
            ],
            x=Axis("token", "category"),
            y=Axis("probability"),
            title="Where the two models differed most",
        ),
        Metrics(
            largest_difference=Metric(furthest, note="what comes out, summed, from the target’s"),
            draft_from_target=Metric(1 - acceptance(p, q), note="total variation, in the chart"),
            speculative_draws=Metric(1 - acceptance(p, drawn), note="theirs, from the target"),
            as_many_ordinary_draws=Metric(
                1 - acceptance(p, alone), note="straight from the target"
            ),
        ),
    ]


def _always(distribution: Array) -> Law:
    return lambda tokens, last: np.tile(distribution, (last, 1))
