"""Generation: score the next token, draw one, append it, and again.

What a model says about the next token is a `Law`, and how it is computed, with or without a cache,
is the law's own business.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from llmdeep.sampling import UNCHANGED, Sampling, draw, probabilities
from llmdeep.shapes import Array
from llmdeep.transformer import Config, Weights, empty_cache, forward, roll_back

# Of tokens and a number n: what may come after each of the last n tokens, [n vocab].
Law = Callable[[Sequence[int], int], Array]


def generate(
    law: Law,
    prompt: Sequence[int],
    n_tokens: int,
    rng: np.random.Generator,
    stop: Collection[int] = (),
) -> Iterator[int]:
    """Continue a prompt by up to `n_tokens`, each given out as soon as it is drawn.

    Args:
        prompt: At least one token: a law is of what comes *after* a token.
        stop: Tokens that end the text. The one that is drawn is not given out.

    Raises:
        ValueError: As the law does: for an empty prompt, or when the model has no room left.

    Examples:
        >>> count_up = lambda tokens, n: np.eye(10)[[token + 1 for token in tokens[-n:]]]
        >>> list(generate(count_up, [3], 4, np.random.default_rng(0)))
        [4, 5, 6, 7]
        >>> list(generate(count_up, [3], 4, np.random.default_rng(0), stop=[6]))
        [4, 5]
    """
    tokens = list(prompt)
    for _ in range(n_tokens):
        token = draw(law(tokens, 1)[0], rng)
        if token in stop:
            return
        tokens.append(token)
        yield token


def cached_law(
    weights: Weights, config: Config, sampling: Sampling = UNCHANGED, capacity: int | None = None
) -> Law:
    """A model's law that remembers the keys and values of the last text it was asked about.

    Of the next text it computes only what differs: after one more token that token alone, after a
    rejected draft what comes in its place.

    Args:
        capacity: Longest text in tokens; what the model was made for, if None.
    """
    cache = empty_cache(config, capacity)
    seen: list[int] = []

    def law(tokens: Sequence[int], last: int) -> Array:
        asked = len(tokens) - last  # what is asked about is computed, even if it has been before
        roll_back(cache, max(0, min(_n_shared(seen, tokens), asked)))
        del seen[cache.length :]
        logits = forward(weights, config, _array(tokens[cache.length :]), cache, last=last)
        seen.extend(tokens[len(seen) :])
        return probabilities(logits, sampling)

    return law


def uncached_law(weights: Weights, config: Config, sampling: Sampling = UNCHANGED) -> Law:
    """A model's law that computes the whole text every time."""

    def law(tokens: Sequence[int], last: int) -> Array:
        return probabilities(forward(weights, config, _array(tokens), last=last), sampling)

    return law


def _n_shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens the two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _array(tokens: Sequence[int]) -> Array:
    return np.array(tokens, dtype=np.int64)
