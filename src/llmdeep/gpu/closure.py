"""What a measurement depends on: the code that a launch runs, without the words about it."""

import ast
import hashlib
from pathlib import Path

from llmdeep.gpu.discovery import source

KERNELS = "llmdeep.kernels"


def closure(name: str) -> str:
    """The code of `launch` and of every function and constant of kernels/ that it reaches.

    Comments, docstrings and layout are left out: prose may change without a new measurement.
    """
    found = _reached(name)
    return "\n".join(found[place] for place in sorted(found, key=lambda at: (at[0].name, at[1])))


def closure_hash(name: str) -> str:
    """SHA-256 of `closure`."""
    return hashlib.sha256(closure(name).encode()).hexdigest()


def files(name: str) -> dict[str, str]:
    """The kernel files that `closure` draws on, by path in the repository, with their SHA-256."""
    paths = sorted({path for path, _ in _reached(name)})
    return {f"kernels/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _reached(name: str) -> dict[tuple[Path, str], str]:
    found: dict[tuple[Path, str], str] = {}
    _follow(source(name), "launch", found, {})
    return found


def _follow(
    path: Path, name: str, found: dict[tuple[Path, str], str], parsed: dict[Path, ast.Module]
) -> None:
    """Add what `name` means in a file, then what that uses, unless it is from elsewhere.

    A dotted name is that of another kernel file and of what is meant there. Each file is parsed
    once, into `parsed`.
    """
    if (path, name) in found:
        return
    if path not in parsed:
        parsed[path] = ast.parse(path.read_text(encoding="utf-8"))
    first, _, rest = name.partition(".")
    for node in parsed[path].body:
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.rpartition(".")
            for alias in node.names:
                if (alias.asname or alias.name) != first:
                    continue
                if node.module == KERNELS and rest:
                    _follow(path.with_name(f"{alias.name}.py"), rest, found, parsed)
                elif package == KERNELS:
                    _follow(path.with_name(f"{module}.py"), alias.name, found, parsed)
        elif name in _defines(node):
            found[path, name] = ast.unparse(_without_docstrings(node))
            for used in _uses(node):
                _follow(path, used, found, parsed)


def _uses(node: ast.stmt) -> set[str]:
    """Names, and names with one attribute: `x`, and `matmul.launch`."""
    parts = list(ast.walk(node))
    dotted = (one for one in parts if isinstance(one, ast.Attribute))
    return {one.id for one in parts if isinstance(one, ast.Name)} | {
        f"{one.value.id}.{one.attr}" for one in dotted if isinstance(one.value, ast.Name)
    }


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
