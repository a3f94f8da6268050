"""Finds NumPy for Pyodide: in the cache, where we are told, on Pyodide's CDN, or by compiling it.

    cache      .cache/pyodide/wheels, where each of the others leaves what it found
    given      the file that LLMDEEP_NUMPY_WHEEL names; its hash may differ from the official one
    CDN        Pyodide's, or LLMDEEP_PYODIDE_CDN, an address with {version} and {file} in it;
               what it sends must have the hash in pyodide-lock.json
    compiled   from NumPy's source distribution, by compile_numpy.py (minutes)

If all fail there is no NumPy, and the book is built without live Python.
"""

import hashlib
import json
import os
import shutil
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llmdeep.site.paths import CACHE
from llmdeep.site.pyodide.compile_numpy import CompileError, compile_numpy
from llmdeep.site.pyodide.official import Official

CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"
PATIENCE = 20  # seconds for the CDN to answer, and between two pieces of its answer

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wheel:
    """A NumPy wheel on disk. `origin` is "given", "cdn" or "compiled"."""

    path: Path
    sha256: str
    origin: str


class NotHereError(Exception):
    """This place has no wheel; the message says why, in a few words."""


def find_wheel(
    official: Official, say: Say, folder: Path = CACHE / "pyodide" / "wheels"
) -> Wheel | None:
    """The first wheel found, or None. `say` is told what each place answered."""
    for name, look in PLACES.items():
        try:
            wheel = look(official, folder)
        except NotHereError as reason:
            say(f"NumPy for the browser: {name}: {reason}")
            continue
        build = "the official build" if wheel.sha256 == official.sha256 else "another build"
        say(f"NumPy for the browser: {name}: {build} of {official.numpy}, {wheel.sha256[:12]}…")
        return _keep(wheel, folder / official.wheel)
    return None


def from_cache(official: Official, folder: Path) -> Wheel:
    path = folder / official.wheel
    try:
        record = json.loads(_record(path).read_text(encoding="utf-8"))
        sha256 = _sha256(path)
    except FileNotFoundError:
        raise NotHereError("empty") from None
    if sha256 != record["sha256"]:
        raise NotHereError(f"{path.name} is damaged: it has changed since it was stored")
    return Wheel(path, sha256, record["origin"])


def from_given(official: Official, folder: Path) -> Wheel:
    given = os.environ.get("LLMDEEP_NUMPY_WHEEL")
    if not given:
        raise NotHereError("LLMDEEP_NUMPY_WHEEL is not set")
    path = Path(given)
    if not path.is_file():
        raise NotHereError(f"LLMDEEP_NUMPY_WHEEL names {given}, which is no file")
    _check_contents(path, official)
    return Wheel(path, _sha256(path), "given")


def from_cdn(official: Official, folder: Path) -> Wheel:
    template = os.environ.get("LLMDEEP_PYODIDE_CDN", CDN)
    url = template.format(version=official.pyodide, file=official.wheel)
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        raise NotHereError(f"{url} cannot be had: {error}") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != official.sha256:
        raise NotHereError(
            f"refused: {url} has SHA-256 {sha256}, pyodide-lock.json wants {official.sha256}"
        )
    path = folder / f"{official.wheel}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Wheel(path, sha256, "cdn")


def from_source(official: Official, folder: Path) -> Wheel:
    try:
        path = compile_numpy(official, folder.parent / "numpy")
    except CompileError as error:
        raise NotHereError(str(error)) from None
    return Wheel(path, _sha256(path), "compiled")


PLACES: dict[str, Callable[[Official, Path], Wheel]] = {
    "cache": from_cache,
    "LLMDEEP_NUMPY_WHEEL": from_given,
    "CDN": from_cdn,
    "compiling it": from_source,
}


def _keep(wheel: Wheel, path: Path) -> Wheel:
    """Copy the wheel into the cache, beside a record of its hash and its origin."""
    if wheel.path != path:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        shutil.copyfile(wheel.path, part)
        part.replace(path)
        _record(path).write_text(json.dumps({"sha256": wheel.sha256, "origin": wheel.origin}))
    return Wheel(path, wheel.sha256, wheel.origin)


def _check_contents(path: Path, official: Official) -> None:
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        raise NotHereError(f"{path.name} is not a wheel") from None
    tag = f"cpython-{''.join(official.python.split('.')[:2])}-wasm32-emscripten"
    if f"numpy/_core/_multiarray_umath.{tag}.so" not in names:
        raise NotHereError(f"{path.name} is no NumPy for {tag}")
    if f"numpy-{official.numpy}.dist-info/METADATA" not in names:
        raise NotHereError(f"{path.name} is not NumPy {official.numpy}")


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
