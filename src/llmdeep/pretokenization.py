r"""Pre-tokenization: cut a text into words, numbers, punctuation and space before tokens are made.

A token never crosses such a cut. The rules are regular expressions over Unicode categories, as
their authors published them, and Python's `re` knows no `\p{L}`. So a text is first *folded*: each
character outside ASCII becomes the one that stands for its category, which leaves the rule a small
alphabet. The pieces are then cut from the text itself.
"""

import functools
import re

import numpy as np

from llmdeep import unicode_runs
from llmdeep.shapes import Array

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"

# A word takes one character before it along, numbers are cut after three digits.
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)

# Words are cut where upper case follows lower case, and keep their 's; marks belong to words.
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# As cl100k but for space at the end of a text: "\n  " is one piece there and two here.
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

RULES = {"gpt2": GPT2, "cl100k": CL100K, "o200k": O200K, "llama3": LLAMA3}


def split(text: str, rule: str = GPT2) -> list[str]:
    r"""The pieces of a text, which together are the text; what the rule skips is a piece too.

    Args:
        rule: A regular expression that may use \p{L}, \p{Lu} and the like, \p{M}, \p{N}, \s and \S
            as Unicode means them, ASCII characters, and what else `re` knows.

    Raises:
        ValueError: If the rule uses another class of characters or is no regular expression.

    Source:
        Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", for GPT-2's.

    Examples:
        >>> split("I'll pay 12345 yen!")
        ['I', "'ll", ' pay', ' 12345', ' yen', '!']
        >>> split("I'll pay 12345 yen!", O200K)
        ["I'll", ' pay', ' ', '123', '45', ' yen', '!']
    """
    pieces, end = [], 0
    for found in compiled(rule).finditer(fold(text)):
        if found.start() > end:
            pieces.append(text[end : found.start()])
        end = found.end()
        pieces.append(text[found.start() : end])
    return [piece for piece in [*pieces, text[end:]] if piece]


def fold(text: str) -> str:
    r"""Each character outside ASCII replaced by the one that stands for its category.

    The long s, U+017F, and the sign for kelvin, U+212A, stay too: a rule that ignores case takes
    them for s and k.

    Examples:
        >>> fold("naïve") == fold("naôve") == "na\ue001ve"
        True
    """
    if text.isascii():
        return text
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    return _folds()[points].tobytes().decode("utf-16-le")


@functools.cache
def compiled(rule: str) -> re.Pattern[str]:
    """The rule as `re` can match it against a folded text.

    Raises:
        ValueError: As `split`.
    """
    inside = False

    def translated(found: re.Match[str]) -> str:
        nonlocal inside
        part = found[0]
        if part in ("[", "[^", "]"):
            if inside and part != "]":
                raise ValueError(f"the rule has a class within a class: {rule}")
            inside = part != "]"
            return part
        if part == "$":
            return part if inside else r"\Z"  # `re` would also match before a last line break
        if part == r"\S" and not inside:
            return f"[^{_members('s')}]"
        if part == r"\s" or found["name"]:
            members = _members(found["name"] or "s")
            return members if inside else f"[{members}]"
        if part[1].isalnum() and part[1] not in "rnt":
            raise ValueError(f"the rule uses {part}, which is not known here: {rule}")
        return part

    if not rule.isascii() or "&&" in rule:
        raise ValueError(f"the rule names characters outside ASCII, or uses &&: {rule}")
    python = re.sub(r"\\p\{(?P<name>\w+)\}|\\.|\[\^?|\]|\$", translated, rule)
    try:
        return re.compile(python)
    except re.error as error:
        raise ValueError(f"this is no regular expression ({error}): {rule}") from error


# For each kind of `unicode_runs`: the ASCII characters that are of it, and one of the private use
# area for all others.
_KINDS = {
    "u": "A-Z\ue000\u212a",
    "l": "a-z\ue001\u017f",
    "t": "\ue002",
    "m": "\ue003",
    "o": "\ue004",
    "M": "\ue005",
    "N": "0-9\ue006",
    "s": "\t-\r \ue007",
    "x": "\ue008",
}
_CLASSES = {"Lu": "u", "Ll": "l", "Lt": "t", "Lm": "m", "Lo": "o", "L": "ultmo"}


def _members(name: str) -> str:
    """What stands between the brackets for a class such as L or Lu."""
    kinds = _CLASSES.get(name, name)
    if kinds not in ("M", "N", "s") and name not in _CLASSES:
        raise ValueError(f"the class \\p{{{name}}} is not known here, only L, Lu … Lo, M and N")
    return "".join(_KINDS[kind] for kind in kinds)


@functools.cache
def _folds() -> Array:
    """For each code point the one that stands for it."""
    runs = re.findall(r"([A-Za-z])(\d*)", unicode_runs.RUNS)
    stands = {kind: re.findall("[\ue000-\ue008]", members)[0] for kind, members in _KINDS.items()}
    folds = np.repeat(
        np.array([ord(stands[kind]) for kind, _ in runs], "<u2"),
        [int(length or 1) for _, length in runs],
    )
    kept = [*range(128), 0x017F, 0x212A]
    folds[kept] = kept
    return folds
