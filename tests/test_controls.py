"""Controls refuse bad values in a reader's words; the page says the same before Python does."""

import json
import math
import subprocess
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pytest

from llmdeep.site.node import command
from llmdeep.site.paths import BROWSER
from llmdeep.widgets import (
    Choice,
    ControlError,
    File,
    Number,
    OpenFile,
    Seed,
    Slider,
    Steps,
    Text,
    Toggle,
    View,
)
from llmdeep.widgets._controls import Control
from llmdeep.widgets._panel import arguments, panel_data, widget_render

OWN = OpenFile("own.safetensors", 1234, lambda start, length: b"")
REFUSED: list[tuple[Control, Any, str]] = [
    (Slider(0.1, 4), 5, "5 is too large; the largest here is 4."),
    (Slider(0.1, 4), -1, "-1 is too small; the smallest here is 0.1."),
    (Slider(0, 1), "abc", "“abc” is not a number."),
    (Slider(0, 1), "0x1", "“0x1” is not a number."),
    (Slider(0, 1), "", "This wants a number."),
    (Slider(0, 1), "nan", "“NaN” stands for no number; this control wants one."),
    (Slider(0, 1), "inf", "∞ is too large; the largest here is 1."),
    (Slider(0, 1), "1e999", "∞ is too large; the largest here is 1."),
    (Slider(values=(1, 2, 4), integer=True), 3, "3 is not one of 1, 2, 4."),
    (Slider(2, 64, integer=True), 2.5, "2.5 is not a whole number."),
    (Slider(0, 1e6), 2e6, "2,000,000 is too large; the largest here is 1,000,000."),
    (Number(), "inf", "An infinite number is of no use here."),
    (Number(maximum=3), 1e30, "1e+30 is too large; the largest here is 3."),
    (Seed(), 1.5, "1.5 is not a whole number."),
    (Seed(), -1, "-1 is too small; the smallest here is 0."),
    (Steps(3), 3, "3 is too large; the largest here is 2."),
    (Choice("none", "causal"), "all", "“all” is not one of none, causal."),
    (Toggle(), "maybe", "“maybe” is neither true nor false."),
    (Text(), "  ", "Type something here."),
    (Text(min_length=3), "ab", "Type at least 3 characters."),
    (Text(max_length=5), "x" * 1234, "1,234 characters are too many; at most 5 fit here."),
    (Text(max_length=2), "👩‍👩‍👧", "5 characters are too many; at most 2 fit here."),
    (Text(), "a\ud800", "This text holds half of a character; paste it again."),
    (File(), "own.safetensors", "This wants a file; choose one with the button."),
    (File(".txt,.md"), OWN, "“own.safetensors” is not a .txt or .md file."),
    (File(max_bytes=1000), OWN, "1,234 bytes are too many; at most 1,000 fit here."),
]
ACCEPTED: list[tuple[Control, Any, Any]] = [
    (File(), None, None),
    (File(".safetensors"), OWN, OWN),
    (File(max_bytes=1234), OWN, OWN),
    (Slider(0.1, 4), "2.5", 2.5),
    (Slider(0.1, 4), 0.1, 0.1),
    (Slider(values=(1, 2, 4), integer=True), 4, 4),
    (Slider(values=(1, 2, 4)), 3, 3.0),
    (Number(), "-1e3", -1000.0),
    (Seed(), "12", 12),
    (Choice("none", "causal"), "causal", "causal"),
    (Toggle(), True, True),
    (Text(max_length=5), "שלום", "שלום"),
]


@pytest.mark.parametrize(("control", "value", "message"), REFUSED)
def test_a_refusal_says_what_would_be_right(control: Control, value: Any, message: str) -> None:
    with pytest.raises(ControlError) as refusal:
        control.check(value)
    assert str(refusal.value) == message


@pytest.mark.parametrize(("control", "value", "taken"), ACCEPTED)
def test_good_values_come_in_the_control_s_type(control: Control, value: Any, taken: Any) -> None:
    assert control.check(value) == taken
    assert type(control.check(value)) is type(taken)


@pytest.mark.parametrize(("control", "value", "message"), REFUSED)
def test_the_page_refuses_in_the_same_words(control: Control, value: Any, message: str) -> None:
    assert on_the_page()[REFUSED.index((control, value, message))] == {
        "ok": False,
        "problem": message,
    }


@pytest.mark.parametrize(("control", "value", "taken"), ACCEPTED)
def test_the_page_accepts_the_same(control: Control, value: Any, taken: Any) -> None:
    place = len(REFUSED) + ACCEPTED.index((control, value, taken))
    assert on_the_page()[place] == {"ok": True, "value": raw(taken) if taken is OWN else taken}


@pytest.mark.parametrize("value", [None, True, [], {}, b"1", 1j])
def test_what_is_no_number_is_refused_whatever_it_is(value: Any) -> None:
    with pytest.raises(ControlError, match="This wants a number"):
        Number().check(value)


@pytest.mark.parametrize(("value", "infinite"), [(10**400, "∞"), (-(10**400), "−∞")])
def test_whole_numbers_beyond_floats_are_refused(value: int, infinite: str) -> None:
    with pytest.raises(ControlError, match=f"^{infinite} is too"):
        Slider(0, 1).check(value)


@pytest.mark.parametrize(
    "wrong",
    [{"minimum": 2, "maximum": 1}, {"minimum": 0, "maximum": 1, "log": True}, {"values": (1,)}],
)
def test_a_slider_that_makes_no_sense_is_the_author_s_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Slider(**wrong)


def test_values_give_a_slider_its_ends() -> None:
    assert Slider(values=(8, 2, 4)).ends == (2, 8)
    assert Slider(values=(8, 2, 4), integer=True).grid() == [2, 4, 8]


def test_the_ends_of_a_logarithmic_slider_are_exact() -> None:
    slider = Slider(1, 4096, log=True, count=5, integer=True)
    assert slider.grid() == [1, 8, 64, 512, 4096]
    assert [slider.check(end) for end in (1, 4096)] == [1, 4096]


def test_a_choice_of_too_many_has_no_grid() -> None:
    assert Choice("a", "b").grid() == ["a", "b"]
    assert Choice("a", "b", swept=False).grid() is None


def test_an_open_file_gives_the_parts_asked_for(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_bytes(b"0123456789")
    own = OpenFile.of(tmp_path / "own.txt")
    assert (own.name, own.size) == ("own.txt", 10)
    assert own.read() == b"0123456789"
    assert own.read(3, 4) == b"3456"
    assert own.read(8, 4) == b"89"
    assert own.read(99) == own.read(10, 1) == b""
    for start, length in [(-1, 2), (0, -2)]:
        with pytest.raises(ValueError, match="a file has no part"):
            own.read(start, length)


def test_a_refused_argument_names_its_control() -> None:
    render = widget_render("softmax_scaling")
    with pytest.raises(ControlError, match=r"^seed: -1 is too small"):
        arguments(render, {"seed": -1})
    with pytest.raises(ControlError, match="There is no control “sed” here; there are d_head"):
        arguments(render, {"sed": 1})


def test_names_of_links_are_reserved() -> None:
    def render(w: Annotated[float, Slider(0, 1)] = 0.5) -> list[View]:
        return []

    with pytest.raises(TypeError, match="a parameter can't be called w"):
        panel_data(render)


def test_there_is_no_widget_of_another_name() -> None:
    with pytest.raises(LookupError, match=r"no widget 'soft'; there are .*attention_scores"):
        widget_render("soft")


@cache
def on_the_page() -> list[dict[str, Any]]:
    """What check.ts says of all cases, in the strings that form elements and links hold."""
    cases = [(control_data(control), raw(value)) for control, value, _ in (*REFUSED, *ACCEPTED)]
    program = (
        'import { readFileSync } from "node:fs";'
        f"import {{ check }} from {json.dumps(str(BROWSER / 'widget' / 'check.ts'))};"
        'const cases = JSON.parse(readFileSync(0, "utf8"));'
        "process.stdout.write(JSON.stringify(cases.map(([control, raw]) => check(control, raw))));"
    )
    done = subprocess.run(
        command("--no-warnings", "--input-type=module", "--eval", program),
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def control_data(control: Control) -> dict[str, Any]:
    default: dict[type, Any] = {Toggle: True, Choice: "none", Seed: 0, Steps: 0, File: None}
    value = default.get(type(control), next(iter(control.grid() or [0])))
    if isinstance(control, Text):
        value = "x" * max(control.min_length, 1)

    def render(x: Any = value) -> list[View]:
        return []

    render.__annotations__["x"] = Annotated[object, control]
    return panel_data(render)[0]


def raw(value: Any) -> Any:
    if isinstance(value, OpenFile):
        return {"name": value.name, "size": value.size}  # all that check.ts looks at
    if value is None or isinstance(value, bool | str):
        return value
    return "Infinity" if value == math.inf else str(value)
