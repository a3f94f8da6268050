"""The vocabularies of published models, and the book's own.

Each is a compressed list of its tokens' bytes in order of rank; `NAME.z` is made by
`python -m llmdeep.site.vocabularies`. A list is all there is to a byte-pair encoding: a merge makes
the token whose bytes are those of both its parts, and its rank is the token's number.
"""

import functools
import json
import zlib
from collections.abc import Mapping, Sequence

from llmdeep import byte_fallback, byte_pair_encoding, pretokenization
from llmdeep.data_files import path
from llmdeep.tokenization import Tokenizer
from llmdeep.tokenizer_file import read_tokenizer

# What the names stand for, in the order in which the vocabularies came.
TITLES = {
    "gpt2": "GPT-2",
    "cl100k": "cl100k (GPT-4)",
    "llama2": "Llama 2",
    "llama3": "Llama 3",
    "o200k": "o200k (GPT-4o)",
    "storybook": "this book’s model",
}


@functools.cache
def load(name: str) -> Tokenizer:
    """The tokenizer of a vocabulary, by a name of `TITLES`.

    Raises:
        ValueError: If there is no vocabulary of that name.
        FileNotFoundError: If its file has not been made.
    """
    if name not in TITLES:
        raise ValueError(f"there is no vocabulary {name!r}; there are {', '.join(TITLES)}")
    if name == "storybook":
        return read_tokenizer(path("vocabularies/storybook.json").read_text(encoding="utf-8"))
    header, _, content = zlib.decompress(path(f"vocabularies/{name}.z").read_bytes()).partition(
        b"\n"
    )
    special = json.loads(header)["special"]
    tokens = content.split(b"\xff")
    if name == "llama2":
        return _on_characters(tokens, special)
    tokens[tokens.index(b"")] = b"\xff"
    return _on_bytes(tokens, special, pretokenization.RULES[name])


def _on_bytes(tokens: list[bytes], special: Mapping[str, int], rule: str) -> Tokenizer:
    ranks = dict(zip(tokens, range(len(tokens)), strict=True))
    tokens = tokens + [b""] * (1 + max(special.values()) - len(tokens))
    for name, number in special.items():
        tokens[number] = name.encode()
    return Tokenizer(
        tokens,
        lambda text, first: byte_pair_encoding.encode(text, ranks, rule),
        special,
    )


def _on_characters(names: Sequence[bytes], special: Mapping[str, int]) -> Tokenizer:
    """Llama 2: special tokens first, then the 256 bytes, then text.

    Ranks are numbers here too, but runs of spaces are merged last, and all with the same rank: the
    model SentencePiece reads gives them all the same low score.
    """
    first_byte = len(special)
    first_text = first_byte + 256
    texts = [name.decode() for name in names[first_text:]]
    numbers = dict(zip(texts, range(first_text, len(names)), strict=True))
    runs = [text for text in texts if not text.strip(byte_fallback.SPACE)]
    ranks = numbers | dict.fromkeys(runs, len(names))
    tokens = [
        *names[:first_byte],
        *(bytes([byte]) for byte in range(256)),
        *(text.replace(byte_fallback.SPACE, " ").encode() for text in texts),
    ]

    def encode_part(text: str, first: bool) -> list[int]:
        return byte_fallback.encode(text, numbers, ranks, first_byte, " " if first else "")

    return Tokenizer(
        tokens,
        encode_part,
        special,
        lambda chosen: byte_fallback.decode(tokens[token] for token in chosen),
    )
