"""What a measurement depends on: the code that a launch runs, without the words about it."""

import ast
import hashlib
from pathlib import Path

from llmdeep.gpu.discovery import source


def closure(name: str) -> str:
    """The code of `launch` and of every function and constant of kernels/ that it reaches.

    Comments, docstrings and layout are left out: prose may change without a new measurement.
    """
    found: dict[tuple[str, str], str] = {}
    _follow(source(name), "launch", found)
    return "\n".join(found[place] for place in sorted(found))


def closure_hash(name: str) -> str:
    """SHA-256 of `closure`."""
    return hashlib.sha256(closure(name).encode()).hexdigest()


def files(name: str) -> dict[str, str]:
    """The kernel files that `closure` draws on, by path in the repository, with their SHA-256."""
    found: dict[tuple[str, str], str] = {}
    _follow(source(name), "launch", found)
    paths = sorted({Path(path) for path, _ in found})
    return {f"kernels/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _follow(path: Path, name: str, found: dict[tuple[str, str], str]) -> None:
    """Add what `name` means in a file, then what that uses, unless it is from elsewhere."""
    place = (str(path), name)
    if place in found:
        return
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                package, _, module = node.module.rpartition(".")
                if (alias.asname or alias.name) == name and package == "llmdeep.kernels":
                    _follow(path.with_name(f"{module}.py"), alias.name, found)
        elif name in _defines(node):
            found[place] = ast.unparse(_without_docstrings(node))
            for used in {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}:
                _follow(path, used, found)


def _defines(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()


def _without_docstrings(node: ast.stmt) -> ast.stmt:
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
            part.body = part.body[1:] or [ast.Pass()]
    return node
