"""The token tax: the same text costs more tokens in one language than in another.

The counts stand in token_tax.json beside this file. `llmdeep tokens FILE` measures them, on the
Universal Declaration of Human Rights in 29 languages, of which the book keeps the counts only.
Letters and their accents are composed (NFC), as keyboards write them. Translations differ in length
and in what their publishers put before them.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llmdeep.vocabularies import load

FILE = Path(__file__).with_name("token_tax.json")
VOCABULARIES = ("gpt2", "cl100k", "llama2", "llama3", "o200k")


class Counts(NamedTuple):
    """What one text measures; `words` are what white space separates, so of little meaning in Thai.

    `tokens` has the number of tokens under each vocabulary.
    """

    characters: int
    bytes: int
    words: int
    tokens: Mapping[str, int]


def count(text: str, vocabularies: Sequence[str] = VOCABULARIES) -> Counts:
    """Measure a text.

    Examples:
        >>> count("één ei", ["gpt2"])
        Counts(characters=6, bytes=8, words=2, tokens={'gpt2': 4})
    """
    tokens = {name: len(load(name).encode(text)) for name in vocabularies}
    return Counts(len(text), len(text.encode()), len(text.split()), tokens)


@functools.cache
def measured() -> dict[str, Counts]:
    """The counts of the declaration by language, in English."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["languages"]
    return {name: Counts(**counts) for name, counts in found.items()}


def tax(vocabulary: str) -> dict[str, float]:
    """Tokens relative to the English text, by language, the dearest last.

    Examples:
        >>> [*tax("gpt2").items()][0]
        ('English', 1.0)
    """
    tokens = {name: counts.tokens[vocabulary] for name, counts in measured().items()}
    ordered = sorted(tokens, key=lambda name: tokens[name])
    return {name: tokens[name] / tokens["English"] for name in ordered}
