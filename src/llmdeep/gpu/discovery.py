"""Find the kernels: a file in kernels/ is one, and nothing else has to know of it."""

import ast
import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path

from llmdeep.gpu.spec import Kernel
from llmdeep.site.paths import ROOT


class NoSuchKernelError(ValueError):
    """A name that no kernel has, or kernels that cannot be imported here."""


def folder() -> Path:
    """Where the kernels are: installed, or beside the sources in a tree that is used as it is.

    Raises:
        NoSuchKernelError: If they are in neither place.
    """
    with contextlib.suppress(ModuleNotFoundError):
        return Path(str(importlib.import_module("llmdeep.kernels").__file__)).parent
    spec = importlib.util.spec_from_file_location("llmdeep.kernels", ROOT / "kernels/__init__.py")
    if not spec or not spec.loader or not (ROOT / "kernels").is_dir():
        raise NoSuchKernelError("the kernels are not here: run pip install -e . in the tree")
    package = importlib.util.module_from_spec(spec)
    sys.modules["llmdeep.kernels"] = package
    spec.loader.exec_module(package)
    return ROOT / "kernels"


def names() -> list[str]:
    """Every kernel, in the order of the alphabet; imports none of them."""
    return sorted(path.stem for path in folder().glob("[a-z]*.py"))


def source(name: str) -> Path:
    """The file of a kernel.

    Raises:
        NoSuchKernelError: If there is none of that name; says which there are.
    """
    path = folder() / f"{name}.py"
    if name not in names():
        raise NoSuchKernelError(f"no kernel is called {name!r}; there are {', '.join(names())}")
    return path


def header(name: str) -> dict[str, str]:
    """What the head of a kernel file says: `title`, `oracle`, `chapter`, `memory`, …"""
    text = ast.get_docstring(ast.parse(source(name).read_text(encoding="utf-8"))) or ""
    title, _, rest = text.partition("\n\n")
    found = {"title": " ".join(title.split())}
    key = ""
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            key, _, value = line.partition(" ")
            found[key] = value.strip()
        elif line.strip():
            found[key] += " " + line.strip()
    return found


def load(name: str) -> Kernel:
    """Import a kernel file, which needs torch and Triton, and return its `KERNEL`.

    Raises:
        NoSuchKernelError: If there is none of that name, or torch or Triton is missing.
    """
    source(name)
    try:
        module = importlib.import_module(f"llmdeep.kernels.{name}")
    except ModuleNotFoundError as error:
        if error.name in ("torch", "triton"):
            raise NoSuchKernelError(
                f"kernels need {error.name}: pip install torch triton==3.6.0"
            ) from error
        raise
    kernel: Kernel = module.KERNEL
    return kernel
