"""Byte-pair encoding, trained on your text one merge at a time: the most frequent pair is joined.

Notice: frequent letters join first, then parts of words, then whole words with their space. Each
merge saves as many tokens as its pair is frequent, so the first ones save most.
"""

from collections import Counter
from itertools import pairwise
from typing import Annotated

import numpy as np

from llmdeep.byte_pair_encoding import BYTES, Merge, merge, train, vocabulary
from llmdeep.pretokenization import GPT2, split
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Line,
    Metric,
    Metrics,
    Note,
    Rule,
    Steps,
    Table,
    Text,
    Toggle,
    Tokens,
    View,
)
from llmdeep.widgets._book import written_name

MOST_MERGES = 40
N_PAIRS = 10
UNCUT = "(?s:.)++"  # all of the text is one piece


def render(
    text: Annotated[str, Text(max_length=1_500, multiline=True)] = (
        "Peter Piper picked a peck of pickled peppers.\n"
        "A peck of pickled peppers Peter Piper picked.\n"
        "If Peter Piper picked a peck of pickled peppers,\n"
        "where is the peck of pickled peppers Peter Piper picked?"
    ),
    merges: Annotated[int, Steps(MOST_MERGES + 1)] = 5,
    cut: Annotated[bool, Toggle("cut at words first, by GPT-2’s rule")] = True,
) -> list[View]:
    rule = GPT2 if cut else UNCUT
    found = train([text], len(BYTES) + MOST_MERGES, rule)
    done = min(merges, len(found))
    history = [[[bytes([byte]) for byte in piece.encode()] for piece in split(text, rule)]]
    for pair in found:
        history.append([_joined(parts, pair) for parts in history[-1]])
    lengths = [sum(map(len, pieces)) for pieces in history]
    now = [part for parts in history[done] for part in parts]
    newest = b"".join(found[done - 1]) if done else None
    candidates = _pairs(history[done], vocabulary(found[:done]))
    views: list[View] = [
        Tokens(
            [written_name(part) for part in now],
            notes=["new" if part == newest else "" for part in now],
            title=f"The text after {done} merges: {len(now)} tokens",
        ),
        Metrics(
            tokens=Metric(len(now), "", f"of {lengths[0]} bytes"),
            vocabulary=Metric(len(BYTES) + done, "tokens", "the 256 bytes and the merges"),
            bytes_a_token=Metric(lengths[0] / len(now)),
        ),
        Chart(
            [
                Line(np.arange(len(lengths)), lengths, "tokens of the text"),
                Rule(x=done, label=f"{done} merges"),
            ],
            x=Axis("merges"),
            y=Axis("tokens", domain=(0, lengths[0])),
            title="The text becomes shorter",
        ),
        Table(
            ("merge", "left", "right", "token", "tokens it saved"),
            [
                (
                    place + 1,
                    *map(written_name, found[place]),
                    written_name(b"".join(found[place])),
                    lengths[place] - lengths[place + 1],
                )
                for place in range(max(0, done - 8), done)
            ],
            title="The last merges, in order",
        ),
    ]
    if candidates:
        pairs = Bar([label for label, _ in candidates], [times for _, times in candidates])
        chart = Chart(
            [pairs],
            x=Axis("pair of neighbours", "category"),
            y=Axis("times in the text", domain=(0, candidates[0][1])),
            title="The most frequent pairs: the first is joined next",
        )
    note = Note("No two tokens are neighbours within a piece: there is nothing left to join.")
    return [*views[:1], chart if candidates else note, *views[1:]]


def _joined(parts: list[bytes], pair: Merge) -> list[bytes]:
    if pair[0] not in parts:
        return parts
    return merge(parts, lambda left, right: 0 if (left, right) == pair else None)


def _pairs(pieces: list[list[bytes]], tokens: list[bytes]) -> list[tuple[str, int]]:
    """The most frequent pairs; of equals those of the smallest numbers come first, as in training.

    A label that is there already, as that of "·" and of a space, gets its bytes.
    """
    number = {token: place for place, token in enumerate(tokens)}
    counts = Counter(pair for parts in pieces for pair in pairwise(parts))
    ordered = sorted(counts, key=lambda p: (-counts[p], number[p[0]], number[p[1]]))[:N_PAIRS]
    labels: dict[str, int] = {}
    for left, right in ordered:
        label = f"{written_name(left)} + {written_name(right)}"
        labels[f"{label} ({left.hex()} {right.hex()})" if label in labels else label] = counts[
            left, right
        ]
    return [*labels.items()]
