"""The Python that the site serves: six files under docs/assets/python, named by their contents.

    pyodide.HASH.mjs       loads the two below            from the npm package, unchanged
    pyodide.asm.HASH.js    JavaScript around the interpreter
    pyodide.asm.HASH.wasm  the interpreter
    library.HASH.zip       the standard library, slim and precompiled
    numpy.HASH.zip         NumPy, slim and precompiled
    llmdeep.HASH.zip       the book's own Python, as readable source; what every start needs of it
                           is there compiled too
    manifest.json          their names, sizes in bytes and SHA-256, where all this comes from

The same inputs give the same bytes. Compiling takes some seconds and is done again only if Pyodide,
the wheel or this folder's code changed; a change in the book only rewrites the small zip.
"""

import hashlib
import json
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from llmdeep.site import cache
from llmdeep.site.node import command
from llmdeep.site.paths import ASSETS, CACHE, SOURCES
from llmdeep.site.pyodide import slim, stored
from llmdeep.site.pyodide.numpy_wheel import Wheel, find_wheel
from llmdeep.site.pyodide.official import CORE, Official, official

MANIFEST = "manifest.json"
NOTICE = "This copy of the book was built without live Python."

_HERE = Path(__file__).parent
_BOOK = ["*.py", "*.json", "widgets/*.py", "catalog/*.py", "catalog/*.json"]  # of src/llmdeep …
_SITE = ["__init__", "session", "edits", "errors"]  # … and of llmdeep.site what runs them
_NOT_THE_BOOK = ["cli.py"]
_FIRST = r"llmdeep/(__init__|site/\w+|widgets/_\w+)\.py$"


def prepare(
    folder: Path = ASSETS / "python",
    store: Path = CACHE / "pyodide",
    say: Callable[[str], None] = print,
) -> str:
    """Make the bundle in `folder`; return in a few words what came of it.

    `store` is where wheels and compiled libraries are kept for the next time.
    Without NumPy there is only a manifest, which says that the page has no live Python and why.

    Raises:
        FileNotFoundError: If Pyodide's npm package is not installed.
        RuntimeError: If the library does not compile.
    """
    known = official()
    wheel = find_wheel(known, say, store / "wheels")
    if wheel is None:
        _publish(folder, {}, {"available": False, "notice": NOTICE})
        return "NumPy for the browser was not found: the book is built without live Python"
    files = _files(known, wheel, store / "compiled")
    about: dict[str, Any] = {
        "lock": known.lock,
        "pyodide": known.pyodide,
        "python": known.python,
        "numpy": {
            "version": known.numpy,
            "sha256": wheel.sha256,
            "official": wheel.sha256 == known.sha256,
        },
    }
    _publish(folder, files, {"available": True, **about})
    size = sum(len(content) for _, content in files.values()) / 1e6
    return f"Pyodide {known.pyodide} with NumPy {known.numpy}, {size:.1f} MB before compression"


def _files(known: Official, wheel: Wheel, store: Path) -> dict[str, tuple[str, bytes]]:
    """For each part of the manifest its file name, yet without hash, and its content."""
    sources = CORE / "python_stdlib.zip"
    libraries = _compiled(
        store,
        cache.key(wheel.sha256, cache.file_hash([sources])),
        lambda: {"library": slim.library(sources), "numpy": slim.numpy(wheel.path)},
    )
    return {
        "loader": ("pyodide.mjs", (CORE / "pyodide.mjs").read_bytes()),
        "core": ("pyodide.asm.js", (CORE / "pyodide.asm.js").read_bytes()),
        "wasm": ("pyodide.asm.wasm", (CORE / "pyodide.asm.wasm").read_bytes()),
        "library": ("library.zip", (libraries / "library.zip").read_bytes()),
        "numpy": ("numpy.zip", (libraries / "numpy.zip").read_bytes()),
        "llmdeep": ("llmdeep.zip", stored.zipped([*_book(), *_book_compiled(known, store)])),
    }


def _compiled(store: Path, key: str, make: Callable[[], dict[str, Iterable[slim.Entry]]]) -> Path:
    """A folder with a zip of compiled Python for each that `make` gives, made once for a `key`."""
    code = [_HERE / name for name in ("slim.py", "stored.py", "precompile.py", "precompile.mjs")]
    kept = store / cache.key(key, cache.file_hash([CORE / "pyodide.asm.wasm", *code]))
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=_made(store)) as scratch:
            work = _made(Path(scratch) / "work")
            made = make()
            for name, entries in made.items():
                (work / f"{name}-sources.zip").write_bytes(stored.zipped(entries))
            _precompile(work, *made)
            for sources_zip in work.glob("*-sources.zip"):
                sources_zip.unlink()
            try:
                work.rename(kept)
            except OSError:  # another build was faster, with the same result
                if not kept.exists():
                    raise
    return kept


def _precompile(work: Path, *names: str) -> None:
    zips = [str(work / f"{name}{end}.zip") for name in names for end in ("-sources", "")]
    done = subprocess.run(
        command(_HERE / "precompile.mjs", CORE, _HERE / "precompile.py", *zips),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"Pyodide did not compile its library:\n{done.stdout}{done.stderr}")


def _book() -> Iterator[tuple[str, bytes]]:
    package = SOURCES / "llmdeep"
    paths = [path for pattern in _BOOK for path in package.glob(pattern)]
    paths += [package / "site" / f"{name}.py" for name in _SITE]
    for path in paths:
        if path.name not in _NOT_THE_BOOK:
            yield path.relative_to(SOURCES).as_posix(), path.read_bytes()


def _book_compiled(known: Official, store: Path) -> Iterator[slim.Entry]:
    """What every start imports, where Python looks for it. The rest would rarely be asked for."""
    own = [entry for entry in _book() if re.match(_FIRST, entry[0])]
    key = cache.key([(name, hashlib.sha256(content).hexdigest()) for name, content in own])
    tag = "".join(known.python.split(".")[:2])
    with zipfile.ZipFile(_compiled(store, key, lambda: {"llmdeep": own}) / "llmdeep.zip") as made:
        for name in made.namelist():
            folder, _, module = name.removesuffix(".pyc").rpartition("/")
            yield f"{folder}/__pycache__/{module}.cpython-{tag}.pyc", made.read(name)


def _publish(folder: Path, files: dict[str, tuple[str, bytes]], about: dict[str, Any]) -> None:
    """Write the files under their hashed names, then the manifest, then remove what is old."""
    _made(folder)
    listed: dict[str, dict[str, Any]] = {}
    for part, (name, content) in files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        stem, dot, suffix = name.rpartition(".")
        hashed = f"{stem}.{sha256[:12]}{dot}{suffix}"
        if not (folder / hashed).exists():
            (folder / f"{hashed}.part").write_bytes(content)
            (folder / f"{hashed}.part").replace(folder / hashed)
        listed[part] = {"name": hashed, "size": len(content), "sha256": sha256}
    text = json.dumps({**about, "files": listed}, indent=2) + "\n"
    if not (folder / MANIFEST).exists() or (folder / MANIFEST).read_text() != text:
        cache.write(folder / MANIFEST, text)
    current = (MANIFEST, *(file["name"] for file in listed.values()))
    for path in folder.iterdir():
        if not path.name.startswith(current):
            path.unlink()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
