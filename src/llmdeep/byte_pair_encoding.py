"""Byte-pair encoding: start from bytes, and merge the pair that is most frequent, again and again.

Training lists the merges in the order in which they were found. Encoding a new text repeats them on
each of its pieces, earliest first. A token's *rank* is its place in that order.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from llmdeep.pretokenization import GPT2, split

Merge = tuple[bytes, bytes]
Part = TypeVar("Part", bytes, str)

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]

# The 256 tokens that every vocabulary begins with, in GPT-2's order: what Latin-1 can print first.
BYTES = [bytes([b]) for b in [*_PRINTABLE, *sorted({*range(256)} - {*_PRINTABLE})]]


def train(texts: Iterable[str], vocabulary_size: int, rule: str = GPT2) -> list[Merge]:
    """The merges that turn the 256 bytes into a vocabulary of a given size, in order.

    Each round merges the pair of neighbours that is most frequent in all texts; of equally frequent
    pairs, the one with the smallest numbers. It ends early if no pair is left.

    Args:
        vocabulary_size: Bytes included, special tokens not.
        rule: How texts are cut (see `pretokenization`). No token crosses a cut.

    Raises:
        ValueError: If the vocabulary has no room for the bytes.

    Source:
        Sennrich, Haddow & Birch 2016, arXiv:1508.07909, algorithm 1; on bytes, Radford et al. 2019.

    Examples:
        >>> train(["low lower lowest"], 259)
        [(b'l', b'o'), (b'lo', b'w'), (b' ', b'low')]
    """
    if vocabulary_size < 256:
        raise ValueError(f"the 256 bytes are tokens too: {vocabulary_size} are too few")
    counts = Counter(piece for text in texts for piece in split(text, rule))
    words = [[_NUMBER[byte] for byte in piece.encode()] for piece in counts]
    times = list(counts.values())
    tokens, number = list(BYTES), {token: n for n, token in enumerate(BYTES)}
    pairs: Counter[tuple[int, int]] = Counter()
    places: dict[tuple[int, int], set[int]] = {}
    for place, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += times[place]
            places.setdefault(pair, set()).add(place)
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(queue)

    merges = []
    while queue and len(tokens) < vocabulary_size:
        count, pair = heapq.heappop(queue)
        if -count != pairs[pair]:  # it has changed since it was queued
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair))
            continue
        left, right = tokens[pair[0]], tokens[pair[1]]
        merges.append((left, right))
        merged = number.setdefault(left + right, len(tokens))
        if merged == len(tokens):
            tokens.append(left + right)
        grown = set()
        for place in places.pop(pair):
            for changed, by in _merge_in(words[place], pair, merged):
                pairs[changed] += by * times[place]
                if by > 0:
                    places.setdefault(changed, set()).add(place)
                    grown.add(changed)
        for changed in grown:
            if pairs[changed] > 0:
                heapq.heappush(queue, (-pairs[changed], changed))
    return merges


def vocabulary(merges: Iterable[Merge]) -> list[bytes]:
    """The tokens by number: the bytes, then what each merge makes.

    Examples:
        >>> vocabulary([(b"o", b"w"), (b"l", b"ow")])[-3:]
        [b'\\xad', b'ow', b'low']
    """
    return list(dict.fromkeys([*BYTES, *(left + right for left, right in merges)]))


def encode(text: str, ranks: Mapping[bytes, int], rule: str = GPT2) -> list[int]:
    """The tokens of a text, by number; a piece that is a token is not looked into.

    Args:
        ranks: The number of each token, which is also its rank; the 256 bytes among them.

    Examples:
        >>> merges = train(["low lower lowest"], 259)
        >>> ranks = {token: rank for rank, token in enumerate(vocabulary(merges))}
        >>> encode("low lows", ranks)
        [257, 258, 82]
    """

    known: dict[str, list[int]] = {}
    tokens: list[int] = []
    for piece in split(text, rule):
        if piece not in known:
            data = piece.encode()
            parts = [data]
            if data not in ranks:
                one_by_one = [data[place : place + 1] for place in range(len(data))]
                parts = merge(one_by_one, lambda left, right: ranks.get(left + right))
            known[piece] = [ranks[part] for part in parts]
        tokens += known[piece]
    return tokens


def decode(tokens: Iterable[int], vocabulary: Sequence[bytes]) -> str:
    """The text of tokens; bytes that are no UTF-8 become U+FFFD.

    Examples:
        >>> decode([257, 258, 82], vocabulary(train(["low lower lowest"], 259)))
        'low lows'
    """
    return b"".join(vocabulary[token] for token in tokens).decode(errors="replace")


def merge(parts: Sequence[Part], rank: Callable[[Part, Part], int | None]) -> list[Part]:
    """Join neighbours, the pair of lowest rank first, of equals the leftmost, until none has one.

    Args:
        parts: Bytes, or characters.
        rank: The rank of a pair, or None where it is not to be joined.

    Cost:
        n log n steps for n parts, however they join: a heap holds the pairs, and each part knows
        its neighbours. A pair that is gone is recognised when it comes out.

    Examples:
        >>> ranks = {"ow": 0, "low": 1}
        >>> merge("lower", lambda left, right: ranks.get(left + right))
        ['low', 'e', 'r']
    """
    parts = list(parts)
    after = [*range(1, len(parts) + 1)]  # where the next part starts; 0 for a part that is gone
    before = [*range(-1, len(parts) - 1)]
    queue: list[tuple[int, int, int, int]] = []
    changed = [*range(len(parts) - 1)]  # left parts of pairs whose rank is to be asked
    while changed or queue:
        for left in changed:
            right = after[left]
            found = rank(parts[left], parts[right])
            if found is not None:
                heapq.heappush(queue, (found, left, right, after[right]))
        changed = []
        if queue:
            _, left, right, end = heapq.heappop(queue)
            if after[left] == right and after[right] == end:
                parts[left] += parts[right]
                after[left], after[right] = end, 0
                if left > 0:
                    changed.append(before[left])
                if end < len(parts):
                    before[end] = left
                    changed.append(left)
    return [part for part, end in zip(parts, after, strict=True) if end]


_NUMBER = {byte[0]: number for number, byte in enumerate(BYTES)}


def _merge_in(
    word: list[int], pair: tuple[int, int], merged: int
) -> Iterator[tuple[tuple[int, int], int]]:
    """Replace a pair wherever it is; yield each pair that appears, with 1, or goes, with -1."""
    at = 0
    while at < len(word) - 1:
        if (word[at], word[at + 1]) == pair:
            if at > 0:
                yield (word[at - 1], pair[0]), -1
                yield (word[at - 1], merged), 1
            if at + 2 < len(word):
                yield (pair[1], word[at + 2]), -1
                yield (merged, word[at + 2]), 1
            yield pair, -1
            word[at : at + 2] = [merged]
        at += 1
