"""From a widget's `render` to its control panel, and from a reader's input to its arguments."""

import dataclasses
import functools
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from llmdeep.widgets._controls import Control, ControlError, Given, Number, Slider, Value
from llmdeep.widgets._views import View

Render = Callable[..., Any]

RESERVED = ("w", "code")  # what a link says besides parameters: #w=NAME&temperature=2&code=…


def widget_names() -> list[str]:
    """Every widget there is, in alphabetical order."""
    import llmdeep.widgets as folder

    return sorted(m.name for m in pkgutil.iter_modules(folder.__path__) if m.name[0] != "_")


def widget_render(name: str) -> Render:
    """The `render` of the widget `name`; if it is a generator, as a function of its last views.

    Raises:
        LookupError: If there is no such widget; the message lists those there are.
    """
    render = own_render(name)

    @functools.wraps(render)
    def last(*positional: Any, **named: Any) -> list[View]:
        *_, views = stream(render(*positional, **named))
        return views

    return last


def own_render(name: str) -> Render:
    """The `render` of the widget `name` as its file has it, perhaps a generator.

    Raises:
        LookupError: If there is no such widget; the message lists those there are.
    """
    if name not in widget_names():
        raise LookupError(f"there is no widget {name!r}; there are {', '.join(widget_names())}")
    render: Render = importlib.import_module(f"llmdeep.widgets.{name}").render
    return render


def stream(rendered: Any) -> Iterator[Any]:
    """What a call of `render` gives: each of its views in turn if it is a generator, else all.

    Raises:
        TypeError: If a generator ends before its first views.
    """
    if not inspect.isgenerator(rendered):
        yield rendered
        return
    empty = True
    for views in rendered:
        empty = False
        yield views
    if empty:
        raise TypeError("render must yield a list of views at least once")


def controls(render: Render) -> dict[str, Control]:
    """The control of each parameter of `render`, in the order of its signature.

    Raises:
        TypeError: If a parameter has no control or no default, or its default is refused.
    """
    hints = get_type_hints(render, include_extras=True)
    found: dict[str, Control] = {}
    for name, parameter in inspect.signature(render).parameters.items():
        if name in RESERVED:
            raise TypeError(f"{render.__module__}: a parameter can't be called {name}")
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


def defaults(render: Render) -> dict[str, Given]:
    """The value of each control before the reader touches it."""
    return {name: p.default for name, p in inspect.signature(render).parameters.items()}


def arguments(render: Render, given: Mapping[str, Any]) -> dict[str, Given]:
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


def panel_data(render: Render, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The control panel as JSON-ready dictionaries, one a control.

    Each has `name`, `kind` (slider, number, choice, toggle, text, file, steps, seed), `label`,
    `default` (from `given`, else the signature's), `grid` (a list that holds the default, or None),
    and the fields of its control; infinities become None.

    Raises:
        ControlError: If a given value is refused.
    """
    start = arguments(render, given or {})
    return [
        {
            "name": name,
            "kind": type(control).__name__.lower(),
            "default": start[name],
            **{key: _json(value) for key, value in _fields(control).items()},
            "grid": _with(control.grid(), start[name]),
            "label": label(name, control),
        }
        for name, control in controls(render).items()
    ]


def label(name: str, control: Control) -> str:
    """What the reader sees beside the control: its own label, or the parameter's name in words."""
    own: str = getattr(control, "label", "")
    return own or name.replace("_", " ")


def _control(hint: Any) -> tuple[Control | None, Any]:
    if get_origin(hint) is not Annotated:
        return None, None
    kind, *extras = get_args(hint)
    return next((extra for extra in extras if isinstance(extra, Control)), None), kind


def _with(grid: list[Value] | None, default: Any) -> list[Value] | None:
    # a log slider from 0.1 to 4 misses 1.0, and the slider must be able to come back to it
    return grid if grid is None or default in grid else sorted([*grid, default])


def _fields(control: Control) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(control)]
    fields = {name: getattr(control, name) for name in (*names, *vars(control))}
    fields.pop("swept", None)  # said by the grid
    if isinstance(control, Slider):
        fields["minimum"], fields["maximum"] = control.ends
    return fields


def _json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
