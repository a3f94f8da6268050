"""Find heads by what they do, take them out of the book's model, and see what the text then costs.

Notice: a few heads that look at the token before matter more than as many others. The score for
induction finds nothing in this model, and taking out the highest of nothing changes little.
"""

from typing import Annotated

import numpy as np

from llmdeep.ablation import surprisals, without_heads
from llmdeep.book_model import load
from llmdeep.head_scores import (
    first_token_score,
    induction_score,
    previous_token_score,
    repeated_tokens,
)
from llmdeep.shapes import Array
from llmdeep.transformer import attention_patterns
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Choice,
    ControlError,
    Matrix,
    Metric,
    Metrics,
    Note,
    Seed,
    Slider,
    Text,
    View,
)
from llmdeep.widgets._book import read_text

PREVIOUS, FIRST, INDUCTION = "previous token", "first token", "induction"
PERIOD, N_REPEATED, N_CONTROLS = 24, 96, 6
STORY = (
    "The old woman went out of the house and shut the door. She looked at the sky, and it was "
    "dark. “I shall not go into the forest,” she said, “for the wolf is there, and he has not "
    "eaten.” But the youngest of the three brothers laughed, took his bread and his stick, and "
    "went down the road to the mill. There he met a little grey man, who asked him for a piece "
    "of the bread. “Take it,” said the boy, “for I have enough.”"
)


def render(
    text: Annotated[str, Text(max_length=900, multiline=True)] = STORY,
    score: Annotated[str, Choice(PREVIOUS, FIRST, INDUCTION)] = PREVIOUS,
    removed: Annotated[int, Slider(0, 8, label="heads taken out")] = 4,
    seed: Annotated[int, Seed(label="seed of the control")] = 0,
) -> list[View]:
    config, weights, tokenizer = load()
    tokens = read_text(text, tokenizer, config.max_positions)
    if len(tokens) < 3:
        raise ControlError("One token is no text to measure on. Type some more.")
    scores = _scores(score, tokens)
    ranked = [
        (int(i) // config.n_heads, int(i) % config.n_heads)
        for i in np.argsort(-scores, axis=None, kind="stable")
    ]
    best, others = ranked[:removed], ranked[removed:]
    rng = np.random.default_rng(seed)
    controls = [
        [others[i] for i in rng.permutation(len(others))[:removed]] for _ in range(N_CONTROLS)
    ]

    def cost(heads: list[tuple[int, int]]) -> float:
        return float(surprisals(weights, config, tokens, without_heads(heads, config)).mean())

    intact, without = cost([]), cost(best)
    random = [cost(heads) for heads in controls] if removed else [intact] * N_CONTROLS
    return [
        Matrix(
            scores,
            rows=[f"layer {i + 1}" for i in range(config.n_layers)],
            columns=[f"{i + 1}" for i in range(config.n_heads)],
            title=f"Score of every head: {score}",
            column_label="head",
            domain=(0, 1),
        ),
        Chart(
            [
                Bar(
                    ["these heads", *(f"others {i + 1}" for i in range(N_CONTROLS))],
                    [each - intact for each in (without, *random)],
                )
            ],
            x=Axis("taken out", "category"),
            y=Axis("cost", unit="nats a token"),
            title="What the text costs more when heads are taken out",
        ),
        Metrics(
            all_heads=Metric(intact, "nats a token"),
            without_these=Metric(
                without,
                "nats a token",
                ", ".join(f"{layer + 1}.{head + 1}" for layer, head in best) or "none taken out",
            ),
            without_as_many_others=Metric(
                float(np.mean(random)), "nats a token", f"mean of {N_CONTROLS} random choices"
            ),
        ),
        Note(
            "The book’s own model, storybook. Heads are named layer.head. A head taken out writes "
            "its mean over the text instead of its message."
        ),
    ]


def _scores(score: str, tokens: Array) -> Array:
    """Of every layer and head: on the reader's text, for induction on repeated random tokens."""
    model = load()
    if score == INDUCTION:
        rng = np.random.default_rng(0)
        tokens = repeated_tokens(N_REPEATED, PERIOD, model.config.vocabulary_size, rng)
    weights = attention_patterns(model.weights, model.config, tokens)
    if score == INDUCTION:
        return induction_score(weights, PERIOD)
    return previous_token_score(weights) if score == PREVIOUS else first_token_score(weights)
