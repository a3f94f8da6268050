"""The house rules: imports point one way, a new widget is one file, the README's map is true."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "llmdeep"
KERNELS = ROOT / "kernels"
CONCEPTS = sorted(p.stem for p in PACKAGE.glob("*.py") if p.stem not in ("__init__", "cli"))
SHARED = ("shapes", "terms", "data_files", "book_model")  # of every chapter
DATA = ("catalog",)  # a package of data and its reader, open to every concept and widget
BROWSER_SIDE = ("session", "edits", "errors")  # of llmdeep.site, but shipped with the concepts


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def concept_imports(path: Path) -> set[str]:
    """The concept modules that a file imports."""
    named = (re.match(r"llmdeep\.(\w+)", name) for name in imports(path))
    return {found[1] for found in named if found and found[1] in CONCEPTS}


def reading_order() -> list[Path]:
    """The pages in the order of `nav`."""

    class Loader(yaml.SafeLoader):
        """Reads mkdocs.yml, whose tags only matter to MkDocs."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    nav = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]

    def pages(item: object) -> Iterator[str]:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            for value in item.values():
                yield from pages(value)
        elif isinstance(item, list):
            for value in item:
                yield from pages(value)

    return [ROOT / "docs" / page for page in pages(nav)]


@cache
def chapters() -> dict[str, int]:
    """For each concept module the place in the reading order of the chapter it belongs to.

    That is the chapter of the same name, else the first one that mentions it, else the first one
    that any module importing it belongs to. What only kernels use comes after all chapters. Pages
    of reference use what others explain: their mentions count where there is no other.
    """
    parts = [page for page in reading_order() if page.parent != ROOT / "docs"]
    place: dict[str, int] = {}
    for index, page in enumerate(parts):
        text = page.read_text(encoding="utf-8")
        own = page.stem.replace("-", "_")
        mentioned = re.findall(r"llmdeep\.(?:widgets\.)?(\w+)", text)
        for name in [own, *([] if page.parent.name == "reference" else mentioned)]:
            if name in CONCEPTS:
                place[name] = min(place.get(name, index), index)
        if own in CONCEPTS:
            place[own] = index
    mentioned_somewhere = set(place)
    for index, page in enumerate(parts):
        for name in re.findall(r"llmdeep\.(\w+)", page.read_text(encoding="utf-8")):
            if name in CONCEPTS:
                place.setdefault(name, index)
    for index, page in enumerate(parts):
        for widget in re.findall(r"widget:(\w+)", page.read_text(encoding="utf-8")):
            for name in concept_imports(PACKAGE / "widgets" / f"{widget}.py"):
                place.setdefault(name, index)
    for path in KERNELS.glob("*.py"):
        for name in concept_imports(path):
            place.setdefault(name, len(parts))
    for _ in CONCEPTS:
        for name in CONCEPTS:
            if name in place:
                for imported in concept_imports(PACKAGE / f"{name}.py") - mentioned_somewhere:
                    place[imported] = min(place.get(imported, place[name]), place[name])
    return place


@pytest.mark.parametrize("name", CONCEPTS)
def test_a_concept_imports_numpy_the_standard_library_and_concepts_only(name: str) -> None:
    for imported in imports(PACKAGE / f"{name}.py"):
        top = imported.split(".")[0]
        if name in SHARED and top == "jaxtyping":
            continue  # only where it is installed
        assert top in ("numpy", "llmdeep") or top in sys.stdlib_module_names, imported
        if top == "llmdeep":
            assert imported.split(".")[1] in (*CONCEPTS, *DATA), f"{name} imports {imported}"


@pytest.mark.parametrize("name", [name for name in CONCEPTS if name not in SHARED])
def test_a_concept_imports_only_what_was_read_before(name: str) -> None:
    place = chapters()
    assert name in place, f"no chapter mentions llmdeep.{name}"
    for imported in concept_imports(PACKAGE / f"{name}.py") - set(SHARED):
        assert place[imported] <= place[name], f"{name} imports {imported} of a later chapter"


@pytest.mark.parametrize("package", DATA)
def test_data_is_read_with_the_standard_library_alone(package: str) -> None:
    for path in (PACKAGE / package).glob("*.py"):
        for imported in imports(path):
            own = imported.startswith(f"llmdeep.{package}.")
            assert own or imported.split(".")[0] in sys.stdlib_module_names, imported


def test_kernels_import_concepts_and_what_runs_them_and_only_that_imports_kernels() -> None:
    for path in KERNELS.glob("*.py"):
        for imported in imports(path):
            top, _, rest = imported.partition(".")
            assert top in ("numpy", "torch", "triton", "llmdeep") or top in sys.stdlib_module_names
            if top == "llmdeep":
                assert rest.split(".")[0] in (*CONCEPTS, "gpu", "kernels"), (
                    f"{path.name}: {imported}"
                )
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.startswith("llmdeep.kernels") for name in imports(path)), path


def test_nothing_imports_a_widget() -> None:
    widgets = {p.stem for p in (PACKAGE / "widgets").glob("*.py") if not p.stem.startswith("_")}
    for path in PACKAGE.rglob("*.py"):
        for imported in imports(path):
            named = re.match(r"llmdeep\.widgets\.(\w+)", imported)
            assert not named or named[1] not in widgets, f"{path} imports {imported}"


def test_widgets_import_concepts_and_controls_only() -> None:
    for path in (PACKAGE / "widgets").glob("*.py"):
        for imported in imports(path):
            top, _, rest = imported.partition(".")
            assert top in ("numpy", "llmdeep") or top in sys.stdlib_module_names, imported
            if top == "llmdeep":
                known = (*CONCEPTS, *DATA, "widgets")
                assert rest.split(".")[0] in known, f"{path.name}: {imported}"


def test_what_runs_in_the_browser_needs_nothing_that_is_not_there() -> None:
    for name in BROWSER_SIDE:
        for imported in imports(PACKAGE / "site" / f"{name}.py"):
            top = imported.split(".")[0]
            assert top in ("numpy", "llmdeep") or top in sys.stdlib_module_names, imported
            if imported.startswith("llmdeep.site."):
                assert imported.split(".")[2] in BROWSER_SIDE, f"{name} imports {imported}"


def test_a_widget_is_one_file(tmp_path: Path) -> None:
    copy = tmp_path / "llmdeep"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "browser"))
    (copy / "widgets" / "brand_new.py").write_text(
        '"""A number and its square.\n\nNotice: it grows faster than the number."""\n'
        "from typing import Annotated\n"
        "from llmdeep.widgets import Metrics, Slider, View\n"
        "def render(x: Annotated[float, Slider(0, 9)] = 3.0) -> list[View]:\n"
        "    return [Metrics(square=x * x)]\n"
    )

    def listed(*options: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "llmdeep.cli", "widgets", "list", *options],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "brand_new" in listed().splitlines()
    (details,) = (w for w in json.loads(listed("--json")) if w["name"] == "brand_new")
    assert details["title"] == "A number and its square."
    assert [control["name"] for control in details["controls"]] == ["x"]


def test_the_tree_in_the_readme_is_the_tree_on_disk() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = re.search(r"```text\n(llmdeep/\n.*?)```", readme, re.DOTALL)
    assert tree, "README.md has no tree"
    parents: list[str] = []
    for line in tree[1].splitlines()[1:]:
        entry = re.match(r"(?P<indent>(?: {4})+)(?P<name>\S+)", line)
        assert entry, f"the tree is indented by fours: {line!r}"
        depth = len(entry["indent"]) // 4
        parents = [*parents[: depth - 1], entry["name"].rstrip("/")]
        path = ROOT.joinpath(*parents)
        assert path.exists(), f"README.md shows {'/'.join(parents)}, which is not there"
        assert path.is_dir() == entry["name"].endswith("/"), f"{line!r}: folders end in a slash"
    shown = {line.split()[0].rstrip("/") for line in tree[1].splitlines()[1:]}
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders <= shown, f"README.md lacks {folders - shown}"
