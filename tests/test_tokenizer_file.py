"""tokenizer.json as `tokenizers` reads it, step by step."""

import copy
import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import pytest
import tokenizers
from fuzzed_texts import fuzzed_texts
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from llmdeep.byte_pair_encoding import train
from llmdeep.pretokenization import LLAMA3
from llmdeep.tokenization import well_formed
from llmdeep.tokenizer_file import read_tokenizer, tokenizer_json

TEXTS = [well_formed(text) for text in fuzzed_texts(2_500, seed=1)]
SPECIAL = ["<|endoftext|>", "<s>", "</s>"]


def split_before_bytes(rule: str) -> pre_tokenizers.PreTokenizer:
    cut = pre_tokenizers.Split(tokenizers.Regex(rule), "isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([cut, bytes_])


BYTE_LEVEL = {
    "GPT-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "with a space before": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "Llama 3": split_before_bytes(LLAMA3),
    "Qwen": split_before_bytes(LLAMA3.replace("{1,3}", "")),
    "digits apart": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    ),
}


def on_bytes(name: str) -> tokenizers.Tokenizer:
    theirs = tokenizers.Tokenizer(models.BPE(ignore_merges=name == "Llama 3"))
    theirs.pre_tokenizer = BYTE_LEVEL[name]
    theirs.decoder = decoders.ByteLevel()
    if name == "Qwen":
        theirs.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=1_200,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    theirs.train_from_iterator(TEXTS, trainer)
    theirs.add_tokens([tokenizers.AddedToken("==", normalized=False)])
    return theirs


def on_characters(kind: str) -> tokenizers.Tokenizer:
    """As Llama 2's: trained on words that keep their space, then run without cutting."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trained = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex("▁[^▁]*"), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        limit_alphabet=150,
        special_tokens=["<unk>", *SPECIAL, *bytes_],
        show_progress=False,
    )
    trained.train_from_iterator(TEXTS, trainer)
    model = json.loads(trained.to_str())["model"]
    theirs = tokenizers.Tokenizer(
        models.BPE(
            model["vocab"],
            [(left, right) for left, right in model["merges"]],
            byte_fallback=kind != "unknown",
            fuse_unk=True,
            unk_token="<unk>",
        )
    )
    theirs.add_special_tokens(
        [tokenizers.AddedToken(name, normalized=False) for name in ["<unk>", *SPECIAL]]
    )
    if kind == "Metaspace":
        theirs.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
        theirs.decoder = decoders.Sequence(
            [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]
        )
    else:
        theirs.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        theirs.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    return theirs


def assert_same(
    theirs: tokenizers.Tokenizer, text_of_file: str, texts: Iterable[str] = TEXTS
) -> None:
    ours = read_tokenizer(text_of_file)
    for plain in (True, False):
        theirs.encode_special_tokens = plain
        for text in texts:
            expected = theirs.encode(text, add_special_tokens=False).ids
            assert ours.encode(text, special=not plain) == expected, ascii(text)
            assert ours.decode(expected) == theirs.decode(expected, skip_special_tokens=False)
    assert ours.vocabulary_size == theirs.get_vocab_size()


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_on_bytes(name: str) -> None:
    theirs = on_bytes(name)
    texts = TEXTS
    if name == "Qwen":
        # It composes characters by an older Unicode than Python's: marks that are newer stay where
        # they are. What is composed already must stay so under both, and common marks must compose.
        composed = [unicodedata.normalize("NFC", text) for text in TEXTS]
        texts = [*composed, "e\u0301 A\u030a", "\u1112\u1161\u11ab", "a\u0323\u0302"]
    assert_same(theirs, theirs.to_str(), texts)


@pytest.mark.parametrize("kind", ["normalizer", "Metaspace", "unknown"])
def test_on_characters(kind: str) -> None:
    theirs = on_characters(kind)
    assert_same(theirs, theirs.to_str())


def test_half_characters_decode_as_theirs() -> None:
    """Any tokens may come from a model, also bytes that make no character."""
    for theirs in (on_bytes("GPT-2"), on_characters("normalizer"), on_characters("Metaspace")):
        ours = read_tokenizer(theirs.to_str())
        for start in range(0, 900, 3):
            tokens = [start, (start * 7) % 900, 200, 201, (start * 13) % 900, 150, 195]
            assert ours.decode(tokens) == theirs.decode(tokens, skip_special_tokens=False)


def test_the_books_own_file_is_read_alike_by_tokenizers() -> None:
    merges = train(TEXTS, 800)
    text = tokenizer_json(merges, SPECIAL)
    assert_same(tokenizers.Tokenizer.from_str(text), text)
    ours = read_tokenizer(text)
    assert ours.special == {name: 800 + index for index, name in enumerate(SPECIAL)}
    assert b"".join(map(ours.token_bytes, range(256))) != b""
    assert {ours.token_bytes(number) for number in range(256)} == {bytes([b]) for b in range(256)}


FILE: dict[str, Any] = json.loads(tokenizer_json([(b"l", b"o")], ["<end>"]))


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (["normalizer"], {"type": "BertNormalizer"}, "normalizer.*BertNormalizer"),
        (["pre_tokenizer"], {"type": "Whitespace"}, "pre-tokenizer.*Whitespace"),
        (["pre_tokenizer"], {"type": "Split", "behavior": "Removed"}, "pre-tokenizer.*Removed"),
        (["decoder"], {"type": "WordPiece"}, "decoder.*WordPiece"),
        (["decoder"], None, "decoder.*None"),
        (["model", "type"], "Unigram", "model.*Unigram"),
        (["model", "dropout"], 0.1, "model.*dropout"),
        (["model", "merges"], [["lo", "x9"]], "merge joins what the vocabulary lacks"),
        (["added_tokens", 0, "lstrip"], True, "added token.*lstrip"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    place: list[str | int], value: object, named: str
) -> None:
    file: Any = copy.deepcopy(FILE)
    target = file
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    with pytest.raises(ValueError, match=named):
        read_tokenizer(json.dumps(file))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": null}', '{"model": {"vocab": 3}}'])
def test_what_is_no_tokenizer_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"this is no tokenizer\.json"):
        read_tokenizer(text)


def test_a_character_that_has_no_token_is_refused() -> None:
    file = copy.deepcopy(FILE)
    del file["model"]["vocab"]["q"]
    with pytest.raises(ValueError, match="no token for 'q'"):
        read_tokenizer(json.dumps(file)).encode("quick")
