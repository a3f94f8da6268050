"""Builds the book with Zensical, the successor of Material for MkDocs, and compares: `make canary`.

The pages must come out with the same words. Zensical keeps its own cache in `.cache/` and empties
that folder if asked to, so it works on a copy of the book.
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from llmdeep.site.paths import CACHE, ROOT, SITE

SOURCES = ("docs", "gpu_runs", "kernels", "src", "mkdocs.yml", "pyproject.toml")
COMPUTED = ("browser", "cells", "widgets")  # what the build of `site/` has left in the cache


def main() -> None:
    """Exit with what is missing or different, page by page."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in SOURCES:
            _copy(ROOT / name, copy / name)
        for name in COMPUTED:
            _copy(CACHE / name, copy / ".cache" / name)
        built = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=copy,
            env={"PYTHONPATH": str(copy / "src"), "PATH": f"{Path(sys.executable).parent}"},
            check=False,
        )
        if built.returncode != 0:
            raise SystemExit("Zensical did not build the book")
        pages = sorted(path.relative_to(SITE) for path in SITE.rglob("index.html"))
        wrong = [str(page) for page in pages if _words(SITE / page) != _words(copy / "site" / page)]
    if wrong:
        raise SystemExit(f"Zensical's words differ on {', '.join(wrong)}")
    print(f"Zensical builds the same {len(pages)} pages")


def _words(path: Path) -> list[str]:
    """The words of a page's article, its figures, cells and formulas among them."""
    if not path.exists():
        return []
    article = re.search(r"<article.*?</article>", path.read_text(encoding="utf-8"), re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", article[0])).split() if article else []


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    main()
