"""The controls of a widget: each describes one parameter of `render` and checks its values.

A control stands in the parameter's annotation: `temperature: Annotated[float, Slider(0.1, 4)] = 1`.
"""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmdeep.widgets._file import OpenFile

Value = float | int | bool | str
Given = Value | OpenFile | None


class ControlError(ValueError):
    """A value that a control refuses; the message is written for the reader."""


@dataclass(frozen=True, eq=False)  # equal Choices would share one Annotated in its cache
class Control:
    """What every control has: a label, an explanation, and a grid of values if it can be swept."""

    def grid(self) -> list[Value] | None:
        """The values worth precomputing, in order; None where there is no end of them."""
        return None

    def check(self, value: Any) -> Given:
        """Return `value` in the control's own type, or raise ControlError saying what is right."""
        raise NotImplementedError


@dataclass(frozen=True)
class Slider(Control):
    """A number between two ends, on a grid: linear by `step`, or `count` points on a log scale.

    `Slider(values=(1, 2, 4, 8))` gives the grid itself, and the ends with it. Between two points
    of the grid any number may be typed in the box beside the slider; an int must be whole, and
    one of `values` where these are given (there is no 3 among head counts that divide 64).
    """

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    log: bool = False
    count: int = 31
    values: Sequence[float] | None = None
    unit: str = ""
    label: str = ""
    integer: bool = False

    def __post_init__(self) -> None:
        if self.values is not None and len(self.values) < 2:
            raise TypeError("Slider(values=…) wants two values at least")
        low, high = self.ends
        if not low < high or (self.log and low <= 0):
            raise TypeError(f"a slider can't go from {low} to {high}{' on a log scale' * self.log}")

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value: of `values`, or as given, or 0 and 1."""
        low, high = (min(self.values), max(self.values)) if self.values else (0.0, 1.0)
        return (
            low if self.minimum is None else self.minimum,
            high if self.maximum is None else self.maximum,
        )

    def grid(self) -> list[Value]:
        low, high = self.ends
        if self.values is not None:
            points = [float(v) for v in self.values]
        elif self.log:
            points = [
                float(f"{low * (high / low) ** (i / (self.count - 1)):.3g}")
                for i in range(self.count)
            ]
            points = [min(max(point, low), high) for point in points]  # 4096 would become 4100
        else:
            step = self.step or (1.0 if self.integer else (high - low) / (self.count - 1))
            points = [round(low + i * step, 10) for i in range(round((high - low) / step) + 1)]
            points = [point for point in points if point <= high]
        if self.integer:
            return sorted({round(p) for p in points})
        return sorted(set(points))

    def check(self, value: Any) -> Value:
        number = _number(value, *self.ends, self.integer)
        if self.integer and self.values is not None and number not in self.values:
            listed = ", ".join(_shown(v) for v in self.values)
            raise ControlError(f"{_shown(number)} is not one of {listed}.")
        return number


@dataclass(frozen=True)
class Number(Control):
    """A number typed into a box."""

    minimum: float = -math.inf
    maximum: float = math.inf
    unit: str = ""
    label: str = ""
    integer: bool = False

    def check(self, value: Any) -> Value:
        return _number(value, self.minimum, self.maximum, self.integer)


@dataclass(frozen=True)
class Seed(Control):
    """The seed of the widget's random numbers: a whole number, and a button for another one."""

    label: str = ""
    maximum: int = 999_999

    def check(self, value: Any) -> Value:
        return _number(value, 0, self.maximum, whole=True)


class Choice(Control):
    """One of some named options.

    With `swept=False` their answers are not precomputed: where there are many of them, and each
    changes most of what is shown, they would not fit the widget's file.
    """

    def __init__(self, *options: str, label: str = "", swept: bool = True) -> None:
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "swept", swept)

    options: tuple[str, ...]
    label: str
    swept: bool

    def grid(self) -> list[Value] | None:
        return list(self.options) if self.swept else None

    def check(self, value: Any) -> Value:
        if value not in self.options:
            raise ControlError(f"{_quoted(value)} is not one of {', '.join(self.options)}.")
        return str(value)


@dataclass(frozen=True)
class Toggle(Control):
    """On or off."""

    label: str = ""

    def grid(self) -> list[Value]:
        return [False, True]

    def check(self, value: Any) -> Value:
        if value in (True, False):
            return bool(value)
        raise ControlError(f"{_quoted(value)} is neither true nor false.")


@dataclass(frozen=True)
class Text(Control):
    """Free text, one line or several. Characters are Unicode code points."""

    max_length: int = 200
    min_length: int = 1
    multiline: bool = False
    label: str = ""

    def check(self, value: Any) -> Value:
        if not isinstance(value, str):
            raise ControlError("This wants text.")
        if len(value.strip()) < self.min_length:
            raise ControlError(
                "Type something here."
                if self.min_length == 1
                else f"Type at least {self.min_length} characters."
            )
        if len(value) > self.max_length:
            raise ControlError(
                f"{len(value):,} characters are too many; at most {self.max_length:,} fit here."
            )
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ControlError("This text holds half of a character; paste it again.")
        return value


@dataclass(frozen=True)
class File(Control):
    """A file of the reader's own, or None as long as there is none. It never leaves the machine.

    `accept` lists endings: ".safetensors", ".txt,.md". Only what `render` reads of it is read, so
    that it may be larger than memory; `max_bytes` is for widgets that read all of it.
    """

    accept: str = ""
    max_bytes: int | None = None
    label: str = ""

    def check(self, value: Any) -> OpenFile | None:
        if value is None:
            return None
        if not isinstance(value, OpenFile):
            raise ControlError("This wants a file; choose one with the button.")
        endings = self.accept.split(",")
        if not value.name.lower().endswith(tuple(endings)):
            wanted = " or ".join(endings)
            raise ControlError(f"{_quoted(value.name)} is not a {wanted} file.")
        if self.max_bytes is not None and value.size > self.max_bytes:
            raise ControlError(
                f"{value.size:,} bytes are too many; at most {self.max_bytes:,} fit here."
            )
        return value


class Steps(Control):
    """The stages of a computation, walked with play, pause, step and the arrow keys.

    The parameter is the index of the stage, from 0. `labels` names the stages; `Steps(12)` numbers
    twelve of them. A widget whose stages depend on other controls gives the most there can be, and
    treats an index past its end as its last stage.
    """

    def __init__(self, stages: int | Sequence[str], label: str = "") -> None:
        labels = None if isinstance(stages, int) else tuple(stages)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "count", stages if isinstance(stages, int) else len(stages))
        object.__setattr__(self, "label", label)

    labels: tuple[str, ...] | None
    count: int
    label: str

    def grid(self) -> list[Value]:
        return list(range(self.count))

    def check(self, value: Any) -> Value:
        return _number(value, 0, self.count - 1, whole=True)


def _number(value: Any, low: float, high: float, whole: bool = False) -> float | int:
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real | str)
        or not str(value).strip()
    ):
        raise ControlError("This wants a number.")
    try:
        number = float(value)
    except ValueError:
        raise ControlError(f"{_quoted(value)} is not a number.") from None
    except OverflowError:  # a whole number beyond 1.8e308
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]
    if math.isnan(number):
        raise ControlError("“NaN” stands for no number; this control wants one.")
    if number < low:
        raise ControlError(f"{_shown(number)} is too small; the smallest here is {_shown(low)}.")
    if number > high:
        raise ControlError(f"{_shown(number)} is too large; the largest here is {_shown(high)}.")
    if math.isinf(number):
        raise ControlError("An infinite number is of no use here.")
    if not whole:
        return number
    if number != int(number):
        raise ControlError(f"{_shown(number)} is not a whole number.")
    return int(number)


def _shown(number: float) -> str:
    """A number as the reader would write it: 1,000,000 rather than 1e+06."""
    if math.isinf(number):
        return "−∞" if number < 0 else "∞"
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:.6g}"


def _quoted(value: Any) -> str:
    text = str(value)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
