"""From the repository to a site: what the pages need, the pages, then what a host needs.

    docs/assets/   Python for the browser, the data its code reads, the browser's own code, a file
                   for each figure
    site/          the pages as MkDocs builds them from docs/, strictly
    after that     search, one style sheet, the Content-Security-Policy, offline reading,
                   compressed copies

Built twice from the same sources, the site is the same to the byte.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmdeep.site import compress, data, gallery, policy, search, service_worker, vocabularies
from llmdeep.site.figures import write_widget_files
from llmdeep.site.node import command
from llmdeep.site.paths import ASSETS, BROWSER, CACHE, DOCS, ROOT, SITE
from llmdeep.site.pyodide.bundle import prepare


class BuildError(Exception):
    """The build cannot go on; the message is all the author needs."""


def build(
    output: Path = SITE, url: str | None = None, *, preview: bool = False, offline: bool = True
) -> None:
    """Build the site into `output`, to be served at `url` (for links that must be absolute).

    A preview leaves out what only readers need: compressed copies and offline reading. What was in
    `output` stays there until the new site is complete.

    Raises:
        BuildError: If a page, a figure or the browser's code is wrong.
    """
    part = output.parent / f".{output.name}.part"
    with _alone():
        _step("Python for the browser", _python)
        _step("vocabularies", vocabularies.prepare)
        _step("data for the browser", data.prepare)
        _step("browser code", lambda: _node("build.mjs"))
        _step("pages of the kernels", gallery.write_pages)
        _step("figures", lambda: write_widget_files(DOCS, ASSETS / "widgets"))
        _step("pages", lambda: _pages(part, url))
    _step("search", lambda: search.defer(part))
    _step("style sheet", lambda: _node("stylesheet.mjs", str(part)))
    _step("security policy", lambda: bool(policy.apply(part)))
    _step("offline reading", lambda: service_worker.write(part, keep=offline and not preview))
    if not preview:
        _step("compressed copies", lambda: bool(compress.compress(part)))
    shutil.rmtree(output, ignore_errors=True)
    part.rename(output)


@contextmanager
def _alone() -> Iterator[None]:
    """Waits until no other build writes to docs/assets/."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "build.lock").open("w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows has no such lock
            yield
            return
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _python() -> str:
    return prepare(say=lambda line: print(f"\n    {line}", end="", flush=True))


def _pages(output: Path, url: str | None) -> None:
    environment = {"NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": _last_change()}
    if url:
        environment["LLMDEEP_SITE_URL"] = url
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--clean"]
    _run([*mkdocs, "--site-dir", str(output.resolve())], environment)


def _node(program: str, *arguments: str) -> None:
    _run(command(BROWSER / program, *arguments))


def _last_change() -> str:
    """The last commit's time, in seconds since 1970: what the sitemap takes for the book's date."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(done.stdout.strip())


def _step(name: str, work: Callable[[], object]) -> None:
    print(f"  {name} …", end="", flush=True)
    start = time.perf_counter()
    try:
        said = work()
    except BaseException:
        print(" failed", flush=True)
        raise
    note = f" ({said})" if isinstance(said, str) and said else ""
    print(f" {time.perf_counter() - start:.1f} s{note}", flush=True)
