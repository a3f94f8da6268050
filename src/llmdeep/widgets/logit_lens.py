"""What the book's model would say after each layer, if it stopped there.

Notice: the first layers see little more than the token itself. The answer appears in the middle,
and the last layers mostly make it surer.
"""

from typing import Annotated

import numpy as np

from llmdeep.book_model import load
from llmdeep.logit_lens import logit_lens
from llmdeep.next_token import log_softmax
from llmdeep.widgets import (
    Axis,
    Chart,
    ControlError,
    Line,
    Matrix,
    Note,
    Slider,
    Table,
    Text,
    View,
)
from llmdeep.widgets._book import read_text, token_names

MOST_TOKENS = 24


def render(
    text: Annotated[str, Text(max_length=120)] = "“I must be going,” said the old",
    back: Annotated[int, Slider(0, 5, label="tokens before the end")] = 0,
) -> list[View]:
    config, weights, tokenizer = load()
    tokens = read_text(text, tokenizer, MOST_TOKENS + 1)
    if back > len(tokens) - 1:
        raise ControlError(f"The text has only {len(tokens) - 1} tokens; go back fewer.")
    probabilities = np.exp(log_softmax(logit_lens(weights, config, tokens)))
    answers = probabilities[-1].argmax(axis=-1)
    names = token_names(tokens, tokenizer)
    depths = ["embedding", *(f"layer {i + 1}" for i in range(config.n_layers))]
    here = len(tokens) - 1 - back
    likeliest = np.argsort(-probabilities[-1, here], kind="stable")[:4]
    best = probabilities[:, here].argmax(axis=-1)
    return [
        Matrix(
            np.take_along_axis(probabilities, answers[None, :, None], axis=-1)[..., 0],
            rows=depths,
            columns=[
                f"{name}→{answer}"
                for name, answer in zip(names, token_names(answers, tokenizer), strict=True)
            ],
            title="How likely each layer finds the model’s final answer",
            row_label="read after",
            column_label="token → the model’s answer",
            domain=(0, 1),
        ),
        Chart(
            [
                Line(list(range(config.n_layers + 1)), probabilities[:, here, token], name)
                for token, name in zip(likeliest, token_names(likeliest, tokenizer), strict=True)
            ],
            x=Axis("layers read"),
            y=Axis("probability"),
            title=f"After {names[here]}: the four likeliest answers, layer by layer",
        ),
        Table(
            ("read after", "best guess", "its probability"),
            [
                (depth, name, float(probabilities[row, here, token]))
                for row, (depth, token, name) in enumerate(
                    zip(depths, best, token_names(best, tokenizer), strict=True)
                )
            ],
            title=f"The best guess after {names[here]}",
        ),
        Note(
            "The book’s own model, storybook. Every stream is read with the last norm and the "
            "unembedding, which were trained for the last stream only."
        ),
    ]
