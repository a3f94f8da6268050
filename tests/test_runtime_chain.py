"""Where NumPy for the browser comes from, link by link, until there is none."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llmdeep.site.pyodide import numpy_wheel
from llmdeep.site.pyodide.bundle import prepare
from llmdeep.site.pyodide.compile_numpy import build_variables, webassembly_config
from llmdeep.site.pyodide.emscripten_compiler import command
from llmdeep.site.pyodide.numpy_wheel import find_wheel, from_source
from llmdeep.site.pyodide.official import official
from llmdeep.site.server import Hosting, serving

OFFICIAL = official()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a given wheel, nor a CDN, nor a compiler: each test adds what it is about."""
    monkeypatch.delenv("LLMDEEP_NUMPY_WHEEL", raising=False)
    monkeypatch.setenv("LLMDEEP_PYODIDE_CDN", "http://127.0.0.1:9/{version}/{file}")
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A file with what is looked at in a NumPy wheel."""
    path = tmp_path / "given.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("numpy/_core/_multiarray_umath.cpython-313-wasm32-emscripten.so", b"")
        archive.writestr(f"numpy-{OFFICIAL.numpy}.dist-info/METADATA", "")
    return path


@pytest.fixture
def cdn(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server that plays the CDN, with `wheel` under the official name."""
    folder = tmp_path / "cdn" / f"v{OFFICIAL.pyodide}" / "full"
    folder.mkdir(parents=True)
    shutil.copy(wheel, folder / OFFICIAL.wheel)
    with serving(Hosting(tmp_path / "cdn")) as url:
        monkeypatch.setenv("LLMDEEP_PYODIDE_CDN", url + "v{version}/full/{file}")
        yield folder / OFFICIAL.wheel


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_given_wheel_is_taken_whatever_its_hash_and_kept(
    tmp_path: Path, wheel: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMDEEP_NUMPY_WHEEL", str(wheel))
    found = find_wheel(OFFICIAL, said.append, tmp_path / "cache")
    assert found is not None
    assert found.origin == "given"
    assert found.sha256 == sha256(wheel) != OFFICIAL.sha256
    assert "another build" in said[-1]

    monkeypatch.delenv("LLMDEEP_NUMPY_WHEEL")
    assert find_wheel(OFFICIAL, said.append, tmp_path / "cache") == found
    assert "cache" in said[-1]


def test_a_cached_wheel_that_has_changed_is_not_used(
    tmp_path: Path, wheel: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMDEEP_NUMPY_WHEEL", str(wheel))
    kept = find_wheel(OFFICIAL, said.append, tmp_path / "cache")
    assert kept is not None
    kept.path.write_bytes(kept.path.read_bytes() + b"!")
    monkeypatch.delenv("LLMDEEP_NUMPY_WHEEL")
    said.clear()
    assert find_wheel(OFFICIAL, said.append, tmp_path / "cache") is None
    assert "damaged" in said[0]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({}, "not a wheel"),
        ({"numpy/__init__.py": ""}, "no NumPy for cpython-313-wasm32-emscripten"),
        (
            {"numpy/_core/_multiarray_umath.cpython-313-wasm32-emscripten.so": ""},
            f"not NumPy {OFFICIAL.numpy}",
        ),
    ],
)
def test_a_given_file_that_is_something_else_is_refused(
    entries: dict[str, str],
    complaint: str,
    tmp_path: Path,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "other.whl"
    path.write_text("no zip")
    if entries:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
    monkeypatch.setenv("LLMDEEP_NUMPY_WHEEL", str(path))
    assert find_wheel(OFFICIAL, said.append, tmp_path / "cache") is None
    assert any(complaint in line for line in said)


def test_the_cdn_is_asked_for_the_official_wheel(
    tmp_path: Path, cdn: Path, said: list[str]
) -> None:
    wanted = replace(OFFICIAL, sha256=sha256(cdn))
    found = find_wheel(wanted, said.append, tmp_path / "cache")
    assert found is not None
    assert (found.origin, found.sha256) == ("cdn", wanted.sha256)
    assert "the official build" in said[-1]


def test_a_wheel_from_the_cdn_with_another_hash_is_refused(
    tmp_path: Path, cdn: Path, said: list[str]
) -> None:
    assert find_wheel(OFFICIAL, said.append, tmp_path / "cache") is None
    refusal = next(line for line in said if "refused" in line)
    assert sha256(cdn) in refusal
    assert OFFICIAL.sha256 in refusal
    assert list((tmp_path / "cache").glob("*.whl")) == []


def test_without_a_compiler_it_is_said_what_compiling_needs(tmp_path: Path) -> None:
    with pytest.raises(numpy_wheel.NotHereError, match="emcc"):
        from_source(OFFICIAL, tmp_path / "wheels")


def test_without_numpy_the_page_is_told_so_in_one_sentence(tmp_path: Path, said: list[str]) -> None:
    note = prepare(tmp_path / "python", tmp_path / "cache", said.append)
    assert "without live Python" in note
    assert len(said) == len(numpy_wheel.PLACES)
    manifest = json.loads((tmp_path / "python" / "manifest.json").read_text())
    assert manifest["available"] is False
    assert manifest["notice"].count(".") == 1
    assert [path.name for path in (tmp_path / "python").iterdir()] == ["manifest.json"]


def test_an_extension_is_linked_as_a_side_module_that_exports_its_start() -> None:
    given = ["-shared", "-Wl,-soname,x.so", "-I/usr/include/python3.13", "a.o", "-o", "p/_x.abi.so"]
    made = command("/usr/include/python3.13", "/headers", "emcc", given)
    assert made[:3] == ["emcc", "-I/headers/wide", "-fPIC"]
    assert "-I/headers/python" in made
    assert {"-sSIDE_MODULE=2", "-sEXPORTED_FUNCTIONS=_PyInit__x"} < set(made)
    assert [word for word in made if "soname" in word or word == "-shared"] == []


def test_an_object_file_is_compiled_and_not_linked() -> None:
    made = command("/native", "/headers", "em++", ["-pthread", "-c", "a.cpp", "-o", "a.o"])
    assert made == ["em++", "-I/headers/wide", "-fPIC", "-pthread", "-c", "a.cpp", "-o", "a.o"]


def test_pythons_configuration_is_pyodides_own() -> None:
    native = "\n".join(
        [
            "#define SIZEOF_VOID_P 8",
            "#define HAVE_FORK 1",
            "#define HAVE_TTYNAME 1",
            "/* #undef HAVE_EMSCRIPTEN */",
            '#define PY_HASHES "md5"',
        ]
    )
    variables = {"SIZEOF_VOID_P": 4, "HAVE_FORK": 0, "HAVE_EMSCRIPTEN": 1}
    assert webassembly_config(native, variables).splitlines() == [
        "#define SIZEOF_VOID_P 4",
        "/* #undef HAVE_FORK */",
        "/* #undef HAVE_TTYNAME */",
        "#define HAVE_EMSCRIPTEN 1",
        '#define PY_HASHES "md5"',
    ]


def test_pyodide_says_how_its_python_was_configured() -> None:
    variables = build_variables()
    assert (variables["SIZEOF_VOID_P"], variables["SIZEOF_TIME_T"]) == (4, 8)
