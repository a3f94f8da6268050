"""The tokenizer of a run: byte-level BPE with GPT-2's rule, learned from the training text."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from llmdeep import byte_pair_encoding
from llmdeep.byte_pair_encoding import Merge
from llmdeep.shapes import Array, Int

END_OF_TEXT = "<|endoftext|>"


class Tokens(NamedTuple):
    """A trained vocabulary. Token n is `vocabulary[n]`; the last stands between two texts."""

    merges: list[Merge]
    vocabulary: list[bytes]

    @property
    def end_of_text(self) -> int:
        return len(self.vocabulary) - 1

    @property
    def parts(self) -> Int[Array, "vocab 2"]:
        """The two tokens that were merged into each, or -1 and -1."""
        number = {token: n for n, token in enumerate(self.vocabulary)}
        found = np.full((len(self.vocabulary), 2), -1, np.int64)
        for left, right in reversed(self.merges):  # the first merge that makes a token names it
            found[number[left + right]] = number[left], number[right]
        return found


def train_tokenizer(texts: Sequence[str], vocabulary_size: int) -> Tokens:
    """Learn the merges.

    Raises:
        ValueError: If the text is too short to fill the vocabulary.
    """
    merges = byte_pair_encoding.train(texts, vocabulary_size - 1)
    vocabulary = [*byte_pair_encoding.vocabulary(merges), END_OF_TEXT.encode()]
    if len(vocabulary) < vocabulary_size:
        raise ValueError(
            f"the text is too short for a vocabulary of {vocabulary_size}: "
            f"it has pairs for {len(vocabulary)}"
        )
    return Tokens(merges, vocabulary)


def encode(tokens: Tokens, text: str) -> Int[Array, "positions"]:
    """The tokens of a text, which together have exactly its bytes."""
    ranks = {token: rank for rank, token in enumerate(tokens.vocabulary[:-1])}
    return np.array(byte_pair_encoding.encode(text, ranks), np.int64)


def tokenizer_json(tokens: Tokens) -> str:
    """The file tokenizer.json, in the format of the `tokenizers` library."""
    letters = dict(zip(byte_pair_encoding.BYTES, _letters(), strict=True))

    def spelled(token: bytes) -> str:
        return "".join(letters[token[i : i + 1]] for i in range(len(token)))

    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    vocabulary = {spelled(token): n for n, token in enumerate(tokens.vocabulary[:-1])}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": tokens.end_of_text,
                "content": END_OF_TEXT,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level | {"use_regex": True},
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary | {END_OF_TEXT: tokens.end_of_text},
            "merges": [[spelled(left), spelled(right)] for left, right in tokens.merges],
        },
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _letters() -> list[str]:
    """The visible character that stands for each of `BYTES` in such files, as in GPT-2's.

    Bytes that Latin-1 can print stand for themselves; the other 68 take what follows U+0100.
    """
    printable = len(byte_pair_encoding.BYTES) - 68
    own = [byte.decode("latin-1") for byte in byte_pair_encoding.BYTES[:printable]]
    return own + [chr(0x100 + n) for n in range(68)]
