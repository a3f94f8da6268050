"""One cell in a reader's hands, with the real runtime: run, edit, fail, stop, and an exercise."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from reader import LIVE, run, text_of

PAGE = "foundations/attention/"


@pytest.fixture
def page(open_page: Callable[..., Page], book_url: str) -> Page:
    page = open_page()
    page.goto(book_url + PAGE)
    return page


@pytest.fixture
def cell(page: Page) -> Locator:
    return page.locator("llmdeep-cell:not([data-kind])").first


@pytest.fixture
def exercise(page: Page) -> Locator:
    return page.locator("llmdeep-cell[data-kind=exercise]").first


def test_what_the_build_computed_stands_until_the_first_run(cell: Locator) -> None:
    expect(cell).to_have_attribute("data-state", "static")
    expect(status(cell)).to_have_text("✓ held when the book was built")
    origin = "(c) => getComputedStyle(c.querySelector('[data-output]'), '::after').content"
    assert "when the book was built" in cell.evaluate(origin)
    run(cell)
    expect(status(cell)).to_have_text(re.compile("^✓ (The claim holds|All 2 claims hold)"))
    assert cell.evaluate(origin) == "none"


def test_output_streams_and_the_last_value_is_shown(cell: Locator) -> None:
    write(
        cell, "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('again')\n{'a': 1}\n"
    )
    run(cell)
    blocks = cell.locator("[data-output] > *")
    expect(blocks).to_have_text(["out\n", "err\n", "again\n", "{'a': 1}"])
    streams = [blocks.nth(i).get_attribute("data-stream") for i in range(4)]
    assert streams == ["stdout", "stderr", "stdout", None]
    expect(status(cell)).to_have_text("Done")


def test_output_appears_while_the_cell_runs(cell: Locator) -> None:
    write(cell, "print('first')\nwhile True: pass\n")
    cell.locator("[data-action=run]").click()
    expect(cell.locator("[data-output]")).to_have_text("first\n", timeout=LIVE)
    expect(cell).to_have_attribute("data-state", "busy")
    cell.locator("[data-action=stop]").click()
    expect(cell.locator("[data-output]")).to_contain_text("Stopped.")
    expect(cell.locator("[data-output]")).to_contain_text("the variables of all cells were reset")
    expect(cell.locator("[data-action=stop]")).to_be_hidden()
    write(cell, "6 * 7\n")
    run(cell)
    expect(cell.locator("[data-output]")).to_have_text("42")


def test_views_are_drawn(cell: Locator) -> None:
    write(cell, "from llmdeep.widgets import Matrix, Metrics\n[Matrix([[1, 2]]), Metrics(a=3)]\n")
    run(cell)
    expect(cell.locator("[data-output] [data-view=matrix] svg").first).to_be_visible()
    expect(cell.locator("[data-output] [data-view=metrics]")).to_contain_text("3")


def test_markup_in_output_stays_text(cell: Locator) -> None:
    write(cell, "print('<img src=x onerror=alert(1)>')\n'<b>bold</b>'\n")
    run(cell)
    expect(cell.locator("[data-output]")).to_contain_text("<img src=x")
    expect(cell.locator("[data-output] img, [data-output] b")).to_have_count(0)


def test_a_failing_line_is_marked_and_the_traceback_folded(cell: Locator) -> None:
    write(cell, "a = 1\nb = a / 0\nc = 2\n")
    run(cell)
    expect(cell).to_have_attribute("data-state", "error")
    failure = cell.locator(".cell-failure")
    expect(failure).to_contain_text("ZeroDivisionError: division by zero.")
    expect(failure.locator("pre")).to_be_hidden()
    expect(cell.locator(".cm-error-line")).to_have_text("b = a / 0")
    write(cell, "a = (\n")
    run(cell)
    expect(failure).to_contain_text("SyntaxError")


def test_a_claim_that_does_not_hold_is_said_in_words(cell: Locator) -> None:
    write(cell, "assert 1 + 1 == 3\n")
    run(cell)
    expect(cell.locator(".cell-failure")).to_contain_text("1 + 1 == 3")


def test_a_name_from_a_cell_above_is_a_press_away(page: Page) -> None:
    cells = page.locator("llmdeep-cell:not([data-kind])")
    write(cells.nth(0), "above = 20\n")
    write(cells.nth(1), "above = above + 1\n")
    last = cells.nth(2)
    write(last, "above * 2\n")
    run(last)
    expect(last.locator(".cell-failure")).to_contain_text("Run all above")
    last.locator("[data-action=run-above]").click()
    expect(last.locator("[data-output]")).to_have_text("42", timeout=LIVE)


def test_reset_brings_back_code_and_output(cell: Locator) -> None:
    code, output = cell.locator("code").first.inner_html(), text_of(cell.locator("[data-output]"))
    write(cell, "print('mine')\n")
    expect(cell).to_have_attribute("data-edited", "")
    run(cell)
    cell.locator("[data-action=reset]").click()
    expect(cell.locator(".cm-content")).to_have_count(0)
    assert cell.locator("code").first.inner_html() == code
    assert text_of(cell.locator("[data-output]")) == output
    expect(cell).not_to_have_attribute("data-edited", "")


def test_without_python_one_sentence_says_so_and_the_output_stays(
    page: Page, cell: Locator
) -> None:
    page.route("**/assets/python/**", lambda route: route.abort())
    output = text_of(cell.locator("[data-output]"))
    run(cell)
    expect(cell).to_have_attribute("data-state", "error")
    assert text_of(cell.locator("[data-output]")).startswith(output)
    expect(cell.locator(".cell-failure p")).to_have_count(1)


@pytest.mark.parametrize(
    ("part", "action", "words"),
    [
        ("awake", "run", "The part that runs cells could not be loaded. Try again"),
        ("editor", "edit", "The editor could not be loaded. Try again"),
    ],
)
def test_a_part_of_the_page_that_does_not_come_is_missed_and_asked_for_again(
    open_page: Callable[..., Page], book_url: str, part: str, action: str, words: str
) -> None:
    page = open_page(service_workers="block")
    missing = f"**/assets/llmdeep/{part}-*.js"
    page.route(missing, lambda route: route.abort())
    page.goto(book_url + PAGE)
    cell = page.locator("llmdeep-cell:not([data-kind])").first
    cell.locator(f"[data-action={action}]").click()
    expect(status(cell)).to_contain_text(words)
    page.unroute(missing)
    write(cell, "6 * 7\n")
    run(cell)
    expect(cell.locator("[data-output]")).to_have_text("42")


def test_an_answer_is_kept_for_the_visit(page: Page, exercise: Locator) -> None:
    write(exercise, "mine = 1\n")
    page.reload()
    expect(exercise.locator("code").first).to_have_text("mine = 1")
    expect(exercise).to_have_attribute("data-edited", "")
    exercise.locator("[data-action=reset]").click()
    expect(exercise.locator("code").first).not_to_have_text("mine = 1")


def test_an_answer_leaves_no_names_behind(page: Page, exercise: Locator, cell: Locator) -> None:
    write(exercise, "left_behind = 1\nraise NotImplementedError\n")
    run(exercise, "check")
    assert exercise.get_attribute("data-result") == "fail"
    write(cell, "'left_behind' in globals()\n")
    run(cell)
    expect(cell.locator("[data-output]")).to_have_text("False")


def test_an_answer_may_use_the_page_s_names(page: Page, exercise: Locator, cell: Locator) -> None:
    write(cell, "from_the_page = 1\n" + code_of(cell))
    write(exercise, "raise NotImplementedError(f'seen {from_the_page}')\n")
    run(exercise, "check")
    expect(exercise.locator("[data-output]")).to_contain_text("Not yet. Seen 1")


def code_of(cell: Locator) -> str:
    code: str = cell.locator("code").first.evaluate("(c) => c.textContent")
    return code


def status(cell: Locator) -> Locator:
    return cell.locator("[data-status]")


def write(cell: Locator, code: str) -> None:
    """Replaces the cell's code, as a reader who pastes would."""
    cell.locator("[data-action=edit]").click()
    expect(cell.locator(".cm-content")).to_be_focused()
    cell.page.keyboard.press("ControlOrMeta+a")
    cell.page.keyboard.insert_text(code)
