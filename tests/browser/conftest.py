"""A real Chromium, and pages served as a host would serve them, under the site's own policy."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import small_book
from playwright.sync_api import Browser, Page, sync_playwright

from llmdeep.site import data
from llmdeep.site.build import build
from llmdeep.site.node import command
from llmdeep.site.paths import BROWSER, ROOT
from llmdeep.site.policy import policy
from llmdeep.site.pyodide.bundle import prepare
from llmdeep.site.server import ISOLATION, Hosting, policy_headers, serving

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

RUNTIME_PAGE = """<!doctype html><meta charset="utf-8"><title>runtime</title>
<script type="module" src="llmdeep/page.js"></script>"""
RUNTIME_SCRIPT = 'import { runtime } from "./runtime/client";\nwindow.runtime = runtime;\n'


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser named by CHROMIUM, else one installed here, else Playwright's own."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one page, with `window.runtime`, the real bundle, and the data of the book."""
    folder = tmp_path_factory.mktemp("runtime")
    (folder / "index.html").write_text(RUNTIME_PAGE)
    prepare(folder / "python")
    data.prepare(folder / "data")
    options = ["--bundle", "--format=esm", "--target=es2022", f"--outdir={folder / 'llmdeep'}"]
    esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    worker = BROWSER / "runtime" / "worker.ts"
    subprocess.run(command(esbuild, *options, worker), check=True)
    page = ["--sourcefile=page.ts", "--loader=ts", "--outfile=" + str(folder / "llmdeep/page.js")]
    subprocess.run(
        command(esbuild, *options[:3], *page),
        input=RUNTIME_SCRIPT,
        text=True,
        cwd=BROWSER,
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def runtime_url(runtime_folder: Path) -> Iterator[str]:
    headers = {"Content-Security-Policy": policy([RUNTIME_PAGE])}
    with serving(Hosting(runtime_folder, headers=headers)) as url:
        yield url


@pytest.fixture(scope="module")
def page(chromium: Browser, runtime_url: str) -> Iterator[Page]:
    """One page whose Python stays up from test to test."""
    page = chromium.new_page()
    page.goto(runtime_url)
    yield page
    page.close()


@pytest.fixture(scope="session")
def isolated_url(runtime_folder: Path) -> Iterator[str]:
    """The same, cross-origin isolated, so that the page may share memory with the worker."""
    headers = {"Content-Security-Policy": policy([RUNTIME_PAGE]), **ISOLATION}
    with serving(Hosting(runtime_folder, headers=headers)) as url:
        yield url


@pytest.fixture(scope="session")
def book_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("book")


@pytest.fixture(scope="session")
def book_url(book_folder: Path) -> Iterator[str]:
    """The whole book as `make site` builds it, below a path of a host that sends its headers."""
    headers: dict[str, str] = {}
    with serving(Hosting(book_folder, "/book/", headers)) as url:
        build(book_folder, url)
        headers.update(policy_headers(book_folder))
        yield url


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_book.write(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_url(small_folder: Path) -> Iterator[str]:
    """A book of one page with widgets and data of its own."""
    with serving(Hosting(small_folder, headers=policy_headers(small_folder))) as url:
        yield url


@pytest.fixture(scope="session")
def every_path(book_url: str, book_folder: Path) -> list[str]:
    """Every page of the book, as a path below its URL."""
    folders = (page.parent.relative_to(book_folder) for page in book_folder.rglob("index.html"))
    return sorted("" if folder == Path() else f"{folder}/" for folder in folders)


@pytest.fixture(scope="session")
def page_paths(every_path: list[str]) -> list[str]:
    """The pages, two of those of kernels standing for all: one template makes them."""
    made = [path for path in every_path if path.startswith("gpu/kernels/")]
    return [path for path in every_path if path not in made[2:]]


@pytest.fixture(scope="session")
def chapters(page_paths: list[str], book_folder: Path) -> list[str]:
    """The pages that have code cells, in the order of their paths."""
    return [
        p for p in page_paths if "<llmdeep-cell" in (book_folder / p / "index.html").read_text()
    ]


@pytest.fixture(scope="session")
def figures(page_paths: list[str], book_folder: Path) -> list[tuple[str, str]]:
    """(page, widget) for the first place in the book where each widget stands, chapters first."""
    found: dict[str, str] = {}
    for path in sorted(page_paths, key=lambda path: path == ""):
        markup = (book_folder / path / "index.html").read_text()
        for name in re.findall(r'<llmdeep-widget name="(\w+)"', markup):
            found.setdefault(name, path)
    return [(path, name) for name, path in found.items()]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page as a new visitor would; keyword arguments are those of `new_context`."""
    contexts = []

    def open_page(**options: Any) -> Page:
        contexts.append(chromium.new_context(**options))
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()
