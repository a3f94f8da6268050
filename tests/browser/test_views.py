"""Views in the page: what is changed in place, and what is saved, is what a fresh drawing shows."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from reader import LIVE, WRITE, figure

from llmdeep.site.node import command
from llmdeep.site.paths import BROWSER, ROOT
from llmdeep.site.server import Hosting, serving
from llmdeep.widgets import Matrix, Metrics, Note, View
from llmdeep.widgets._controls import Value
from llmdeep.widgets._panel import panel_data, widget_names, widget_render
from llmdeep.widgets._wire import pack

SVG = "{http://www.w3.org/2000/svg}"

MARKUP = """<!doctype html><meta charset="utf-8"><title>views</title>
<div id="used"></div><div id="fresh"></div><script type="module" src="page.js"></script>"""
SCRIPT = """
import { updateViews } from "./views/live";
import { unpack } from "./views/wire";
const number = (text) => Number(text.replace("inf", "Infinity"));
window.show = (id, text, arrays) => {
  const place = document.getElementById(id);
  if (id === "fresh") place.replaceChildren();
  updateViews(place, unpack(text, arrays.map((array) => Float64Array.from(array, number))), "v");
};
"""
DIFFERENCES = """() => {
  const [used, fresh] = ["used", "fresh"].map((id) =>
    [...document.getElementById(id).querySelectorAll("*")].map((e) => e.cloneNode(false).outerHTML)
  );
  const same = document.getElementById("used").isEqualNode(
    Object.assign(document.getElementById("fresh").cloneNode(true), { id: "used" })
  );
  const found = fresh.flatMap((one, i) => (one === used[i] ? [] : [[used[i], one]]));
  return same ? [] : [[used.length, fresh.length], ...found.slice(0, 3)];
}"""


@pytest.fixture(scope="module")
def views_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with `window.show`, which draws views as a figure does."""
    folder = tmp_path_factory.mktemp("views")
    (folder / "index.html").write_text(MARKUP)
    esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    (folder / "page.ts").write_text(SCRIPT.replace('"./', f'"{BROWSER.as_posix()}/'))
    options = ["--bundle", "--format=esm", "--splitting", "--target=es2022", f"--outdir={folder}"]
    subprocess.run(command(esbuild, folder / "page.ts", *options), cwd=ROOT, check=True)
    with serving(Hosting(folder)) as url:
        yield url


@pytest.fixture
def views_page(open_page: Callable[..., Page], views_url: str) -> Page:
    page = open_page()
    page.goto(views_url)
    page.wait_for_function("Boolean(window.show)")
    return page


@pytest.mark.parametrize("name", widget_names())
def test_a_figure_changed_in_place_is_the_figure_drawn_afresh(views_page: Page, name: str) -> None:
    for params in walk(name):
        views = widget_render(name)(**params)
        show(views_page, "used", views)
        show(views_page, "fresh", views)
        assert differences(views_page) == [], params


def test_numbers_of_a_matrix_follow_its_values_and_its_size(views_page: Page) -> None:
    small = np.array([[1.0, -np.inf], [0.25, np.nan]])
    for values in (small, small * 1e-7, -small, np.eye(3), np.eye(20), small):
        show(views_page, "used", [Matrix(values, diverging=True)])
        show(views_page, "fresh", [Matrix(values, diverging=True)])
        assert differences(views_page) == [], values
    numbers = views_page.locator("#used .numbers span")
    assert numbers.all_text_contents() == ["1.00", "−∞", "0.25", ""]


def test_views_that_come_and_go_leave_nothing_behind(views_page: Page) -> None:
    matrix, note, numbers = Matrix(np.eye(2)), Note("a note"), Metrics(loss=1.5)
    for views in ([matrix, note], [note], [numbers, matrix, note], [matrix, matrix, matrix], []):
        show(views_page, "used", views)
        show(views_page, "fresh", views)
        assert differences(views_page) == []


def test_an_open_table_stays_open_and_follows(views_page: Page) -> None:
    show(views_page, "used", [Matrix(np.eye(2))])
    views_page.locator("#used summary").click()
    cells = views_page.locator("#used td")
    expect(cells.first).to_have_text("1")
    show(views_page, "used", [Matrix(7 * np.eye(2))])
    expect(cells.first).to_have_text("7")
    expect(views_page.locator("#used details")).to_have_attribute("open", "")


def test_every_figure_is_saved_as_a_picture_that_needs_nothing_else(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> None:
    page = open_page()
    for path, name in figures:
        page.goto(book_url + path)
        widget = figure(page, name)
        if widget.locator("[data-views] svg").count() == 0:  # words and tables alone
            widget.locator("[data-action=picture]").click()
            expect(widget.locator("[data-status]")).to_contain_text("no picture to save")
            continue
        with page.expect_download() as download:
            widget.locator("[data-action=picture]").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg", name
        assert "var(" not in text, name
        assert "class=" not in text, name
        words = " ".join(" ".join(e.itertext()) for e in root.iter(f"{SVG}text"))
        for title in widget.locator(".view-title").all_inner_texts():
            assert title.split()[0] in words, (name, title)


@pytest.fixture
def tokenizer(
    open_page: Callable[..., Page], figures: list[tuple[str, str]], book_url: str
) -> Locator:
    page = open_page()
    path = next(path for path, name in figures if name == "tokenizer_playground")
    page.goto(book_url + path)
    widget = figure(page, "tokenizer_playground")
    widget.locator("[data-action=reset]").click()
    expect(widget.locator("[data-status]")).to_contain_text("as it began")  # the figure is awake
    return widget


def test_the_pointer_reads_a_token_out(tokenizer: Locator) -> None:
    readout = tokenizer.page.locator(".readout")
    token = tokenizer.locator(".tokens > li").filter(has_text="Un").first
    expect(readout).to_have_count(0)
    token.hover()
    expect(readout).to_contain_text(re.compile(r"Un\s+number [\d,]+, bytes 55 6e"))
    tokenizer.page.mouse.move(1, 1)
    expect(readout).to_have_count(0)


def test_what_comes_under_a_pointer_that_rests_is_read_out(tokenizer: Locator) -> None:
    page = tokenizer.page
    readout = page.locator(".readout")
    tokenizer.locator(".tokens > li").first.hover()
    expect(readout).to_contain_text("Un")
    tokenizer.locator("textarea").evaluate(WRITE, "Quick")
    expect(readout).to_contain_text("Qu", timeout=LIVE)  # the picture was drawn anew
    page.evaluate("void (scrolled = new Promise((done) => addEventListener('scroll', done)))")
    page.evaluate("scrollBy(0, 1)")
    page.evaluate("scrolled")
    expect(readout).to_contain_text("Qu")
    page.evaluate("scrollTo(0, 0)")
    expect(readout).to_have_count(0)


# What a test does -----------------------------------------------------------------------------


def walk(name: str) -> Iterator[dict[str, Value]]:
    """The defaults, each control at the ends of its grid, and the defaults again."""
    yield {}
    for control in panel_data(widget_render(name)):
        grid = control["grid"] or []
        yield from ({control["name"]: value} for value in dict.fromkeys(grid[:1] + grid[-1:]))
    yield {}


def show(page: Page, place: str, views: list[View]) -> None:
    text, arrays = pack(views)
    numbers = [[repr(float(number)) for number in array.ravel()] for array in arrays]
    page.evaluate("([id, text, arrays]) => window.show(id, text, arrays)", [place, text, numbers])


def differences(page: Page) -> list[Any]:
    """How many elements there are and should be, and the first that differ; formulas typeset."""
    page.wait_for_function("document.querySelector('.math-source') === null")
    found: list[Any] = page.evaluate(DIFFERENCES)
    return found
