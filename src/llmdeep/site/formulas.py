"""Formulas: `$…$` and `$$…$$`, found by pymdownx.arithmatex and typeset by KaTeX in the build."""

import html
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from llmdeep.site import node
from llmdeep.site.cells import Cells
from llmdeep.site.pages import PageError

SYNTAX = {
    "generic": True,
    "inline_syntax": ["dollar"],
    "block_syntax": ["dollar"],
    "tex_inline_wrap": ["", ""],
    "tex_block_wrap": ["", ""],
}
NEW_ROW = "\\\\"
SHORT = 24  # characters of TeX that fit into the narrowest line, whatever they say


class Formulas(Treeprocessor):
    """Replaces the TeX of each formula by its markup; the site's search skips it."""

    def __init__(self, md: Markdown, cells: Cells) -> None:
        super().__init__(md)
        self.md: Markdown = md
        self.cells = cells  # knows the page

    def run(self, root: ElementTree.Element) -> None:
        for element in root.iter():
            found = list(_formulas(element)) if element.tag in ("h1", "h2", "h3", "h4") else []
            if found:
                tex = found[0].text or ""
                raise self.error(f"${tex}$", "contents and search cannot show a heading's formula")
        for element in list(_formulas(root)):
            tex = html.unescape(element.text or "").strip()
            try:
                markup = node.math(tex, element.tag == "div")
            except node.RenderError as error:
                raise self.error(tex, str(error)) from None
            if element.tag == "span" and len(tex) <= SHORT:
                markup = _joined(element, markup)
            element.text = self.md.htmlStash.store(markup)
            element.set("data-search-exclude", "")
            if element.tag == "div":  # wider than a phone perhaps, and then scrolled with the keys
                element.attrib |= {"tabindex": "0", "role": "group", "aria-label": "Formula"}
                element.set("style", f"--rows:{1 + tex.count(NEW_ROW)}")  # see llmdeep.site.room

    def error(self, text: str, message: str) -> PageError:
        """The error at the line where `text` begins, as far as that can be told."""
        first = text.strip().split("\n")[0]
        lines = self.cells.lines
        line = next((i for i, known in enumerate(lines) if first in known), 0)
        return self.cells.page.error(line, message)


def _joined(element: ElementTree.Element, markup: str) -> str:
    """A short formula and the punctuation after it, which would else begin the next line."""
    tail = element.tail or ""
    end = len(tail) - len(tail.lstrip(".,;:!?)"))
    if end == 0:
        return markup
    element.tail = tail[end:]
    return f'<span class="math-joined">{markup}{tail[:end]}</span>'


def _formulas(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return (e for e in root.iter() if e.get("class") == "arithmatex")
