"""The small model drafts, the book's model checks: every token marked, and the law compared.

Notice: the draft is often wrong, and the text still follows the target's law. A longer draft gives
more tokens a pass, then hardly more, while its own cost keeps growing.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from numpy.random import default_rng

from llmdeep.book_model import load
from llmdeep.decode_work import multiply_adds
from llmdeep.generation import Law, cached_law
from llmdeep.sampling import Sampling
from llmdeep.shapes import Array
from llmdeep.speculative_decoding import (
    acceptance,
    expected_tokens,
    speculate,
    speed_up,
)
from llmdeep.widgets import (
    Metric,
    Metrics,
    Seed,
    Slider,
    Text,
    Tokens,
    View,
)
from llmdeep.widgets._book import read_prompt, token_names
from llmdeep.widgets._same_law import same_law

SHADES = {"✓": 1.0, "●": 0.6, "✗": 0.2, "–": 0.0}


def render(
    prompt: Annotated[str, Text(max_length=600)] = "Once upon a time there was a king who",
    n_tokens: Annotated[int, Slider(values=(8, 16, 24, 32, 64), label="tokens")] = 24,
    n_draft: Annotated[int, Slider(values=(1, 2, 3, 4, 6, 8), label="drafted a round")] = 4,
    temperature: Annotated[float, Slider(0.0, 1.5, step=0.25)] = 0.75,
    seed: Annotated[int, Seed()] = 1,
) -> Iterator[list[View]]:
    model, small = load(), load("storybook-draft")
    given = read_prompt(prompt, model.tokenizer, model.config.max_positions, n_tokens)
    p: list[Array] = []  # what either model has said in this round, in order
    q: list[Array] = []
    target = _watched(cached_law(model.weights, model.config, Sampling(temperature)), p)
    draft = _watched(cached_law(small.weights, small.config, Sampling(temperature)), q)
    rng = default_rng(seed)
    cost = multiply_adds(small.config, 1, len(given)) / multiply_adds(model.config, 1, len(given))

    text: list[int] = []
    marks: list[str] = []
    examined: list[tuple[Array, Array]] = []  # p and q where a drafted token was looked at
    n_passes = n_kept = 0
    for drafted, kept, tokens in speculate(target, draft, given, n_tokens, n_draft, rng):
        examined += zip(p[: kept + 1], q[: kept + 1], strict=False)
        p.clear()
        q.clear()
        text += [*drafted, tokens[-1]]
        marks += ["✓"] * kept + ["✗", *"–" * len(drafted)][: len(drafted) - kept] + ["●"]
        n_passes, n_kept = n_passes + 1, n_kept + kept
        n_written, n_drafted = n_kept + n_passes, len(text) - n_passes
        rate = float(np.mean([acceptance(*laws) for laws in examined] or [0]))
        views: list[View] = [
            Tokens(
                token_names(text, model.tokenizer),
                [SHADES[mark] for mark in marks],
                marks,
                title="✓ drafted and kept · ✗ rejected · – dropped after it · ● the target’s own",
            ),
            Metrics(
                tokens_a_pass=Metric(n_written / n_passes, note=f"{n_written} in {n_passes}"),
                expected=Metric(expected_tokens(rate, n_draft), note="by the formula"),
                kept=Metric(f"{n_kept} of {len(examined)}", note="of those looked at"),
                acceptance=Metric(rate, note="mean of Σ min(p, q) there"),
                speed_up=Metric(n_written / (n_passes + cost * n_drafted), "×", "of this run"),
                speed_up_expected=Metric(speed_up(rate, n_draft, cost), "×", "by the formula"),
                draft_step=Metric(cost, note="of a target’s, in multiply-adds"),
            ),
        ]
        yield views
    yield [*views, *same_law(examined, rng, model.tokenizer)]


def _watched(law: Law, said: list[Array]) -> Law:
    """The same law; each distribution that it gives is also appended to `said`."""

    def watched(tokens: Sequence[int], last: int) -> Array:
        found = law(tokens, last)
        said.extend(found)
        return found

    return watched
