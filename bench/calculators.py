"""The widgets that calculate, in the page: every choice of every list, every catalog model too."""

import json
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser

from bench.host import hosting
from bench.report import Figure, Section, Table
from bench.runtime import fresh_page, run

NAMES = (
    *("kv_cache", "quadratic_cost", "training_memory", "scaling_law", "roofline"),
    *("architecture_comparison", "deployment", "model_table", "accelerator_table"),
    *("number_formats", "block_scales"),
)
FRAME = 16  # milliseconds

CODE = """
import json
import time
from llmdeep.widgets import Choice
from llmdeep.widgets._panel import controls, own_render, widget_render
from llmdeep.widgets._wire import pack

def milliseconds(render, chosen):
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        pack(render(**chosen))
        times.append(1000 * (time.perf_counter() - began))
    return times

found = {}
for name in NAMES:
    render = widget_render(name)
    render()
    found[name] = [
        [f"{parameter} = {option}", milliseconds(render, {parameter: option})]
        for parameter, control in controls(own_render(name)).items()
        if isinstance(control, Choice)
        for option in control.options
    ]
print(json.dumps(found))
"""


def calculators(browser: Browser, folder: Path, runs: int) -> Section:
    """Each option of each choice, all else as the figure stands there at first."""
    figures: list[Figure] = []
    table: Table = [["ms", "options", "median", "slowest", "which", "asked for the first time"]]
    code = CODE.replace("NAMES", repr(NAMES)).replace("RUNS", str(runs))
    with hosting(folder) as url, fresh_page(browser, url) as page:
        found = json.loads(run(page, folder, code)["output"])
    for name, options in found.items():
        medians = {option: float(np.median(times)) for option, times in options}
        slowest = max(medians, key=lambda option: medians[option])
        figures.append(Figure(f"{name}, slowest: {slowest}", medians[slowest], "ms", FRAME))
        first = max(times[0] for _, times in options)
        middle = float(np.median(list(medians.values())))
        times = [f"{middle:.1f}", f"{medians[slowest]:.1f}", slowest, f"{first:.1f}"]
        table.append([name, str(len(options)), *times])
    return Section(
        "Calculators",
        "Computing and packing the figure in the page's Python, without drawing it; medians of "
        f"{runs}. The last column is the longest that any option took the first time.",
        figures,
        [table],
    )
