"""The book's model writes, token by token, and each step's work is counted.

Notice: turn the cache off and the text stays the same. With it, every step after the first costs
about as much as the one before; without it, each step computes the whole text again.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np

from llmdeep.book_model import load
from llmdeep.decode_work import kept_bytes, multiply_adds
from llmdeep.generation import cached_law, generate, uncached_law
from llmdeep.model_config import Config
from llmdeep.sampling import Sampling
from llmdeep.shapes import Array
from llmdeep.widgets import (
    Axis,
    Chart,
    Line,
    Metric,
    Metrics,
    Note,
    Seed,
    Slider,
    Text,
    Toggle,
    Tokens,
    View,
)
from llmdeep.widgets._book import BEGINNING, read_prompt, token_names


def render(
    prompt: Annotated[str, Text(max_length=600)] = "Once upon a time there was a king who",
    n_tokens: Annotated[int, Slider(values=(4, 8, 16, 24, 32, 64, 128), label="tokens")] = 24,
    temperature: Annotated[float, Slider(0.0, 1.5, step=0.25)] = 0.75,
    cache: Annotated[bool, Toggle(label="keep keys and values")] = True,
    seed: Annotated[int, Seed()] = 1,
) -> Iterator[list[View]]:
    config, weights, tokenizer = load()
    given = read_prompt(prompt, tokenizer, config.max_positions, n_tokens)
    law = (cached_law if cache else uncached_law)(weights, config, Sampling(temperature))
    laws: list[Array] = []  # what each token was drawn from

    def watched(tokens: Sequence[int], last: int) -> Array:
        laws.append(law(tokens, last)[-1])
        return laws[-1][None]

    names, chances = token_names(given[1:], tokenizer), [float("nan")] * (len(given) - 1)
    written: list[int] = []
    ends = {tokenizer.special[BEGINNING]}
    yield [Tokens(names, chances, title="The prompt")]
    for token in generate(watched, given, n_tokens, np.random.default_rng(seed), ends):
        written.append(token)
        names += token_names([token], tokenizer)
        chances.append(float(laws[-1][token]))
        yield [
            Tokens(names, chances, title="Each new token and the probability it had"),
            *_work(config, len(given), len(written), cache),
            Note(tokenizer.decode(written), title="What the model wrote"),
        ]
    if len(written) < n_tokens:
        yield [
            Tokens(names, chances, title="Each new token and the probability it had"),
            *_work(config, len(given), len(written) + 1, cache),
            Note(tokenizer.decode(written), title="What the model wrote"),
            Note("Here it drew the token that ends a text."),
        ]


def _work(config: Config, n_given: int, n_steps: int, cache: bool) -> list[View]:
    """Each step's cost, both ways. Step 1 reads the prompt; each later one, the token before."""
    steps = np.arange(1, n_steps + 1)
    lengths = [n_given + i for i in range(n_steps)]
    first = multiply_adds(config, n_given)
    kept = [first, *(multiply_adds(config, 1, length - 1) for length in lengths[1:])]
    again = [multiply_adds(config, length) for length in lengths]
    held = [kept_bytes(config, length) / 1e3 for length in lengths]
    return [
        Chart(
            [
                Line(steps, np.array(kept) / 1e6, "with the cache"),
                Line(steps, np.array(again) / 1e6, "without", dashed=True),
            ],
            x=Axis("step"),
            y=Axis("multiply-adds", "log", unit="millions"),
            title="Work of each step",
        ),
        Chart([Line(steps, held)], Axis("step"), Axis("cache", unit="kB"), "Keys and values kept"),
        Metrics(
            tokens_drawn=n_steps,
            work_of_this_run=Metric(
                sum(kept if cache else again) / 1e6,
                "million",
                "multiply-adds, " + ("with the cache" if cache else "everything computed again"),
            ),
            work_with_the_cache=Metric(sum(kept) / 1e6, "million", "multiply-adds so far"),
            without=Metric(sum(again) / 1e6, "million", f"{sum(again) / sum(kept):.1f} times it"),
            cache=Metric(
                held[-1] if cache else 0.0,
                "kB",
                f"{lengths[-1]} of {config.max_positions} positions" if cache else "nothing kept",
            ),
        ),
    ]
