"""Everything llmdeep adds to Markdown, as one Python-Markdown extension.

    ```python                               a live cell, its output computed by the build
    ```python starter / check / solution    an exercise
    ![caption](widget:attention_scores)     a widget; parameters may follow: ?mask=causal
    ![caption](source:llmdeep.attention.softmax)    a function of the book, with its place
    ![caption](run:softmax)                 what GPUs measured of a kernel; also record:, kernels:
    $…$ and $$…$$                           formulas, typeset by the build

A name that does not exist, a cell that fails, or a fence nobody would run stops the build, with
the file and the line.
"""

from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from pymdownx.arithmatex import ArithmatexExtension

from llmdeep.site.cells import Cells
from llmdeep.site.figures import Figures
from llmdeep.site.formulas import SYNTAX, Formulas
from llmdeep.site.room import Room


class BookExtension(Extension):
    """Cells before anything else reads the text, figures among the blocks, formulas at the end."""

    def __init__(self, **options: Any) -> None:
        self.config = {"docs": ["docs", "folder of the book's pages"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  (the library's name)
        docs = Path(self.getConfig("docs"))
        ArithmatexExtension(**SYNTAX).extendMarkdown(md)
        md.block_level_elements += ["llmdeep-cell", "llmdeep-widget", "llmdeep-run"]
        cells = Cells(md, docs)
        md.preprocessors.register(cells, "llmdeep-cells", 28)  # before other fences and raw HTML
        md.parser.blockprocessors.register(Figures(md, cells), "llmdeep-figures", 175)
        formulas = Formulas(md, cells)
        md.treeprocessors.register(formulas, "llmdeep-formulas", 15)  # after inline patterns
        md.treeprocessors.register(Room(md), "llmdeep-room", 12)


def makeExtension(**options: Any) -> BookExtension:  # noqa: N802  (the library's name)
    """Called by Python-Markdown."""
    return BookExtension(**options)
