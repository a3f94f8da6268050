"""Every figure of the book in the reader's hands: states first, then Python, and strange input."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from reader import (
    WRITE,
    controls,
    figure,
    move,
    picture,
    wait_for_change,
    wait_until_still,
)

STRANGE = {
    "empty": "",
    "blank": "   ",
    "10,000 characters": "ab " * 3334,
    "emoji": "👩‍👩‍👧 🏳️‍🌈 𝕏 ok",
    "right to left": "שלום עולם, مرحبا",
    "not a number": "NaN",
    "huge": "1e309",
    "infinite": "-inf",
    "markup": "<script>alert(1)</script>",
}


def test_a_first_drag_answers_where_python_cannot_even_be_fetched(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    page.route("**/assets/python/**", lambda route: route.abort())
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        before = picture(widget)
        move(widget, widget.locator("input[type=range][name]").first.get_attribute("name") or "")
        wait_for_change(widget, before, "static")
        assert page.evaluate("document.documentElement.dataset.llmdeepRuntime ?? 'off'") == "off"


def test_every_figure_goes_live_and_each_control_changes_its_views(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        start = picture(widget)
        for control in controls(widget)[:2]:  # two at once are in no precomputed state
            move(widget, control)
        wait_for_change(widget, start, "live")
        for control in controls(widget):
            widget.locator("[data-action=reset]").click()
            wait_until_still(widget)
            before = picture(widget)
            move(widget, control)
            wait_for_change(widget, before, "live", control)


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_strange_input_gets_an_answer_or_a_clear_refusal(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str, text: str
) -> None:
    page = open_page()
    crashes: list[str] = []
    page.on("pageerror", lambda error: crashes.append(str(error)))
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        boxes = widget.locator("input[type=text], textarea, input[type=number]")
        for place in range(boxes.count()):
            boxes.nth(place).evaluate(WRITE, text)  # a number box turns what is no number into ''
            if wait_until_still(widget) == "error":
                said = widget.locator("[data-message]").inner_text()
                assert len(said) > 15, (name, said)
                assert "Error" not in said.split("\n")[0], (name, said)
            assert widget.locator("[data-view]").count() > 0, name
            widget.locator("[data-action=reset]").click()
            wait_until_still(widget)
    assert crashes == []
