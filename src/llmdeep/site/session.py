"""Runs the book's code: a page's cells in their namespace, a widget with a reader's input.

The same file does it in CPython, when the site is built, and in Pyodide, on the page, so that
both show the same.
"""

import ast
import builtins
import contextlib
import importlib
import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from llmdeep.site.edits import modules_with
from llmdeep.site.errors import explain, place, remember

MOST_OUTPUT = 200_000  # characters a cell may print
LONGEST_VALUE = 20_000  # characters of a value's repr

Emit = Callable[[str, str], object]  # takes "stdout" or "stderr", and text
Rendered = tuple[str, list[np.ndarray]]  # as pack() in llmdeep.widgets gives it


def run_cell(code: str, namespace: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Run `code` in `namespace`, handing what it prints to `emit` line by line.

    Returns:
        {"ok": True}, and "value" if the last statement is an expression that is not None: {"views":
        Rendered} for a view or a list of views, else {"text": repr}. Or {"ok": False, "failure": …}
        as `explain` has it: nothing is raised, not even by `exit()`.
    """
    filename = remember(code)
    namespace.pop("__warningregistry__", None)  # so that a second run warns again
    try:
        with _streams(emit, filename):
            value = _execute(code, filename, namespace)
            shown = {} if value is None else {"value": _shown(value)}
    except BaseException as error:
        return {"ok": False, "failure": explain(error, filename)}
    return {"ok": True, **shown}


def render_widget(
    name: str, params: Mapping[str, Any], edits: Mapping[str, str] | None = None
) -> Rendered:
    """The views of a widget for `params`, the other controls at their defaults.

    `edits` gives new code for the widget's file or for functions it calls, by their names.

    Raises:
        ControlError: If a parameter is refused.
        LookupError: If there is no such widget or source.
        Exception: Whatever the widget, or an edit, raises.
    """
    with modules_with(edits or {}):
        panel = importlib.import_module("llmdeep.widgets._panel")
        wire = importlib.import_module("llmdeep.widgets._wire")
        render = panel.widget_render(name)
        rendered: Rendered = wire.pack(render(**panel.arguments(render, params)))
        return rendered


def answer(order: str, emit: Emit) -> tuple[str, np.ndarray | None]:
    """Do what the page asks, in JSON (`Order` and `Result` in browser/runtime/protocol.ts).

    Returns:
        The result as JSON, and the arrays of its views end to end, float64, or None if it has none;
        the JSON then has their "lengths".
    """
    asked = json.loads(order)
    if asked["op"] == "forget":
        _namespaces.pop(asked["page"], None)
        result: dict[str, Any] = {"ok": True}
    elif asked["op"] == "run":
        namespace = _namespaces.setdefault(asked["page"], {"__name__": "__main__"})
        result = run_cell(asked["code"], dict(namespace) if asked["scratch"] else namespace, emit)
    else:
        result = _rendered(asked["widget"], asked["params"], asked["edits"])
    return _flat(result)


_namespaces: dict[str, dict[str, Any]] = {}  # a page's variables


def _rendered(name: str, params: Mapping[str, Any], edits: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {"ok": True, "rendered": render_widget(name, params, edits)}
    except BaseException as error:
        return {"ok": False, "failure": explain(error)}


def _flat(result: dict[str, Any]) -> tuple[str, np.ndarray | None]:
    holder, key = result, "rendered"
    if "views" in result.get("value", {}):
        holder, key = result["value"], "views"
    if key not in holder:
        return json.dumps(result), None
    text, arrays = holder[key]
    holder[key] = {"text": text}
    result["lengths"] = [array.size for array in arrays]
    return json.dumps(result), np.concatenate([*arrays, np.empty(0)])


def _execute(code: str, filename: str, namespace: dict[str, Any]) -> Any:
    """Run the statements; the value of the last one if it is an expression."""
    tree = ast.parse(code, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, filename, "exec", dont_inherit=True), namespace)
    if not isinstance(last, ast.Expr):
        return None
    expression = ast.Expression(last.value)
    return eval(compile(expression, filename, "eval", dont_inherit=True), namespace)


def _shown(value: Any) -> dict[str, Any]:
    from llmdeep.widgets._views import View
    from llmdeep.widgets._wire import pack

    if isinstance(value, View):
        return {"views": pack([value])}
    if isinstance(value, list | tuple) and value and all(isinstance(v, View) for v in value):
        return {"views": pack(value)}
    text = repr(value)
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]} … ({len(text):,} characters in all)"
    return {"text": text}


class _Printed(io.TextIOBase):
    """A stream that hands on what is printed, a line at a time, until it was too much."""

    def __init__(self, stream: str, emit: Emit, room: list[int]) -> None:
        self.stream, self.emit, self.room, self.held = stream, emit, room, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.held += text
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self.held = self.held[: self.room[0]], ""
        if text:
            self.emit(self.stream, text)
            self.room[0] -= len(text)
            if self.room[0] == 0:
                self.emit(
                    "stderr", f"\n… more than {MOST_OUTPUT:,} characters: the rest is not shown\n"
                )


@contextlib.contextmanager
def _streams(emit: Emit, here: str) -> Iterator[None]:
    """Send prints and warnings to `emit`, and have `input()` say why it can't ask."""

    def warn(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
    ) -> None:
        err.write(f"{place(filename, here)}, line {lineno}: {category.__name__}: {message}\n")

    def no_input(prompt: object = "") -> str:
        raise EOFError(
            "a page can't ask while it runs: write the answer into the code instead of input()"
        )

    room = [MOST_OUTPUT]
    out, err = (_Printed(stream, emit, room) for stream in ("stdout", "stderr"))
    asking, warning = builtins.input, warnings.showwarning
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        builtins.input = no_input
        warnings.showwarning = warn  # type: ignore[assignment]
        try:
            yield
        finally:
            builtins.input, warnings.showwarning = asking, warning
            out.flush()
            err.flush()
