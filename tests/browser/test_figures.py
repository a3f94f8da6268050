"""Every figure of the book in the reader's hands: states first, then Python, and strange input."""

import itertools
from collections.abc import Callable, Iterator

from playwright.sync_api import Locator, Page, expect
from reader import (
    LIVE,
    WRITE,
    controls,
    figure,
    move,
    picture,
    stored_control,
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

# Sizes of tiles that the chapter's figure begins without.
COUNTS_ONCE = dict.fromkeys(("tile_queries", "tile_keys"), ("tiles", "chosen below"))
BEGAN = "the figure as it began · computed here"  # by Python, with all digits
SAID = "[data-message], [data-problem]"  # of the whole figure, and beside a control


def test_a_first_drag_answers_where_python_cannot_even_be_fetched(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    page.route("**/assets/python/**", lambda route: route.abort())
    for widget in opened(page, figures, book_url):
        before = picture(widget)
        move(widget, stored_control(widget))
        wait_for_change(widget, before, "static")
        assert page.evaluate("document.documentElement.dataset.llmdeepRuntime ?? 'off'") == "off"


def test_every_figure_goes_live_and_each_control_changes_its_views(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    for widget in opened(page, figures, book_url):
        start = picture(widget)
        for control in controls(widget)[:2]:  # two at once are in no precomputed state
            move(widget, control)
        wait_for_change(widget, start, "live")
        for control in controls(widget):
            widget.locator("[data-action=reset]").click()
            expect(widget.locator("[data-status]")).to_contain_text(BEGAN, timeout=LIVE)
            if control in COUNTS_ONCE:
                name, value = COUNTS_ONCE[control]
                widget.locator(f"[name={name}]").select_option(value)
                expect(widget.locator("[data-status]")).to_contain_text(f"{value} · computed here")
            before = picture(widget)
            move(widget, control)
            wait_for_change(widget, before, "live", control)


def test_strange_input_gets_an_answer_or_a_clear_refusal(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    crashes: list[str] = []
    page.on("pageerror", lambda error: crashes.append(str(error)))
    for widget in opened(page, figures, book_url):
        boxes = widget.locator("input[type=text], textarea, input[type=number]")
        for place, (kind, text) in itertools.product(range(boxes.count()), STRANGE.items()):
            case = widget.get_attribute("name"), place, kind
            boxes.nth(place).evaluate(WRITE, text)  # a number box turns what is no number into ''
            if wait_until_still(widget) == "error":
                said = " ".join(widget.locator(SAID).all_text_contents())
                assert len(said) > 15, (case, said)
                assert "Error" not in said.split("\n")[0], (case, said)
            assert widget.locator("[data-view]").count() > 0, case
            widget.locator("[data-action=reset]").click()
            wait_until_still(widget)
    assert crashes == []


def opened(page: Page, figures: list[tuple[str, str]], book_url: str) -> Iterator[Locator]:
    """Each figure where it stands; those of one page on one visit, so that Python starts once."""
    for path, here in itertools.groupby(figures, key=lambda place: place[0]):
        page.goto(book_url + path)
        yield from (figure(page, name) for _, name in here)
