"""Prose cannot drift: a number with a unit has a source in its paragraph, or a cell that has it."""

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import prose
import pytest

from llmdeep.site.fences import python_fences
from llmdeep.site.outputs import outputs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [DOCS / "index.md", *sorted(DOCS.glob("*/*.md"))]
CHOSEN_AT_MOST = 8  # in the whole book: a mark for the rare case, not a way out


@cache
def computed(page: Path) -> prose.Computed:
    """The numbers that a page's cells have, as the build runs them."""
    text = page.read_text(encoding="utf-8")
    fences = python_fences(text.split("\n"))
    cells = [fence.code for fence in fences if fence.role == "cell" and not fence.no_browser]
    printed = (f"{o['stdout']} {shown(o.get('value') or {})}" for o in outputs(cells))
    names = set(re.findall(r"\]\(widget:(\w+)", text))
    figures = (ROOT / "src/llmdeep/widgets" / f"{name}.py" for name in names)
    code = "\n".join(figure.read_text(encoding="utf-8") for figure in figures)
    return prose.numbers_in(text, " ".join(printed), code)


def shown(value: dict[str, Any]) -> str:
    """What a cell's last expression shows: its text, or the numbers of its tables and metrics."""
    text, packed = value.get("views", ("[]", []))
    found = [value.get("text", "")]
    for view in json.loads(text):
        if view["view"] in ("table", "metrics"):
            found.append(json.dumps(view))
            for index in re.findall(r'"\$array": (\d+)', found[-1]):
                numbers = np.frombuffer(base64.b64decode(packed[int(index)]), "<f8")
                found += [repr(number) for number in numbers.tolist()]
    return " ".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_number_with_a_unit_has_a_source_or_a_computation(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = {link: computed((page.parent / link).resolve()) for link in prose.pages_linked(text)}
    assert not prose.unbacked(text, computed(page), linked), (
        "compute it in a cell, cite its source in this paragraph, or see CONTRIBUTING.md"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_who_is_cited_by_name_and_year_is_among_the_sources(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sources = text.partition("\n## Sources")[2]
    for paragraph in prose.paragraphs(text.partition("\n## Sources")[0]):
        for name, year in prose.citations(paragraph):
            linked = re.search(rf"\[[^\]]*{name}[^\]]*{year}[^\]]*\]\(https?://", paragraph)
            assert linked or (name in sources and year in sources), f"{name} {year}: {paragraph}"


def test_few_numbers_are_marked_as_chosen() -> None:
    marks = [page for page in PAGES for _ in re.findall("<!-- chosen:", page.read_text("utf-8"))]
    assert len(marks) <= CHOSEN_AT_MOST, marks


CELL = '```python\nprint(f"{8.030261248e9:.4g}")\nassert round(x, 1) == 31.4 and n == 4_096\n```\n'
PRINTED = "8.03 1,235 0.143"
SOURCES = "\n## Sources\n\n- Shazeer 2019, *Fast Transformer Decoding*.\n"


@pytest.mark.parametrize(
    "text",
    [
        "It takes 31.4 GB on each rank.",
        "A window of 4,096 tokens.",
        "It has 8.0 billion parameters.",  # printed with more digits
        "Attention adds 14.3 % to the work.",  # printed as a share
        "Attention adds 14 percent.",
        "It took 1,235 seconds.",
        "It is 7.6 times as fast ([Dao 2022](https://arxiv.org/abs/2205.14135)).",
        "It is 7.6 times as fast (Shazeer 2019).",
        "Shazeer (2019) measured 7.6 times.",
        "Say “7.6 times as fast” and you are wrong.",
        "In `7.6 times` and $7.6$ times nothing is claimed.",
        "A 4-bit number of Llama 3 70B, in section 12.",
        "Nothing slower than 300 ms feels immediate. <!-- chosen: what we aim at -->",
    ],
)
def test_a_number_with_something_behind_it_passes(text: str) -> None:
    page = f"# Title\n\n{text}\n\n{CELL}{SOURCES}"
    assert prose.unbacked(page, prose.numbers_in(page, PRINTED)) == []


@pytest.mark.parametrize(
    "text",
    [
        "It takes 31.5 GB on each rank.",
        "A window of 4,095 tokens.",
        "A window of 409 tokens.",
        "It has 8.1 billion parameters.",
        "It has 8.031 billion parameters.",  # more digits than were computed
        "Attention adds 15 % to the work.",
        "It takes ten gigabytes.",
        "It is three times as fast.",
        "It is 7.6 times as fast (Nobody 2019).",
        "It is 7.6 times as fast (in June 2017).",
        "It is 7.6 times as fast, [as we saw](attention.md).",
        "- A list with [a source](https://arxiv.org/abs/2205.14135).\n- It is 7.6 times as fast.",
        "Nothing slower than 300 ms. <!-- chosen: -->",
        "| fast | 7.6 times |",
        "It has 2 million users.",
    ],
)
def test_a_number_with_nothing_behind_it_is_found(text: str) -> None:
    page = f"# Title\n\n{text}\n\n{CELL}{SOURCES}"
    assert len(prose.unbacked(page, prose.numbers_in(page, PRINTED))) == 1


def test_a_page_that_is_linked_backs_the_paragraph_with_the_link_alone() -> None:
    page = "It is 7.6 times as fast ([here](speed.md#kernel)).\n\nYes, 7.6 times.\n"
    nothing = prose.Computed(set(), set())
    (found,) = prose.unbacked(page, nothing, {"speed.md": prose.Computed({7.61}, set())})
    assert "Yes" in found


def test_a_number_of_another_paragraphs_source_is_found() -> None:
    page = "One [source](https://arxiv.org/abs/2205.14135).\n\nIt is 7.6 times as fast.\n"
    (found,) = prose.unbacked(page, prose.Computed(set(), set()))
    assert "7.6 times" in found
