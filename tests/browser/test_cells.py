"""Every cell and exercise of the book gives, in the reader's browser, what the build saw."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from reader import LIVE, run, text_of

# Python in the browser has no BLAS, so that its sums may differ in their last digits.
NUMBER = re.compile(r"-?\d+(\.\d*)?(e[-+]\d+)?")


def test_every_cell_gives_what_the_build_computed(
    open_page: Callable[..., Page], chapters: list[str], book_url: str
) -> None:
    page = open_page()
    for path in chapters:
        page.goto(book_url + path)
        cells = page.locator("llmdeep-cell:not([data-kind])")
        for place in range(cells.count()):
            cell = cells.nth(place)
            computed = text_of(cell.locator("[data-output]"))
            run(cell)
            shown = text_of(cell.locator("[data-output]"))
            assert cell.get_attribute("data-state") == "idle", (path, place, shown)
            assert NUMBER.sub("#", shown) == NUMBER.sub("#", computed), (path, place)
            assert numbers(shown) == pytest.approx(numbers(computed), rel=1e-6, abs=1e-12), path


def test_every_exercise_refuses_its_starter_and_accepts_its_solution(
    open_page: Callable[..., Page], chapters: list[str], book_url: str
) -> None:
    page = open_page()
    for path in chapters:
        page.goto(book_url + path)
        exercises = page.locator("llmdeep-cell[data-kind=exercise]")
        for place in range(exercises.count()):
            exercise = exercises.nth(place)
            run(exercise, "check")
            assert exercise.get_attribute("data-result") == "fail", (path, place)
            assert exercise.locator("[data-output]").inner_text().startswith("Not yet.")
            exercise.locator("[data-action=edit]").click()
            expect(exercise.locator(".cm-content")).to_be_focused(timeout=LIVE)
            page.keyboard.press("ControlOrMeta+a")
            solution = exercise.locator("[data-solution] code").evaluate("(c) => c.textContent")
            page.keyboard.insert_text(solution)
            run(exercise, "check")
            assert exercise.get_attribute("data-result") == "pass", (
                path,
                exercise.locator("[data-output]").inner_text(),
            )


def numbers(text: str) -> list[float]:
    return [float(found[0]) for found in NUMBER.finditer(text)]
