"""Stands in for the C compiler while NumPy is compiled: calls Emscripten as Pyodide's modules want.

Usage, by Meson: python emscripten_compiler.py NATIVE_HEADERS HEADERS emcc|em++ ARGUMENTS …
where Python's headers for this machine are replaced by those for WebAssembly.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_NOT_FOR_WEBASSEMBLY = re.compile(r"-shared|-pthread|-Wl,(-soname|--start-group|--end-group).*")


def command(native_headers: str, headers: str, tool: str, arguments: Sequence[str]) -> list[str]:
    """The compiler's command line: position independent, and an extension is a side module."""
    given = [argument.replace(native_headers, f"{headers}/python") for argument in arguments]
    changed = [tool, f"-I{headers}/wide", "-fPIC"]
    target = next((given[at + 1] for at, word in enumerate(given[:-1]) if word == "-o"), "")
    if not target.endswith(".so"):
        return changed + given
    module = Path(target).name.partition(".")[0]
    return [
        *changed,
        *(word for word in given if not _NOT_FOR_WEBASSEMBLY.fullmatch(word)),
        *("-O2", "-sSIDE_MODULE=2", f"-sEXPORTED_FUNCTIONS=_PyInit_{module}", "-sWASM_BIGINT"),
    ]


if __name__ == "__main__":
    native_headers, headers, tool, *arguments = sys.argv[1:]
    sys.exit(subprocess.call(command(native_headers, headers, tool, arguments)))
