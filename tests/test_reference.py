"""The pages of reference hold together with the chapters: terms, sources, corrections, tables."""

import importlib
import re
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

from llmdeep.catalog import accelerators, models
from llmdeep.widgets import Table, accelerator_table, model_table

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
GLOSSARY = (REFERENCE / "glossary.md").read_text(encoding="utf-8")
SOURCES = " ".join((REFERENCE / "sources.md").read_text(encoding="utf-8").split())
ENTRIES = re.findall(r"^\*\*(.+)\*\*\n:   (.*(?:\n    .*)*)", GLOSSARY, re.MULTILINE)
CITED = re.split(r" - (?=\S)", SOURCES)[1:]
LISTS = ("sources.md", "licences.md", "decisions.md")
PAGES = [
    p
    for p in sorted((ROOT / "docs").rglob("*.md"))
    if p.name not in LISTS and p.parent.name != "kernels"  # which the build writes
]

ADDRESS = re.compile(r"\]\((https?://[^)\s]+)\)")
IDENTIFIER = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})")


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as the table of contents makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {slugify(re.sub(r"[`*$]", "", heading), "-") for heading in headings}


def identifiers(text: str) -> set[str]:
    """Papers by their arXiv number, everything else by its address."""
    addresses = {a for a in ADDRESS.findall(text) if "arxiv.org" not in a}
    return addresses | set(IDENTIFIER.findall(text.replace("https://arxiv.org/abs/", "arXiv:")))


def test_the_glossary_is_in_order_and_every_term_is_there_once() -> None:
    terms = [term.lower() for term, _ in ENTRIES]
    assert len(terms) > 60
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_a_term_has_one_sentence_its_chapter_and_a_function_that_exists(
    entry: tuple[str, str],
) -> None:
    _, text = entry
    sentence, _, rest = " ".join(text.split()).partition(" [")
    assert sentence.endswith(".")
    assert ". " not in sentence
    links = re.findall(r"\]\(([^)#]+)#?([^)]*)\)", rest)
    assert len(links) == 1
    page = (REFERENCE / links[0][0]).resolve()
    assert page in PAGES
    assert not links[0][1] or links[0][1] in anchors(page), links
    for name in re.findall(r"`(llmdeep[\w.]+)`", rest):
        module, *function = re.match(r"(llmdeep\.\w+)(?:\.(\w+))?", name).groups()
        assert hasattr(importlib.import_module(module), function[0] or "__doc__"), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_cites_is_in_the_list_of_sources(page: Path) -> None:
    missing = identifiers(page.read_text(encoding="utf-8")) - identifiers(SOURCES)
    assert not missing, f"add to docs/reference/sources.md, with its page: {missing}"


@pytest.mark.parametrize("entry", CITED, ids=lambda entry: entry[:30])
def test_what_is_in_the_list_is_cited_by_the_pages_it_names(entry: str) -> None:
    work, _, named = entry.rpartition("*")[2].partition(": [")
    author = re.match(r"(?:van den )?[\w-]+", entry)
    assert author
    pages = re.findall(r"\]\(([^):]+\.md)\)", named)
    assert pages, "name a page that cites it"
    for page in pages:
        text = (REFERENCE / page).read_text(encoding="utf-8")
        found = identifiers(work) & identifiers(text) if identifiers(work) else author[0] in text
        assert found, f"{page} does not cite {entry[:60]}"


def test_there_are_fifty_corrections_and_each_has_a_claim_and_what_is_right() -> None:
    page = (REFERENCE / "corrections.md").read_text(encoding="utf-8")
    entries = re.findall(r"^\*\*(\d+)\. “(.+?)”\*\*\n\n:   (\S.{20})", page, re.M | re.DOTALL)
    numbers = [int(number) for number, _, _ in entries]
    assert len(numbers) >= 50
    assert numbers == list(range(1, len(numbers) + 1)) == sorted(set(numbers))
    assert len(re.findall(r"^\*\*\d+\.", page, re.MULTILINE)) == len(numbers)


def table(views: list) -> Table:
    return next(view for view in views if isinstance(view, Table))


@pytest.mark.parametrize("columns", ["shape", "size", "source"])
def test_every_model_has_a_row_in_every_order(columns: str) -> None:
    names = {row.name for row in models()}
    for order in ("family", "year", "parameters", "cache a token", "context"):
        shown = table(model_table.render(columns=columns, order=order))
        assert {row[0] for row in shown.rows} == names
        assert {len(row) for row in shown.rows} == {len(shown.columns)}


def test_models_are_sorted_and_chosen() -> None:
    counted = [row[1] for row in table(model_table.render("size", order="parameters")).rows]
    known = [value for value in counted if value is not None]
    assert known == sorted(known, reverse=True)
    chosen = table(model_table.render(family="Gemma 3", contains="27")).rows
    assert [row[0] for row in chosen] == ["Gemma 3 27B"]
    with pytest.raises(ValueError, match="No model"):
        model_table.render(contains="no such model")


@pytest.mark.parametrize("columns", ["rates", "memory", "source"])
def test_every_accelerator_has_a_row(columns: str) -> None:
    shown = table(accelerator_table.render(columns=columns, order="ridge"))
    assert {row[0] for row in shown.rows} == {row.name for row in accelerators()}
    assert {len(row) for row in shown.rows} == {len(shown.columns)}


def test_rates_are_dense() -> None:
    shown = {row[0]: row for row in table(accelerator_table.render()).rows}
    sparse = {"H100 SXM5": 1979, "A100 80GB SXM": 624, "B200 (HGX, SXM)": 4500, "L4": 242}
    for name, sixteen_bit in sparse.items():  # as their makers print them first
        assert shown[name][4] == pytest.approx(sixteen_bit / 2, rel=0.01)
