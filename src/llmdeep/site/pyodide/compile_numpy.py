"""Compiles NumPy for Pyodide from its source distribution: ten minutes or more, on two cores.

It needs Emscripten (on Debian `apt install emscripten`) and a Python of the same version as
Pyodide's; what else it needs comes from the Python package index. Emscripten may be older than the
one Pyodide was made with: 3.1.6 is known to do, once its `time_t` is as wide as Pyodide's.

    python -m llmdeep.site.pyodide.compile_numpy      compiles into .cache/pyodide/numpy
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from llmdeep.site.paths import CACHE
from llmdeep.site.pyodide import stored
from llmdeep.site.pyodide.official import CORE, Official, official

TOOLS = ["cython==3.1.6", "ninja==1.13.0"]  # Cython 3.2 no longer compiles NumPy 2.2

CROSS_FILE = """
[binaries]
c = [{compiler}, 'emcc']
cpp = [{compiler}, 'em++']
ar = 'emar'
ranlib = 'emranlib'
exe_wrapper = 'node'

[properties]
needs_exe_wrapper = true
skip_sanity_check = true
longdouble_format = 'IEEE_QUAD_LE'

[host_machine]
system = 'emscripten'
cpu_family = 'wasm32'
cpu = 'wasm32'
endian = 'little'
"""
MESON_OPTIONS = [
    *("-Dbuildtype=release", "-Dblas=none", "-Dlapack=none", "-Dallow-noblas=true"),
    *("-Dcpu-baseline=none", "-Dcpu-dispatch=none", "-Ddisable-optimization=true"),
]

# pip asks the build system of a source distribution for its metadata before it hands it over, and
# NumPy's would compile it for this machine to find out. This one knows already.
KNOWS_ITS_NAME = """
import pathlib

def get_requires_for_build_wheel(settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "numpy-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: numpy\\nVersion: {version}\\n")
    return info.name
"""


_COMPILER = Path(__file__).with_name("emscripten_compiler.py")


class Step(Protocol):
    """Runs a command under a name; `environment` is added to this process's."""

    def __call__(self, what: str, *command: str | Path, **environment: str) -> None: ...


class CompileError(Exception):
    """NumPy was not compiled; the message says what is missing or which step failed."""


def compile_numpy(official: Official, folder: Path) -> Path:
    """Compile in `folder` and return the wheel there. A step that failed can be tried again.

    Raises:
        CompileError: If a tool is missing or a step fails; `folder`/log.txt has the details.
    """
    native = _native_python(official)
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    python = folder / "venv" / "bin" / "python"
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"  # where Meson and Ninja find tools

    def step(what: str, *command: str | Path, **environment: str) -> None:
        print(f"  NumPy for the browser: {what} …", flush=True)
        with (folder / "log.txt").open("a") as log:
            around = os.environ | {"PATH": path} | environment
            done = subprocess.run(command, stdout=log, stderr=log, env=around, check=False)
        if done.returncode != 0:
            raise CompileError(f"{what} failed; {folder / 'log.txt'} says why")

    step("a Python environment", native, "-m", "venv", folder / "venv")
    step("its tools", python, "-m", "pip", "install", "--quiet", *TOOLS)
    source = _source(official, folder, python, step)
    headers = _headers(official, folder, native)
    meson = [python, source / "vendored-meson" / "meson" / "meson.py"]
    build, installed = folder / "build", folder / "installed"
    if not (build / "build.ninja").exists():
        cross = folder / "cross.ini"
        compiler = f"'{python}', '{_COMPILER}', '{_include(native)}', '{headers}'"
        cross.write_text(CROSS_FILE.format(compiler=compiler))
        setup = ["setup", "--wipe"] if build.exists() else ["setup"]
        options: list[str | Path] = ["--cross-file", cross, "--prefix", "/usr", *MESON_OPTIONS]
        step("its configuration", *meson, *setup, build, source, *options)
    step("its modules, which takes long", python, "-m", "ninja", "-C", build)
    shutil.rmtree(installed, ignore_errors=True)
    install: list[str | Path] = ["install", "-C", build, "--no-rebuild", "--destdir", installed]
    step("its files", *meson, *install)
    wheel = folder / official.wheel
    wheel.write_bytes(stored.zipped(_wheel_entries(official, installed, source)))
    return wheel


def _native_python(official: Official) -> Path:
    """Python of Pyodide's version for this machine, after a look at whether the rest is there."""
    name = "python" + ".".join(official.python.split(".")[:2])
    python = shutil.which(name)
    works = python and subprocess.run([python, "-c", ""], capture_output=True, check=False)
    missing = [tool for tool in ("emcc", "em++", "node") if shutil.which(tool) is None]
    if not works or works.returncode != 0:
        missing.append(name)
    elif not (_include(Path(str(python))) / "pyconfig.h").exists():
        missing.append(f"the headers of {name}")
    if missing:
        raise CompileError(f"compiling it needs what is not here: {', '.join(missing)}")
    return Path(str(python))


def _include(python: Path) -> Path:
    ask = "import sysconfig; print(sysconfig.get_path('include'))"
    return Path(subprocess.check_output([python, "-c", ask], text=True).strip())


def _source(official: Official, folder: Path, python: Path, step: Step) -> Path:
    """NumPy's source distribution, unpacked."""
    source = folder / f"numpy-{official.numpy}"
    if not source.exists():
        stub = folder / "metadata"
        stub.mkdir(exist_ok=True)
        (stub / "mesonpy.py").write_text(KNOWS_ITS_NAME.format(version=official.numpy))
        options: list[str | Path] = [
            "--no-deps",
            "--no-build-isolation",
            "--no-binary",
            "numpy",
            "--dest",
            folder,
        ]
        command = [python, "-m", "pip", "download", *options, f"numpy=={official.numpy}"]
        step("its source distribution", *command, PYTHONPATH=str(stub))
        with tarfile.open(folder / f"{source.name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return source


def _headers(official: Official, folder: Path, native: Path) -> Path:
    """Python's headers as they are for WebAssembly, and Emscripten's with a 64-bit `time_t`."""
    headers = folder / "headers"
    if headers.exists():
        return headers
    shutil.copytree(_include(native), headers / "python")
    config = headers / "python" / "pyconfig.h"
    config.write_text(webassembly_config(config.read_text(), build_variables()))
    cache = Path(subprocess.check_output(["em-config", "CACHE"], text=True).strip())
    types = (cache / "sysroot/include/bits/alltypes.h").read_text()
    wide = headers / "wide" / "bits" / "alltypes.h"
    wide.parent.mkdir(parents=True)
    wide.write_text(re.sub(r"\blong (time_t|suseconds_t);", r"long long \1;", types))
    return headers


def build_variables() -> dict[str, Any]:
    """How Pyodide's Python was configured; the C macros are among it."""
    name = "_sysconfigdata__emscripten_wasm32-emscripten.py"
    with zipfile.ZipFile(CORE / "python_stdlib.zip") as library:
        code = library.read(name)
    found: dict[str, Any] = {}
    exec(compile(code, name, "exec"), found)
    variables: dict[str, Any] = found["build_time_vars"]
    return variables


def webassembly_config(native: str, variables: Mapping[str, Any]) -> str:
    """pyconfig.h with every number in it, and every HAVE_, as Pyodide's Python has it."""

    def line(found: re.Match[str]) -> str:
        name = found["defined"] or found["undefined"]
        value = variables.get(name, 0 if name.startswith("HAVE_") else None)
        if not isinstance(value, int):
            return found[0]
        return f"#define {name} {value}" if value else f"/* #undef {name} */"

    pattern = r"^(#define (?P<defined>\w+).*|/\* #undef (?P<undefined>\w+) \*/)$"
    return re.sub(pattern, line, native, flags=re.MULTILINE)


def _wheel_entries(
    official: Official, installed: Path, source: Path
) -> Iterator[tuple[str, bytes]]:
    package = next(installed.rglob("numpy/__init__.py")).parent
    abi = "cpython-" + "".join(official.python.split(".")[:2])
    for path in package.rglob("*"):
        name = path.relative_to(package.parent).as_posix()
        if path.is_file() and path.suffix not in (".a", ".pyc"):
            yield (
                re.sub(rf"\.{abi}-[^.]*\.so$", f".{abi}-wasm32-emscripten.so", name),
                path.read_bytes(),
            )
    info = f"numpy-{official.numpy}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: numpy\nVersion: {official.numpy}\n"
    tag = official.wheel.removesuffix(".whl").split("-", 2)[2]
    wheel = f"Wheel-Version: 1.0\nGenerator: llmdeep\nRoot-Is-Purelib: false\nTag: {tag}\n"
    yield f"{info}/METADATA", metadata.encode()
    yield f"{info}/WHEEL", wheel.encode()
    yield f"{info}/RECORD", b""
    for path in [source / "LICENSE.txt", *source.rglob("LICENSES_bundled.txt")]:
        yield f"{info}/{path.name}", path.read_bytes()


if __name__ == "__main__":
    try:
        print(compile_numpy(official(), CACHE / "pyodide" / "numpy"))
    except CompileError as error:
        sys.exit(str(error))
