"""WordPiece: as byte-pair encoding, but it merges what belongs together, not what is frequent.

BERT's tokenizer. A token inside a word begins with ##, so that a text can be put together again.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import pairwise

INSIDE = "##"


def train(words: Mapping[str, int], vocabulary_size: int) -> list[str]:
    """The tokens in order of their making: characters, then merges.

    Each round merges the pair with the highest count(pair) / (count(left) count(right)), which is
    the one that raises the likelihood of the text most if tokens are drawn one by one. Of equals,
    the first in the alphabet. The counts are taken anew each round: meant for a small text.

    Args:
        words: How often each occurs.
        vocabulary_size: With the characters. It may end up smaller, if no pair is left, and is
            never below their number.

    Source:
        Schuster & Nakajima 2012, "Japanese and Korean Voice Search"; Wu et al. 2016,
        arXiv:1609.08144, section 4.1.

    Examples:
        >>> train({"hug": 10, "pug": 5, "hugs": 5}, 8)
        ['##g', '##s', '##u', 'h', 'p', '##gs', '##ug', '##ugs']
    """
    split = {word: [*word[:1], *(INSIDE + character for character in word[1:])] for word in words}
    tokens = sorted({part for parts in split.values() for part in parts})
    while len(tokens) < vocabulary_size:
        single: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for part in parts:
                single[part] += words[word]
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(
            pairs, key=lambda pair: (-pairs[pair] / (single[pair[0]] * single[pair[1]]), pair)
        )
        merged = best[0] + best[1].removeprefix(INSIDE)
        if merged not in tokens:
            tokens.append(merged)
        split = {word: _merged(parts, best, merged) for word, parts in split.items()}
    return tokens


def encode(word: str, tokens: Collection[str], unknown: str = "[UNK]") -> list[str]:
    """The longest token that begins the word, then the longest that goes on, to its end.

    Merges are not repeated. A word that comes to a dead end is unknown as a whole.

    Args:
        tokens: Best a set or a dictionary: each is looked up.

    Cost:
        The square of the word's length at worst, so a word of over 100 characters is unknown.

    Examples:
        >>> encode("hugs", {"h", "hug", "##s", "##gs"}), encode("hut", {"h", "##u"})
        (['hug', '##s'], ['[UNK]'])
    """
    parts: list[str] = []
    start = 0
    while start < len(word) <= 100:
        prefix = INSIDE if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in tokens), None)
        if end is None:
            return [unknown]
        parts.append(prefix + word[start:end])
        start = end
    return parts if len(word) <= 100 else [unknown]


def _merged(parts: list[str], pair: tuple[str, str], merged: str) -> list[str]:
    done: list[str] = []
    for part in parts:
        if done and (done[-1], part) == pair:
            done[-1] = merged
        else:
            done.append(part)
    return done
