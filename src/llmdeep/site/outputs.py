"""What the cells of a page print and return: computed by running them, never typed.

The cells of a page share one namespace, top to bottom, in a fresh process of their own, and are
run by the same `session.run_cell` as in the reader's browser.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmdeep.site import cache, data
from llmdeep.site.paths import ROOT, SOURCES

Output = dict[str, Any]

_NOT_RUN = (
    "cli.py",
    "build.py",
    "serve.py",
    "server.py",
    "policy.py",
    "compress.py",
    "search.py",
    "canary.py",
    "gallery.py",
    "runs.py",
    "run_views.py",
)


class CellError(Exception):
    """A cell that failed; `index` says which."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


def outputs(cells: Sequence[str]) -> list[Output]:
    """The output of each cell: {"stdout", "stderr", "value"}, the last as `run_cell` returns it.

    Raises:
        CellError: If a cell raises, with its traceback.
    """
    return sound(
        cache.remember("cells", cache.key(list(cells), concepts_hash()), lambda: run(cells))
    )


def sound(found: list[Output]) -> list[Output]:
    """The outputs as they are, if no cell has failed."""
    for index, output in enumerate(found):
        if "failure" in output:
            failure = output["failure"]
            raise CellError(
                index, failure.get("traceback") or f"{failure['type']}: {failure['message']}"
            )
    return found


def concepts_hash(*more: Path) -> str:
    """Changes with code that a cell can call, data, `more` files, or the Python version."""
    package = SOURCES / "llmdeep"
    files = [*package.glob("*.py"), *package.glob("widgets/_*.py"), *package.glob("site/*.py")]
    code = [file for file in files if file.name not in _NOT_RUN]
    return cache.key(cache.file_hash([*code, *data.files(), *more]), sys.version)


def run(cells: Sequence[str]) -> list[Output]:
    """The outputs of the cells up to the first that fails, computed now."""
    done = subprocess.run(
        [sys.executable, "-m", "llmdeep.site.outputs"],
        cwd=ROOT,
        input=json.dumps(list(cells)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise CellError(0, f"the process that runs this page's cells ended:\n{done.stderr}")
    results: list[Output] = json.loads(done.stdout)
    return results


def main() -> None:
    """Read a JSON list of cells, run them in order until one fails, write their outputs."""
    from llmdeep.site.node import encoded
    from llmdeep.site.session import run_cell

    namespace: dict[str, Any] = {"__name__": "__main__"}
    results: list[Output] = []
    for code in json.load(sys.stdin):
        output: Output = {"stdout": "", "stderr": ""}

        def emit(stream: str, text: str, output: Output = output) -> None:
            output[stream] += text

        result = run_cell(code, namespace, emit)
        results.append(output | {k: v for k, v in result.items() if k in ("value", "failure")})
        if "failure" in result:
            break
    json.dump(results, sys.stdout, default=encoded)


if __name__ == "__main__":
    main()
