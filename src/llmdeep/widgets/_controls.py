"""The controls of a widget: each describes one parameter of `render` and checks its values.

A control stands in the parameter's annotation: `temperature: Annotated[float, Slider(0.1, 4)] = 1`.
"""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Value = float | int | bool | str


class ControlError(ValueError):
    """A value that a control refuses; the message is written for the reader."""


@dataclass(frozen=True)
class Control:
    """What every control has: a label, an explanation, and a grid of values if it can be swept."""

    def grid(self) -> list[Value] | None:
        """The values worth precomputing, in order; None where there is no end of them."""
        return None

    def check(self, value: Any) -> Value:
        """Return `value` in the control's own type, or raise ControlError saying what is right."""
        raise NotImplementedError


@dataclass(frozen=True)
class Slider(Control):
    """A number between two ends, on a grid: linear by `step`, or `count` points on a log scale.

    `values` overrides the grid (head sizes 1, 2, 4, 8 …). Typing a number between two grid
    points in the box beside the slider is allowed unless the parameter is an int.
    """

    minimum: float = 0.0
    maximum: float = 1.0
    step: float | None = None
    log: bool = False
    count: int = 31
    values: Sequence[float] | None = None
    unit: str = ""
    label: str = ""
    integer: bool = False

    def grid(self) -> list[Value]:
        if self.values is not None:
            points = [float(v) for v in self.values]
        elif self.log:
            ratio = self.maximum / self.minimum
            points = [
                float(f"{self.minimum * ratio ** (i / (self.count - 1)):.3g}")
                for i in range(self.count)
            ]
        else:
            step = self.step or (
                1.0 if self.integer else (self.maximum - self.minimum) / (self.count - 1)
            )
            points = [
                round(self.minimum + i * step, 10)
                for i in range(round((self.maximum - self.minimum) / step) + 1)
            ]
        if self.integer:
            return sorted({round(p) for p in points})
        return sorted(set(points))

    def check(self, value: Any) -> Value:
        number = _finite(value, self.minimum, self.maximum)
        if self.integer:
            if number != int(number):
                raise ControlError(f"{value} is not a whole number.")
            return int(number)
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
        number = _finite(value, self.minimum, self.maximum)
        if self.integer:
            if number != int(number):
                raise ControlError(f"{value} is not a whole number.")
            return int(number)
        return number


@dataclass(frozen=True)
class Seed(Control):
    """The seed of the widget's random numbers: a whole number, and a button for another one."""

    label: str = ""
    maximum: int = 999_999

    def check(self, value: Any) -> Value:
        number = _finite(value, 0, self.maximum)
        if number != int(number):
            raise ControlError(f"A seed is a whole number from 0 to {self.maximum}, not {value}.")
        return int(number)


class Choice(Control):
    """One of a few named options."""

    def __init__(self, *options: str, label: str = "") -> None:
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "label", label)

    options: tuple[str, ...]
    label: str

    def grid(self) -> list[Value]:
        return list(self.options)

    def check(self, value: Any) -> Value:
        if value not in self.options:
            raise ControlError(f"“{str(value)[:40]}” is not one of: {', '.join(self.options)}.")
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
        raise ControlError(f"“{str(value)[:40]}” is neither true nor false.")


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
        number = _finite(value, 0, self.count - 1)
        if number != int(number):
            raise ControlError(f"Stages are counted 0 to {self.count - 1}, not {value}.")
        return int(number)


def _finite(value: Any, minimum: float, maximum: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real | str):
        raise ControlError("This wants a number.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ControlError(f"“{str(value)[:40]}” is not a number.") from None
    if math.isnan(number):
        raise ControlError("“NaN” is not a number this control can use.")
    if not minimum <= number <= maximum:
        raise ControlError(f"{number:g} is outside {minimum:g} to {maximum:g}.")
    return number
