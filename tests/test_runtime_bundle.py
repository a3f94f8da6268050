"""The files of Python that the site serves: small, verified, the same whenever made."""

import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from llmdeep.site.hashed import is_hashed
from llmdeep.site.paths import BROWSER, CACHE, ROOT
from llmdeep.site.pyodide import bundle
from llmdeep.site.pyodide.bundle import prepare
from llmdeep.site.pyodide.numpy_wheel import find_wheel
from llmdeep.site.pyodide.official import CORE, official


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, made from the machine's NumPy wheel."""
    folder = tmp_path_factory.mktemp("python")
    prepare(folder)
    return folder


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    assert found["available"], "no NumPy wheel was found on this machine: " + found["notice"]
    return found


def names(folder: Path, part: str) -> list[str]:
    return zipfile.ZipFile(folder / manifest(folder)["files"][part]["name"]).namelist()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_version_of_pyodide_stands_in_package_json_alone() -> None:
    version = official().pyodide
    assert json.loads((ROOT / "package.json").read_text())["dependencies"]["pyodide"] == version
    ours = [*Path(bundle.__file__).parent.glob("*.*"), *BROWSER.glob("runtime/*.ts")]
    assert [path.name for path in ours if version in path.read_text()] == []


def test_the_manifest_names_every_file_with_its_size_and_hash(folder: Path) -> None:
    files = manifest(folder)["files"]
    assert set(files) == {"loader", "core", "wasm", "library", "numpy", "llmdeep"}
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        *(file["name"] for file in files.values()),
    }
    for file in files.values():
        content = (folder / file["name"]).read_bytes()
        assert len(content) == file["size"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert file["sha256"][:12] in file["name"]
        assert is_hashed(file["name"])


def test_pyodides_own_files_are_served_unchanged(folder: Path) -> None:
    for part, name in [("loader", "mjs"), ("core", "asm.js"), ("wasm", "asm.wasm")]:
        served = folder / manifest(folder)["files"][part]["name"]
        assert served.read_bytes() == (CORE / f"pyodide.{name}").read_bytes()


def test_made_twice_from_the_same_things_it_is_the_same_to_the_byte(
    folder: Path, tmp_path: Path
) -> None:
    wheel = find_wheel(official(), print)
    assert wheel is not None
    shutil.copytree(wheel.path.parent, tmp_path / "store" / "wheels")
    prepare(tmp_path / "python", tmp_path / "store")
    assert contents(tmp_path / "python") == contents(folder)


def test_libraries_come_compiled_and_the_book_as_source(folder: Path) -> None:
    for part in ("library", "numpy"):
        assert [name for name in names(folder, part) if name.endswith(".py")] == []
    book = [name for name in names(folder, "llmdeep") if "/__pycache__/" not in name]
    data = {"llmdeep/catalog/accelerators.json", "llmdeep/catalog/models.json"}
    assert {Path(name).suffix for name in book} == {".py", ".json"}
    assert data <= set(book)
    assert {"llmdeep/attention.py", "llmdeep/widgets/softmax_scaling.py"} < set(book)


def test_what_every_start_needs_of_the_book_is_compiled_beside_its_source(folder: Path) -> None:
    book = set(names(folder, "llmdeep"))
    compiled = {name for name in book if "/__pycache__/" in name}
    sources = {re.sub(r"__pycache__/(\w+)\.cpython-\d+\.pyc$", r"\1.py", name) for name in compiled}
    assert sources <= book
    assert {"llmdeep/site/session.py", "llmdeep/widgets/_views.py"} < sources
    assert "llmdeep/attention.py" not in sources


def test_what_no_reader_can_use_is_left_out(folder: Path) -> None:
    everything = names(folder, "library") + names(folder, "numpy")
    unwanted = ("f2py/f2py2e", "multiprocessing/", "idlelib/", ".pyi", ".h", ".pxd", "test_")
    assert [name for name in everything for part in unwanted if part in name] == []
    assert any("LICENSE" in name for name in names(folder, "numpy"))
    site = [name for name in names(folder, "llmdeep") if "/site/" in name]
    assert {Path(name).name.partition(".")[0] for name in site} == {
        "__init__",
        "session",
        "edits",
        "errors",
    }


def test_zips_are_stored_so_that_the_host_compresses_them_whole(folder: Path) -> None:
    for part in ("library", "numpy", "llmdeep"):
        with zipfile.ZipFile(folder / manifest(folder)["files"][part]["name"]) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_editing_a_widget_changes_one_small_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "src"
    shutil.copytree(bundle.SOURCES / "llmdeep", sources / "llmdeep")
    with (sources / "llmdeep" / "widgets" / "softmax_scaling.py").open("a") as widget:
        widget.write("# edited\n")
    monkeypatch.setattr(bundle, "SOURCES", sources)
    shutil.copytree(folder, tmp_path / "python")
    before = contents(folder)
    prepare(tmp_path / "python")
    after = contents(tmp_path / "python")
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert {name.partition(".")[0] for name in changed} == {"llmdeep", "manifest"}
    assert len([name for name in after if name.startswith("llmdeep.")]) == 1


def test_nothing_is_compiled_a_second_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiles(*_: object) -> None:
        raise AssertionError(f"compiled again, though {CACHE} has it")

    monkeypatch.setattr(bundle, "_precompile", compiles)
    prepare(tmp_path / "python")
    assert contents(tmp_path / "python") == contents(folder)
