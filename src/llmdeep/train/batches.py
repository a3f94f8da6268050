"""What the model sees in which step: a pure function of the seed, so that a run can be resumed."""

from collections.abc import Sequence

import numpy as np

from llmdeep.shapes import Array, Int


def epoch(
    texts: Sequence[Array],
    parts: Int[Array, "vocab 2"],
    end_of_text: int,
    context: int,
    split: float,
    seed: Sequence[int],
    copies: float = 0.0,
) -> Int[Array, "batch positions"]:
    """One pass over the text: windows of context + 1 tokens, the last of each the next one's first.

    The texts follow each other in a new order, each after an end-of-text token; where the first
    window begins is drawn, so windows differ from pass to pass; and so is their order. A share
    `copies` of the windows gives way to `repeated` tokens.
    """
    random = np.random.default_rng(seed)
    end = np.array([end_of_text])
    order = random.permutation(len(texts))
    stream = np.concatenate([part for n in order for part in (end, texts[n])] + [end])
    stream = split_tokens(stream, parts, split, random)
    first = random.integers(min(context, max(len(stream) - context, 1)))
    starts = np.arange(first, len(stream) - context, context)
    windows = stream[starts[:, None] + np.arange(context + 1)]
    n_copies = round(copies * len(windows))
    windows = random.permutation(windows)
    windows[:n_copies] = repeated(n_copies, context + 1, len(parts), random)
    return random.permutation(windows)


def repeated(
    n_windows: int, length: int, n_tokens: int, random: np.random.Generator
) -> Int[Array, "batch positions"]:
    """Random tokens, over and over: nothing to learn from but what stood after the last time.

    So short a text as ours hardly rewards that skill, which large models find by themselves
    (Olsson et al. 2022, arXiv:2209.11895).
    """
    periods = random.integers(length // 8, length // 2, n_windows)
    drawn = random.integers(n_tokens, size=(n_windows, length))
    return np.take_along_axis(drawn, np.arange(length) % periods[:, None], axis=1)


def split_tokens(
    tokens: Int[Array, "positions"],
    parts: Int[Array, "vocab 2"],
    share: float,
    random: np.random.Generator,
) -> Array:
    """Some merged tokens, drawn at random, replaced by the two they were merged from.

    The same text in other tokens: the model meets every text once only, but each word in several
    spellings. A near relation of BPE-dropout, which leaves merges out (Provilkov, Emelianenko &
    Voita 2020, arXiv:1910.13267).
    """
    chosen = (random.random(len(tokens)) < share) & (parts[tokens, 0] >= 0)
    counts = 1 + chosen
    places = np.cumsum(counts) - counts
    wider = np.empty(counts.sum(), tokens.dtype)
    wider[places] = np.where(chosen, parts[tokens, 0], tokens)
    wider[places[chosen] + 1] = parts[tokens[chosen], 1]
    return wider


def dropout_noise(shape: tuple[int, ...], seed: Sequence[int]) -> Array:
    """Random bytes; SFC64 draws them at several times the speed of torch's generator."""
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed)))
    return generator.integers(0, 256, shape, np.uint8)
