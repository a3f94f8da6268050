"""The code behind a widget: its own file, and the functions of the book that it calls."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypedDict

from llmdeep.site.paths import ROOT

_NOT_CONCEPTS = tuple(
    f"llmdeep.{name}" for name in ("site", "gpu", "shapes", "data_files", "catalog", "terms")
)
# How they read files is shown in its own chapters; it would be most of the code behind a figure.
_READERS = ("llmdeep.book_model", "llmdeep.vocabularies")


class Source(TypedDict):
    """A piece of code: its dotted name, its file within the repository, its first line, from 1."""

    name: str
    path: str
    line: int
    code: str


def widget_sources(name: str) -> list[Source]:
    """The widget's file, then each concept it calls, directly or through another, breadth first.

    Not followed: how a model or a vocabulary is read from its files.
    """
    module = importlib.import_module(f"llmdeep.widgets.{name}")
    text = inspect.getsource(module)
    found = [Source(name=module.__name__, path=_path(module), line=1, code=text)]
    waiting = list(_called(text, module))
    seen: set[str] = set()
    while waiting:
        concept = waiting.pop(0)
        dotted = f"{concept.__module__}.{concept.__qualname__}"
        if dotted not in seen:
            seen.add(dotted)
            found.append(source(dotted))
            if concept.__module__ not in _READERS:
                home = importlib.import_module(concept.__module__)
                waiting.extend(_called(found[-1]["code"], home))
    return found


def source(dotted: str) -> Source:
    """A function or class by its dotted name, such as llmdeep.attention.softmax.

    Of kernels also a whole file, llmdeep.kernels.softmax. They are read and not imported, for that
    takes torch and Triton.

    Raises:
        LookupError: If there is no such module, or nothing of that name in it.
    """
    module_name, _, name = dotted.rpartition(".")
    if dotted.startswith("llmdeep.kernels."):
        return _kernel_source(dotted)
    try:
        module = importlib.import_module(module_name)
        lines, line = inspect.getsourcelines(getattr(module, name))
    except (ImportError, AttributeError, TypeError, OSError, ValueError) as error:
        raise LookupError(f"there is no function or class {dotted}: {error}") from None
    return Source(name=dotted, path=_path(module), line=line, code="".join(lines))


def _kernel_source(dotted: str) -> Source:
    module, _, name = dotted.removeprefix("llmdeep.kernels.").partition(".")
    path = ROOT / "kernels" / f"{module}.py"
    if not path.exists():
        raise LookupError(f"there is no kernel file {path.name}")
    text = path.read_text(encoding="utf-8")
    place = f"kernels/{path.name}"
    if not name:
        return Source(name=dotted, path=place, line=1, code=text)
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            line = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            code = "\n".join(text.splitlines()[line - 1 : node.end_lineno]) + "\n"
            return Source(name=dotted, path=place, line=line, code=code)
    raise LookupError(f"there is no function or class {name} in {place}")


def _called(code: str, module: ModuleType) -> Iterator[Any]:
    """The concepts' functions and classes that `code`, standing in `module`, mentions."""
    for node in ast.walk(ast.parse(code)):
        mentioned: Any = None
        if isinstance(node, ast.Name):
            mentioned = getattr(module, node.id, None)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = getattr(module, node.value.id, None)
            mentioned = getattr(owner, node.attr, None) if inspect.ismodule(owner) else None
        if inspect.isroutine(mentioned) or inspect.isclass(mentioned):
            home = getattr(mentioned, "__module__", None) or ""
            if home.startswith("llmdeep.") and not home.startswith((*_NOT_CONCEPTS, _WIDGETS)):
                yield mentioned


_WIDGETS = "llmdeep.widgets"


def _path(module: ModuleType) -> str:
    return inspect.getsourcefile(module).removeprefix(f"{ROOT}/")  # type: ignore[union-attr]
