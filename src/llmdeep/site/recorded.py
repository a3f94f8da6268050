"""Outputs of cells that no browser can run: computed by the build, or as they were recorded.

A cell marked `no-browser="why"` runs in CPython, with torch and Triton, in the tests and wherever
the book is built with these at hand. `make site` alone does not install them. For it the outputs
of such a page are kept in recorded/, under a hash of its code, and a test computes them again.
"""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from llmdeep.site import cache
from llmdeep.site.fences import python_fences
from llmdeep.site.outputs import CellError, Output, outputs, run, sound
from llmdeep.site.paths import DOCS

NEEDED = ("torch", "triton")
FOLDER = Path(__file__).with_name("recorded")


class Elsewhere(NamedTuple):
    """Outputs, one a cell, and how they came about, for the reader."""

    outputs: list[Output]
    origin: str


def elsewhere(cells: Sequence[str], page: str) -> Elsewhere:
    """The output of each cell of a page, live ones included, run in order in one process.

    Args:
        page: The page's name, under which its outputs are recorded.

    Raises:
        CellError: If a cell fails, or nothing can run it and what is recorded is of other code.
    """
    if at_hand():
        return Elsewhere(outputs(cells), f"computed when this page was built, with {_versions()}")
    kept = record(page)
    if kept.get("cells") != cache.key(list(cells)):
        raise CellError(
            0,
            f"it needs {' and '.join(NEEDED)}, which are not here, and the recorded output is of "
            "other code: run `llmdeep cells record` where they are, as after `make test`",
        )
    return Elsewhere(kept["outputs"], f"recorded with {kept['with']}; the tests compute it again")


def at_hand() -> bool:
    """Whether this machine has what such cells import."""
    return all(find_spec(name) for name in NEEDED)


def record(page: str) -> dict[str, Any]:
    """What is kept of a page; empty if nothing is."""
    path = FOLDER / f"{page}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def recordable() -> dict[str, list[str]]:
    """The code of all cells of each page that has one that no browser runs."""
    found = {}
    for path in sorted(DOCS.rglob("*.md")):
        fences = python_fences(path.read_text(encoding="utf-8").split("\n"))
        if any(fence.no_browser for fence in fences):
            found[path.stem] = [fence.code for fence in fences if fence.role == "cell"]
    return found


def record_all() -> list[Path]:
    """Run such cells and keep their outputs; the files written."""
    written = []
    for page, cells in recordable().items():
        from llmdeep.site.node import encoded

        kept = {"cells": cache.key(cells), "with": _versions(), "outputs": sound(run(cells))}
        path = FOLDER / f"{page}.json"
        cache.write(path, json.dumps(kept, indent=1, ensure_ascii=False, default=encoded) + "\n")
        written.append(path)
    return written


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name).split('+')[0]}" for name in NEEDED)
    return f"Python {platform.python_version()}, {packages}"
