"""When Python cannot start the reader gets one sentence, and another try may work."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route
from python_page import failure, render, value


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("**/*.wasm", "could not be loaded"),
        ("**/library.*", "could not be loaded"),
        ("**/numpy.*", "could not be loaded"),
        ("**/manifest.json", "no connection"),
        ("**/worker.js", "did not start"),
    ],
)
def test_a_missing_file_is_one_sentence_and_the_next_try_may_work(
    open_page: Callable[..., Page], runtime_url: str, pattern: str, sentence: str
) -> None:
    page = open_page()
    page.route(pattern, lambda route: route.abort())
    page.goto(runtime_url)
    found = failure(page, "1")
    assert found["kind"] == "unavailable"
    assert sentence in found["message"]
    assert page.evaluate("runtime.status()") == {"state": "failed", "message": found["message"]}
    assert render(page)["failure"] == found
    page.unroute(pattern)
    assert value(page, "1 + 1") == "2"


@pytest.mark.parametrize("part", ["wasm", "library", "numpy", "llmdeep", "core", "loader"])
def test_a_damaged_file_is_asked_for_again_and_then_refused(
    open_page: Callable[..., Page], runtime_url: str, runtime_folder: Path, part: str
) -> None:
    manifest = json.loads((runtime_folder / "python" / "manifest.json").read_text())
    name = manifest["files"][part]["name"]
    page = open_page()
    asked: list[str] = []

    def damage(route: Route) -> None:
        asked.append(route.request.url)
        answer = route.fetch()
        body = answer.body()
        route.fulfill(response=answer, body=body[:-1] + bytes([body[-1] ^ 1]))

    page.route(f"**/{name}", damage)
    page.goto(runtime_url)
    found = failure(page, "1")
    assert found == {
        "kind": "unavailable",
        "message": f"A part of Python arrived damaged ({name}).",
    }
    assert len(asked) == 2


def test_a_file_damaged_once_is_repaired_by_asking_again(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    page.route("**/library.*", lambda route: route.fulfill(body=b"PK"), times=1)
    page.goto(runtime_url)
    assert value(page, "1 + 1") == "2"


@pytest.mark.parametrize(
    "script",
    [
        "delete globalThis.WebAssembly",
        "delete globalThis.Worker",
        "WebAssembly.compile = WebAssembly.compileStreaming = async () => { throw new Error(); }",
    ],
)
def test_a_browser_that_cannot_is_told_so_in_one_sentence(
    open_page: Callable[..., Page], runtime_url: str, script: str
) -> None:
    page = open_page()
    page.add_init_script(script)
    page.goto(runtime_url)
    found = failure(page, "1")
    assert found["kind"] == "unavailable"
    assert "This browser" in found["message"]
    assert found["message"].count(".") == 1


def test_a_book_built_without_numpy_says_so(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    notice = "This copy of the book was built without live Python."
    page.route(
        "**/manifest.json",
        lambda route: route.fulfill(json={"available": False, "notice": notice, "files": {}}),
    )
    page.goto(runtime_url)
    assert failure(page, "1") == {"kind": "unavailable", "message": notice}
