"""Python in the page: it starts, answers, streams, and is whole."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from python_page import WIDGET, failure, render, run, value

from llmdeep.site.session import render_widget


def test_it_starts_on_first_need_and_says_so(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    violations = []
    page.on("console", lambda message: violations.append(message.text))
    page.goto(runtime_url)
    html = page.locator("html")
    expect(html).to_have_attribute("data-llmdeep-runtime", "off")
    page.evaluate(
        """() => {
          window.seen = [];
          runtime.subscribe(({ state, progress }) => seen.push([state, progress]));
        }"""
    )
    assert run(page, "1 + 1")["value"] == {"text": "2"}
    expect(html).to_have_attribute("data-llmdeep-runtime", "ready")
    seen = page.evaluate("seen")
    progress = [share for state, share in seen if state == "booting"]
    assert progress[0] == 0
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1)
    assert seen[-1][0] == "ready"
    assert [text for text in violations if "favicon" not in text and "404" not in text] == []


def test_prefetching_brings_the_files_and_starts_nothing(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    page.goto(runtime_url)
    with page.expect_request_finished(lambda request: "numpy." in request.url):
        page.evaluate("runtime.prefetch()")
    assert page.evaluate("runtime.status().state") == "off"
    assert page.workers == []


def test_a_reader_who_saves_data_is_not_made_to_prefetch(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
    )
    page.goto(runtime_url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("runtime.prefetch()")
    page.evaluate("fetch('index.html')")
    assert [url for url in asked if "python/" in url] == []


def test_a_cell_streams_its_output_and_gives_its_value(page: Page) -> None:
    result = run(page, "import sys\nprint('out')\nprint('err', file=sys.stderr)\n{'answer': 6 * 7}")
    assert result["output"] == [["stdout", "out\n"], ["stderr", "err\n"]]
    assert result["value"] == {"text": "{'answer': 42}"}


def test_output_arrives_before_the_cell_ends(page: Page) -> None:
    page.evaluate(
        """() => { window.first = new Promise((resolve) => {
             const code = "print('now')\\nwhile True: pass";
             window.ended = runtime.run("stream", code, (_, text) => resolve(text));
           }); }"""
    )
    assert page.evaluate("first") == "now\n"
    page.evaluate("runtime.stop()")
    assert page.evaluate("ended")["failure"]["kind"] == "stopped"


def test_a_widget_renders_what_cpython_renders(page: Page) -> None:
    params = {"d_head": 8, "seed": 3}
    result = render(page, params)
    assert result["ok"], result
    text, arrays = render_widget(WIDGET, params)
    assert json.loads(result["rendered"]["text"]) == json.loads(text)
    assert len(result["rendered"]["arrays"]) == len(arrays)
    for theirs, ours in zip(result["rendered"]["arrays"], arrays, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)


def test_an_edit_changes_one_render_only(page: Page) -> None:
    code = "import numpy as np\n\ndef softmax(scores, axis=-1):\n    return np.zeros_like(scores)\n"
    before = render(page)
    edited = render(page, edits={"llmdeep.attention.softmax": code})
    assert edited["ok"], edited
    assert edited != before
    assert render(page) == before


def test_a_refused_value_comes_back_in_the_controls_words(page: Page) -> None:
    result = render(page, {"d_head": "lots"})
    assert result["failure"]["type"] == "ControlError"
    assert "not a number" in result["failure"]["message"]


def test_of_waiting_renders_only_the_newest_is_kept(page: Page) -> None:
    kinds = page.evaluate(
        """async (widget) => {
          const renders = [1, 2, 3, 4, 5].map((seed) => runtime.render("key", widget, { seed }));
          const other = runtime.render("other", widget, {});
          const results = await Promise.all([...renders, other]);
          return results.map((result) => result.ok || result.failure.kind);
        }""",
        WIDGET,
    )
    assert kinds == [True, "superseded", "superseded", "superseded", True, True]


def test_pages_do_not_share_variables_and_can_start_afresh(page: Page) -> None:
    run(page, "x = 1", "one")
    assert run(page, "x", "two")["failure"]["type"] == "NameError"
    assert run(page, "x", "one")["value"] == {"text": "1"}
    page.evaluate("runtime.forget('one')")
    assert run(page, "x", "one")["failure"]["type"] == "NameError"


def test_every_module_that_is_shipped_imports(page: Page, runtime_folder: Path) -> None:
    code = """
import collections, importlib, json, pkgutil, urllib, numpy, llmdeep
roots = {name for _, name, _ in pkgutil.iter_modules(["/lib/python313.zip", "/lib/python3.13"])}
names = sorted(roots) + [
    name
    for package in (numpy, llmdeep, collections, json, urllib)
    for _, name, _ in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
broken = []
for name in names:
    if name in ("__main__", "this", "numpy.f2py"): continue
    try: importlib.import_module(name)
    except Exception as error: broken.append(f"{name}: {error}")
assert len(names) > 250, len(names)
broken
"""
    assert value(page, code) == "[]"


def test_what_readers_expect_of_numpy_is_there(page: Page) -> None:
    code = """
from numpy import *
import numpy as np
rng = np.random.default_rng(0)
a = rng.normal(size=(5, 5)); s = a @ a.T
np.testing.assert_allclose(np.linalg.inv(s) @ s, np.eye(5), atol=1e-6)
u, d, vt = np.linalg.svd(a); np.testing.assert_allclose(u * d @ vt, a)
q, r = np.linalg.qr(a); np.testing.assert_allclose(q @ r, a)
w, v = np.linalg.eigh(s); np.testing.assert_allclose(v * w @ v.T, s)
np.testing.assert_allclose(np.fft.ifft(np.fft.fft(a)), a)
np.testing.assert_allclose(np.einsum("ij,kj->ik", a, a), s)
np.float16(0.1) + np.float16(0.2), np.polynomial.Polynomial([1, 2])(3), np.ma.array([1, 2]).sum()
"""
    assert "7.0" in value(page, code)


def test_help_speaks_of_the_books_own_functions(page: Page) -> None:
    result = run(page, "from llmdeep.attention import softmax\nhelp(softmax)")
    assert "Turn scores into positive weights" in "".join(text for _, text in result["output"])


def test_a_traceback_names_the_cell_the_line_and_the_books_files(page: Page) -> None:
    found = failure(page, "from llmdeep.attention import softmax\nsoftmax('text')")
    assert "this cell, line 2" in found["traceback"]
    assert re.search(r"llmdeep/attention\.py, line \d+, in ", found["traceback"])
    assert "/lib/" not in found["traceback"]
    assert "session.py" not in found["traceback"]
