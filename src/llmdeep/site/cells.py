"""Python fences of a page: live cells with the outputs the build computed, and exercises."""

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from markdown import Markdown
from markdown.preprocessors import Preprocessor
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from llmdeep.site import node, pages
from llmdeep.site.fences import Fence, FenceError, exercises, python_fences
from llmdeep.site.outputs import CellError, Output, outputs
from llmdeep.site.recorded import elsewhere

# Names, operators, punctuation, white space: a third of the elements of a page full of code.
_PLAIN = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')


class Cells(Preprocessor):
    """Replaces each Python fence by its markup. Knows the page that is being converted."""

    def __init__(self, md: Markdown, docs: Path) -> None:
        super().__init__(md)
        self.md: Markdown = md
        self.docs = docs
        self.page = pages.Page(docs / "index.md", docs)
        self.lines: list[str] = []

    def run(self, lines: list[str]) -> list[str]:
        self.page = pages.find(lines, self.docs)
        self.lines = list(lines)
        try:
            markup = page_markup(python_fences(lines), self.page.path.stem)
        except FenceError as error:
            raise self.page.error(error.line, str(error)) from None
        replaced = list(lines)
        for fence, text in markup:
            blank = [""] * (fence.end - fence.start + 1)
            replaced[fence.start : fence.end + 1] = blank
            if text:
                replaced[fence.start] = self.md.htmlStash.store(text)
        return replaced


def page_markup(fences: Sequence[Fence], page: str = "") -> list[tuple[Fence, str]]:
    """Each fence of a page with the HTML in its place; a whole exercise stands in its starter's.

    Args:
        page: The page's name, where it has cells that no browser runs.

    Raises:
        FenceError: If a cell fails or an exercise is incomplete.
    """
    groups = {group[0]: group for group in exercises(fences)}
    cells = [fence for fence in fences if fence.role == "cell"]
    live = [fence for fence in cells if not fence.no_browser]
    computed = dict(zip(live, _outputs(live), strict=True))
    origin = ""
    if len(live) < len(cells):
        found, origin = _elsewhere(cells, page)
        for fence, output in zip(cells, found, strict=True):
            computed.setdefault(fence, output)
    markup = []
    for number, fence in enumerate(fences, 1):
        id = f"cell-{number}"
        if fence in groups:
            markup.append((fence, exercise_markup(*groups[fence], id=id)))
        elif fence.no_browser:
            markup.append((fence, elsewhere_markup(fence, computed[fence], origin, id)))
        else:
            markup.append(
                (fence, cell_markup(fence, computed[fence], id) if fence in computed else "")
            )
    return markup


def cell_markup(fence: Fence, output: Output, id: str) -> str:
    """A cell: its code, and what it printed and returned in the build."""
    return (
        f'<llmdeep-cell id="{id}" data-state="static" style="{_height(fence.code, output)}">'
        f"{_code(fence.code, f'{id}-code')}"
        f"{_tools('run', 'run-above', 'edit', 'reset', 'stop')}"
        f"<div data-output data-search-exclude>{_output(output, id)}</div></llmdeep-cell>"
    )


def elsewhere_markup(fence: Fence, output: Output, origin: str, id: str) -> str:
    """A cell that no browser runs: its code, its output, and where that comes from."""
    reason = html.escape(fence.no_browser)
    return (
        f'<div class="cell-elsewhere" id="{id}">{_code(fence.code, f"{id}-code")}'
        f"<p data-search-exclude>Not live: it needs {reason}. Output {html.escape(origin)}.</p>"
        f"<div data-output data-search-exclude>{_output(output, id)}</div></div>"
    )


def exercise_markup(starter: Fence, check: Fence, solution: Fence, id: str) -> str:
    """An exercise: a starter to edit, the check that judges it, and a solution, folded away."""
    return (
        f'<llmdeep-cell id="{id}" data-kind="exercise" data-state="static"'
        f' style="{_height(starter.code)}">'
        f"{_code(starter.code, f'{id}-starter')}"
        f"{_tools('check', 'edit', 'reset', 'stop')}<div data-output></div>"
        "<details data-check><summary>What is checked</summary>"
        f"{_code(check.code, f'{id}-check')}</details>"
        "<details data-solution><summary>A solution</summary>"
        f"{_code(solution.code, f'{id}-solution')}</details></llmdeep-cell>"
    )


def highlighted(code: str) -> str:
    """Python as spans with Pygments' classes, but for what has the colour of all text."""
    markup: str = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    return _PLAIN.sub(r"\1", markup)


def _outputs(cells: Sequence[Fence]) -> list[Output]:
    try:
        return outputs([fence.code for fence in cells])
    except CellError as error:
        raise _failed(cells, error) from None


def _elsewhere(cells: Sequence[Fence], page: str) -> tuple[list[Output], str]:
    try:
        return elsewhere([fence.code for fence in cells], page)
    except CellError as error:
        raise _failed(cells, error) from None


def _failed(cells: Sequence[Fence], error: CellError) -> FenceError:
    return FenceError(cells[error.index].start, f"this cell fails\n{error}")


_LABELS = {
    "run": "Run",
    "check": "Check",
    "run-above": "Run all above",
    "edit": "Edit",
    "reset": "Reset",
    "stop": "Stop",
}


def _code(code: str, id: str) -> str:
    """The block's own id is what the theme's copy button makes its own from."""
    return f'<div class="highlight"><pre id="{id}"><code>{highlighted(code)}</code></pre></div>'


def _height(code: str, output: Output | None = None) -> str:
    """How tall the block will be, for browsers that put off laying out what is far away.

    In lines of code and of printed output, and in pictures; cell.css knows how tall those are.
    """
    value = (output or {}).get("value") or {}
    printed = "".join(output[stream] for stream in ("stdout", "stderr")) if output else ""
    n_printed = len((printed + value.get("text", "")).splitlines())
    n_pictures = len(json.loads(value["views"][0])) if "views" in value else 0
    return f"--code:{len(code.splitlines())};--printed:{n_printed};--pictures:{n_pictures}"


def _tools(*actions: str) -> str:
    buttons = (
        f'<button type="button" data-action="{action}"{" hidden" if action == "stop" else ""}>'
        f"{_LABELS[action]}</button>"
        for action in actions
    )
    return f'<div class="cell-tools" data-search-exclude>{"".join(buttons)}</div>'


def _output(output: Output, id: str) -> str:
    """Streams as text, then the value of the last expression: views drawn, all else as text."""
    parts = [
        _text(f'data-stream="{stream}"', output[stream])
        for stream in ("stdout", "stderr")
        if output[stream]
    ]
    value = output.get("value")
    if value and "views" in value:
        text, arrays = value["views"]
        drawn = node.render_packed(text, arrays, id)
        parts.append(f'<div class="widget-views" data-value>{drawn}</div>')
    elif value:
        parts.append(_text("data-value", value["text"]))
    return "".join(parts)


def _text(attribute: str, text: str) -> str:
    """A block of text. A high one scrolls, which keys can do where it takes the focus.

    High is what is high on the narrowest phone, where lines break at 26 characters or so and 19
    of them show; as `isHigh` in output.ts says it.
    """
    rows = sum(1 + len(line) // 26 for line in text.split("\n"))
    focus = ' tabindex="0"' if rows > 19 else ""
    return f"<pre {attribute}{focus}>{html.escape(text)}</pre>"
