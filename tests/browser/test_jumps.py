"""Links into a page: they land where they point, on pages that are laid out as they are seen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

TOP = "(heading) => Math.round(heading.getBoundingClientRect().top)"
LEFT = """() => document.scrollingElement.scrollHeight - innerHeight - Math.ceil(scrollY)"""


@pytest.mark.parametrize("width", [390, 1440])
def test_a_link_lands_on_its_heading(
    open_page: Callable[..., Page], chapters: list[str], book_url: str, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    path = f"{book_url}{next(path for path in chapters if path)}"
    page.goto(path)
    first, *_, last = page.locator("article h2[id]").all()
    near = first.get_attribute("id"), last.get_attribute("id")
    for name in near:
        page.goto("about:blank")
        page.goto(f"{path}#{name}", wait_until="networkidle")
        top = page.locator(f"[id='{name}']").evaluate(TOP)
        assert 0 < top < 200 or (top < 900 and page.evaluate(LEFT) <= 1)  # the page ends before


def test_a_jump_within_the_page_keeps_what_the_reader_did(
    open_page: Callable[..., Page], chapters: list[str], book_url: str
) -> None:
    page = open_page(viewport={"width": 1440, "height": 900})
    page.goto(book_url + next(path for path in chapters if path))
    page.mouse.move(5, 5)
    expect(page.locator(".md-code__nav").first).to_be_attached()  # the theme is there
    page.locator("article p").first.evaluate("(element) => { element.dataset.mine = 'yes'; }")
    last = page.locator("article h2[id]").last
    page.locator(f".md-sidebar--secondary a[href$='#{last.get_attribute('id')}']").click()
    expect(last).to_be_in_viewport()
    page.go_back()
    expect(page.locator("article h1")).to_be_in_viewport()
    expect(page.locator("article p").first).to_have_attribute("data-mine", "yes")


def test_the_keys_of_the_theme_work_before_it_has_come(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page()
    page.goto(book_url)
    page.keyboard.press("/")
    expect(page.locator("[data-md-component=search-query]")).to_be_focused()


@pytest.mark.parametrize(("wanted", "scheme"), [("dark", "slate"), ("light", "default")])
def test_the_first_visit_has_the_readers_colours_before_anything_is_touched(
    open_page: Callable[..., Page], book_url: str, wanted: str, scheme: str
) -> None:
    page = open_page(color_scheme=wanted)
    page.goto(book_url)
    expect(page.locator("script[type=later]")).to_be_attached()  # the theme's, still to come
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", scheme)


def test_the_colours_change_at_the_first_press(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(color_scheme="light", viewport={"width": 1440, "height": 900})
    page.goto(book_url)
    label = page.locator("[data-md-component=palette] label:visible")
    label.evaluate("(label) => label.click()")  # no pointer moves there before
    expect(page.locator("body")).to_have_attribute(
        "data-md-color-media", "(prefers-color-scheme: light)"
    )
