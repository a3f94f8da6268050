"""Time to readable: first and largest paint of every page, and whether anything moved after it."""

import statistics
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from bench.host import MOBILE, hosting
from bench.report import Figure, Section, Table, median
from bench.site import pages

PAINTS = """() => new Promise((resolve) => {
  const [first] = performance.getEntriesByName("first-contentful-paint");
  const found = {first: first.startTime, largest: 0, moved: 0};
  const watch = (type, use) => {
    const observer = new PerformanceObserver((list) => list.getEntries().forEach(use));
    observer.observe({type, buffered: true});
  };
  watch("largest-contentful-paint", (entry) => (found.largest = entry.startTime));
  watch("layout-shift", (entry) => (found.moved += entry.hadRecentInput ? 0 : entry.value));
  setTimeout(() => resolve(found), 100);
})"""

Paints = dict[str, float]  # "first" and "largest" in milliseconds, "moved": cumulative layout shift

DESKTOP: ViewportSize = {"width": 1280, "height": 720}
PHONE: ViewportSize = {"width": 412, "height": 823}


def readable(browser: Browser, folder: Path, runs: int) -> Section:
    """Every page on a desktop and from this machine, and on a phone and over a slow line."""
    near, far = {}, {}
    with hosting(folder) as local, hosting(folder, speed=MOBILE) as slow:
        for page in pages(folder):
            near[page.name] = [_paints(browser, local + page.path, DESKTOP) for _ in range(runs)]
            far[page.name] = [_paints(browser, slow + page.path, PHONE) for _ in range(runs)]
    table: Table = [
        ["ms, medians", "first paint", "largest", "CLS", "phone: first paint", "largest", "CLS"]
    ]
    for name in near:
        table.append([name, *_columns(near[name]), *_columns(far[name])])
    return Section(
        "Time to readable",
        "From the start of navigation, in a browser context with empty caches: 1280 × 720 from "
        "this machine, 412 × 823 at 10 Mbit/s and 40 ms, to which the server keeps.",
        [
            _worst("desktop, largest paint", near, "largest", "s", 2.0),
            _worst("desktop, layout shift", near, "moved", "", 0),
            _worst("phone, largest paint", far, "largest", "s", 2.0),
            _worst("phone, layout shift", far, "moved", "", 0),
        ],
        [table],
    )


def _paints(browser: Browser, url: str, size: ViewportSize) -> Paints:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    page.goto(url, wait_until="networkidle", timeout=0)
    found: Paints = page.evaluate(PAINTS)
    context.close()
    return found


def _columns(samples: list[Paints]) -> list[str]:
    first, largest, moved = (_samples(samples, what) for what in ("first", "largest", "moved"))
    return [
        f"{1000 * statistics.median(first):,.0f}",
        f"{1000 * statistics.median(largest):,.0f}",
        f"{statistics.median(moved):.3f}",
    ]


def _worst(what: str, pages: dict[str, list[Paints]], of: str, unit: str, budget: float) -> Figure:
    """The figure of the page whose median is the highest."""
    figures = [
        median(f"{what}, worst page: {name}", _samples(samples, of), unit, budget)
        for name, samples in pages.items()
    ]
    return max(figures, key=lambda figure: figure.value)


def _samples(samples: list[Paints], what: str) -> list[float]:
    return [paints[what] / (1 if what == "moved" else 1000) for paints in samples]
