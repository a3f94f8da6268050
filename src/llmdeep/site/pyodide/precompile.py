"""Runs in Pyodide, under Node, since only the Python that will run it can compile a library."""

import ast
import importlib._bootstrap_external as importing
import zipfile

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def precompile(source: str, target: str) -> None:
    """Copy a zip, each .py in it compiled to a .pyc without asserts and with empty docstrings.

    Empty rather than none at all, because NumPy passes docstrings on while it is imported. The
    .pyc carry a hash of 0 that nobody checks instead of a time, so that they are the same whenever
    the sources are.
    """
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as compiled:
        for info in sources.infolist():
            content = sources.read(info)
            if info.filename.endswith(".py"):
                tree = without_docstrings(ast.parse(content))
                code = compile(tree, info.filename, "exec", dont_inherit=True, optimize=1)
                content = bytes(importing._code_to_hash_pyc(code, bytes(8), False))  # type: ignore[attr-defined]
                info.filename += "c"
            compiled.writestr(info, content, zipfile.ZIP_STORED)


def without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and node.body:
            match node.body[0]:
                case ast.Expr(ast.Constant(str()) as docstring):
                    docstring.value = ""
    return tree
