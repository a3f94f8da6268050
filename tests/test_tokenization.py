"""The vocabularies of published models give what their own tokenizers give, token for token."""

import functools
import json
import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
import tiktoken
from fuzzed_texts import fuzzed_texts
from openai_encodings import OPENAI, tiktoken_encoding

from llmdeep import pretokenization, unicode_runs
from llmdeep.byte_pair_encoding import merge
from llmdeep.pretokenization import RULES, split
from llmdeep.site import unicode_runs as generator
from llmdeep.site import vocabularies as files
from llmdeep.site.node import command
from llmdeep.tokenization import Tokenizer, well_formed
from llmdeep.vocabularies import load

ROOT = Path(__file__).parents[1]
TEXTS = fuzzed_texts(22_500)
PUBLISHED = ("gpt2", "cl100k", "o200k", "llama2", "llama3")

RUNS = [" ", "\n", "ab", "漢", "=", "\u0301", "🦙", "A1 "]

# Where llama3-tokenizer-js is not Llama 3: JavaScript's \s has U+FEFF and lacks U+0085, and the
# package spells out the letters of 's, among which a long s is not.
JAVASCRIPTS_OWN = re.compile("[\x85\ufeff\u017f]")


def llama3_in_tiktoken() -> tiktoken.Encoding:
    tokens = load("llama3").tokens[:128_000]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return tiktoken.Encoding(
        "llama3", pat_str=RULES["llama3"], mergeable_ranks=ranks, special_tokens={}
    )


@functools.cache
def encoded(name: str) -> list[list[int]]:
    tokenizer = load(name)
    return [tokenizer.encode(text) for text in TEXTS]


def in_javascript(texts: list[str]) -> dict[str, list[list[int]]]:
    program = ROOT / "tests" / "javascript_tokenizers.mjs"
    answer = subprocess.run(
        command(program), input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)


def differences(texts: list[str], ours: list[list[int]], theirs: list[list[int]]) -> list[str]:
    return [ascii(t) for t, a, b in zip(texts, ours, theirs, strict=True) if a != b]


@pytest.mark.parametrize("name", OPENAI)
def test_openais_vocabularies_encode_as_tiktoken(name: str) -> None:
    theirs = tiktoken_encoding(name)
    assert not differences(TEXTS, encoded(name), [theirs.encode_ordinary(t) for t in TEXTS])


@pytest.mark.parametrize("name", OPENAI)
def test_special_tokens_are_tiktokens_when_asked_for(name: str) -> None:
    theirs = tiktoken_encoding(name)
    texts = [text for text in TEXTS if "<|" in text]
    assert len(texts) > 500
    ours = [load(name).encode(text, special=True) for text in texts]
    assert not differences(texts, ours, [theirs.encode(t, allowed_special="all") for t in texts])
    assert load(name).special == theirs._special_tokens


def test_llamas_vocabularies_encode_as_the_javascript_packages() -> None:
    texts = [well_formed(text) for text in TEXTS]
    theirs = in_javascript(texts)
    assert not differences(texts, encoded("llama2"), theirs["llama2"])
    # The package for Llama 3 takes special tokens out of any text.
    ours = [
        load("llama3").encode(text, special=True) if "<|" in text else tokens
        for text, tokens in zip(texts, encoded("llama3"), strict=True)
    ]
    found = differences(texts, ours, theirs["llama3"])
    same = [text for text in texts if not JAVASCRIPTS_OWN.search(text)]
    assert not {*found} & {*map(ascii, same)}
    assert len(same) > 20_000
    assert found, "the package now agrees on U+0085, U+FEFF and U+017F too"


def test_llama3_encodes_as_tiktoken_with_its_rule_where_javascript_differs_too() -> None:
    theirs = llama3_in_tiktoken()
    assert not differences(TEXTS, encoded("llama3"), [theirs.encode_ordinary(t) for t in TEXTS])


@pytest.mark.parametrize("name", PUBLISHED)
def test_decoding_gives_the_text_back(name: str) -> None:
    tokenizer = load(name)
    lost = [
        ascii(text)
        for text, tokens in zip(TEXTS, encoded(name), strict=True)
        if tokenizer.decode(tokens) != well_formed(text)
        and not (name == "llama2" and "▁" in text)  # which is how it writes a space
    ]
    assert not lost


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_text_makes_a_special_token_unless_asked(name: str) -> None:
    tokenizer = load(name)
    special = {*tokenizer.special.values()}
    assert special
    for spelled, number in tokenizer.special.items():
        assert not special & {*tokenizer.encode(f"so {spelled}, then")}
        assert number in tokenizer.encode(f"so {spelled}, then", special=True)
    assert all(not special & {*tokens} for tokens in encoded(name))


def test_the_sizes_are_the_published_ones() -> None:
    sizes = {name: load(name).vocabulary_size for name in PUBLISHED}
    assert sizes == {
        "gpt2": 50_257,
        "cl100k": 100_277,
        "o200k": 200_019,
        "llama2": 32_000,
        "llama3": 128_256,
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_long_runs_take_no_longer_than_their_length(name: str) -> None:
    """A quadratic step anywhere would take minutes here."""
    tokenizer = load(name)
    for repeated, times in [("a", 100_000), *((part, 15_000) for part in RUNS)]:
        text = repeated * times
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_merging_asks_for_ranks_in_proportion_to_the_length() -> None:
    def asked(length: int) -> int:
        count = 0

        def rank(left: str, right: str) -> int | None:
            nonlocal count
            count += 1
            return len(left + right) if len(left + right) <= 16 else None

        merge("a" * length, rank)
        return count

    assert asked(20_000) <= 2.1 * asked(10_000)


def test_each_vocabulary_is_at_most_1_2_mb_to_download() -> None:
    for name in PUBLISHED:
        path = ROOT / "src/llmdeep/vocabularies" / f"{name}.z"
        assert path.stat().st_size < 1_200_000


def test_vocabularies_are_made_the_same_again(tmp_path: Path) -> None:
    files.prepare(tmp_path)
    for name in PUBLISHED:
        made = (ROOT / "src/llmdeep/vocabularies" / f"{name}.z").read_bytes()
        assert (tmp_path / f"{name}.z").read_bytes() == made


def test_an_unknown_vocabulary_and_an_unknown_token_are_refused() -> None:
    with pytest.raises(ValueError, match="there are gpt2"):
        load("gpt5")
    with pytest.raises(ValueError, match="50257 is not in the vocabulary: 0 to 50256"):
        load("gpt2").decode([50_257])
    with pytest.raises(ValueError, match="-1 is not"):
        load("gpt2").token_bytes(-1)


def test_rules_are_those_of_tiktoken() -> None:
    for name in OPENAI:
        assert RULES[name] == tiktoken_encoding(name)._pat_str


@pytest.mark.parametrize("name", ["L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "N"])
def test_classes_of_characters_are_those_of_tiktoken(name: str) -> None:
    """An encoding whose tokens are single bytes drops what its rule does not match."""
    letters = {bytes([byte]): byte for byte in range(256)}
    rule = rf"\p{{{name}}}"
    theirs = tiktoken.Encoding("probe", pat_str=rule, mergeable_ranks=letters, special_tokens={})
    text = "".join(chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    folded = pretokenization.fold(text)
    found = pretokenization.compiled(rule).finditer(folded)
    ours = "".join(text[match.start() : match.end()] for match in found)
    assert ours.encode() == bytes(theirs.encode_ordinary(text))


def test_white_space_is_unicodes() -> None:
    spaces = pretokenization.compiled(r"\s")
    folded = pretokenization.fold("".join(map(chr, range(0x110000))))
    points = [found.start() for found in spaces.finditer(folded)]
    separators = [c for c in range(0x110000) if unicodedata.category(chr(c)) in ("Zs", "Zl", "Zp")]
    assert points == sorted([*range(0x09, 0x0E), 0x85, *separators])


def test_the_table_of_characters_is_what_its_command_writes() -> None:
    written = (ROOT / "src/llmdeep/unicode_runs.py").read_text(encoding="utf-8")
    assert written == generator.module()
    assert unicode_runs.VERSION == "16.0.0"


def test_a_rule_with_something_unknown_is_refused_by_name() -> None:
    for rule, named in {
        r"\w+": r"\\w",
        r"\p{Han}": "Han",
        r"[a[b]]": "class within a class",
        r"[一-龥]": "outside ASCII",
        r"(": "no regular expression",
    }.items():
        with pytest.raises(ValueError, match=named):
            split("text", rule)


def test_pieces_are_the_text() -> None:
    for name, rule in RULES.items():
        for text in map(well_formed, TEXTS[:5000]):
            assert "".join(split(text, rule)) == text, name


def test_a_tokenizer_without_special_tokens_needs_none() -> None:
    tokenizer = Tokenizer([b"a", b"b"], lambda text, first: ["ab".index(c) for c in text])
    assert tokenizer.encode("ba", special=True) == [1, 0]
    assert tokenizer.decode([1, 0]) == "ba"
