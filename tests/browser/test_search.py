"""Search in a real browser: it costs nothing before the first word, and then finds."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

TEXTS = "texts."  # see llmdeep.site.search
RESULTS = "[data-md-component=search-result] a.md-search-result__link"


def test_the_texts_are_fetched_with_the_first_word_and_found_in(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(service_workers="block")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(Path(request.url).name))
    page.goto(book_url, wait_until="networkidle")
    page.keyboard.press("/")
    expect(page.locator(".md-search__input")).to_be_focused()
    assert "search.js" in asked
    assert not [name for name in asked if name.startswith(TEXTS)]
    page.keyboard.type("logits", delay=20)
    expect(page.locator(RESULTS).first).to_be_visible()
    assert len([name for name in asked if name.startswith(TEXTS)]) == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/?h=logits*")
    expect(page.locator("article mark").first).to_have_text("logits", ignore_case=True)


def test_a_link_with_a_query_opens_the_search(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page()
    page.goto(f"{book_url}notation/?q=softmax")
    expect(page.locator(RESULTS).first).to_be_visible()


def test_search_works_offline(open_page: Callable[..., Page], book_url: str) -> None:
    page = open_page()
    page.goto(book_url)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.reload()
    page.locator(".md-search__input").click()
    page.keyboard.type("softmax")
    expect(page.locator(RESULTS).first).to_be_visible()
