"""Time to readable: first and largest paint of every page, and whether anything moved after it."""

from pathlib import Path

from playwright.sync_api import Browser

from bench.host import MOBILE, hosting
from bench.report import Section, Table, median
from bench.site import Page, pages

PAINTS = """() => new Promise((resolve) => {
  const found = {first: performance.getEntriesByName("first-contentful-paint")[0].startTime, largest: 0, moved: 0};
  const watch = (type, use) =>
    new PerformanceObserver((list) => list.getEntries().forEach(use)).observe({type, buffered: true});
  watch("largest-contentful-paint", (entry) => (found.largest = entry.startTime));
  watch("layout-shift", (entry) => (found.moved += entry.hadRecentInput ? 0 : entry.value));
  setTimeout(() => resolve(found), 100);
})"""

Paints = dict[str, float]  # "first" and "largest" in milliseconds, "moved": cumulative layout shift


def readable(browser: Browser, folder: Path, runs: int) -> Section:
    """Every page from this machine, and over a slow line."""
    table: Table = [["ms, medians", "first paint", "largest", "10 Mbit/s: first", "largest", "CLS"]]
    figures = []
    with hosting(folder) as near, hosting(folder, speed=MOBILE) as far:
        for page in pages(folder):
            local = [_paints(browser, near, page) for _ in range(runs)]
            slow = [_paints(browser, far, page) for _ in range((runs + 1) // 2)]
            largest = median(
                f"largest paint at 10 Mbit/s: {page.name}",
                [paints["largest"] / 1000 for paints in slow],
                "s",
                2.0,
            )
            figures.append(largest)
            moved = median(page.name, [paints["moved"] for paints in local + slow], "", 0)
            table.append(
                [
                    page.name,
                    *(_middle(local, what) for what in ("first", "largest")),
                    *(_middle(slow, what) for what in ("first", "largest")),
                    f"{moved.value:.3f}",
                ]
            )
    return Section(
        "Time to readable",
        "From the start of navigation, in a browser context with empty caches; at 10 Mbit/s and "
        "40 ms the server keeps to the line's speed.",
        figures,
        [table],
    )


def _paints(browser: Browser, url: str, page: Page) -> Paints:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(url + page.path, wait_until="networkidle", timeout=0)
    found: Paints = tab.evaluate(PAINTS)
    context.close()
    return found


def _middle(samples: list[Paints], what: str) -> str:
    return f"{median('', [paints[what] for paints in samples], 'ms').value:,.0f}"
