"""How much room each block of text will take, for browsers that lay it out when it comes near.

A chapter is a hundred screens of a phone. The style sheet (book.css, "far from the window") lets
the browser leave out what is not seen, given the height that it will have, about: every block here
says how many characters it has.
"""

import xml.etree.ElementTree as ElementTree

from markdown.treeprocessors import Treeprocessor
from markdown.util import HTML_PLACEHOLDER_RE

SEEN = 1500  # characters that a page begins with, which a large window shows at once
ITEM = 30  # characters of a line that an item leaves empty, on average


class Room(Treeprocessor):
    """Gives the page's own paragraphs and lists the measure that their height follows."""

    def run(self, root: ElementTree.Element) -> None:
        above = 0
        for block in root:
            text = "".join(block.itertext())
            above += len(text)
            markup = HTML_PLACEHOLDER_RE.fullmatch(text.strip())  # raw, not a paragraph
            if block.tag in ("p", "ul", "ol") and not markup and above > SEEN:
                length = len(text) + ITEM * len(block.findall(".//li"))
                block.set("style", f"--text:{length}")
