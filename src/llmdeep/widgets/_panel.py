"""From a widget's `render` to its control panel, and from a reader's input to its arguments."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from llmdeep.widgets._controls import Control, ControlError, Number, Slider, Value

Render = Callable[..., list[Any]]


def controls(render: Render) -> dict[str, Control]:
    """The control of each parameter of `render`, in the order of its signature.

    Raises:
        TypeError: If a parameter has no control or no default, or its default is refused.
    """
    hints = get_type_hints(render, include_extras=True)
    found: dict[str, Control] = {}
    for name, parameter in inspect.signature(render).parameters.items():
        control, kind = _control(hints.get(name))
        if control is None:
            raise TypeError(
                f"{render.__module__}: parameter {name} has no control; write "
                f"{name}: Annotated[float, Slider(0, 1)] = 0.5"
            )
        if parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{render.__module__}: parameter {name} has no default")
        if isinstance(control, Slider | Number) and kind is int:
            control = dataclasses.replace(control, integer=True)
        try:
            control.check(parameter.default)
        except ControlError as error:
            raise TypeError(f"{render.__module__}: default of {name} is refused: {error}") from None
        found[name] = control
    return found


def defaults(render: Render) -> dict[str, Value]:
    """The value of each control before the reader touches it."""
    return {name: p.default for name, p in inspect.signature(render).parameters.items()}


def arguments(render: Render, given: Mapping[str, Any]) -> dict[str, Value]:
    """All arguments of `render`: the given ones, checked, and defaults for the others.

    Raises:
        ControlError: With the control's label and what would be right, for the first bad value.
    """
    panel = controls(render)
    for name in given:
        if name not in panel:
            raise ControlError(f"There is no control “{name}” here; there are {', '.join(panel)}.")
    checked = defaults(render)
    for name, value in given.items():
        try:
            checked[name] = panel[name].check(value)
        except ControlError as error:
            raise ControlError(f"{label(name, panel[name])}: {error}") from None
    return checked


def panel_data(render: Render) -> list[dict[str, Any]]:
    """The control panel as JSON-ready dictionaries, one a control.

    Each has `name`, `kind` (slider, number, choice, toggle, text, steps, seed), `label`, `default`,
    `grid` (a list or None), and the fields of its control; infinities become None.
    """
    start = defaults(render)
    return [
        {
            "name": name,
            "kind": type(control).__name__.lower(),
            "default": start[name],
            "grid": control.grid(),
            **{key: _json(value) for key, value in _fields(control).items()},
            "label": label(name, control),
        }
        for name, control in controls(render).items()
    ]


def label(name: str, control: Control) -> str:
    """What the reader sees beside the control: its own label, or the parameter's name in words."""
    own: str = getattr(control, "label", "")
    return own or name.replace("_", " ")


def _control(hint: Any) -> tuple[Control | None, type | None]:
    if get_origin(hint) is not Annotated:
        return None, None
    kind, *extras = get_args(hint)
    return next((extra for extra in extras if isinstance(extra, Control)), None), kind


def _fields(control: Control) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(control)]
    return {name: getattr(control, name) for name in (*names, *vars(control))}


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
