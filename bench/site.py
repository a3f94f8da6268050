"""What a built site holds: its pages, their figures and first cells, as the files say."""

import html
import re
from dataclasses import dataclass
from pathlib import Path

MADE = "gpu/kernels/"
_WIDGET = re.compile(r'<llmdeep-widget\b[^>]*\bname="(?P<name>[^"]+)"[^>]*>')
_FILE = re.compile(r'\bdata-file="([^"]+)"')
_CELL = re.compile(r'<llmdeep-cell id="(?P<id>[^"]+)" data-state.*?</llmdeep-cell>', re.DOTALL)
_CODE = re.compile(r"<code>(.*?)</code>", re.DOTALL)
_SILENT = re.compile(r"<div data-output[^>]*></div>")
_TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Site:
    """A built site, and the port of its own address: in-site navigation works there only."""

    folder: Path
    port: int


@dataclass(frozen=True)
class Page:
    """A page of the book. `path` is its address below the site's, "" for the home page."""

    path: str
    html: str

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2] or "home"


@dataclass(frozen=True)
class Cell:
    """The first cell of a page. `speaks`: it prints or returns something."""

    page: Page
    id: str
    code: str
    speaks: bool


@dataclass(frozen=True)
class Widget:
    """A figure: its page, which of the page's figures it is (from 0), its name and its file."""

    page: Page
    index: int
    name: str
    file: Path


def pages(folder: Path) -> list[Page]:
    """The pages, the home page first; two of those of kernels, which one template makes."""
    found = []
    for path in folder.rglob("index.html"):
        place = path.parent.relative_to(folder).as_posix()
        found.append(Page("" if place == "." else f"{place}/", path.read_text(encoding="utf-8")))
    found.sort(key=lambda page: page.path)
    made = [page for page in found if page.path.startswith(MADE)]
    return [page for page in found if page not in made[2:]]


def first_cells(folder: Path) -> list[Cell]:
    """For each page with cells the first of them, which needs nothing above it."""
    found = []
    for page in pages(folder):
        if cell := _CELL.search(page.html):
            code = html.unescape(_TAG.sub("", _CODE.search(cell[0])[1]))  # type: ignore[index]
            found.append(Cell(page, cell["id"], code, not _SILENT.search(cell[0])))
    return found


def widgets(folder: Path) -> list[Widget]:
    """Every figure of the book."""
    found = []
    for page in pages(folder):
        for index, element in enumerate(_WIDGET.finditer(page.html)):
            url = _FILE.search(element[0])[1]  # type: ignore[index]
            file = (folder / page.path / url).resolve()
            found.append(Widget(page, index, element["name"], file))
    return found
