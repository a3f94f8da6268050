"""The counts that the book keeps are what its command measures."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from llmdeep.cli import main
from llmdeep.token_tax import VOCABULARIES, count, measured, tax
from llmdeep.vocabularies import load


def test_there_are_29_languages_and_all_counts() -> None:
    found = measured()
    assert len(found) == 29
    for counts in found.values():
        assert counts.tokens.keys() == {*VOCABULARIES}
        assert 0 < counts.words < counts.characters <= counts.bytes
        assert all(counts.words / 30 < n <= counts.bytes + 1 for n in counts.tokens.values())


def test_the_texts_still_give_these_counts() -> None:
    """Holds where the texts are; they are not the book's to ship."""
    path = os.environ.get("LLMDEEP_UDHR")
    languages = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    for entry in languages.values():
        text = unicodedata.normalize("NFC", entry["text"])
        assert count(text) == measured()[entry["name"]], entry["name"]


def test_the_command_counts_a_text_in_each_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "eng": {"name": "English", "text": "All human beings"},
        "x": {"name": "X", "text": "é"},
    }
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    monkeypatch.setattr("llmdeep.token_tax.FILE", tmp_path / "counts.json")
    assert main(["tokens", str(tmp_path / "texts.json")]) == 0
    written = json.loads((tmp_path / "counts.json").read_text(encoding="utf-8"))
    assert written["vocabularies"]["o200k"] == "js-tiktoken 1.0.21"
    counts = written["languages"]["English"]
    assert (counts["characters"], counts["words"]) == (16, 3)
    assert counts["tokens"] == {
        name: len(load(name).encode("All human beings")) for name in VOCABULARIES
    }
    assert written["languages"]["X"]["bytes"] == 2


def test_the_tax_is_relative_to_english_and_in_order() -> None:
    for vocabulary in VOCABULARIES:
        found = tax(vocabulary)
        assert found["English"] == 1
        assert [*found.values()] == sorted(found.values())
        assert max(found.values()) > 4
