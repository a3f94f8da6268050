"""Widgets run in modules of their own: a copy of llmdeep that no cell and no other edit can touch.

A reader may change a widget's file or a function it calls. The change lives in a fresh copy of all
llmdeep modules, so that other widgets, and the cells of the page, go on with the original.
"""

import ast
import importlib.abc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType

from llmdeep.site.errors import remember

MOST_COPIES = 8  # kept at a time; the one used longest ago goes first

_PACKAGE = Path(__file__).parents[1]

Modules = dict[str, ModuleType]
_copies: dict[tuple[tuple[str, str], ...], Modules] = {}


@contextmanager
def modules_with(edits: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, `import llmdeep…` finds a copy of its modules with `edits` in their place.

    `edits` maps the name of a source to its new code: of a file, "llmdeep.widgets.attention", or of
    a function or class in one, "llmdeep.attention.softmax". Equal edits share their copy.

    Raises:
        LookupError: If there is no such source.
    """
    finder = _Finder(edits)
    key = tuple(sorted(edits.items()))
    modules = _copies.pop(key, {})
    originals = _take_modules()
    sys.modules.update(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _copies[key] = _take_modules()
        sys.modules.update(originals)
        while len(_copies) > MOST_COPIES:
            del _copies[next(iter(_copies))]


_SHARED = "llmdeep.data_files"  # not the reader's to edit, and one for all, since files are


def _take_modules() -> Modules:
    names = [name for name in sys.modules if name == "llmdeep" or name.startswith("llmdeep.")]
    return {name: sys.modules.pop(name) for name in names if name != _SHARED}


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds llmdeep's modules where Python does, and loads those that are edited."""

    def __init__(self, edits: Mapping[str, str]) -> None:
        self.edits: dict[str, dict[str, str]] = {}  # module → name in it ("" for all of it) → code
        for source, code in edits.items():
            module, name = _locate(source)
            self.edits.setdefault(module, {})[name] = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("llmdeep"):
            return None
        spec = PathFinder.find_spec(fullname, path)  # no other finder's: tests have one of theirs
        if spec is not None and fullname in self.edits:
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        for code in _pieces(module.__name__, self.edits[module.__name__]):
            exec(code, module.__dict__)


def _pieces(module: str, edits: Mapping[str, str]) -> Iterator[CodeType]:
    """The module's code with the edited functions in their places.

    Each piece is compiled under its own file name, so that an error in an edit counts the lines
    the reader sees.
    """
    if "" in edits:
        yield compile(edits[""], remember(edits[""], module), "exec", dont_inherit=True)
        return
    original = str(_file(module))
    unchanged: list[ast.stmt] = []
    for node in ast.parse(_file(module).read_text(encoding="utf-8")).body:
        name = getattr(node, "name", "")
        if name not in edits:
            unchanged.append(node)
            continue
        yield compile(ast.Module(unchanged, []), original, "exec", dont_inherit=True)
        unchanged = []
        filename = remember(edits[name], f"{module}.{name}")
        tree = ast.parse(edits[name], filename)
        if all(getattr(statement, "name", None) != name for statement in tree.body):
            raise NameError(f"the edited code no longer defines {name}")
        yield compile(tree, filename, "exec", dont_inherit=True)
    yield compile(ast.Module(unchanged, []), original, "exec", dont_inherit=True)


def _locate(source: str) -> tuple[str, str]:
    module, _, name = source.rpartition(".")
    if _file(source).is_file():
        return source, ""
    if _file(module).is_file():
        return module, name
    raise LookupError(f"there is no source {source!r} to edit")


def _file(module: str) -> Path:
    return _PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
