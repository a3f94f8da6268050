"""A figure that streams: its pictures come one after the other, and the newest wish wins."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from reader import LIVE, WRITE, figure

LONG = 10**9  # numbers, which would take hours

WATCH = """() => {
  window.seen = [];
  const figure = document.querySelector("llmdeep-widget[name=counter]");
  const views = figure.querySelector("[data-views]");
  const note = () => {
    const numbers = views.textContent.match(/[\\d,]+/g).map((text) => text.replaceAll(",", ""));
    seen.push(numbers.slice(0, 2).map(Number));
  };
  const changes = { childList: true, subtree: true, characterData: true };
  new MutationObserver(note).observe(views, changes);
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, small_url: str) -> Iterator[Page]:
    """One page whose Python stays up from test to test."""
    context = chromium.new_context(service_workers="block")
    page = context.new_page()
    page.goto(small_url)
    yield page
    context.close()


@pytest.fixture
def counter(page: Page) -> Locator:
    """The figure as it began, with what it shows noted from now on."""
    widget = figure(page, "counter")
    ready = page.evaluate("document.documentElement.dataset.llmdeepRuntime") == "ready"
    widget.locator("[data-action=reset]").click()
    answered = "the figure as it began · computed here" if ready else "The figure is as it began."
    expect(widget.locator("[data-status]")).to_contain_text(answered)  # nothing more will come
    page.evaluate(WATCH)
    return widget


def test_its_pictures_come_in_order_and_the_last_is_the_answer(
    page: Page, counter: Locator
) -> None:
    count(counter, 3000)
    expect(counter).to_have_attribute("data-state", "live", timeout=LIVE)
    expect(counter.locator("[data-views]")).to_contain_text(re.compile(r"number\s*3,000"))
    numbers = [number for number, until in page.evaluate("seen") if until == 3000]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 3000
    assert len(set(numbers)) > 3  # several on the way
    assert len(set(numbers)) < 2000  # but no more than can be seen


def test_newer_values_end_it(page: Page, counter: Locator) -> None:
    count(counter, LONG)
    streams(counter)
    expect(counter).to_have_attribute("data-state", "busy")
    count(counter, 5)
    expect(counter).to_have_attribute("data-state", "live", timeout=LIVE)
    expect(counter.locator("[data-views]")).to_contain_text(re.compile(r"number\s*5\s*until\s*5"))
    wishes = [until for _, until in page.evaluate("seen")]
    assert wishes == sorted(wishes, reverse=True)  # nothing of the old wish after the new


def test_stop_ends_it_and_leaves_what_it_has_shown(page: Page, counter: Locator) -> None:
    count(counter, LONG)
    streams(counter)
    counter.locator("[data-action=stop]").click()
    expect(counter.locator("[data-status]")).to_have_text(
        "Stopped. The picture shows how far it came."
    )
    expect(counter).to_have_attribute("data-state", "live")
    expect(counter.locator("[data-action=stop]")).to_be_hidden()
    assert page.evaluate("seen").pop()[1] == LONG
    assert page.evaluate("document.documentElement.dataset.llmdeepRuntime") == "ready"


def test_reset_ends_it_and_python_is_free(page: Page, counter: Locator) -> None:
    count(counter, LONG)
    streams(counter)
    counter.locator("[data-action=reset]").click()
    expect(counter.locator("[data-views]")).to_contain_text(re.compile(r"number\s*3\s*until\s*3"))
    letters = figure(page, "letters")
    letters.locator("[name=times]").evaluate(WRITE, "7")
    expect(letters).to_have_attribute("data-state", "live", timeout=LIVE)


def test_what_fails_on_the_way_is_said(page: Page, counter: Locator) -> None:
    counter.locator("[name=break_at]").evaluate(WRITE, "500")
    count(counter, LONG)
    message = counter.locator("[data-message]")
    expect(message).to_contain_text("ArithmeticError: it broke", timeout=LIVE)
    expect(counter).to_have_attribute("data-state", "error")


def test_a_refusal_before_the_first_picture_is_that_of_any_figure(counter: Locator) -> None:
    count(counter, 13)
    expect(counter.locator("[data-problem=until]")).to_have_text("Not 13, please.", timeout=LIVE)


def count(counter: Locator, until: int) -> None:
    counter.locator("[name=until]").evaluate(WRITE, str(until))


def streams(counter: Locator) -> None:
    """Waits until a picture on the way has been shown."""
    shown = "(long) => seen.some(([, until]) => until === long)"
    counter.page.wait_for_function(shown, arg=LONG, timeout=LIVE)
