"""Measures the book against its budgets: `make bench`, or `python -m bench --only boot --quick`.

    building    cold, and after a small change
    bytes       of each page, of going live, of the figures' stored states
    readable    first and largest paint
    boot        from Run to the first output, beside stock Pyodide
    answers     from input to pixels, every control of every widget
    stop        until a cell has stopped, until Python is back
    tokens      10 kB under each vocabulary, beside tiktoken and the JavaScript packages
    calculators every choice of the widgets that calculate, each catalog model among them
    model       the book's own: first logits, tokens a second, attention maps, memory
    lighthouse  a simulated phone

Everything is measured in one run, on a copy of the repository built for it, and printed beside its
budget; the same, with every sample, goes to .cache/bench.json. Times depend on the machine and on
what else it does: compare medians and ratios of one run. Nothing here passes or fails.
"""

import argparse
import dataclasses
import json
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from bench import building, chromium, machine, stock, tree
from bench.answers import answers
from bench.boot import boot
from bench.calculators import calculators
from bench.host import hosting
from bench.lighthouse import lighthouse
from bench.model import model
from bench.readable import readable
from bench.report import Section, text
from bench.site import Site
from bench.sizes import page_sizes, runtime_sizes, widget_sizes
from bench.stop import stop
from bench.tokens import tokens
from llmdeep.site.paths import CACHE
from llmdeep.site.pyodide.numpy_wheel import Wheel, find_wheel
from llmdeep.site.pyodide.official import official

PARTS = (
    *("building", "bytes", "readable", "boot", "answers", "stop"),
    *("tokens", "calculators", "model", "lighthouse"),
)
REPORT = CACHE / "bench.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--quick", action="store_true", help="fewer runs, for a first look")
    given = parser.parse_args()
    parts = given.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        playwright = stack.enter_context(sync_playwright())
        about = machine.description(chromium.executable(playwright))
        print("\n".join(f"{name:10}{value}" for name, value in about.items()))
        sections = []
        for section in measure(playwright, Path(folder), parts, 1 if given.quick else 5):
            print(text(section), flush=True)
            sections.append(section)
        about["load at the end"] = machine.load()
    REPORT.parent.mkdir(exist_ok=True)
    found = {"machine": about, "sections": [dataclasses.asdict(section) for section in sections]}
    REPORT.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    print(
        f"\nAll samples are in {REPORT}. Processes waiting: {about['load']} at first, "
        f"{about['load at the end']} at the end."
    )


def measure(playwright: Playwright, folder: Path, parts: list[str], runs: int) -> Iterator[Section]:
    """Build the site in `folder`, then measure it part by part; each median is of `runs`."""
    say("copying the repository")
    site = Site(folder / "site", _free_port())
    copy = tree.copied(folder / "tree")
    wheel = find_wheel(official(), say)
    path = wheel.path if wheel else None
    if "building" in parts:
        say("building, several times")
        yield building.measured(copy, site, path, (runs + 1) // 2)
    else:
        say("building")
        url = f"--url=http://127.0.0.1:{site.port}/"
        tree.build(tree.with_caches(copy), site.folder, url, wheel=path)
    beside = _stock(folder, site, wheel)
    with chromium.browser(playwright) as browser:
        if "bytes" in parts:
            say("bytes")
            with hosting(site.folder) as url:
                yield page_sizes(browser, url, site.folder)
            yield widget_sizes(site.folder)
            if beside:
                yield runtime_sizes(site.folder, beside)
        if "readable" in parts:
            say("readable")
            yield readable(browser, site.folder, runs)
    if "boot" in parts and beside:
        say("boot")
        yield boot(playwright, site, beside, runs)
    with chromium.browser(playwright) as browser:
        if "answers" in parts:
            with hosting(site.folder) as url:
                yield answers(browser, url, site.folder, runs, 3 + 2 * runs, say)
        if "stop" in parts and beside:
            say("stop")
            yield stop(browser, site.folder, runs)
        if "tokens" in parts and beside:
            say("tokens")
            yield tokens(browser, site.folder, runs)
        if "calculators" in parts and beside:
            say("calculators")
            yield calculators(browser, site.folder, runs)
        if "model" in parts and beside:
            say("model")
            yield model(browser, site.folder, runs)
    if "lighthouse" in parts:
        say("lighthouse")
        yield lighthouse(site.folder, chromium.executable(playwright), (runs + 1) // 2)


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what} …", file=sys.stderr, flush=True)


def _stock(folder: Path, site: Site, wheel: Wheel | None) -> Path | None:
    """The page to compare with; without NumPy there is no live Python to measure."""
    if wheel is None:
        say("without NumPy for the browser: boot, stop and runtime bytes are left out")
        return None
    book = next((site.folder / "assets/python").glob("llmdeep.*.zip"))
    return stock.write(folder / "stock", wheel, book)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
