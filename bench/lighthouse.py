"""Lighthouse on a simulated phone: the home page and a chapter."""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from bench.host import hosting
from bench.report import Figure, Section, Table, median
from bench.site import pages, widgets
from llmdeep.site.node import executable
from llmdeep.site.paths import ROOT

PROGRAM = ROOT / "node_modules" / "lighthouse" / "cli" / "index.js"
CATEGORIES = {"performance": 95, "accessibility": 100, "best-practices": None, "seo": None}
TIMES = {
    "first-contentful-paint": ("first paint", "s", 1000, None),
    "largest-contentful-paint": ("largest paint", "s", 1000, 2.0),
    "total-blocking-time": ("blocking time", "ms", 1, 150),
    "cumulative-layout-shift": ("layout shift", "", 1, 0),
    "total-byte-weight": ("bytes", "kB", 1000, 120),
}

Report = dict[str, Any]


def lighthouse(folder: Path, chromium: str, runs: int) -> Section:
    """Medians of the four scores and of what the first of them is made of."""
    chapter = Counter(widget.page.path for widget in widgets(folder) if widget.page.path)
    wanted = ("", chapter.most_common(1)[0][0])
    figures: list[Figure] = []
    table: Table = [["audits below 0.9, last run", "score", ""]]
    with hosting(folder) as url:
        for page in [page for page in pages(folder) if page.path in wanted]:
            reports = [_report(url + page.path, chromium) for _ in range(runs)]
            figures += _figures(page.name, reports)
            table += [[f"{page.name}: {id}", *rest] for id, *rest in _failed(reports[-1])]
    return Section(
        "Lighthouse, mobile",
        "Its own phone: four times slower processor, 1.6 Mbit/s, both simulated. Its scores fall "
        "with the load of the machine that runs it.",
        figures,
        [table] if len(table) > 1 else [],
    )


def _report(url: str, chromium: str) -> Report:
    done = subprocess.run(
        [
            str(executable()),
            str(PROGRAM),
            url,
            "--quiet",
            "--output=json",
            f"--only-categories={','.join(CATEGORIES)}",
            "--chrome-flags=--headless --no-sandbox --disable-gpu",
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "CHROME_PATH": chromium},
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"Lighthouse failed on {url}:\n{done.stderr}")
    report: Report = json.loads(done.stdout)
    return report


def _figures(page: str, reports: list[Report]) -> list[Figure]:
    scores = [
        median(
            f"{page}: {category}",
            [100 * report["categories"][category]["score"] for report in reports],
            "",
            budget,
            at_least=True,
        )
        for category, budget in CATEGORIES.items()
    ]
    times = [
        median(
            f"{page}: {name}",
            [report["audits"][audit]["numericValue"] / scale for report in reports],
            unit,
            budget,
        )
        for audit, (name, unit, scale, budget) in TIMES.items()
    ]
    return scores + times


def _failed(report: Report) -> list[list[str]]:
    return [
        [id, f"{audit['score']:.2f}", audit.get("displayValue", "")]
        for id, audit in report["audits"].items()
        if audit["score"] is not None and audit["score"] < 0.9
    ]
