"""Where every head of the book's model looks in your sentence, and which heads have a habit.

Notice: some heads look one token back whatever you write. The three maps find them by score, over
all layers and heads at once.
"""

from functools import lru_cache
from typing import Annotated

import numpy as np

from llmdeep.book_model import load
from llmdeep.head_scores import (
    first_token_score,
    induction_score,
    previous_token_score,
    repeated_tokens,
)
from llmdeep.shapes import Array, Float
from llmdeep.transformer import attention_patterns
from llmdeep.widgets import (
    ControlError,
    Matrix,
    Metric,
    Metrics,
    Note,
    Slider,
    Text,
    View,
)
from llmdeep.widgets._book import read_text, token_names

MOST_TOKENS = 64
PERIOD, N_REPEATED = 24, 96  # random tokens, four times over, for the induction score
LAYERS, HEADS = (1, 6), (1, 6)


def render(
    sentence: Annotated[str, Text(max_length=300)] = (
        "The cat saw the dog, and the dog saw the cat"
    ),
    layer: Annotated[int, Slider(*LAYERS)] = 3,
    head: Annotated[int, Slider(*HEADS)] = 1,
) -> list[View]:
    config, model_weights, tokenizer = load()
    tokens = read_text(sentence, tokenizer, MOST_TOKENS + 1)
    if len(tokens) < 3:
        raise ControlError("One token has nothing to look back on. Type some more.")
    weights = attention_patterns(model_weights, config, tokens)
    names = token_names(tokens, tokenizer)
    scores = {
        "previous token": previous_token_score(weights),
        "first token": first_token_score(weights),
        "induction": induction_score(repeated_patterns(), PERIOD),
    }
    n_layers, n_heads = weights.shape[:2]
    return [
        Matrix(
            weights[layer - 1, head - 1],
            rows=names,
            columns=names,
            title=f"Layer {layer}, head {head}",
            row_label="token that looks",
            column_label="token looked at",
            domain=(0, 1),
        ),
        *(
            Matrix(
                score,
                rows=[f"layer {i + 1}" for i in range(n_layers)],
                columns=[f"{i + 1}" for i in range(n_heads)],
                title=f"Score: {name}",
                column_label="head",
                domain=(0, 1),
            )
            for name, score in scores.items()
        ),
        Metrics(
            **{
                f"most {name}": Metric(
                    float(score.max()),
                    note="layer {}, head {}".format(*_best(score)),
                )
                for name, score in scores.items()
            }
        ),
        Note(
            "The book’s own model, storybook. The first two scores are measured on your sentence, "
            f"the third on {PERIOD} random tokens repeated to {N_REPEATED}, where a head that "
            "finds what came next the last time looks exactly one period back, plus one."
        ),
    ]


@lru_cache
def repeated_patterns() -> Float[Array, "layers heads positions positions"]:
    """The same on repeated random tokens; no sentence changes them."""
    config, weights, _ = load()
    rng = np.random.default_rng(0)
    tokens = repeated_tokens(N_REPEATED, PERIOD, config.vocabulary_size, rng)
    return attention_patterns(weights, config, tokens)


def _best(score: Float[Array, "layers heads"]) -> tuple[int, int]:
    layer, head = np.unravel_index(score.argmax(), score.shape)
    return int(layer) + 1, int(head) + 1
