"""Figures named in Markdown: `![caption](widget:NAME?parameter=value)`, `![caption](source:…)`.

A widget's figure carries the finished picture of its defaults, and points to its widget file (see
`states`), which is computed before the pages so that the site generator finds it among the assets.
Figures of kernels are those of `runs`.
"""

import html
import json
import re
import shutil
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor

from llmdeep.site import cache, node, runs
from llmdeep.site.cells import Cells, highlighted
from llmdeep.site.outputs import concepts_hash
from llmdeep.site.paths import CACHE, SOURCES
from llmdeep.site.sources import source
from llmdeep.site.states import write_widget_file
from llmdeep.widgets._controls import ControlError
from llmdeep.widgets._panel import arguments, widget_render

_KINDS = "widget|source|run|record|kernels"
_FIGURE = re.compile(
    rf"!\[(?P<caption>.*)\]\((?P<kind>{_KINDS}):(?P<target>[^)\s]*)\)\s*", re.DOTALL
)
_CAPTION = "[caption]"  # stands in the markup until the caption itself is converted
_WIDGET = re.compile(r"\]\(widget:(?P<target>[^)\s]+)\)")
_VIEW = re.compile(r'data-view="(\w+)"')
_TALL = {"chart": 390, "matrix": 400, "table": 300, "graph": 300, "metrics": 170}  # pixels, about
_FLAT = 110  # of every other view


class Figures(BlockProcessor):
    """A paragraph that is nothing but a figure becomes the figure; its alt text is the caption."""

    def __init__(self, md: Markdown, cells: Cells) -> None:
        super().__init__(md.parser)
        self.md = md
        self.cells = cells  # knows the page
        self.count = 0

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return _FIGURE.fullmatch(block.strip()) is not None

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> None:
        figure = _FIGURE.fullmatch(blocks.pop(0).strip())
        assert figure is not None
        kind, target, caption = figure["kind"], figure["target"], figure["caption"].strip()
        try:
            if not caption:
                raise LookupError("a figure needs a caption: what should the reader see in it?")
            if kind == "widget":
                self.add_widget(parent, target, caption)
            elif kind == "source":
                self.add_source(parent, target, caption)
            else:
                self.add_run(parent, kind, target, caption)
        except (LookupError, TypeError, ValueError, node.RenderError) as error:
            line = next(i for i, text in enumerate(self.cells.lines) if f"{kind}:{target}" in text)
            raise self.cells.page.error(line, f"{kind}:{target}: {error}") from None

    def add_widget(self, parent: ElementTree.Element, target: str, caption: str) -> None:
        name, params = parse(target)
        file = widget_file(name, params, self.cells.docs / "assets" / "widgets")
        self.count += 1
        markup = node.widget(
            json.loads(file.read_text(encoding="utf-8")),
            id=f"figure-{self.count}",
            url=f"{self.cells.page.to_root}assets/widgets/{file.name}",
            params=params,
            caption=_CAPTION,
        )
        self.add(parent, markup, caption, f"--views:{_height(markup)}")

    def add_source(self, parent: ElementTree.Element, target: str, caption: str) -> None:
        found = source(target)
        place = html.escape(f"{found['path']}, line {found['line']}")
        # whole files would be most of what a search finds
        hidden = " data-search-exclude" if found["path"].startswith("kernels/") else ""
        markup = (
            '<figure class="llmdeep-source">'
            f'<p class="llmdeep-source__place">{place}</p>'
            f'<div class="highlight"{hidden}>'
            f"<pre><code>{highlighted(found['code'])}</code></pre></div>"
            f"<figcaption>{_CAPTION}</figcaption></figure>"
        )
        self.add(parent, markup, caption, f"--code:{len(found['code'].splitlines())}")

    def add_run(self, parent: ElementTree.Element, kind: str, target: str, caption: str) -> None:
        self.count += 1
        id = f"figure-{self.count}"
        if kind == "kernels":
            markup = runs.kernels_figure(f"{self.cells.page.to_root}gpu/kernels/", _CAPTION)
        else:
            draw = runs.run_figure if kind == "run" else runs.record_figure
            markup = draw(target, id, _CAPTION)
        self.add(parent, markup, caption, f"--views:{_height(markup)}")

    def add(self, parent: ElementTree.Element, markup: str, caption: str, height: str) -> None:
        """Add a figure whose caption is still Markdown: the markup before it, itself, the rest.

        `height` is what the style sheet needs to know how tall it will be, about, in browsers that
        put off laying out what is far away.
        """
        before, after = markup.split(f"<figcaption>{_CAPTION}</figcaption>")
        element = ElementTree.SubElement(
            parent, "div", {"class": "llmdeep-figure", "style": height}
        )
        element.text = self.md.htmlStash.store(before)
        inside = ElementTree.SubElement(element, "figcaption")
        inside.text = caption
        inside.tail = self.md.htmlStash.store(after)


def _height(markup: str) -> int:
    """How tall the views of a figure are, one above the other, in pixels, about."""
    return sum(_TALL.get(kind, _FLAT) for kind in _VIEW.findall(markup))


def parse(target: str) -> tuple[str, dict[str, Any]]:
    """A widget's name and parameters from NAME?parameter=value&…

    Raises:
        LookupError: If there is no such widget.
        ControlError: If there is no such parameter, or its value is refused.
    """
    name, _, query = target.partition("?")
    given = urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    return name, arguments_given(name, dict(given))


def arguments_given(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The parameters as the widget's own controls read them: numbers, booleans, text."""
    render = widget_render(name)
    words = {"true": True, "false": False}
    checked = arguments(render, {key: words.get(value, value) for key, value in given.items()})
    return {key: checked[key] for key in given}


def write_widget_files(docs: Path, folder: Path) -> str:
    """Compute the widget file of every figure on the pages of `docs`; remove those of no figure.

    New ones are computed in fresh processes, as many at a time as there are processors. Names that
    do not exist are left for the page's own conversion, which knows where they stand.
    """
    wanted = {}
    for target in _targets(docs):
        try:
            name, params = parse(target)
        except (LookupError, ControlError, ValueError):
            continue
        wanted[_key(name, params)] = (name, params)
    missing = [pair for key, pair in wanted.items() if not _kept(key)]
    if missing:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            list(pool.map(_compute, missing))
    files = {path.name: path for key in wanted if (path := _kept(key))}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in files:
            old.unlink()
    for path in files.values():
        _copy(path, folder)
    return f"{len(files)}, {len(missing)} of them new" if missing else f"{len(files)}"


def widget_file(name: str, params: Mapping[str, Any], folder: Path) -> Path:
    """The widget file of a figure, from the cache or computed now, with a copy in `folder`."""
    path = _kept(_key(name, params)) or _compute((name, dict(params)))
    _copy(path, folder)
    return path


def _targets(docs: Path) -> Iterable[str]:
    for page in sorted(docs.rglob("*.md")):
        yield from (m["target"] for m in _WIDGET.finditer(page.read_text(encoding="utf-8")))


def _key(name: str, params: Mapping[str, Any]) -> str:
    own = SOURCES / "llmdeep" / "widgets" / f"{name}.py"
    return f"{name}-{cache.key(dict(params), concepts_hash(own))}"


def _kept(key: str) -> Path | None:
    return next((CACHE / "widgets" / key).glob("*.json"), None)


def _compute(pair: tuple[str, dict[str, Any]]) -> Path:
    name, params = pair
    return write_widget_file(name, CACHE / "widgets" / _key(name, params), params)


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / path.name).exists():
        shutil.copyfile(path, folder / path.name)
