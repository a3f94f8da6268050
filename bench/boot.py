"""From Run pressed to the first output: ours beside stock Pyodide with the same NumPy."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright

from bench import chromium, stock
from bench.host import MOBILE, hosting
from bench.report import Figure, Section, median
from bench.site import Cell, Site, first_cells

PRESS = """(id) => new Promise((resolve) => {
  const cell = document.getElementById(id);
  const output = cell.querySelector("[data-output]");
  const start = performance.now();
  new MutationObserver((_, observer) => {
    if (output.textContent === "") return;
    observer.disconnect();
    resolve({milliseconds: performance.now() - start, shown: output.textContent});
  }).observe(output, {childList: true, subtree: true, characterData: true});
  cell.querySelector("[data-action=run]").click();
})"""

ARRIVED = """([id, code]) =>
  document.getElementById(id)?.querySelector("code").textContent === code"""

Launch = tuple[str, str]  # the address of a page, and the id of the cell to run on it
Samples = dict[str, list[float]]  # seconds, by side


def boot(playwright: Playwright, site: Site, stock_folder: Path, runs: int) -> Section:
    """Cold, warm, on a slow connection, and on the second page of a visit."""
    speaking = [cell for cell in first_cells(site.folder) if cell.speaks]
    cell = speaking[0]
    stock.give_cell(stock_folder, cell.code)
    with hosting(site.folder) as ours, hosting(stock_folder) as theirs:
        sides = {"ours": (ours + cell.page.path, cell.id), "stock": (theirs, "cell")}
        cold = _cold(playwright, sides, runs)
        warm = _warm(playwright, sides, runs)
    with (
        hosting(site.folder, speed=MOBILE) as ours,
        hosting(stock_folder, speed=MOBILE) as theirs,
    ):
        sides = {"ours": (ours + cell.page.path, cell.id), "stock": (theirs, "cell")}
        slow = _cold(playwright, sides, (runs + 1) // 2)
    return Section(
        "From Run to the first output",
        "From the click on a page at rest to the first change of the cell's output, in a browser "
        "process of its own each time, alternating (A, B, B, A). Cold: a new profile. Warm: a "
        "profile that ran the cell twice before. Nothing was hovered, so nothing was fetched "
        "ahead. Stock runs the same cell, with llmdeep unpacked from the same zip.",
        [
            *_figures("cold", cold, 3.0, 0.5),
            *_figures("warm", warm, 2.0, 0.5),
            *_figures("cold at 10 Mbit/s, 40 ms", slow, 8.0),
            _next_page(playwright, site, speaking[0], speaking[-1], runs),
        ],
        notes=[f"The cell is the first of the page “{cell.page.name}”."],
    )


def press(page: Page, cell: str) -> float:
    """Seconds from Run to the first output.

    Raises:
        RuntimeError: If the cell fails.
    """
    found = page.evaluate(PRESS, cell)
    if "failed" in found["shown"] or "Error" in found["shown"]:
        raise RuntimeError(f"the cell {cell} of {page.url} did not run: {found['shown']}")
    seconds: float = found["milliseconds"] / 1000
    return seconds


def _cold(playwright: Playwright, sides: dict[str, Launch], runs: int) -> Samples:
    found: Samples = {side: [] for side in sides}
    for side in _alternating(list(sides), runs):
        with chromium.new_profile() as profile, chromium.process(playwright, profile) as context:
            found[side].append(_visit(context, sides[side]))
    return found


def _warm(playwright: Playwright, sides: dict[str, Launch], runs: int) -> Samples:
    found: Samples = {side: [] for side in sides}
    with ExitStack() as stack:
        profiles = {side: stack.enter_context(chromium.new_profile()) for side in sides}
        for side in _alternating(list(sides), runs + 2):
            with chromium.process(playwright, profiles[side]) as context:
                found[side].append(_visit(context, sides[side]))
    return {side: samples[2:] for side, samples in found.items()}


def _visit(context: BrowserContext, launch: Launch) -> float:
    url, cell = launch
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    return press(page, cell)


def _alternating(names: list[str], runs: int) -> Iterator[str]:
    """A, B, B, A, A, B, …: each name `runs` times, so that drift hits both alike."""
    for turn in range(runs):
        yield from names if turn % 2 == 0 else reversed(names)


def _next_page(playwright: Playwright, site: Site, first: Cell, second: Cell, runs: int) -> Figure:
    """Run on a page reached by a link, once Python has started on the page before."""
    samples = []
    with (
        hosting(site.folder, site.port) as url,
        chromium.browser(playwright) as browser,
    ):
        for _ in range(runs):
            context = browser.new_context()
            page = context.new_page()
            page.goto(url + first.page.path, wait_until="networkidle")
            press(page, first.id)
            link = page.locator(f".md-nav a[href$='{second.page.name}/']").first
            link.evaluate("(link) => link.click()")
            page.wait_for_url(url + second.page.path)
            page.wait_for_function(ARRIVED, arg=[second.id, second.code])
            samples.append(press(page, second.id) * 1000)
            context.close()
    return median("on the next page of the visit, ours", samples, "ms")


def _figures(when: str, samples: Samples, budget: float, goal: float | None = None) -> list[Figure]:
    ratio = statistics.median(samples["ours"]) / statistics.median(samples["stock"])
    return [
        median(f"{when}, ours", samples["ours"], "s", budget),
        median(f"{when}, stock", samples["stock"], "s"),
        Figure(f"{when}, ours of stock", ratio, "×", goal),
    ]
