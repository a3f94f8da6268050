"""The widget file: what lets a figure answer a first drag at once, without Python.

It holds the views of the figure as it starts, the views after each control alone is moved to each
point of its grid, the control panel, and the code behind it all, as one JSON document:

    {"name", "title", "notice", "panel", "views", "states", "bound", "sources"}

`states[control]` is a list in the grid's order, {"value", "patch"}: a patch turns the views of the
state before it (for the first, `views`) into its own. A patch names only what changes:

    {"2": {"values": {"+": [0, -1, 3]}}}     in view 2, add these to the stored whole numbers
    {"3": {"text": {"=": "…"}}}              put this there instead

An array is stored as whole multiples of a step, {"steps": [12, 13], "step": [5, -4]} being
12 · 5 · 10⁻⁴ …, or as {"numbers": [...]}; both may carry a "shape", and write what JSON lacks as
"NaN", "Infinity", "-Infinity". Such a number standing alone is {"$number": "NaN"}.

Run it as `python -m llmdeep.site.states NAME FOLDER` to write one.
"""

import hashlib
import inspect
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmdeep.site.sources import widget_sources
from llmdeep.widgets._panel import Render, panel_data, widget_render
from llmdeep.widgets._views import View, as_data

MOST_STATES = 200
RANGE_BOUND = 1 / 2000  # of an array's range: under half a pixel of a chart, a shade of a matrix
RELATIVE_BOUND = 1 / 2000  # where the scale is logarithmic: 4 significant digits
NUMBER_BOUND = 1e-6  # relative, for a number that stands alone and for tables


def write_widget_file(name: str, folder: Path, params: Mapping[str, Any] | None = None) -> Path:
    """Compute the file of a figure that starts with `params`; its name carries its hash."""
    text = json.dumps(widget_file(name, params), ensure_ascii=False, separators=(",", ":"))
    path = folder / f"{name}.{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def widget_file(name: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole document for the widget `name` in a figure that starts with `params`.

    Raises:
        ControlError: If a parameter is refused.
        ValueError: If the controls have more than MOST_STATES values between them.
    """
    render = widget_render(name)
    panel = panel_data(render, params)
    swept = {control["name"]: control["grid"] for control in panel if control["grid"]}
    count = sum(len(grid) for grid in swept.values())
    if count > MOST_STATES:
        sizes = ", ".join(f"{control} {len(grid)}" for control, grid in swept.items())
        raise ValueError(
            f"widget {name}: its controls have {count} values ({sizes}), {MOST_STATES} at most "
            "are precomputed; give a slider a larger step or a smaller count"
        )
    start = {control["name"]: control["default"] for control in panel}
    views = encode_views(render(**start))
    title, _, notice = inspect.cleandoc(sys.modules[render.__module__].__doc__ or name).partition(
        "\n"
    )
    return {
        "name": name,
        "title": title,
        "notice": " ".join(notice.split()),
        "panel": panel,
        "views": views,
        "states": {
            control: _sweep(render, start, control, grid, views) for control, grid in swept.items()
        },
        "bound": {"range": RANGE_BOUND, "relative": RELATIVE_BOUND, "number": NUMBER_BOUND},
        "sources": widget_sources(name),
    }


def encode_views(views: Sequence[View]) -> list[Any]:
    """Views as JSON, their numbers rounded within the bounds above. Whole numbers stay exact."""
    return [_encode_view(as_data(view)) for view in views]


def _sweep(
    render: Render, start: Mapping[str, Any], control: str, grid: Sequence[Any], views: list[Any]
) -> list[dict[str, Any]]:
    states = []
    before = views
    for value in grid:
        now = encode_views(render(**{**start, control: value}))
        states.append({"value": value, "patch": _patch(before, now)})
        before = now
    return states


def _patch(before: Any, now: Any) -> Any:
    """What turns `before` into `now`; an empty dictionary if nothing does."""
    if json.dumps(before) == json.dumps(now):  # not ==, for which 1, 1.0 and True are the same
        return {}
    if isinstance(now, dict) and isinstance(before, dict) and now.keys() == before.keys():
        if "steps" in now:
            return _array_patch(before, now)
        pairs = {key: _patch(before[key], now[key]) for key in now}
        return {key: patch for key, patch in pairs.items() if patch}
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        pairs = {str(i): _patch(b, n) for i, (b, n) in enumerate(zip(before, now, strict=True))}
        return {key: patch for key, patch in pairs.items() if patch}
    return {"=": now}


def _array_patch(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Differences where they are shorter than the values, as they are along a smooth sweep."""
    old, new = before["steps"], now["steps"]
    same_grid = before["step"] == now["step"] and before.get("shape") == now.get("shape")
    if not same_grid or len(old) != len(new):
        return {"=": now}
    differences = []
    for b, n in zip(old, new, strict=True):
        if isinstance(b, str) or isinstance(n, str):
            if b != n:
                return {"=": now}
            differences.append(0)
        else:
            differences.append(n - b)
    return min({"+": differences}, {"=": now}, key=lambda patch: len(json.dumps(patch)))


def _encode_view(view: dict[str, Any]) -> dict[str, Any]:
    if view["view"] == "matrix":
        cell = 10.0 ** -view.get("digits", 2)  # a cell's printed number must be right
        return {
            key: _rounded(np.asarray(value, np.float64), cell) if key == "values" else _plain(value)
            for key, value in view.items()
        }
    if view["view"] == "chart":
        log = {axis: view[axis].get("scale") == "log" for axis in ("x", "y")}
        marks = [_encode_mark(mark, log) for mark in view["marks"]]
        return {key: marks if key == "marks" else _plain(value) for key, value in view.items()}
    return _plain(view)


def _encode_mark(mark: dict[str, Any], log: Mapping[str, bool]) -> dict[str, Any]:
    encoded = {}
    for key, value in mark.items():
        if not isinstance(value, np.ndarray):
            encoded[key] = _plain(value)
        elif log["x" if key == "x" else "y"]:
            encoded[key] = _numbers(value, digits=4)
        else:
            encoded[key] = _rounded(value)
    return encoded


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _numbers(value, digits=7)
    if isinstance(value, float):
        return _number(value, 7) if math.isfinite(value) else {"$number": _word(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _rounded(values: np.ndarray, largest_step: float = math.inf) -> dict[str, Any]:
    """An array as multiples of a step that keeps every error within RANGE_BOUND of its range."""
    finite = values[np.isfinite(values)]
    whole = bool(np.all(finite == np.round(finite)))
    spread = float(np.ptp(finite)) if finite.size else 0.0
    if not whole and spread == 0:
        return _numbers(values, digits=7)
    factor, exponent = (1, 0) if whole else _step(min(2 * RANGE_BOUND * spread, largest_step))
    scaled = values / (factor * 10.0**exponent)
    if finite.size and np.max(np.abs(finite)) / (factor * 10.0**exponent) >= 2**53:
        return _numbers(values, digits=17)
    steps = [round(s) if math.isfinite(s) else _word(s) for s in scaled.ravel().tolist()]
    return {"steps": steps, "step": [factor, exponent], **_shape(values)}


def _step(largest: float) -> tuple[int, int]:
    """The largest 1, 2 or 5 times a power of ten that is not above `largest`."""
    exponent = math.floor(math.log10(largest))
    factor = max(f for f in (1, 2, 5) if f == 1 or f * 10.0**exponent <= largest)
    return factor, exponent


def _numbers(values: np.ndarray, digits: int) -> dict[str, Any]:
    return {"numbers": [_number(v, digits) for v in values.ravel().tolist()], **_shape(values)}


def _number(value: float, digits: int) -> float | int | str:
    if not math.isfinite(value):
        return _word(value)
    if value == int(value) and abs(value) < 2**53:
        return int(value)
    return float(f"{value:.{digits}g}")


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _shape(values: np.ndarray) -> dict[str, list[int]]:
    return {} if values.ndim == 1 else {"shape": list(values.shape)}


if __name__ == "__main__":
    print(write_widget_file(sys.argv[1], Path(sys.argv[2])))
