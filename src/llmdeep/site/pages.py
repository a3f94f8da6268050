"""Which page is being converted: it is found by its text.

A Markdown extension is handed text, not a file. Looking the text up keeps the extension free of
any site generator, and gives errors a file and a line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    from mkdocs.exceptions import BuildError as _Stop  # printed as one line, without a traceback
except ImportError:
    _Stop = Exception  # type: ignore[assignment,misc]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)


class PageError(_Stop):
    """Something on a page that must not be published. Stops the build."""


@dataclass(frozen=True)
class Page:
    """A page of the book: its source, the folder of all pages, and where its body begins."""

    path: Path
    docs: Path
    first_line: int = 1

    @property
    def to_root(self) -> str:
        """The relative URL from this page to the root of the site, ending in a slash or empty."""
        parts = self.path.relative_to(self.docs).with_suffix("").parts
        depth = len(parts) - 1 if parts[-1] == "index" else len(parts)
        return "../" * depth

    def error(self, line: int, message: str) -> PageError:
        """An error at `line` of the body, counted from 0."""
        return PageError(f"{self.path}:{self.first_line + line}: {message}")


def find(lines: Sequence[str], docs: Path) -> Page:
    """The page whose body is `lines`; text that is no page's counts as the home page's."""
    body = _bare("\n".join(lines))
    for path in sorted(docs.rglob("*.md")):
        text = path.read_text(encoding="utf-8-sig")
        front = _FRONT_MATTER.match(text)
        rest = text[front.end() :] if front else text
        if _bare(rest) == body:
            first = len(text[: len(text) - len(rest.lstrip("\n"))].split("\n"))
            blank = next((i for i, line in enumerate(lines) if line.strip()), 0)
            return Page(path, docs, first - blank)
    return Page(docs / "index.md", docs)


def _bare(text: str) -> str:
    """Text without what Markdown drops before any of its extensions sees it."""
    return re.sub(r"[ \t]+$", "", text.expandtabs(4), flags=re.MULTILINE).strip()
