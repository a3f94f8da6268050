"""Numbers with a unit in a page's prose, and what stands behind each: a source, a cell, or nothing.

A number is backed if its own paragraph (or item of a list, or row of a table) names a source: a
link that leaves the book, an arXiv number or a DOI, or an author and year that the page lists under
"Sources". Else a cell of the page must have it: printed, to as many digits as the prose shows or
more, or in its code or its figures', exactly. Where the paragraph links to another page of the
book, the cells of that page count too. `<!-- chosen: why -->` at the end of a paragraph marks a
number that the authors chose.

Not looked at: code, formulas, “quoted claims”, headings, names of formats (16-bit) and of models
(Llama 3 8B), and small numbers in words that count things (two heads).
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from llmdeep.site.fences import python_fences

WORDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
WORDS |= {"ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "sixteen": 16, "twenty": 20}
WORDS |= {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80}
WORDS |= {"ninety": 90}
GREAT = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
PREFIXES = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SPELLED = {"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12}

MEASURES = (
    r"%|percent(?:age points)?|(?:Ki|Mi|Gi|k|M|G|T)(?:B|bit|b)\b"
    r"|(?:kilo|mega|giga|tera)?(?:byte|bit)s?"
    r"|nats?|(?:m|µ|n)?s|(?:milli|micro)?seconds?|minutes?|hours?|days?|(?:k|M|G|T)?FLOP[Ss]?"
    r"|[kMG]Hz|W|watts?|times|×|points?"
)
COUNTED = (
    r"tokens?|parameters?|words?|layers?|heads?|channels?|positions?|steps?|characters?|experts?"
    r"|sequences?|weights|operations?|numbers?|texts|ranks?|stages?|questions?"
)
_GREAT = rf"(?P<great>(?:[ \u00a0]+(?:{'|'.join(GREAT)})\b)*)"
_DIGITS = re.compile(
    rf"(?<![\w.,/^−-])(?P<number>\d[\d,]*(?:\.\d+)?(?:e\d+)?)\b{_GREAT}"
    rf"(?:[ \u00a0]*(?P<unit>{MEASURES}|{COUNTED}))?(?!\w)"
)
_IN_WORDS = re.compile(
    rf"\b(?P<number>(?i:{'|'.join(WORDS)}))\b{_GREAT}(?:[ \u00a0](?P<unit>{MEASURES}))?(?!\w)"
)
_IN_CODE = re.compile(r"(?<![\w.])(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?")
_PRINTED = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?")

_ELSEWHERE = re.compile(r"\]\(https?://|arXiv:\d|doi:|<!-- chosen: [^>]{9,}-->")
_NAME = r"[A-Z][\w’'-]+"
_OTHERS = rf"(?:,? {_NAME})*(?: (?:and|&) {_NAME}| et al\.)?"
_CITATION = re.compile(
    rf"({_NAME}){_OTHERS},? \((\d{{4}})"  # Shazeer (2019), Wei et al. (2022)
    rf"|\((?:[^()]*?[ ;])?({_NAME}){_OTHERS},? (\d{{4}})"  # (Shazeer 2019), (see Wei et al. 2022)
)


class Computed(NamedTuple):
    """The numbers of a page's cells: what they print, and what stands in code."""

    printed: set[float]
    code: set[float]


class Found(NamedTuple):
    """A number of the prose: as written, the values it may stand for, half its last digit."""

    written: str
    values: tuple[float, ...]
    half: float


def unbacked(page: str, own: Computed, linked: Mapping[str, Computed] | None = None) -> list[str]:
    """Each number with a unit that no source and no computation stands behind, with its place.

    Args:
        own: The numbers of the page's cells.
        linked: Those of the pages that it links to, by the link as it is written.
    """
    sources = page.partition("\n## Sources")[2]
    missing = []
    for paragraph in paragraphs(page):
        if has_source(paragraph, sources):
            continue
        others = [(linked or {}).get(link) for link in pages_linked(paragraph)]
        computed = [own, *(other for other in others if other)]
        for found in with_unit(paragraph):
            if not any(is_computed(found, numbers) for numbers in computed):
                missing.append(f"{found.written!r} in “{paragraph[:80]}…”")
    return missing


def paragraphs(page: str) -> Iterator[str]:
    """Paragraphs, items of lists and rows of tables, without what is not prose."""
    text = re.sub(r"^(`{3,}).*?^\1$", "\n", page, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\$.+?\$\$|\$[^$]+\$|`[^`]+`", "…", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=[ ]*(?:[-*|]|\d+\.) )", text):
        if block.strip() and not block.lstrip().startswith("#"):
            yield re.sub(r"“[^”]*”", "“…”", " ".join(block.split()))


def has_source(paragraph: str, sources: str) -> bool:
    """Whether it cites what lies outside the book, or one of its page's sources."""
    if _ELSEWHERE.search(paragraph):
        return True
    return any(name in sources and year in sources for name, year in citations(paragraph))


def citations(paragraph: str) -> list[tuple[str, str]]:
    """First author and year of what is cited as Shazeer (2019) or (Wei et al. 2022)."""
    return [(n or m, year or other) for n, year, m, other in _CITATION.findall(paragraph)]


def with_unit(paragraph: str) -> Iterator[Found]:
    """The numbers of a paragraph that have a unit, or are a million or more in words."""
    text = re.sub(r"\]\([^)]*\)|<!--.*?-->", "]", paragraph)
    for found in (*_DIGITS.finditer(text), *_IN_WORDS.finditer(text)):
        unit, great = found["unit"] or "", found["great"].split()
        if not unit and not great:
            continue
        digits = found["number"].replace(",", "").lower()
        value = float(WORDS.get(digits) or digits)
        factor = 1.0
        for word in great:
            factor *= GREAT[word]
        decimals = len(digits.partition(".")[2])
        scales = {1.0, factor, factor * _factor(unit), 0.01 if unit[:1] in ("%", "p") else 1.0}
        values = tuple(value * scale for scale in scales)
        yield Found(found[0].strip(), values, 0.5 * 10.0**-decimals / max(value, 1e-9))


def is_computed(found: Found, computed: Computed) -> bool:
    """Whether a cell prints the number, perhaps with more digits, or has it in its code."""

    def among(numbers: set[float], tolerance: float) -> bool:
        return any(math.isclose(v, n, rel_tol=tolerance) for v in found.values for n in numbers)

    return among(computed.printed, found.half * (1 + 1e-9)) or among(computed.code, 1e-9)


def numbers_in(page: str, printed: str, figures: str = "") -> Computed:
    """The numbers of a page's Python fences, of what its cells print, and of its figures' code."""
    fences = python_fences(page.split("\n"))
    code = "\n".join([*(fence.code for fence in fences), figures])
    return Computed(
        {float(number.replace(",", "")) for number in _PRINTED.findall(printed)},
        {float(number.replace("_", "")) for number in _IN_CODE.findall(code)},
    )


def pages_linked(page: str) -> set[str]:
    """Other pages of the book, as a page's links write them."""
    return set(re.findall(r"\]\(([^)#:\s]+\.md)", page))


def _factor(unit: str) -> float:
    spelled = [SPELLED[word] for word in SPELLED if unit.startswith(word)]
    prefix = re.match(r"(Ki|Mi|Gi|k|M|G|T)(?:B|bit|b|FLOP|Hz)", unit)
    return spelled[0] if spelled else PREFIXES[prefix[1]] if prefix else 1.0
