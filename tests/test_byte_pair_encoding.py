"""Training and encoding, held against the package `tokenizers`."""

import json
import random

import pytest
import tokenizers
from fuzzed_texts import fuzzed_texts
from tokenizers import models, pre_tokenizers, trainers

from llmdeep.byte_pair_encoding import BYTES, Merge, decode, encode, train, vocabulary
from llmdeep.tokenization import well_formed
from llmdeep.tokenizer_steps import as_bytes, as_characters

TEXTS = [well_formed(text) for text in fuzzed_texts(3_000)]


def their_merges(texts: list[str], vocabulary_size: int) -> list[Merge]:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(as_bytes(left), as_bytes(right)) for left, right in merges]


def test_the_bytes_are_numbered_as_tokenizers_does() -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    assert [as_characters(byte) for byte in BYTES] == alphabet


def test_merges_are_those_of_tokenizers_in_the_same_order() -> None:
    merges = train(TEXTS, 3_000)
    assert len(merges) == 3_000 - 256
    assert merges == their_merges(TEXTS, 3_000)


@pytest.mark.parametrize("alphabet", ["a", "ab", "aab", "abc", "ab ", "aé漢", "abcdefgh 12.,"])
def test_ties_are_broken_as_tokenizers_does(alphabet: str) -> None:
    """Random texts of few letters have many pairs of the same count, until no pair is left."""
    rng = random.Random(alphabet)
    for length in (2, 7, 30, 200, 1500):
        for size in (260, 300, 700):
            texts = ["".join(rng.choice(alphabet) for _ in range(length)) for _ in range(3)]
            assert train(texts, size) == their_merges(texts, size), texts


def test_equal_counts_take_the_smallest_numbers_first() -> None:
    assert train(["ba", "dc"], 257) == [(b"b", b"a")]
    assert train(["ba", "dc", "dc"], 257) == [(b"d", b"c")]


def test_a_text_without_pairs_ends_the_training() -> None:
    assert train([], 1000) == []
    assert train(["a", "b"], 1000) == []
    with pytest.raises(ValueError, match="256 bytes are tokens too"):
        train(["ab"], 255)


def test_encoding_repeats_the_training() -> None:
    """On its own text each merge is used as often as it was counted, so all tokens can occur."""
    merges = train(TEXTS, 1_000)
    tokens = vocabulary(merges)
    ranks = {token: number for number, token in enumerate(tokens)}
    theirs = tokenizers.Tokenizer(
        models.BPE(
            {as_characters(token): number for token, number in ranks.items()},
            [(as_characters(left), as_characters(right)) for left, right in merges],
        )
    )
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in TEXTS:
        found = encode(text, ranks)
        assert found == theirs.encode(text).ids
        assert decode(found, tokens) == text
