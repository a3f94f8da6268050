"""Outputs of cells that no browser runs: what is recorded is what they print today."""

import re

import numpy as np
import pytest

from llmdeep.site import cells, recorded
from llmdeep.site.cache import key
from llmdeep.site.fences import FenceError, python_fences
from llmdeep.site.outputs import Output, outputs

PAGES = recorded.recordable()
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
CELL = ['```python no-browser="a reason"', "print(6 * 7)", "```"]


def same(one: str, other: str) -> bool:
    """Equal texts, but for rounding errors, which differ between processors."""
    numbers = [np.array([float(x) for x in NUMBER.findall(text)]) for text in (one, other)]
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    tiny = (np.abs(numbers[0]) < 2e-3) & (np.abs(numbers[1]) < 2e-3)
    return bool((tiny | np.isclose(*numbers, rtol=1e-6)).all())


def text(output: Output) -> str:
    return str(output["stdout"] + output["stderr"] + output.get("value", {}).get("text", ""))


@pytest.mark.parametrize("page", PAGES)
def test_what_is_recorded_is_what_the_cells_print(page: str) -> None:
    kept = recorded.record(page)
    assert kept.get("cells") == key(PAGES[page]), "run `llmdeep cells record`"
    for once, now in zip(kept["outputs"], outputs(PAGES[page]), strict=True):
        assert same(text(once), text(now)), "run `llmdeep cells record`, and see why it changed"


@pytest.mark.parametrize(("one", "other"), [("error 1e-08", "error 3e-01"), ("4 tiles", "5 tiles")])
def test_another_output_would_be_noticed(one: str, other: str) -> None:
    assert not same(one, other)


def test_there_is_such_a_page() -> None:
    assert PAGES


def test_a_cell_that_no_browser_runs_shows_its_output_and_says_so() -> None:
    ((_, markup),) = cells.page_markup(python_fences(CELL))
    assert "42" in markup
    assert "Not live: it needs a reason. Output computed when this page was built" in markup
    assert "data-action" not in markup


def test_a_failing_one_stops_the_build() -> None:
    with pytest.raises(FenceError, match="ZeroDivisionError"):
        cells.page_markup(python_fences([CELL[0], "1 / 0", "```"]))


def test_without_torch_the_record_is_shown_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "NEEDED", ("a_package_that_is_not_there",))
    for page, codes in PAGES.items():
        found = recorded.elsewhere(codes, page)
        assert found.outputs == recorded.record(page)["outputs"]
        assert found.origin.startswith("recorded with Python ")


def test_without_torch_a_record_of_other_code_stops_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recorded, "NEEDED", ("a_package_that_is_not_there",))
    with pytest.raises(FenceError, match="llmdeep cells record"):
        cells.page_markup(python_fences(CELL), next(iter(PAGES)))
