"""Runs the book's code: a page's cells in their namespace, a widget with a reader's input.

The same file does it in CPython, when the site is built, and in Pyodide, on the page, so that
both show the same.
"""

import ast
import builtins
import contextlib
import functools
import importlib
import inspect
import io
import json
import time
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import numpy as np

from llmdeep.data_files import NotHereYet
from llmdeep.site.edits import modules_with
from llmdeep.site.errors import explain, place, remember

MOST_OUTPUT = 200_000  # characters a cell may print
LONGEST_VALUE = 20_000  # characters of a value's repr
FRAME = 1 / 30  # seconds between two pictures of a figure that streams

Emit = Callable[[str, str], object]  # takes "stdout" or "stderr", and text
Read = Callable[[int, int, int], Any]  # takes the number of a reader's file, start and length
Result = dict[str, Any]
Rendered = tuple[str, list[np.ndarray]]  # as pack() in llmdeep.widgets gives it


def run_cell(code: str, namespace: dict[str, Any], emit: Emit, first: int = 0) -> Result:
    """Run `code` in `namespace`, handing what it prints to `emit` line by line.

    The statements before number `first` are left out: they have run already.

    Returns:
        {"ok": True}, and "value" if the last statement is an expression that is not None: {"views":
        Rendered} for a view or a list of views, else {"text": repr}. Or {"ok": False, "failure": …}
        as `explain` has it: nothing is raised, not even by `exit()`. Or {"ok": False, "needs":
        name, "next": n} if a page must fetch a data file first, and go on from statement n; n is
        None where that would do part of a statement twice.
    """
    filename = remember(code)
    namespace.pop("__warningregistry__", None)  # so that a second run warns again
    try:
        with _streams(emit, filename):
            value = _execute(code, filename, namespace, first)
            shown = {} if value is None else {"value": _shown(value)}
    except NotHereYet as asked:
        return {"ok": False, "needs": asked.name, "next": _repeatable(code, asked)}
    except BaseException as error:
        return {"ok": False, "failure": explain(error, filename)}
    return {"ok": True, **shown}


def render_widget(
    name: str, params: Mapping[str, Any], edits: Mapping[str, str] | None = None
) -> Rendered:
    """The views of a widget for `params`, the other controls at their defaults.

    `edits` gives new code for the widget's file or for functions it calls, by their names. Of a
    widget that streams these are its last views.

    Raises:
        ControlError: If a parameter is refused.
        LookupError: If there is no such widget or source.
        Exception: Whatever the widget, or an edit, raises.
    """
    *_, (rendered, _) = _pictures(name, params, edits or {})
    return rendered


def answer(order: str, emit: Emit, read: Read | None = None) -> tuple[str, np.ndarray | None]:
    """Do what the page asks, in JSON (`Order` and `Reply` in browser/runtime/protocol.ts).

    Returns:
        The result as JSON, and the arrays of its views end to end, float64, or None if it has none;
        the JSON then has their "lengths". If it says "more", these views are one picture of a
        widget that streams, and `more` gives the next; nothing else runs until it has ended.
    """
    global _coming
    end()
    asked = json.loads(order)
    if asked["op"] == "forget":
        _namespaces.pop(asked["page"], None)
        return _flat({"ok": True})
    if asked["op"] == "run":
        return _flat(
            _ran(asked["page"], asked["code"], asked["scratch"], asked.get("first", 0), emit)
        )
    _coming = _rendered(asked["widget"], asked["params"], asked["edits"], read)
    return more()


def more() -> tuple[str, np.ndarray | None]:
    """The next picture of the widget that streams, at last its answer."""
    return _flat(next(_coming))


def end() -> None:
    """Give up the widget that streams, if one does."""
    _coming.close()


_namespaces: dict[str, dict[str, Any]] = {}  # a page's variables
_scratches: dict[str, dict[str, Any]] = {}  # of a page's exercise that waits for a data file


def _nothing() -> Generator[Result]:
    yield from ()


_coming = _nothing()


def _ran(page: str, code: str, scratch: bool, first: int, emit: Emit) -> Result:
    namespace = _namespaces.setdefault(page, {"__name__": "__main__"})
    if not scratch:
        return run_cell(code, namespace, emit, first)
    copy = _scratches.pop(page, {}) if first else dict(namespace)
    result = run_cell(code, copy, emit, first)
    if "needs" in result:
        _scratches[page] = copy
    return result


def _rendered(
    name: str, params: Mapping[str, Any], edits: Mapping[str, str], read: Read | None
) -> Generator[Result]:
    """The answer of a widget, and before it the pictures on the way there that can be seen."""
    result: Result = {}
    seen = time.perf_counter()
    try:
        for rendered, complete in _pictures(name, params, edits, read):
            result = {"ok": True, "rendered": rendered}
            if not complete and time.perf_counter() - seen > FRAME:
                yield {**result, "more": True}
                seen = time.perf_counter()
    except GeneratorExit:
        return
    except NotHereYet as asked:
        result = {"ok": False, "needs": asked.name, "next": 0}
    except BaseException as error:
        result = {"ok": False, "failure": explain(error)}
    yield result


def _pictures(
    name: str, params: Mapping[str, Any], edits: Mapping[str, str], read: Read | None = None
) -> Iterator[tuple[Rendered, bool]]:
    """What a widget shows, one picture after the other, and whether there can be no other."""
    with modules_with(edits):
        panel = importlib.import_module("llmdeep.widgets._panel")
        wire = importlib.import_module("llmdeep.widgets._wire")
        files = importlib.import_module("llmdeep.widgets._file")
        given = dict(params)
        for key, value in params.items():
            if isinstance(value, dict) and read is not None:
                part = functools.partial(_part, read, value["file"])
                given[key] = files.OpenFile(value["name"], value["size"], part)
        render = panel.own_render(name)
        views = render(**panel.arguments(render, given))
        for each in panel.stream(views):
            yield wire.pack(each), not inspect.isgenerator(views)


def _part(read: Read, file: int, start: int, length: int) -> bytes:
    try:
        part = read(file, start, length)
    except Exception:
        raise OSError(
            "the file could not be read: it was changed, moved or removed since you chose it; "
            "choose it again"
        ) from None
    return part if isinstance(part, bytes) else part.to_bytes()  # of the page's Uint8Array


def _flat(result: Result) -> tuple[str, np.ndarray | None]:
    holder, key = result, "rendered"
    if "views" in result.get("value", {}):
        holder, key = result["value"], "views"
    if key not in holder:
        return json.dumps(result), None
    text, arrays = holder[key]
    holder[key] = {"text": text}
    result["lengths"] = [array.size for array in arrays]
    return json.dumps(result), np.concatenate([*arrays, np.empty(0)])


def _execute(code: str, filename: str, namespace: dict[str, Any], first: int) -> Any:
    """Run the statements from number `first` on; the value of the last one if an expression."""
    tree = ast.parse(code, filename)
    tree.body[:first] = [line for line in tree.body[:first] if _is_future(line)]
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, filename, "exec", dont_inherit=True), namespace)
    if not isinstance(last, ast.Expr):
        return None
    expression = ast.Expression(last.value)
    return eval(compile(expression, filename, "eval", dont_inherit=True), namespace)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


_AT_ONCE = (ast.Assign, ast.AnnAssign, ast.Assert, ast.Expr, ast.Import, ast.ImportFrom)


def _repeatable(code: str, asked: NotHereYet) -> int | None:
    """The number of the statement that asked for a file, if it can be run again from its start.

    It can if it is a plain one and the book's own functions asked: these are pure. A loop, or a
    function of the reader's, may have done something before it asked.
    """
    frames = traceback.extract_tb(asked.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename.startswith("<cell ")]
    at = [
        (number, statement)
        for number, statement in enumerate(ast.parse(code).body)
        if len(lines) == 1 and statement.lineno <= lines[0] <= (statement.end_lineno or 0)
    ]
    if len(at) != 1 or not isinstance(at[0][1], _AT_ONCE):
        return None
    return at[0][0]


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
