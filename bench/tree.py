"""A copy of the repository to build in, so that a measurement finds and leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from llmdeep.site.paths import ASSETS, CACHE, ROOT

BUILT = ("__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
TOP = (".git", ".venv", ".cache", "node_modules", "site")


def copied(target: Path) -> Path:
    """The sources of this repository in `target`, with its npm packages and with empty caches."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        ours = {name for name in names if Path(folder) == ROOT and name in TOP}
        assets = {name for name in names if Path(folder) / name == ASSETS}
        return set(shutil.ignore_patterns(*BUILT)(folder, names)) | ours | assets

    shutil.copytree(ROOT, target, ignore=ignored)
    (target / "node_modules").symlink_to(ROOT / "node_modules", target_is_directory=True)
    return target


def with_caches(tree: Path) -> Path:
    """Give a copy what this repository has computed so far."""
    for kind in ("cells", "compressed", "pyodide", "widgets"):
        if (CACHE / kind).is_dir():
            shutil.copytree(CACHE / kind, tree / ".cache" / kind)
    return tree


def build(tree: Path, output: Path, *arguments: str, wheel: Path | None) -> tuple[float, str]:
    """Build the site of a copy; returns the seconds it took and what it printed.

    Raises:
        SystemExit: If the build fails, with what it said.
    """
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    if wheel is not None:
        environment["LLMDEEP_NUMPY_WHEEL"] = str(wheel)
    command = [sys.executable, "-m", "llmdeep.cli", "build", "--output", str(output), *arguments]
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"The site does not build, so there is nothing to measure:\n{done.stdout}")
    return seconds, done.stdout
