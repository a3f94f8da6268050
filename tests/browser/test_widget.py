"""One figure in a reader's hands, with the real runtime: answers, code, links, files, errors."""

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from reader import (
    LIVE,
    figure,
    picture,
    wait_for_change,
    wait_until_at_rest,
    wait_until_still,
)

from llmdeep.widgets._panel import widget_render
from llmdeep.widgets._views import as_data

NAME = "softmax_scaling"
PAGE = "foundations/attention/"
EDITOR = "**/assets/llmdeep/code-*.js"


@pytest.fixture
def page(open_page: Callable[..., Page], book_url: str) -> Page:
    page = open_page()
    page.goto(book_url + PAGE)
    return page


@pytest.fixture
def widget(page: Page) -> Locator:
    found = figure(page, NAME)
    found.scroll_into_view_if_needed()
    wait_until_at_rest(page)
    return found


# Answers --------------------------------------------------------------------------------------


def test_a_stored_answer_is_what_python_computes_and_needs_no_python(widget: Locator) -> None:
    press(slider(widget, "d_head"), "Home")
    expect(widget).to_have_attribute("data-state", "static")
    expect(status(widget)).to_have_text(re.compile("precomputed"))
    assert widget.page.evaluate("document.documentElement.dataset.llmdeepRuntime ?? 'off'") == "off"
    shown = downloaded(widget)
    assert shown["parameters"]["d_head"] == 1
    assert "rounded" in shown
    compare(shown["views"], d_head=1)


def test_two_controls_moved_are_computed_by_python_exactly(widget: Locator) -> None:
    go_live(widget)
    shown = downloaded(widget)
    assert "rounded" not in shown
    compare(shown["views"], exact=True, **shown["parameters"])


def test_a_picture_that_is_not_the_answer_says_so(page: Page, widget: Locator) -> None:
    page.route("**/assets/python/**", lambda route: None)  # Python never arrives
    press(slider(widget, "d_head"), "Home")
    press(slider(widget, "n_keys"), "Home")
    expect(widget).to_have_attribute("data-state", "booting")
    expect(widget.locator("[data-views]")).to_have_attribute("data-pending", "")
    expect(status(widget)).to_have_text(re.compile("Python is loading"))
    assert downloaded(widget)["parameters"]["n_keys"] == 16  # of what is seen, not of what is asked


def test_without_python_one_sentence_says_so_and_stored_answers_go_on(
    page: Page, widget: Locator
) -> None:
    page.route("**/assets/python/**", lambda route: route.abort())
    press(slider(widget, "d_head"), "Home")
    press(slider(widget, "n_keys"), "Home")
    expect(widget).to_have_attribute("data-state", "error", timeout=LIVE)
    expect(message(widget)).to_contain_text("One control moved at a time still answers.")
    widget.locator("[data-action=reset]").click()
    press(slider(widget, "d_head"), "End")
    expect(widget).to_have_attribute("data-state", "static")
    expect(message(widget)).to_be_hidden()
    compare(downloaded(widget)["views"], d_head=512)


def test_the_newest_values_win(widget: Locator) -> None:
    go_live(widget)
    field = slider(widget, "n_keys")
    for key in ["Home"] + ["ArrowRight"] * 3 + ["End"] + ["ArrowLeft"] * 2:
        field.press(key)
    wait_until_still(widget)
    expect(widget).to_have_attribute("data-state", "live")
    shown = downloaded(widget)
    panel = {c["name"]: c for c in json.loads(fetched(widget))["panel"]}
    assert shown["parameters"]["n_keys"] == panel["n_keys"]["grid"][-3]
    compare(shown["views"], exact=True, **shown["parameters"])


def test_nothing_below_the_figure_moves_while_it_is_dragged(widget: Locator) -> None:
    press(slider(widget, "d_head"), "Home")
    wait_until_still(widget)
    below = "(w) => w.getBoundingClientRect().bottom"
    before = widget.evaluate(below)
    for _ in range(9):
        press(slider(widget, "d_head"), "ArrowRight")
        assert widget.evaluate(below) == before


# Refusals -------------------------------------------------------------------------------------


def test_a_refused_number_is_explained_where_it_was_typed(widget: Locator) -> None:
    start = picture(widget)
    press(slider(widget, "d_head"), "Home")
    wait_for_change(widget, start)
    before = picture(widget)
    box = widget.locator("[data-for=n_keys]")
    box.fill("1000")
    box.press("Enter")
    expect(widget).to_have_attribute("data-state", "error")
    expect(box).to_have_attribute("aria-invalid", "true")
    problem = widget.locator("[data-problem=n_keys]")
    expect(problem).to_have_text("1,000 is too large; the largest here is 64.")
    assert box.get_attribute("aria-describedby") == problem.get_attribute("id")
    expect(message(widget)).to_contain_text("The picture still shows")
    assert picture(widget) == before
    box.fill("16")
    box.press("Enter")
    expect(problem).to_be_hidden()
    expect(widget).to_have_attribute("data-state", re.compile("static|live"))


# Steps ----------------------------------------------------------------------------------------


def test_steps_are_walked_with_keys_and_buttons_and_play_until_the_last(page: Page) -> None:
    widget = figure(page, "attention_scores")
    stage = widget.locator("[data-stage]")
    steps = slider(widget, "step")
    press(steps, "Home")
    expect(stage).to_have_text(re.compile("^1 of 6"))
    press(steps, "ArrowRight")
    expect(stage).to_have_text(re.compile("^2 of 6"))
    widget.locator("[data-action=step-forward]").click()
    expect(stage).to_have_text(re.compile("^3 of 6"))
    widget.locator("[data-action=step-back]").click()
    expect(stage).to_have_text(re.compile("^2 of 6"))
    press(steps, "Space")
    play = widget.locator("[data-action=play]")
    expect(play).to_have_attribute("aria-label", "Pause")
    expect(stage).to_have_text(re.compile("^6 of 6"), timeout=LIVE)
    expect(play).to_have_attribute("aria-label", "Play")  # it stopped by itself at the end
    play.click()
    expect(stage).to_have_text(re.compile("^1 of 6"))
    press(steps, "ArrowRight")
    expect(play).to_have_attribute("aria-label", "Play")  # a hand on the slider pauses


def test_with_reduced_motion_there_is_nothing_to_play(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(reduced_motion="reduce")
    page.goto(book_url + PAGE)
    widget = figure(page, "attention_scores")
    expect(widget.locator("[data-action=play]")).to_be_hidden()
    expect(widget.locator("[data-action=step-forward]")).to_be_visible()


# Code -----------------------------------------------------------------------------------------


def test_edited_code_runs_and_is_taken_back(widget: Locator) -> None:
    before = picture(widget)
    rewrite(widget, "d_head = {d_head}", "head of {d_head}")
    assert picture(widget) == before  # not before Run
    widget.locator("[data-action=code-run]").click()
    expect(widget).to_have_attribute("data-state", "live", timeout=LIVE)
    expect(widget.locator("[data-views]")).to_contain_text("head of 64")
    expect(widget).to_have_attribute("data-edited", "")
    expect(status(widget)).to_contain_text("edited code")
    press(slider(widget, "d_head"), "Home")  # stored answers are of the original code
    expect(widget.locator("[data-views]")).to_contain_text("head of 1")
    widget.locator("[data-action=code-reset]").click()
    expect(widget.locator("[data-views]")).not_to_contain_text("head of")
    expect(widget).not_to_have_attribute("data-edited", "")


def test_a_concept_behind_the_figure_can_be_edited_too(widget: Locator) -> None:
    widget.locator("[data-action=code]").click()
    widget.get_by_label("Code of", exact=True).select_option(label="attention.entropy")
    rewrite(widget, "return", "return 1.25 +")
    widget.locator("[data-action=code-run]").click()
    expect(widget).to_have_attribute("data-state", "live", timeout=LIVE)
    metrics = next(v for v in downloaded(widget)["views"] if v["view"] == "metrics")
    computed = next(v for v in data(NAME) if v["view"] == "metrics")
    assert metrics["items"][0]["value"] == pytest.approx(computed["items"][0]["value"] + 1.25)


def test_an_error_in_edited_code_is_shown_where_it_is(widget: Locator) -> None:
    before = picture(widget)
    rewrite(widget, "rng = ", "rng = 1 / 0 + ")
    widget.page.keyboard.press("ControlOrMeta+Enter")
    expect(widget).to_have_attribute("data-state", "error", timeout=LIVE)
    expect(message(widget)).to_contain_text("ZeroDivisionError: division by zero.")
    expect(message(widget).locator("pre")).to_be_hidden()
    expect(widget.locator(".cm-error-line")).to_contain_text("1 / 0")
    assert picture(widget) == before


def test_endless_code_is_stopped_and_the_figure_goes_on(widget: Locator) -> None:
    rewrite(widget, "rng = ", "while True: pass\n    rng = ")
    widget.locator("[data-action=code-run]").click()
    stop = widget.locator("[data-action=stop]")
    expect(stop).to_be_visible(timeout=LIVE)
    expect(widget).to_have_attribute("data-state", "busy", timeout=LIVE)
    stop.click()
    expect(message(widget)).to_contain_text("Stopped.")
    widget.locator("[data-action=reset]").click()
    go_live(widget)


def test_a_press_of_run_waits_for_the_editor(open_page: Callable[..., Page], book_url: str) -> None:
    page = open_page(service_workers="block")
    held: list[Route] = []
    page.route(EDITOR, lambda route: held.append(route))
    page.goto(book_url + PAGE)
    widget = figure(page, NAME)
    with page.expect_request(EDITOR):
        widget.locator("[data-action=code]").click()
    widget.locator("[data-action=code-run]").click()
    assert widget.get_attribute("data-state") == "static"
    for route in held:
        route.continue_()
    expect(widget).to_have_attribute("data-state", "live", timeout=LIVE)


def test_an_editor_that_does_not_come_is_missed_and_asked_for_again(
    open_page: Callable[..., Page], book_url: str
) -> None:
    page = open_page(service_workers="block")
    page.route(EDITOR, lambda route: route.abort())
    page.goto(book_url + PAGE)
    widget = figure(page, NAME)
    widget.locator("[data-action=code]").click()
    expect(status(widget)).to_contain_text("The editor could not be loaded. Try again")
    expect(widget.locator("[data-code]")).to_be_hidden()
    page.unroute(EDITOR)
    widget.locator("[data-action=code]").click()
    expect(widget.locator(".cm-content")).to_be_focused()


def test_tab_leaves_the_editor(widget: Locator) -> None:
    widget.locator("[data-action=code]").click()
    expect(widget.locator(".cm-content")).to_be_focused()
    widget.page.keyboard.press("Tab")
    expect(widget.locator("[data-action=code-run]")).to_be_focused()


# Links ----------------------------------------------------------------------------------------


def test_a_link_opens_the_figure_as_it_was(
    open_page: Callable[..., Page], widget: Locator, book_url: str
) -> None:
    press(slider(widget, "d_head"), "Home")
    link = copied_link(widget)
    assert link == f"{book_url}{PAGE}#w={NAME}&d_head=1"
    other = open_page()
    other.goto(link)
    opened = figure(other, NAME)
    expect(opened.locator("[data-for=d_head]")).to_have_value("1")
    expect(opened.locator(".widget-panel")).to_be_in_viewport()
    compare(downloaded(opened)["views"], d_head=1)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("d_head=7", "d_head: 7 is not one of 1, 2, 4"),
        ("d_head=<b>", "“<b>” is not a number."),
        ("colour=red", "There is no control “colour” here."),
        ("code=%%%", "The code in this link is damaged"),
        ("code=" + "A" * 9000, "too long"),
    ],
)
def test_a_bad_link_is_explained(
    open_page: Callable[..., Page], book_url: str, query: str, words: str
) -> None:
    page = open_page()
    page.goto(f"{book_url}{PAGE}#w={NAME}&{query}")
    widget = figure(page, NAME)
    expect(message(widget)).to_contain_text(re.compile(re.escape(words).replace("_", "[_ ]")))
    expect(widget.locator("[data-for=d_head]")).to_have_value("64")


def test_code_from_a_link_waits_for_the_reader(
    open_page: Callable[..., Page], widget: Locator
) -> None:
    rewrite(widget, "d_head = {d_head}", "from a link {d_head}")
    other = open_page()
    other.goto(copied_link(widget))
    opened = figure(other, NAME)
    expect(opened.locator("[data-notice]")).to_contain_text("Code from a link, not run yet")
    expect(opened.locator(".cm-content")).to_contain_text("softmax")
    assert other.evaluate("document.documentElement.dataset.llmdeepRuntime ?? 'off'") == "off"
    expect(opened.locator("[data-views]")).not_to_contain_text("from a link")
    opened.locator("[data-action=code-run]").click()
    expect(opened.locator("[data-views]")).to_contain_text("from a link", timeout=LIVE)


# Files ----------------------------------------------------------------------------------------


def test_the_picture_stands_alone(widget: Locator) -> None:
    with widget.page.expect_download() as download:
        widget.locator("[data-action=picture]").click()
    assert download.value.suggested_filename == f"{NAME}.svg"
    text = download.value.path().read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root) >= 2  # the paper, and a picture or more
    assert "var(" not in text
    assert "class=" not in text


def test_the_numbers_can_be_read_by_a_spreadsheet(widget: Locator) -> None:
    with widget.page.expect_download() as download:
        widget.locator("[data-action=data-csv]").click()
    text = download.value.path().read_text(encoding="utf-8")
    tables = [list(csv.reader(io.StringIO(part))) for part in text.split("\n\n")]
    assert len(tables) == len(data(NAME))
    chart = next(v for v in data(NAME) if v["view"] == "chart")
    assert tables[0][0] == [f"# {chart['title']}"]
    assert tables[0][1] == ["series", "x", "y", "low"]
    points = [float(row[2]) for row in tables[0][2:] if row[0] == chart["marks"][0]["label"]]
    np.testing.assert_allclose(points, chart["marks"][0]["y"], atol=0.002)


# The page around it ---------------------------------------------------------------------------


def test_a_figure_works_again_after_in_site_navigation(page: Page, widget: Locator) -> None:
    go_live(widget)
    page.evaluate("window.sameVisit = true")
    page.locator(".md-footer__link--next, .md-footer__link--prev").first.click()
    expect(page.locator(f"llmdeep-widget[name={NAME}]")).to_have_count(0)
    page.go_back()
    again = figure(page, NAME)
    again.scroll_into_view_if_needed()
    assert page.evaluate("window.sameVisit === true")
    assert page.evaluate("document.documentElement.dataset.llmdeepRuntime") == "ready"
    go_live(again)
    compare(downloaded(again)["views"], exact=True, **downloaded(again)["parameters"])


def test_all_of_it_can_be_reached_with_the_keyboard(widget: Locator) -> None:
    unreachable = widget.evaluate(
        """(w) => [...w.querySelectorAll("button, input, select, textarea, summary, [tabindex]")]
          .filter((e) => e.tabIndex < 0 && e.checkVisibility()).length"""
    )
    assert unreachable == 0


def test_targets_are_large_enough_on_a_phone(open_page: Callable[..., Page], book_url: str) -> None:
    page = open_page(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(book_url + PAGE)
    widget = figure(page, NAME)
    small = widget.evaluate(
        """(w) => [...w.querySelectorAll(":is(.widget-panel, .widget-bar) :is(input, button)")]
          .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)
          .map((e) => e.outerHTML)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# What a reader does ---------------------------------------------------------------------------


def slider(widget: Locator, name: str) -> Locator:
    return widget.locator(f"input[type=range][name={name}]")


def press(field: Locator, key: str) -> None:
    field.press(key)


def status(widget: Locator) -> Locator:
    return widget.locator("[data-status]")


def message(widget: Locator) -> Locator:
    return widget.locator("[data-message]")


def go_live(widget: Locator) -> None:
    """Moves two controls, which no stored answer covers."""
    press(slider(widget, "d_head"), "Home")
    press(slider(widget, "n_keys"), "Home")
    expect(widget).to_have_attribute("data-state", "live", timeout=LIVE)


def rewrite(widget: Locator, old: str, new: str) -> None:
    """Replaces the first `old` in the code shown, as if it had been typed."""
    if widget.locator("[data-code]").is_hidden():
        widget.locator("[data-action=code]").click()
    content = widget.locator(".cm-content")
    expect(content).to_be_visible()
    content.focus()
    place = int(widget.locator(".widget-source select").input_value())
    code = json.loads(fetched(widget))["sources"][place]["code"]
    assert old in code
    widget.page.keyboard.press("ControlOrMeta+a")
    widget.page.keyboard.insert_text(code.replace(old, new, 1))


def copied_link(widget: Locator) -> str:
    widget.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    widget.locator("[data-action=link]").click()
    expect(status(widget)).to_have_text("The link is copied.")
    link: str = widget.page.evaluate("navigator.clipboard.readText()")
    return link


def fetched(widget: Locator) -> str:
    text: str = widget.evaluate("(w) => fetch(w.dataset.file).then((file) => file.text())")
    return text


def downloaded(widget: Locator) -> dict[str, Any]:
    with widget.page.expect_download() as download:
        widget.locator("[data-action=data]").click()
    found: dict[str, Any] = json.loads(download.value.path().read_text(encoding="utf-8"))
    return found


def data(name: str, **params: Any) -> list[dict[str, Any]]:
    return [as_data(view) for view in widget_render(name)(**params)]


def compare(shown: list[Any], exact: bool = False, **params: Any) -> None:
    """What the page shows is what CPython computes, but for rounding in stored answers."""
    computed = data(NAME, **params)
    assert [view["view"] for view in shown] == [view["view"] for view in computed]
    for one, other in zip(shown, computed, strict=True):
        same(one, other, 1e-12 if exact else 1e-3)


def same(shown: Any, computed: Any, slack: float) -> None:
    if isinstance(computed, np.ndarray):
        values = np.array(shown, dtype=np.float64)
        spread = float(np.nanmax(np.abs(computed), initial=0))
        np.testing.assert_allclose(values, computed, rtol=slack, atol=slack * spread)
    elif isinstance(computed, dict):
        assert shown.keys() == computed.keys()
        for key, value in computed.items():
            same(shown[key], value, slack)
    elif isinstance(computed, list):
        assert len(shown) == len(computed)
        for one, other in zip(shown, computed, strict=True):
            same(one, other, slack)
    elif isinstance(computed, float):
        assert shown == pytest.approx(computed, rel=max(slack, 1e-6))
    else:
        assert shown == computed
