"""What a reader is told when Python raises: where in their code, and what, in plain words."""

import itertools
import linecache
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from traceback import FrameSummary, TracebackException

LONGEST_MESSAGE = 2_000  # characters
LONGEST_TRACEBACK = 20_000

_cell_numbers = itertools.count(1)


def remember(code: str, name: str = "") -> str:
    """Make `code` quotable in tracebacks; return the file name to compile it under.

    A cell has no name: later on it is "this cell" or "an earlier cell".
    """
    filename = f"<edited {name}>" if name else f"<cell {next(_cell_numbers)}>"
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
    return filename


def explain(error: BaseException, here: str = "") -> dict[str, str]:
    """A failure for the page: `kind` "error", `type`, `message`, and a `traceback`.

    The traceback begins at the first line that is not the site's own, and names places as a
    reader knows them. `here` is the file name of the cell that runs.
    """
    report = TracebackException.from_exception(error)
    for part in _chain(report):
        part.stack[:] = _shown(part.stack)
    if isinstance(error, SyntaxError) and not any(map(_is_readers, report.stack)):
        report.stack.clear()  # it stands in the code itself, not where that was compiled
    text = "".join(report.format())
    text = _LOCATION.sub(lambda found: _location(found, here), text)
    return {
        "kind": "error",
        "type": next(kind.__name__ for kind in type(error).__mro__ if kind.__name__[0] != "_"),
        "message": _cut(_message(error, report, here), LONGEST_MESSAGE),
        "traceback": _cut(text, LONGEST_TRACEBACK),
    }


def place(name: str, here: str) -> str:
    """A file as a reader knows it; `here` is the file name of the cell that runs."""
    if name == here:
        return "this cell"
    if name.startswith("<cell "):
        return "an earlier cell"
    if name.startswith("<"):
        return name.strip("<>")
    roots = (f"{root}/" for root in sorted(sys.path, key=len, reverse=True) if root)
    return next((name.removeprefix(root) for root in roots if name.startswith(root)), name)


def _message(error: BaseException, report: TracebackException, here: str) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({place(error.filename or '', here)}, line {error.lineno})"
    try:
        text = str(error)
    except Exception:
        return ""
    if isinstance(error, AssertionError) and not text and report.stack:
        return f"this does not hold: {(report.stack[-1].line or '').removeprefix('assert ')}"
    if isinstance(error, ModuleNotFoundError) and sys.platform == "emscripten":
        return (
            f"{text}; a page has NumPy, llmdeep and what works in a browser of the standard library"
        )
    if isinstance(error, SystemExit):
        return "the code asked Python to end; on a page it goes on"
    if isinstance(error, MemoryError) and not text:
        return "Python has no more memory"
    return text


# `File "…", line 3, in f` as the traceback module writes it, and the same without `in`
_LOCATION = re.compile(
    r'^(?P<indent> +)File "(?P<file>[^"]*)", line (?P<line>\d+)(, in (?P<function>.*))?', re.M
)


def _location(found: re.Match[str], here: str) -> str:
    function = found["function"]
    inside = f", in {function}" if function and function != "<module>" else ""
    return f"{found['indent']}{place(found['file'], here)}, line {found['line']}{inside}"


def _shown(stack: Sequence[FrameSummary]) -> list[FrameSummary]:
    """Without the site's own lines, from the reader's first line on if there is one."""
    frames = [frame for frame in stack if not _is_ours(frame)]
    readers = [index for index, frame in enumerate(frames) if _is_readers(frame)]
    return frames[readers[0] :] if readers else frames


def _is_readers(frame: FrameSummary) -> bool:
    return frame.filename.startswith(("<cell ", "<edited "))


def _is_ours(frame: FrameSummary) -> bool:
    file = Path(frame.filename)
    if file.parent == Path(__file__).parent:
        return file.name in ("session.py", "edits.py")
    return "importlib" in frame.filename or file.name in ("ast.py", "contextlib.py")


def _chain(report: TracebackException | None) -> Iterator[TracebackException]:
    if report is not None:
        yield report
        yield from _chain(report.__cause__)
        yield from _chain(report.__context__)
        for part in report.exceptions or ():
            yield from _chain(part)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]} … ({len(text):,} characters in all)"
