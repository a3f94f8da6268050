"""Bytes: of a page before anything is pressed, of going live, and of the figures' stored states."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from bench.report import Figure, Section, Table
from bench.site import pages, widgets
from bench.stock import RUNTIME_FILES

KINDS = {"Document": "html", "Stylesheet": "css", "Font": "fonts", "Image": "images"}
COLUMNS = ("html", "css", "our js", "theme js", "fonts", "figures", "search", "images", "other")
STATIC_IMPORT = re.compile(r'(?:from|import)\s*"(\./[^"]+)"')  # a dynamic one has a parenthesis
SCROLL = """async () => {
  for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight) {
    scrollTo({top, behavior: "instant"});
    await new Promise(requestAnimationFrame);
    await new Promise(requestIdleCallback);
  }
}"""


def page_sizes(browser: Browser, url: str, folder: Path) -> Section:
    """What each page transfers at first sight, by kind, and what scrolling to its end adds."""
    figures: list[Figure] = []
    table: Table = [["kB, with Brotli", *COLUMNS, "in all", "after scrolling"]]
    for page in pages(folder):
        first, scrolled = _transferred(browser, url + page.path)
        shown = [f"{first[kind] / 1e3:.1f}" for kind in COLUMNS]
        table.append(
            [page.name, *shown, f"{first.total() / 1e3:.1f}", f"{scrolled.total() / 1e3:.1f}"]
        )
        figures.append(Figure(f"page: {page.name}", first.total() / 1e3, "kB", 120))
    script = sum(_brotli(path) for path in _first_scripts(folder / "assets/llmdeep/main.js"))
    figures.append(Figure("our JavaScript on first paint", script / 1e3, "kB", 15))
    figures.append(Figure("kept for offline, in the background", _offline(folder) / 1e3, "kB"))
    return Section(
        "Bytes of a page before going live",
        "Bodies and headers as Chromium received them, Brotli on, caches empty, nothing touched; "
        "the engine and the data of figures that are in view are fetched when the page is idle and "
        "count. What the service worker then keeps for offline reading is counted apart.",
        figures,
        [table],
    )


def runtime_sizes(folder: Path, stock: Path) -> Section:
    """Python, NumPy and the book's own code for the browser, beside Pyodide as it is shipped."""
    sides = {
        "ours": [path for path in (folder / "assets/python").iterdir() if _is_original(path)],
        "stock": [stock / name for name in RUNTIME_FILES] + sorted(stock.glob("*.whl")),
    }
    table: Table = [["kB", "raw", "gzip", "Brotli"]]
    totals = {}
    for side, paths in sides.items():
        sizes = {path.name: (path.stat().st_size, _gzip(path), _brotli(path)) for path in paths}
        totals[side] = [sum(column) for column in zip(*sizes.values(), strict=True)]
        rows = {**dict(sorted(sizes.items())), f"{side}, in all": totals[side]}
        table += [[name, *(f"{size / 1e3:,.1f}" for size in row)] for name, row in rows.items()]
        table.append([""])
    ratios = [ours / theirs for ours, theirs in zip(totals["ours"], totals["stock"], strict=True)]
    return Section(
        "Bytes of going live",
        "Runtime, NumPy and llmdeep, against the files of Pyodide's npm package, its whole lock "
        "file and the same NumPy wheel (not llmdeep). Files without a compressed copy count as "
        "they are: a wheel is compressed already.",
        [
            Figure("transfer with Brotli", totals["ours"][2] / 1e6, "MB", 7.0),
            Figure("transfer with gzip", totals["ours"][1] / 1e6, "MB"),
            Figure("of stock, Brotli both", ratios[2], "×"),
            Figure("of stock, gzip both", ratios[1], "×"),
        ],
        [table[:-1]],
    )


def widget_sizes(folder: Path) -> Section:
    """The widget files, each and by page."""
    files = sorted((folder / "assets/widgets").glob("*.json"))
    table: Table = [["kB", "raw", "gzip", "Brotli"]]
    for path in files:
        sizes = (path.stat().st_size, _gzip(path), _brotli(path))
        table.append([path.name.split(".")[0], *(f"{size / 1e3:.1f}" for size in sizes)])
    largest = max(files, key=_brotli)
    by_page: Counter[str] = Counter()
    for widget in widgets(folder):
        by_page[widget.page.name] += _brotli(widget.file)
    [(heaviest, weight)] = by_page.most_common(1)
    name = largest.name.split(".")[0]
    return Section(
        "Stored states of figures",
        "The file each figure fetches on first need: panel, views, states of every control, code.",
        [
            Figure(f"largest file: {name}", _brotli(largest) / 1e3, "kB", 20),
            Figure(f"heaviest page: {heaviest}", weight / 1e3, "kB", 100),
        ],
        [table],
    )


def _transferred(browser: Browser, url: str) -> tuple[Counter[str], Counter[str]]:
    """Bytes by kind: before anything is touched, and after scrolling to the end."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    session = context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    counted: Counter[str] = Counter()

    def answered(event: dict[str, Any]) -> None:
        kinds[event["requestId"]] = _kind(event["type"], event["response"]["url"])

    def finished(event: dict[str, Any]) -> None:
        counted[kinds.get(event["requestId"], "other")] += int(event["encodedDataLength"])

    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    session.send("Network.enable")
    page.goto(url, wait_until="networkidle")
    first = counted.copy()
    page.evaluate(SCROLL)
    page.wait_for_load_state("networkidle")
    context.close()
    return first, counted


def _kind(type_of_resource: str, url: str) -> str:
    if type_of_resource == "Script":
        return "our js" if "/assets/llmdeep/" in url else "theme js"
    for part, kind in (("/assets/widgets/", "figures"), ("/search/", "search")):
        if part in url:
            return kind
    return KINDS.get(type_of_resource, "other")


def _first_scripts(entry: Path) -> set[Path]:
    """A module and all it imports at once."""
    found = {entry}
    for name in STATIC_IMPORT.findall(entry.read_text(encoding="utf-8")):
        found |= _first_scripts(entry.parent / name)
    return found


def _offline(folder: Path) -> int:
    """Bytes with Brotli, without headers, of the files that the service worker lists."""
    listed = re.findall(
        r'"?url"?:\s*"([^"]+)"', (folder / "service-worker.js").read_text(encoding="utf-8")
    )
    paths = [folder / url / "index.html" if url.endswith("/") else folder / url for url in listed]
    return sum(_brotli(path) for path in paths)


def _is_original(path: Path) -> bool:
    return path.suffix not in (".br", ".gz")


def _brotli(path: Path) -> int:
    return _copy(path, ".br")


def _gzip(path: Path) -> int:
    return _copy(path, ".gz")


def _copy(path: Path, suffix: str) -> int:
    """The size of a file's compressed copy, or of the file where there is none."""
    copy = path.with_name(path.name + suffix)
    return (copy if copy.exists() else path).stat().st_size
