"""What the pinned Pyodide says of itself and of the NumPy that belongs to it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmdeep.site.paths import ROOT

CORE = ROOT / "node_modules" / "pyodide"  # the npm package, version as in package.json


@dataclass(frozen=True)
class Official:
    """`wheel` is the file name of its NumPy, `sha256` that file's hash in hexadecimal.

    `lock` is its lock file without packages, which is what the reader's browser needs of it.
    """

    pyodide: str
    python: str
    abi: str
    numpy: str
    wheel: str
    sha256: str
    lock: dict[str, Any]


def official(core: Path = CORE) -> Official:
    """Read from the npm package.

    Raises:
        FileNotFoundError: If it is not installed.
    """
    if not (core / "package.json").is_file():
        raise FileNotFoundError("Pyodide's npm package is missing: run `npm ci --ignore-scripts`")
    lock = json.loads((core / "pyodide-lock.json").read_text(encoding="utf-8"))
    numpy = lock["packages"]["numpy"]
    return Official(
        pyodide=json.loads((core / "package.json").read_text(encoding="utf-8"))["version"],
        python=lock["info"]["python"],
        abi=lock["info"]["abi_version"],
        numpy=numpy["version"],
        wheel=numpy["file_name"],
        sha256=numpy["sha256"],
        lock={"info": lock["info"], "packages": {}},
    )
