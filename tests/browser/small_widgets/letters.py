"""How many letters an alphabet has, of two that are not there before one is chosen.

Notice: each is loaded once, when it is first chosen.
"""

from typing import Annotated

from llmdeep.data_files import path
from llmdeep.widgets import Choice, Metrics, Number, View


def render(
    alphabet: Annotated[str, Choice("none", "latin", "greek")] = "none",
    times: Annotated[int, Number(1, 9)] = 1,
) -> list[View]:
    if alphabet == "none":
        return [Metrics(letters=0)]
    letters = path(f"vocabularies/{alphabet}.txt").read_text(encoding="utf-8")
    return [Metrics(letters=len(letters) * times)]
