"""What the book's model expects next, and how surprised it was by every token so far.

Notice: the last tokens of a word cost next to nothing, the first of a new sentence most.
Temperature and the cuts change what is drawn, never which token is the likeliest.
"""

from typing import Annotated

import numpy as np

from llmdeep.ablation import surprisals
from llmdeep.attention import entropy
from llmdeep.book_model import load
from llmdeep.sampling import Sampling, probabilities
from llmdeep.transformer import forward
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Metric,
    Metrics,
    Note,
    Slider,
    Table,
    Text,
    Tokens,
    View,
)
from llmdeep.widgets._book import read_text, token_names

N_SHOWN = 12
ALL = 2048


def render(
    text: Annotated[str, Text(max_length=600, multiline=True)] = (
        "“What a curious feeling!” said Alice; “I must be shutting up like a"
    ),
    temperature: Annotated[float, Slider(0.0, 2.0, step=0.1)] = 1.0,
    top_k: Annotated[int, Slider(values=(1, 2, 3, 5, 10, 20, 50, 200, ALL), label="top-k")] = ALL,
    top_p: Annotated[float, Slider(0.05, 1.0, step=0.05, label="top-p")] = 1.0,
    min_p: Annotated[float, Slider(0.0, 0.5, step=0.05, label="min-p")] = 0.0,
) -> list[View]:
    config, weights, tokenizer = load()
    tokens = read_text(text, tokenizer, config.max_positions)
    bits = surprisals(weights, config, tokens) / np.log(2)
    logits = forward(weights, config, tokens, last=1)[0]
    own = probabilities(logits)
    drawn = probabilities(logits, Sampling(temperature, top_k, top_p, min_p))
    likeliest = np.argsort(-own, kind="stable")[:N_SHOWN]
    names = token_names(likeliest, tokenizer)
    n_bytes = len(text.encode())
    return [
        Tokens(
            token_names(tokens[1:], tokenizer),
            bits,
            title="Surprisal of each token, given those before it",
            unit="bits",
        ),
        Chart(
            [
                Bar(names, own[likeliest], "the model’s own"),
                Bar(names, drawn[likeliest], "what is drawn from"),
            ],
            x=Axis(f"the {N_SHOWN} likeliest next tokens", "category"),
            y=Axis("probability"),
            title="The next token",
        ),
        Metrics(
            bits_per_byte=Metric(bits.sum() / n_bytes, "bits", f"{n_bytes} bytes of text"),
            entropy_of_the_next=Metric(float(entropy(own)) / np.log(2), "bits"),
            entropy_drawn_from=Metric(float(entropy(drawn)) / np.log(2), "bits"),
            tokens_that_can_be_drawn=int((drawn > 0).sum()),
        ),
        Table(
            ("token", "logit", "probability", "drawn with"),
            [
                (name, float(logits[token]), float(own[token]), float(drawn[token]))
                for name, token in zip(names, likeliest, strict=True)
            ],
            title="In numbers",
        ),
        Note(
            "Computed by the book’s own model, storybook, which has learned from eight old books."
        ),
    ]
