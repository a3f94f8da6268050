"""Every page of the book in a real browser: quiet, self-contained, reachable by everyone."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from reader import (
    figure,
    first_cell,
    move,
    picture,
    run,
    stored_control,
    wait_for_change,
    wait_until_at_rest,
)

# What is to be done in the next moment is done once it is released.
HOLD = """
  const { setTimeout } = window;
  let held = [];
  window.setTimeout = (then, wait) =>
    held && wait === undefined ? held.push(then) : setTimeout(then, wait);
  window.release = () => {
    for (const then of held) setTimeout(then);
    held = undefined;
  };"""

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def test_no_page_complains_or_asks_another_origin(
    open_page: Callable[..., Page], page_paths: list[str], book_url: str
) -> None:
    page = open_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for path in page_paths:
        page.goto(book_url + path, wait_until="networkidle")
    origin = book_url.removesuffix("/book/")
    assert said == []
    assert [url for url in asked if not url.startswith((origin, f"blob:{origin}", "data:"))] == []


def test_every_page_carries_a_policy_without_inline_scripts_or_eval(
    every_path: list[str], book_url: str, book_folder: Path
) -> None:
    for path in every_path:
        markup = (book_folder / path / "index.html").read_text()
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', markup)
        assert policy, path
        scripts = re.search(r"script-src ([^;]+)", policy[1])
        assert scripts, path
        assert "'unsafe-inline'" not in scripts[1]
        assert "'unsafe-eval'" not in scripts[1]


def test_without_javascript_every_figure_shows_its_picture_its_numbers_and_its_caption(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page(java_script_enabled=False)
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        assert widget.locator("[data-view]").count() > 0, name
        assert widget.locator("svg, [data-view=table], [data-view=tokens]").count() > 0, name
        assert re.search(r"\d", widget.locator("[data-views]").inner_text()), name
        assert len(widget.locator("figcaption").inner_text()) > 20, name


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)], ids=str
)
def test_axe_finds_no_violation(
    open_page: Callable[..., Page], page_paths: list[str], book_url: str, scheme: str, width: int
) -> None:
    # tall: of a link that is half scrolled out of the contents axe measures the half that is left
    tall = {"width": width, "height": 2000}
    page = open_page(color_scheme=scheme, bypass_csp=True, viewport=tall)
    found: dict[str, Any] = {}
    for path in page_paths:
        page.goto(book_url + path)
        page.keyboard.press("Tab")
        page.wait_for_function("window.document$ !== undefined")  # the theme has come with the key
        wait_until_at_rest(page)
        page.add_script_tag(path=str(AXE))
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        asked = {"runOnly": tags, "resultTypes": ["violations"]}  # it describes no others
        report = page.evaluate(f"axe.run({json.dumps(asked)})")
        for violation in report["violations"]:
            targets = [node["target"] for node in violation["nodes"]]
            found[f"{path} {violation['id']}"] = [violation["help"], len(targets), targets[:5]]
    assert found == {}


def test_a_page_of_320_pixels_does_not_scroll_sideways(
    open_page: Callable[..., Page], page_paths: list[str], book_url: str
) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    widths = {}
    for path in page_paths:
        page.goto(book_url + path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > 320} == {}


def test_a_table_is_a_stop_for_the_keyboard_only_where_it_scrolls(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"{book_url}notation/")
    page.mouse.move(100, 100)  # a reader: the theme puts tables into boxes
    boxes = page.locator(".md-typeset__scrollwrap")
    stops = boxes.and_(page.get_by_role("group", name="Table"))
    expect(stops).not_to_have_count(0)
    box = stops.first
    box.focus()
    page.keyboard.press("ArrowRight")
    expect(box).not_to_have_js_property("scrollLeft", 0)
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(stops).to_have_count(0)
    expect(boxes).not_to_have_count(0)


def test_the_drawer_shows_what_the_keyboard_comes_to_and_closes_behind_it(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(f"{book_url}foundations/attention/")
    contents, focus = page.locator(".md-sidebar--primary"), page.locator(":focus")
    drawer = page.locator("#__drawer")
    while contents.and_(page.locator(":focus-within")).count() == 0:
        expect(drawer).not_to_be_checked()
        page.keyboard.press("Tab")
    for _ in range(30):
        expect(focus).to_be_in_viewport()
        expect(drawer).to_be_checked()
        page.keyboard.press("Tab")
    page.locator("article a[href]").first.focus()
    expect(drawer).not_to_be_checked()


def test_a_page_that_never_comes_to_rest_still_gets_what_it_held_back(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page()
    page.add_init_script(
        "window.requestIdleCallback = (call, { timeout }) => setTimeout(call, timeout)"
    )
    page.goto(book_url)
    held = page.locator("script[type=later]")
    expect(held).to_have_count(1)
    page.mouse.move(100, 100)
    expect(held).to_have_count(0)


def test_a_figure_touched_before_the_page_is_laid_out_changes_no_heights(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page()
    page.add_init_script(HOLD)  # a slow phone, which lays the page out for seconds
    page.goto(f"{book_url}foundations/attention/")
    page.locator("llmdeep-widget input").first.focus()
    article = page.locator("article.resting")
    expect(article.locator("> [style]")).not_to_have_count(0)
    page.evaluate("() => release()")
    wait_until_at_rest(page)
    expect(page.locator("article.settled")).to_be_attached()
    resting = article.evaluate("(article) => article.offsetHeight")
    page.evaluate("() => document.querySelector('article').classList.remove('resting')")
    assert page.locator("article").evaluate("(article) => article.offsetHeight") == resting


def test_ids_are_unique_and_headings_skip_no_level(
    open_page: Callable[..., Page], page_paths: list[str], book_url: str
) -> None:
    page = open_page()
    for path in page_paths:
        page.goto(book_url + path)
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert [one for one in ids if ids.count(one) > 1] == [], path
        levels = page.evaluate(
            "[...document.querySelectorAll('article :is(h1, h2, h3, h4)')]"
            ".map((heading) => Number(heading.tagName[1]))"
        )
        assert levels[:1] == [1], path
        assert levels.count(1) == 1, path
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), path


def test_one_start_of_python_serves_the_whole_visit(
    open_page: Callable[..., Page], chapters: list[str], book_url: str
) -> None:
    page = open_page()
    workers: list[str] = []
    page.on("worker", lambda w: workers.append(w.url) if w.url.startswith("blob:") else None)
    page.goto(book_url + chapters[0])
    page.evaluate("window.sameVisit = true")
    run(first_cell(page))
    for path in chapters[1:]:
        heading = page.locator("article h1")
        before = heading.inner_text()
        link = page.locator(f".md-nav--primary a[href$='{Path(path).name}/']").first
        link.evaluate("(link) => link.click()")
        page.wait_for_url(book_url + path)
        expect(heading).not_to_have_text(before)  # the address changes before the page does
        run(first_cell(page))
    assert page.evaluate("window.sameVisit") is True
    assert len(workers) == 1


def test_after_one_visit_the_book_reads_and_computes_offline(
    open_page: Callable[..., Page],
    chapters: list[str],
    figures: list[tuple[str, str]],
    book_url: str,
) -> None:
    page = open_page()
    page.goto(book_url + chapters[0])
    run(first_cell(page))
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    run(first_cell(page))
    page.context.set_offline(True)
    page.reload()
    run(first_cell(page))
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        before = picture(widget)
        move(widget, stored_control(widget))
        wait_for_change(widget, before)


def test_a_page_prints_its_figures_and_hides_its_buttons(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    page.emulate_media(media="print")
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        expect(widget.locator("[data-view]").first).to_be_visible()
        expect(widget.locator("[data-action=code]")).to_be_hidden()
