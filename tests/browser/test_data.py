"""Data that code reads: fetched when it is first asked for, once a visit, and kept for later."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from reader import LIVE, WRITE, figure, run
from small_book import CODES, PARROT

from llmdeep.quantization import pack_8bit

GREEK, LATIN = "**/data/vocabularies/greek.*", "**/data/vocabularies/latin.*"
WEIGHTS = "**/data/models/parrot/model.*"
SERVED = [pack_8bit({"weights": CODES / 64}), PARROT["config.json"], PARROT["tokenizer.json"]]
TOTAL = sum(map(sum, SERVED))


@pytest.fixture
def page(open_page: Callable[..., Page], small_url: str) -> Page:
    page = open_page(service_workers="block")  # their requests could not be intercepted
    page.goto(small_url)
    return page


def test_nothing_is_fetched_before_it_is_asked_for_and_then_only_once(page: Page) -> None:
    asked = requests(page)
    letters = figure(page, "letters")
    type_in(letters, "times", "2")
    shows(letters, "letters", "0")
    assert asked == []
    choose(letters, "latin")
    shows(letters, "letters", "104")
    assert asked == ["manifest", "latin"]
    choose(letters, "greek")
    shows(letters, "letters", "48")
    choose(letters, "latin")
    shows(letters, "letters", "104")
    assert asked == ["manifest", "latin", "manifest", "greek"]


def test_a_choice_that_is_stored_needs_no_data(page: Page) -> None:
    asked = requests(page)
    letters = figure(page, "letters")
    choose(letters, "greek")
    shows(letters, "letters", "24")
    expect(letters).to_have_attribute("data-state", "static")
    assert asked == []


def test_a_folder_comes_with_all_its_files_and_shows_how_far_it_is(page: Page) -> None:
    weights = figure(page, "weights")
    page.evaluate(
        """() => {
          window.seen = [];
          const figure = document.querySelector("llmdeep-widget[name=weights]");
          new MutationObserver(() => {
            const status = figure.querySelector("[data-status]").textContent;
            const bar = figure.querySelector("progress");
            if (status.startsWith("Loading")) seen.push([status, bar.value]);
          }).observe(figure, { childList: true, subtree: true, attributes: true });
        }"""
    )
    type_in(weights, "times", "2")
    shows(weights, "sum", f"{2 * TOTAL:,}")
    seen = page.evaluate("seen")
    size = sum(map(len, SERVED)) / 1e6
    assert all(re.fullmatch(rf"Loading parrot, \d+ % of {size:.1f} MB …", text) for text, _ in seen)
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert len([share for share in shares if 0 < share < 1]) > 0
    expect(weights.locator("progress")).to_have_count(0)


TROUBLES: list[tuple[Callable[[Route], None], str]] = [
    (lambda route: route.abort(), "there seems to be no connection"),
    (lambda route: route.fulfill(status=404, body="no"), "does not have it"),
    (lambda route: route.fulfill(body="αβγ"), "the connection broke off"),
    (lambda route: route.fulfill(body=("ω" * 24).encode()), "arrived damaged"),
    (lambda route: route.fulfill(body="α" * 99), "arrived damaged"),
]


def test_what_does_not_come_is_one_sentence_and_can_be_tried_again(page: Page) -> None:
    letters = figure(page, "letters")
    message = letters.locator("[data-message]")
    type_in(letters, "times", "2")
    for trouble, words in TROUBLES:
        page.route(GREEK, trouble)
        choose(letters, "greek")
        expect(message).to_contain_text(words, timeout=LIVE)
        expect(message).to_contain_text("The picture still shows")
        expect(letters).to_have_attribute("data-state", "error")
        page.unroute(GREEK)
        choose(letters, "latin")  # the figure goes on
        shows(letters, "letters", "104")
        expect(message).to_be_hidden()
    page.route(GREEK, lambda route: route.abort())
    choose(letters, "greek")
    expect(message).to_contain_text("no connection", timeout=LIVE)
    page.unroute(GREEK)
    message.locator("[data-action=retry]").click()
    shows(letters, "letters", "48")
    expect(message).to_be_hidden()


def test_a_file_of_a_folder_that_breaks_off_is_not_taken_for_whole(page: Page) -> None:
    weights = figure(page, "weights")
    page.route(WEIGHTS, lambda route: route.fulfill(body=PARROT["model.safetensors"][:1000]))
    type_in(weights, "times", "1")
    expect(weights.locator("[data-message]")).to_contain_text(
        "did not arrive in full", timeout=LIVE
    )


def test_stop_ends_a_download_and_python_stays_as_it_is(page: Page) -> None:
    run(cell(page, "keep"))
    weights = figure(page, "weights")
    page.route(WEIGHTS, lambda route: None)  # it never arrives
    type_in(weights, "times", "1")
    stop = weights.locator("[data-action=stop]")
    expect(stop).to_be_visible(timeout=LIVE)
    stop.click()
    expect(weights.locator("[data-message]")).to_contain_text("Stopped.")
    run(cell(page, "kept"))
    expect(cell(page, "kept").locator("[data-output]")).to_have_text("['kept']")
    page.unroute(WEIGHTS)
    type_in(weights, "times", "3")
    shows(weights, "sum", f"{3 * TOTAL:,}")


def test_figures_go_on_while_another_waits_for_its_data(page: Page) -> None:
    weights, letters = figure(page, "weights"), figure(page, "letters")
    page.route(WEIGHTS, lambda route: None)
    type_in(weights, "times", "1")
    expect(weights.locator("[data-status]")).to_contain_text("Loading parrot", timeout=LIVE)
    choose(letters, "latin")
    type_in(letters, "times", "3")
    shows(letters, "letters", "156")
    expect(weights.locator("[data-status]")).to_contain_text("Loading parrot")


def test_a_restarted_python_gets_its_data_without_a_second_download(page: Page) -> None:
    asked = requests(page)
    letters = figure(page, "letters")
    type_in(letters, "times", "2")
    choose(letters, "greek")
    shows(letters, "letters", "48")
    loop = cell(page, "loop")
    loop.locator("[data-action=run]").click()
    expect(loop.locator("[data-output]")).to_contain_text("began", timeout=LIVE)
    loop.locator("[data-action=stop]").click()
    expect(loop.locator("[data-output]")).to_contain_text("the variables of all cells were reset")
    type_in(letters, "times", "3")
    shows(letters, "letters", "72")
    assert asked.count("greek") == 1


# Cells ------------------------------------------------------------------------------------------


def test_a_cell_goes_on_where_it_asked(page: Page) -> None:
    asked = requests(page)
    asking = cell(page, "asking")
    run(asking)
    expect(asking.locator("[data-output]")).to_have_text("begin\nend\n['once', 24, 52]")
    assert [name for name in asked if name in ("greek", "latin")] == ["greek", "latin"]


def test_a_cell_that_asks_in_a_loop_is_told_to_run_again_and_then_can(page: Page) -> None:
    looping = cell(page, "looping")
    run(looping)
    expect(looping.locator("[data-output]")).to_contain_text(
        "is loaded now. This cell asked for it"
    )
    run(looping)
    expect(looping.locator("[data-output]")).to_have_text("24\n24\n")


def test_what_there_is_not_is_said(page: Page) -> None:
    missing = cell(page, "missing")
    run(missing)
    expect(missing.locator("[data-output]")).to_contain_text(
        "There is no “vocabularies/klingon.txt”"
    )


def test_a_cell_may_try_again_too(page: Page) -> None:
    asking = cell(page, "asking")
    page.route(GREEK, lambda route: route.abort())
    run(asking)
    expect(asking.locator("[data-output]")).to_contain_text("there seems to be no connection")
    page.unroute(GREEK)
    asking.locator("[data-action=retry]").click()
    expect(asking.locator("[data-output]")).to_contain_text("['once', 24, 52]", timeout=LIVE)


# Another visit ----------------------------------------------------------------------------------


def test_after_a_visit_it_is_there_offline(open_page: Callable[..., Page], small_url: str) -> None:
    page = open_page()
    page.goto(small_url)
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    page.reload()
    letters = figure(page, "letters")
    type_in(letters, "times", "2")
    choose(letters, "greek")
    shows(letters, "letters", "48")
    page.wait_for_function(
        """async () => {
          const names = (await caches.keys()).filter((name) => /llmdeep-(data|python)/.test(name));
          const counts = names.map(async (name) => (await (await caches.open(name)).keys()).length);
          return (await Promise.all(counts)).reduce((sum, n) => sum + n, 0) === 9;
        }"""
    )
    page.context.set_offline(True)
    page.reload()
    letters = figure(page, "letters")
    type_in(letters, "times", "3")
    choose(letters, "greek")
    shows(letters, "letters", "72")
    choose(letters, "latin")
    expect(letters.locator("[data-message]")).to_contain_text("no connection")


def test_the_manifest_names_each_file_once_and_no_other_is_served(small_folder: Path) -> None:
    folder = small_folder / "assets" / "data"
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(files) == {
        *(f"models/parrot/{name}" for name in PARROT if name != "README.md"),
        "vocabularies/greek.txt",
        "vocabularies/latin.txt",
    }
    served = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert served == {"manifest.json", *(file["name"] for file in files.values())}


# ------------------------------------------------------------------------------------------------


def requests(page: Page) -> list[str]:
    """The names of the data files asked for from now on, without folder and hash."""
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            "/assets/data/" in request.url
            and asked.append(request.url.split("/")[-1].split(".")[0])
        ),
    )
    return asked


def cell(page: Page, id: str) -> Locator:
    return page.locator(f"llmdeep-cell#{id}")


def choose(widget: Locator, alphabet: str) -> None:
    widget.locator(f"[value={alphabet}]").check(force=True)


def type_in(widget: Locator, name: str, text: str) -> None:
    widget.locator(f"[name={name}]").evaluate(WRITE, text)


def shows(widget: Locator, name: str, value: str) -> None:
    shown = widget.locator("[data-view=metrics]")
    expect(shown).to_contain_text(re.compile(rf"{name}\s*{re.escape(value)}(?!\d)"), timeout=LIVE)
    expect(widget).to_have_attribute("data-state", re.compile("live|static"), timeout=LIVE)
