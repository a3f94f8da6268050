"""Files that the book's code reads: models, vocabularies. Each has a place below this package.

In CPython they are simply there. In a browser nothing is downloaded before it is needed: the code
that asks is set aside, the page downloads the file to the very same place, and the code goes on.
A figure is computed again from its start, which changes nothing, since it is a pure function. The
cell of a chapter goes on with the statement that asked; to ask within a loop or in a function of
the cell's own would mean to do a part of it twice, so then the reader is told to run it again.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent


class NotHereYet(BaseException):
    """In a browser: `name` must be downloaded first. Code that catches errors must let it pass."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def path(name: str) -> Path:
    """The place of a file or folder, such as "models/storybook". What is read there is up to you.

    In a browser a model or vocabulary comes as a whole: to ask for "models/storybook/config.json"
    brings all of "models/storybook".

    Raises:
        FileNotFoundError: If there is nothing of that name.
        NotHereYet: In a browser, until the page has it.
    """
    found = FOLDER / name
    if found.exists():
        return found
    whole = "/".join(name.split("/")[:2])
    if sys.platform == "emscripten" and not (FOLDER / whole).exists():
        raise NotHereYet(whole)
    raise FileNotFoundError(f"the book has no file or folder called {name!r}")
