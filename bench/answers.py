"""How soon a figure answers: each control of each widget, from stored states and from Python."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from playwright.sync_api import Browser, Page

from bench.chromium import LONG
from bench.moves import PATIENCE, Control, Step, anchors, drag, first_slider, moves
from bench.report import Figure, Section, Table, median
from bench.site import Widget, widgets

SCRIPT = Path(__file__).with_suffix(".js")
DRAG = 90  # frames
QUICK = 500  # milliseconds from seeing a figure to touching it, for a reader in a hurry

Level = Literal["stored", "live"]
Times = dict[str, list[float]]  # "shown", "work", "python", in milliseconds; see answers.js


@dataclass(frozen=True)
class Found:
    """What was measured of one widget; times by control."""

    widget: Widget
    first: list[float] = field(default_factory=list)
    at_once: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    times: dict[Level, dict[str, Times]] = field(default_factory=lambda: {"stored": {}, "live": {}})
    problems: list[str] = field(default_factory=list)


def answers(
    browser: Browser, url: str, folder: Path, runs: int, count: int, say: Callable[[str], None]
) -> Section:
    """Measure every widget of the book once, on the last page that shows it."""
    found = []
    for widget in {widget.name: widget for widget in widgets(folder)}.values():
        say(widget.name)
        found.append(_measured(browser, url, widget, runs, count))
    drags = {one.widget.name: frames for one in found for frames in one.frames}
    return Section(
        "From input to pixels",
        "From the dispatch of the input event to the end of the frame that shows the answer; a "
        "move falls anywhere within a frame of 1/60 s and is answered in the next. Stored: one "
        "control moved, Python not started. Live: two other controls moved before, so that only "
        "Python knows; “Python” is from asking it to the answer drawn. First touch: on a page just "
        "opened, half a second after the reader has scrolled to the figure; at once: in the very "
        "moment it comes into sight, with its engine and states still to be fetched (from this "
        "machine).",
        [
            median("first touch", [ms for one in found for ms in one.first], "ms", 50),
            _slowest("first touch", {one.widget.name: one.first for one in found}, 50, 50),
            median("first touch, at once", [ms for one in found for ms in one.at_once], "ms"),
            median("stored, shown", _pooled(found, "stored", "shown"), "ms"),
            _slowest("stored, shown", _by_control(found, "stored", "shown"), 95),
            median("stored, main thread", _pooled(found, "stored", "work"), "ms", 8),
            _slowest("stored, main thread", _by_control(found, "stored", "work"), 50, 8),
            Figure(
                f"frames a second of a drag, fewest: {min(drags, key=lambda name: drags[name])}",
                round(min(drags.values())),
                "",
                60,
                at_least=True,
                samples=list(drags.values()),
            ),
            median("live, shown", _pooled(found, "live", "shown"), "ms"),
            _slowest("live, shown", _by_control(found, "live", "shown"), 95),
            median("live, Python", _pooled(found, "live", "python"), "ms"),
            _slowest("live, Python", _by_control(found, "live", "python"), 95, 16),
        ],
        [_table(found)],
        [f"{one.widget.name}, {problem}" for one in found for problem in one.problems],
    )


def _measured(browser: Browser, url: str, widget: Widget, runs: int, count: int) -> Found:
    found = Found(widget)
    place = widget.index
    panel: list[Control] = json.loads(widget.file.read_text(encoding="utf-8"))["panel"]
    panel = [control for control in panel if control["kind"] != "file"]  # none is at hand
    [touch] = moves(place, first_slider(panel), 1)
    touch["patience"] = 100 * PATIENCE
    for _ in range(runs):
        for after, samples in ((QUICK, found.first), (0, found.at_once)):
            page = _open(browser, url + widget.page.path)
            met = page.evaluate("(step) => bench.meet(step)", {**touch, "after": after})
            samples.append(met["shown"])
            page.context.close()
    page = _open(browser, url + widget.page.path)
    page.evaluate("(step) => bench.meet(step)", touch)
    page.evaluate("(step) => bench.reset(step)", touch)
    if not touch["final"]:
        order = {"steps": drag(place, panel), "frames": DRAG}
        found.frames.append(page.evaluate("(order) => bench.drag(order)", order))
        page.evaluate("(step) => bench.reset(step)", touch)
    for control in panel:
        if control["grid"]:
            steps = moves(place, control, count)
            found.times["stored"][control["name"]] = _sweep(page, steps, found.problems)
            page.evaluate("(step) => bench.reset(step)", touch)
    for control in panel:
        moved = anchors(place, panel, control)
        if len(moved) < 2 and control["grid"]:
            continue  # some of its values would be answered by the stored states
        for step in moved:
            page.evaluate("(step) => bench.put(step)", step)
        first, *steps = moves(place, control, count + 1, live=True)
        _sweep(page, [first], found.problems)  # Python may have to start; this one doesn't count
        found.times["live"][control["name"]] = _sweep(page, steps, found.problems)
        page.evaluate("(step) => bench.reset(step)", first)
    page.context.close()
    return found


def _open(browser: Browser, url: str) -> Page:
    context = browser.new_context(service_workers="block")
    context.set_default_timeout(LONG)
    page = context.new_page()
    page.add_init_script(path=SCRIPT)
    page.goto(url, wait_until="networkidle")
    return page


def _sweep(page: Page, steps: Sequence[Step], problems: list[str]) -> Times:
    times: Times = {"shown": [], "work": [], "python": []}
    for step in steps:
        measured = page.evaluate("(step) => bench.move(step)", step)
        problem = measured.get("problem", "the picture stays as it is" * ("unchanged" in measured))
        if problem:
            problems.append(f"{step['control']} = {step['value']}: {problem}")
        for what, samples in times.items():
            if np.isfinite(measured.get(what) or np.nan):
                samples.append(measured[what])
    return times


def _pooled(found: Sequence[Found], level: Level, what: str) -> list[float]:
    return [ms for samples in _by_control(found, level, what).values() for ms in samples]


def _by_control(found: Sequence[Found], level: Level, what: str) -> dict[str, list[float]]:
    return {
        f"{one.widget.name}, {control}": times[what]
        for one in found
        for control, times in one.times[level].items()
        if times[what]
    }


def _slowest(
    what: str, samples: dict[str, list[float]], percentile: int, budget: float | None = None
) -> Figure:
    """The highest of the percentiles of named samples."""
    values = {name: float(np.percentile(times, percentile)) for name, times in samples.items()}
    slowest = max(values, key=lambda name: values[name])
    return Figure(f"{what}, slowest p{percentile}: {slowest}", values[slowest], "ms", budget)


def _table(found: Sequence[Found]) -> Table:
    return [
        [
            "ms, p50 / p95",
            "first touch",
            "stored: shown",
            "main thread",
            "live: shown",
            "Python",
            "frames/s",
        ],
        *(row for one in found for row in _rows(one)),
    ]


def _rows(one: Found) -> Iterator[list[str]]:
    frames = "".join(f"{frames:.0f}" for frames in one.frames)
    yield [one.widget.name, _percentiles(one.first), "", "", "", "", frames]
    stored, live = one.times["stored"], one.times["live"]
    for control in {**stored, **live}:
        cells = [
            stored.get(control, {}).get("shown", []),
            stored.get(control, {}).get("work", []),
            live.get(control, {}).get("shown", []),
            live.get(control, {}).get("python", []),
        ]
        yield [f"  {control}", "", *map(_percentiles, cells)]


def _percentiles(samples: Sequence[float]) -> str:
    if not samples:
        return "–"
    middle, high = np.percentile(samples, [50, 95])
    return f"{middle:.0f} / {high:.0f}"
