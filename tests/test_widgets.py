"""Every widget there is: a new file in the folder is tested by existing.

A widget must answer at its defaults and at every corner of its panel, refuse nonsense in a reader's
words, give the same answer twice, and say in its first line what it shows.
"""

import importlib
import inspect
import math
from typing import Any

import numpy as np
import pytest

from llmdeep.site import node
from llmdeep.widgets import Choice, ControlError, File, Number, Seed, Slider, Steps, Text, Toggle
from llmdeep.widgets._controls import Control
from llmdeep.widgets._panel import arguments, controls, defaults, widget_names, widget_render
from llmdeep.widgets._wire import pack

WIDGETS = widget_names()

NONSENSE: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    10**400,
    "",
    "   ",
    "abc",
    None,
    [],
    {},
    b"x",
]
TEXTS = [
    "a",
    "a b",
    "🦊🦊 👩‍👩‍👧 🏳️‍🌈",
    "שלום עולם مرحبا",
    "e\u0301\u200b\ufeff\u202e",
    "<b onclick=alert(1)>&amp;</b>",
    "1 2\n3",
    "nan inf 1e999",
    "\x00\x1b[31m",
]


def ends(control: Control) -> list[Any]:
    """The outermost values that a control allows."""
    match control:
        case Choice():
            return list(control.options)
        case Toggle():
            return [False, True]
        case Steps():
            return [0, control.count - 1]
        case Seed():
            return [0, control.maximum]
        case Slider():
            return [control.grid()[0], control.grid()[-1]]
        case File():
            return [None]  # what a file must hold its widget's own tests know
        case Number():
            return [end for end in (control.minimum, control.maximum) if math.isfinite(end)]
        case Text():
            texts = [text[: control.max_length] for text in TEXTS]
            return [*texts, "word " * (control.max_length // 5), "x" * control.max_length]
    raise TypeError(f"no ends for {control}")


def other(control: Control, value: Any) -> Any:
    """A value well away from `value`: the far end, other digits, the words in another order."""
    if isinstance(control, Text) and not value:
        return "x"
    if isinstance(control, Text) and control.multiline:
        return value.replace("1", "2") if "1" in value else f"{value} more"
    if isinstance(control, Text):
        return " ".join(reversed(value.split()))
    return next(end for end in reversed(ends(control)) if end != value)


def answer(name: str, given: dict[str, Any]) -> list[Any] | str:
    """The views, or the sentence of a refusal."""
    render = widget_render(name)
    try:
        views = render(**arguments(render, given))
    except ControlError as refusal:
        return str(refusal)
    text, arrays = pack(views)
    return [text, [array.tobytes() for array in arrays], views]


def assert_sound(name: str, given: dict[str, Any]) -> None:
    """Views that can be drawn, or a refusal that is a sentence."""
    with np.errstate(all="raise", under="ignore"):
        got = answer(name, given)
    if isinstance(got, str):
        assert len(got) > 15, f"{given}: the refusal “{got}” does not help"
        assert got.rstrip().endswith((".", "?", "!", "…")), f"{given}: “{got}” is no sentence"
        return
    assert got[2], f"{given}: nothing to show"
    for markup in node.render(got[2], "test"):
        assert "NaN" not in markup.replace("“NaN”", ""), f"{given}: a NaN reached the page"


@pytest.mark.parametrize("name", WIDGETS)
def test_its_first_line_says_what_it_shows(name: str) -> None:
    text = inspect.getdoc(importlib.import_module(f"llmdeep.widgets.{name}")) or ""
    title, _, notice = text.partition("\n")
    assert 20 <= len(title) <= 120, title
    assert title.endswith((".", "?")), title
    assert len(notice.strip()) > 20, "after the first line, say what to notice"


@pytest.mark.parametrize("name", WIDGETS)
def test_its_defaults_give_views_and_twice_the_same(name: str) -> None:
    first, second = answer(name, {}), answer(name, {})
    assert not isinstance(first, str), f"the defaults are refused: {first}"
    assert first[:2] == second[:2]
    assert_sound(name, {})


@pytest.mark.parametrize("name", WIDGETS)
def test_each_control_at_its_ends(name: str) -> None:
    for parameter, control in controls(widget_render(name)).items():
        for value in ends(control):
            assert_sound(name, {parameter: value})


@pytest.mark.parametrize("name", WIDGETS)
def test_each_control_changes_what_is_shown(name: str) -> None:
    start = answer(name, {})
    for parameter, control in controls(widget_render(name)).items():
        if isinstance(control, File):
            continue
        given = {parameter: other(control, defaults(widget_render(name))[parameter])}
        assert answer(name, given)[:2] != start[:2], f"{given} changes nothing"


@pytest.mark.parametrize("name", WIDGETS)
def test_all_controls_at_their_ends_together(name: str) -> None:
    panel = controls(widget_render(name))
    outermost = {p: ends(c) for p, c in panel.items() if not isinstance(c, Text)}
    for index in (0, -1):
        assert_sound(name, {p: values[index] for p, values in outermost.items() if values})


@pytest.mark.parametrize("name", WIDGETS)
def test_random_panels(name: str) -> None:
    rng = np.random.default_rng(0)
    panel = controls(widget_render(name))
    for _ in range(8):
        picked = {p: grid for p, control in panel.items() if (grid := control.grid())}
        assert_sound(name, {p: grid[rng.integers(len(grid))] for p, grid in picked.items()})


@pytest.mark.parametrize("name", WIDGETS)
def test_nonsense_is_refused_in_words(name: str) -> None:
    render = widget_render(name)
    for parameter, control in controls(render).items():
        for value in NONSENSE:
            if isinstance(control, Text) and isinstance(value, str):
                continue  # text is nonsense only by its length, or by what it should describe
            if isinstance(control, Number):
                continue  # a bare number box may be unbounded
            if isinstance(control, File) and value is None:
                continue
            with pytest.raises(ControlError) as refusal:
                render(**arguments(render, {parameter: value}))
            assert len(str(refusal.value)) > 15
        if isinstance(control, Text):
            with pytest.raises(ControlError, match="too many"):
                arguments(render, {parameter: "x" * (control.max_length + 1)})


@pytest.mark.parametrize("name", WIDGETS)
def test_a_control_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ControlError, match="nothing_like_it"):
        arguments(widget_render(name), {"nothing_like_it": 1})
