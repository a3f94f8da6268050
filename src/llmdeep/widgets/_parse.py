"""Numbers and words typed by a reader, turned into arrays or into a clear refusal."""

import math

import numpy as np

from llmdeep.shapes import Array, Float
from llmdeep.widgets._controls import ControlError

LARGEST = 1000.0


def parse_matrix(
    text: str, name: str, rows: int | None = None, columns: int | None = None, most: int = 12
) -> Float[Array, "rows columns"]:
    """A matrix from text: one row a line, numbers separated by spaces, commas or semicolons.

    Args:
        name: What the matrix is called in an error message.
        rows, columns: How many there must be; any number up to `most` if None.

    Raises:
        ControlError: Naming the line and what was expected there.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ControlError(f"{name} is empty; write one row of numbers a line.")
    values = [parse_row(line, f"{name}, row {i}") for i, line in enumerate(lines, 1)]
    if len(lines) != (rows or len(lines)):
        raise ControlError(f"{name} has {len(lines)} rows of numbers; it needs {rows}.")
    if len(lines) > most:
        raise ControlError(f"{name} has {len(lines)} rows; at most {most} fit here.")
    width = columns or len(values[0])
    for i, row in enumerate(values, 1):
        if len(row) != width:
            wanted = f"it needs {width}" if columns else f"row 1 has {width}"
            raise ControlError(f"{name}: row {i} has {len(row)} numbers; {wanted}.")
    if width > most:
        raise ControlError(f"{name} has {width} columns; at most {most} fit here.")
    return np.array(values)


def parse_lexicon(text: str, most: int = 12) -> tuple[list[str], dict[str, list[float]]]:
    """Feature names and word vectors from text.

    The first line is `features: name name …`; each further one `word word …: number number …`
    gives the same vector to its words. Words are compared in lower case.

    Raises:
        ControlError: Naming the line and what was expected there.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    head, _, names = lines[0].partition(":") if lines else ("", "", "")
    features = names.split()
    if head.strip().lower() != "features" or not 1 <= len(features) <= most:
        raise ControlError(f"The first line must be “features:” and 1 to {most} names.")
    lexicon: dict[str, list[float]] = {}
    for line in lines[1:]:
        words, colon, numbers = line.rpartition(":")
        if not colon or not words.strip():
            raise ControlError(f"“{line.strip()[:30]}” must read “word: number number …”.")
        vector = parse_row(numbers, f"“{words.strip()[:30]}”")
        if len(vector) != len(features):
            raise ControlError(
                f"“{words.strip()[:30]}” has {len(vector)} numbers; there are "
                f"{len(features)} features."
            )
        lexicon |= dict.fromkeys(words.lower().split(), vector)
    return features, lexicon


def parse_row(text: str, where: str) -> list[float]:
    """Numbers from one line.

    Raises:
        ControlError: If there is none, or one is not finite or larger than 1000.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        raise ControlError(f"{where} has no numbers.")
    return [_number(word, where) for word in words]


def _number(word: str, where: str) -> float:
    try:
        number = float(word.replace("−", "-"))
    except ValueError:
        raise ControlError(f"{where}: “{word[:20]}” is not a number.") from None
    if not math.isfinite(number):
        raise ControlError(f"{where}: “{word[:20]}” is not a number that can be computed with.")
    if abs(number) > LARGEST:
        raise ControlError(f"{where}: {word[:20]} is outside −{LARGEST:g} to {LARGEST:g}.")
    return number
