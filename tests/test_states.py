"""The widget file: stored answers are what the widget computes, within the stated bound."""

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import brotli
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from llmdeep.site import states
from llmdeep.site.paths import ROOT
from llmdeep.site.sources import source, widget_sources
from llmdeep.site.states import MOST_STATES, encode_views, widget_file
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    ControlError,
    Line,
    Matrix,
    Metric,
    Metrics,
    Note,
    Slider,
    Table,
    View,
)
from llmdeep.widgets._panel import controls, widget_names, widget_render
from llmdeep.widgets._views import as_data

file_of = cache(widget_file)
every_widget = pytest.mark.parametrize("name", widget_names())


@every_widget
def test_stored_answers_are_what_the_widget_computes(name: str) -> None:
    render, file = widget_render(name), file_of(name)
    start = {control["name"]: control["default"] for control in file["panel"]}
    assert_close(file["views"], render(**start))
    sweeps = {name: [state["value"] for state in sweep] for name, sweep in file["states"].items()}
    for control, value, views in unfolded(file):
        sweep = sweeps[control]
        if value in {sweep[0], sweep[len(sweep) // 2], sweep[-1]}:
            assert_close(views, render(**{**start, control: value}))


@every_widget
def test_every_point_of_every_grid_is_stored(name: str) -> None:
    file = file_of(name)
    for control in file["panel"]:
        stored = [state["value"] for state in file["states"].get(control["name"], [])]
        assert stored == (control["grid"] or [])
        assert control["grid"] is None or control["default"] in control["grid"]
    assert sum(len(sweep) for sweep in file["states"].values()) <= MOST_STATES


@every_widget
def test_a_file_travels_in_20_kilobytes(name: str) -> None:
    text = json.dumps(file_of(name), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert len(brotli.compress(text.encode())) <= 20_000


@every_widget
def test_a_widget_answers_the_same_each_time(name: str) -> None:
    first, second = (json.dumps(encode_views(widget_render(name)())) for _ in range(2))
    assert first == second


@every_widget
def test_sources_are_the_lines_of_their_files(name: str) -> None:
    own, *concepts = widget_sources(name)
    assert own["name"] == f"llmdeep.widgets.{name}"
    for found in (own, *concepts):
        lines = (ROOT / found["path"]).read_text(encoding="utf-8").splitlines(keepends=True)
        assert "".join(lines[found["line"] - 1 :]).startswith(found["code"])
    assert all(found["name"].split(".")[1] != "widgets" for found in concepts)
    assert len({found["name"] for found in concepts}) == len(concepts)


def test_sources_follow_calls_inside_concepts() -> None:
    names = [found["name"] for found in widget_sources("attention_scores")]
    assert "llmdeep.attention.softmax" in names


@pytest.mark.parametrize("dotted", ["llmdeep.attention.nothing", "llmdeep.nothing.softmax", "x"])
def test_a_source_that_does_not_exist_is_an_error(dotted: str) -> None:
    with pytest.raises(LookupError, match="there is no function or class"):
        source(dotted)


def test_a_figure_may_start_elsewhere() -> None:
    file = widget_file("softmax_scaling", {"n_keys": 4})
    start = {control["name"]: control["default"] for control in file["panel"]}
    assert start["n_keys"] == 4
    assert_close(file["views"], widget_render("softmax_scaling")(**start))
    for control, value, views in unfolded(file):
        assert_close(views, widget_render("softmax_scaling")(**{**start, control: value}))


def test_a_refused_parameter_is_an_error() -> None:
    with pytest.raises(ControlError, match="too large"):
        widget_file("softmax_scaling", {"n_keys": 10**6})


def test_a_panel_with_too_many_values_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(x: Annotated[float, Slider(0, 1, count=201)] = 0.5) -> list[View]:
        return [Note(f"{x}")]

    monkeypatch.setattr(states, "widget_render", lambda name: render)
    with pytest.raises(ValueError, match=r"201 values \(x 201\), 200 at most"):
        widget_file("made_up")


def test_views_may_change_in_every_way_along_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes, kinds, masks, texts and 1 against True: a patch takes them all."""
    scenes: dict[str, list[View]] = {
        "plain": [Matrix([[0.5, 0.25]]), Note("one")],
        "wider": [Matrix([[0.5, 0.25, 0.125]]), Note("one")],
        "masked": [Matrix([[0.5, -math.inf, math.nan]]), Note("two")],
        "unmasked": [Matrix([[0.5, 0.1, 0.2]]), Note("two"), Metrics(loss=Metric(math.nan))],
        "other": [Table(["a", "b"], [["x", True], ["y", 1]]), Metrics(loss=1)],
        "almost": [Table(["a", "b"], [["x", 1], ["y", 1]]), Metrics(loss=1.5)],
        "empty": [],
    }

    def render(scene: Annotated[str, Choice(*scenes)] = "plain") -> list[View]:
        return scenes[scene]

    render.__module__ = __name__
    monkeypatch.setattr(states, "widget_render", lambda name: render)
    monkeypatch.setattr(states, "widget_sources", lambda name: [])
    file = json.loads(json.dumps(widget_file("made_up"), allow_nan=False))
    assert [value for _, value, _ in unfolded(file)] == list(scenes)
    for _, value, views in unfolded(file):
        assert_close(views, scenes[value])


numbers = st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, -math.inf])


@settings(deadline=None)
@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=numbers))
def test_any_matrix_is_stored_within_the_bound(values: np.ndarray) -> None:
    assert_close(json.loads(json.dumps(encode_views([Matrix(values)]))), [Matrix(values)])


@settings(deadline=None)
@given(
    arrays(np.float64, st.integers(1, 6), elements=st.floats(1e-300, 1e300)),
    st.sampled_from(["linear", "log"]),
)
def test_any_curve_is_stored_within_the_bound(values: np.ndarray, scale: Any) -> None:
    chart = Chart([Line(np.arange(len(values)), values)], y=Axis(scale=scale))
    assert_close(json.loads(json.dumps(encode_views([chart]))), [chart])


def test_whole_numbers_are_stored_exactly() -> None:
    views = [
        Metrics(parameters=124_439_808),
        Table(["n"], [[124_439_808]]),
        Matrix([[1, 124_439_808]]),
    ]
    encoded = encode_views(views)
    assert encoded[0]["items"][0]["value"] == 124_439_808
    assert decode(encoded[1])["rows"][0][0] == 124_439_808
    assert decode(encoded[2])["values"][0, 1] == 124_439_808


def test_defaults_between_grid_points_join_the_grid() -> None:
    def render(t: Annotated[float, Slider(0.1, 4, log=True, count=5)] = 1.0) -> list[View]:
        return []

    grid = states.panel_data(render)[0]["grid"]
    assert grid == sorted(grid)
    assert 1.0 in grid
    assert len(grid) == 6
    assert controls(render)["t"].grid() == [0.1, 0.251, 0.632, 1.59, 4.0]


# An independent reader of the file, written from its description


def unfolded(file: dict[str, Any]) -> Iterator[tuple[str, Any, list[Any]]]:
    for control, sweep in file["states"].items():
        views = file["views"]
        for state in sweep:
            views = patched(views, state["patch"])
            yield control, state["value"], views


def patched(before: Any, patch: dict[str, Any]) -> Any:
    if "=" in patch:
        return patch["="]
    if "+" in patch:
        pairs = zip(before["steps"], patch["+"], strict=True)
        return before | {"steps": [b if isinstance(b, str) else b + d for b, d in pairs]}
    if isinstance(before, list):
        return [patched(item, patch.get(str(i), {})) for i, item in enumerate(before)]
    if not patch:
        return before
    return {key: patched(item, patch.get(key, {})) for key, item in before.items()}


def decode(stored: Any) -> Any:
    if isinstance(stored, list):
        return [decode(item) for item in stored]
    if not isinstance(stored, dict):
        return stored
    if "steps" in stored:
        factor, exponent = stored["step"]
        flat = np.array([float(step) for step in stored["steps"]]) * factor * 10.0**exponent
        return flat.reshape(stored.get("shape", [-1]))
    if "numbers" in stored:
        flat = np.array([float(number) for number in stored["numbers"]])
        return flat.reshape(stored.get("shape", [-1]))
    if "$number" in stored:
        return float(stored["$number"])
    return {key: decode(item) for key, item in stored.items()}


def assert_close(stored: list[Any], computed: list[View]) -> None:
    found, wanted = decode(stored), [as_data(view) for view in computed]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        if other["view"] == "matrix":
            other = other | {"values": np.asarray(other["values"], np.float64)}
        compare(one, other, other["view"])


def compare(found: Any, wanted: Any, where: str) -> None:
    """Equal structure and text; numbers within 1/2000 of their array's range, or 4 digits."""
    if isinstance(wanted, np.ndarray):
        assert found.shape == wanted.shape, where
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(found[~finite], wanted[~finite], where)
        if finite.any():
            spread = np.ptp(wanted[finite])
            slack = np.maximum(spread / 2000, np.abs(wanted[finite]) / 2000) * (1 + 1e-9)
            assert np.all(np.abs(found[finite] - wanted[finite]) <= slack), where
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for key in wanted:
            compare(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
            compare(one, other, f"{where}[{i}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-6, abs=0, nan_ok=True), where
    else:
        assert (found, type(found)) == (wanted, type(wanted)), where
