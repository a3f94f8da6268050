"""Collects the book's own examples: every Python fence of docs/, every doctest of src/.

It stands at the root because from tests/ it would reach neither. A page's cells share a namespace,
top to bottom, as they do for a reader. Of an exercise, the starter must fail the check and the
solution must pass it, each in a copy of the page's namespace.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from jaxtyping import install_import_hook
from sybil import Document, Example, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import pad
from sybil.parsers.rest import DocTestParser

# Shapes are checked in every test, where there are shapes: in the concepts and the widgets. The
# conf: an int is a float, as for every other type checker.
concepts = [f"llmdeep.{path.stem}" for path in Path(__file__).parent.glob("src/llmdeep/*.py")]
install_import_hook(
    [*concepts, "llmdeep.widgets"],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

from llmdeep.site import vocabularies  # noqa: E402  (after the hook)
from llmdeep.site.fences import Fence, exercises, python_fences  # noqa: E402
from llmdeep.site.outputs import Output  # noqa: E402
from llmdeep.site.outputs import run as run_cells  # noqa: E402


def pytest_configure() -> None:
    """The vocabularies lie outside git: a fresh clone makes them here, whatever is tested."""
    vocabularies.prepare()


def fences(document: Document) -> Iterator[Region]:
    """One example for each Python fence of a page."""
    lines = document.text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    found = python_fences(lines)
    cells = [fence for fence in found if fence.role == "cell"]
    process = Process([fence.code for fence in cells])
    roles: dict[Fence, Any] = {
        fence: process.cell(cells.index(fence)) if fence.no_browser else Cell(fence)
        for fence in found
    }
    for starter, check, solution in exercises(found):
        roles |= {
            starter: Starter(),
            check: Check(starter, check),
            solution: Check(solution, check),
        }
    for fence in found:
        yield Region(starts[fence.start], starts[fence.end] + 3, fence, roles[fence])


class Cell:
    """A cell runs in the page's namespace."""

    def __init__(self, fence: Fence) -> None:
        self.fence = fence

    def __call__(self, example: Example) -> None:
        run(self.fence, example.path, example.namespace)


class Process:
    """A page's cells in a process of their own, as the build runs those that no browser can."""

    def __init__(self, cells: list[str]) -> None:
        self.cells = cells
        self.outputs: list[Output] = []

    def cell(self, index: int) -> Callable[[Example], None]:
        def evaluate(example: Example) -> None:
            self.outputs = self.outputs or run_cells(self.cells)
            failures = [output.get("failure") for output in self.outputs[: index + 1]]
            assert not any(failures), failures[-1]
            assert len(self.outputs) > index

        return evaluate


class Starter:
    """A starter must at least be Python; its check proves that it is not yet a solution."""

    def __call__(self, example: Example) -> None:
        compile(example.parsed.code, example.path, "exec")


class Check:
    """An attempt followed by the check: a solution passes, a starter fails in a reader's way."""

    def __init__(self, attempt: Fence, check: Fence) -> None:
        self.attempt = attempt
        self.check = check

    def __call__(self, example: Example) -> None:
        namespace = dict(example.namespace)
        if self.attempt.role == "solution":
            run(self.attempt, example.path, namespace)
            run(self.check, example.path, namespace)
            return
        try:
            run(self.attempt, example.path, namespace)
            run(self.check, example.path, namespace)
        except (AssertionError, NotImplementedError):
            return
        raise AssertionError("the starter passes its own check, so there is nothing to do")


def run(fence: Fence, path: str, namespace: dict[str, Any]) -> None:
    """Run a fence so that a traceback names the page and the line."""
    code = compile(pad(fence.code, fence.start + 1), path, "exec", dont_inherit=True)
    exec(code, namespace)  # the book's own code, which is the point


pages = Sybil(parsers=[fences], patterns=["docs/*.md", "docs/*/*.md"])
docstrings = Sybil(
    parsers=[DocTestParser()],
    patterns=["src/llmdeep/*.py", "src/llmdeep/*/*.py"],
    document_types={".py": PythonDocStringDocument},
)

pytest_collect_file = (pages + docstrings).pytest()
