"""The fenced code blocks of a Markdown page, and what their info strings ask for.

A Python fence stands at the left margin and begins with exactly one of

    ```python                       a live cell
    ```python no-browser="torch"    a cell that only runs outside the browser, and why
    ```python starter               an exercise: what the reader starts from,
    ```python check                 the statements that tell right from wrong,
    ```python solution              and an answer that passes

Anything that looks like Python in another spelling is an error: it would be skipped in silence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

EXERCISE = ("starter", "check", "solution")

_OPENING = re.compile(r"^(?P<indent>\s*)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_PYTHON_LIKE = re.compile(r"^\s*[{.]*\s*(py|python\d*|py3|pycon|ipython)\b", re.IGNORECASE)
_INFO = re.compile(
    r'^python(?: (?P<role>starter|check|solution)| no-browser="(?P<reason>[^"]+)")?\s*$'
)


class FenceError(ValueError):
    """A fence nobody would run; `line` is where it opens, from 0."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Fence:
    """One Python fence: its code, what it is for, and the lines it occupies, from 0."""

    code: str
    start: int
    end: int
    role: str = "cell"
    no_browser: str = ""


def python_fences(lines: Sequence[str]) -> list[Fence]:
    """The Python fences of a page, in order.

    Raises:
        FenceError: For a fence that is never closed, is indented, or is Python misspelt.
    """
    found = []
    position = 0
    while position < len(lines):
        opening = _OPENING.match(lines[position])
        if not opening:
            position += 1
            continue
        end = _closing(lines, position, opening["mark"])
        if _PYTHON_LIKE.match(opening["info"]):
            found.append(_fence(lines, position, end, opening))
        position = end + 1
    return found


def exercises(fences: Sequence[Fence]) -> list[tuple[Fence, Fence, Fence]]:
    """The exercises among a page's fences: starter, check and solution, one after the other.

    Raises:
        FenceError: If one of the three is missing or out of order.
    """
    found = []
    for index, fence in enumerate(fences):
        wanted = EXERCISE[: EXERCISE.index(fence.role) + 1] if fence.role in EXERCISE else ()
        before = tuple(f.role for f in fences[max(0, index - len(wanted) + 1) : index + 1])
        if wanted and before != wanted:
            raise FenceError(fence.start, f"`{fence.role}` must follow {_previous(fence.role)}")
        after = fences[index + 1].role if index + 1 < len(fences) else ""
        if wanted and wanted != EXERCISE and after != EXERCISE[len(wanted)]:
            raise FenceError(
                fence.start, f"`{fence.role}` must be followed by `{EXERCISE[len(wanted)]}`"
            )
        if wanted == EXERCISE:
            found.append((fences[index - 2], fences[index - 1], fence))
    return found


def _closing(lines: Sequence[str], start: int, mark: str) -> int:
    closing = re.compile(rf"^\s*{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    for position in range(start + 1, len(lines)):
        if closing.match(lines[position]):
            return position
    raise FenceError(start, f"this fence ({mark}) is never closed")


def _fence(lines: Sequence[str], start: int, end: int, opening: re.Match[str]) -> Fence:
    if opening["indent"]:
        raise FenceError(start, "a Python fence must stand at the left margin to be run")
    info = _INFO.match(opening["info"])
    if not info or opening["mark"] != "```":
        raise FenceError(
            start,
            f"`{opening['mark']}{opening['info']}` would not be run; write ```python, "
            '```python no-browser="why", or ```python starter, check, solution',
        )
    code = "\n".join(lines[start + 1 : end]) + "\n"
    return Fence(code, start, end, info["role"] or "cell", info["reason"] or "")


def _previous(role: str) -> str:
    return {"check": "`starter`", "solution": "`starter` and `check`"}.get(role, "nothing")
