"""Which moves of a figure's controls are measured: steps for answers.js, made from its panel."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.browser.reader import TYPED

Control = dict[str, Any]  # as llmdeep.widgets._panel.panel_data describes it
Step = dict[str, Any]  # a control, its new value, and how it is set; see answers.js

PATIENCE = 60  # frames after which a picture counts as unchanged


def moves(figure: int, control: Control, count: int, *, live: bool = False) -> list[Step]:
    """`count` moves of a control, the first away from its default, no two in a row alike.

    Args:
        figure: Which of the page's figures, counted from 0.
        live: Whether only Python can answer them.
    """
    step = {
        "figure": figure,
        "control": control["name"],
        "final": control["kind"] not in ("slider", "steps"),  # the others are let go of at once
        "live": live,
        "patience": PATIENCE,
    }
    values = _on_grid(control, count) if control["grid"] else _off_grid(control, count)
    return [step | values[turn % len(values)] for turn in range(count)]


def drag(figure: int, panel: Sequence[Control]) -> list[Step]:
    """Back and forth over the first slider of a panel, value by value."""
    control = first_slider(panel)
    grid = list(enumerate(control["grid"]))
    there_and_back = grid + grid[-2:0:-1]
    [step] = moves(figure, control, 1)
    return [step | {"value": value, "index": index} for index, value in there_and_back]


def anchors(figure: int, panel: Sequence[Control], moved: Control) -> list[Step]:
    """Moves of two other controls, after which no value of `moved` is among the stored states."""
    others = [control for control in panel if control is not moved]
    others.sort(key=lambda control: not control["grid"])
    return [moves(figure, control, 1)[0] for control in others[:2]]


def first_slider(panel: Sequence[Control]) -> Control:
    """The first control that is dragged, else the first whose answers are stored."""
    stored = [control for control in panel if control["grid"]]
    return next((one for one in stored if one["kind"] in ("slider", "steps")), stored[0])


def _on_grid(control: Control, count: int) -> list[Step]:
    """Values spread over the grid, the default last."""
    grid = control["grid"]
    start = grid.index(control["default"]) if control["default"] in grid else -1
    spread = np.linspace(0, len(grid) - 1, max(2, min(len(grid), count))).round().astype(int)
    indices = [int(i) for i in np.unique(spread) if i != start] + [start] * (start >= 0)
    return [{"value": grid[i], "index": i} for i in indices]


def _off_grid(control: Control, count: int) -> list[Step]:
    """Numbers, texts and choices that no state holds."""
    return [{"value": _other(control, turn)} for turn in range(1, count + 1)]


def _other(control: Control, turn: int) -> float | str:
    default: Any = control["default"]
    if control["kind"] == "seed":
        return int(default) + turn
    if control["kind"] == "number":
        room: float = (control["maximum"] or default + 10) - default
        return float(default + room * turn / 100)
    if control["kind"] == "choice":
        others: list[str] = [option for option in control["options"] if option != default]
        return others[turn % len(others)]
    text = str(default) or TYPED[control["name"]]
    words = text.split(" ")
    if len(words) == 1 or (control["multiline"] and re.search(r"\d", text)):  # code, or a file
        return re.sub(r"\d(?=\D*$)", str(turn % 10), text)
    cut = turn % (len(words) - 1) + 1
    return " ".join(words[cut:] + words[:cut])
