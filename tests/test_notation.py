"""The notation page and the code agree: no axis without a row, no row without a use."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/notation.md").read_text(encoding="utf-8")
CHAPTERS = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*/*.md")}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def axis_words(source: str) -> set[str]:
    """The names in all shape texts of a Python file: `2*d_hidden` and `*#batch` hold one each."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("Float", "Int", "Bool")
            and isinstance(node.slice, ast.Tuple)
        ):
            shape = node.slice.elts[1]
            assert isinstance(shape, ast.Constant), ast.unparse(node)
            found |= set(re.findall(r"[A-Za-z_]\w*", shape.value))
    return found


def axes_in_code() -> dict[str, list[str]]:
    """Each axis word of the package, and the modules that use it."""
    used: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src/llmdeep").rglob("*.py")):
        for word in axis_words(path.read_text(encoding="utf-8")):
            used.setdefault(word, []).append(path.stem)
    return used


def formulas(text: str) -> str:
    """All mathematics of a chapter, one formula after another; code is no mathematics."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, flags=re.DOTALL)
    return "; ".join(tight(display or inline) for display, inline in found)


def symbols(cell: str) -> list[str]:
    return [tight(symbol) for symbol in re.findall(r"\$(.+?)\$", cell)]


def tight(tex: str) -> str:
    """Without the spaces that mean nothing in TeX: those not between two letters."""
    return re.sub(r"(?<![A-Za-z])\s+|\s+(?![A-Za-z])", "", tex)


def occurs(symbol: str, text: str) -> bool:
    """Whether the symbol stands in the text by itself, not as part of a longer name."""
    before = r"(?<![A-Za-z\\])" if symbol[0].isalpha() else ""
    after = r"(?![A-Za-z])" if symbol[-1].isalpha() else ""
    return re.search(before + re.escape(symbol) + after, text) is not None


def test_axis_words_are_found_inside_shapes():
    source = 'def f(x: Float[Array, "*#batch 2*d_a {n_b}"]) -> Int[Array, "1 c"] | None: ...'
    assert axis_words(source) == {"batch", "d_a", "n_b", "c"}


def test_every_axis_has_a_row_and_every_row_an_axis():
    in_table = {row[1].strip("`") for row in rows("Axes")}
    used = axes_in_code()
    missing = {word: used[word] for word in used.keys() - in_table}
    assert not missing, f"add to docs/notation.md, or use a word that is there: {missing}"
    assert not in_table - used.keys(), "rows that no annotation uses"


def test_no_word_and_no_quantity_has_two_rows():
    words = [row[1] for row in rows("Axes")]
    letters = [row[0] for row in rows("Quantities")]
    assert len(words) == len(set(words))
    assert len(letters) == len(set(letters))


def test_every_letter_of_an_axis_stands_in_a_chapter():
    everything = " ".join(map(formulas, CHAPTERS.values()))
    letters = [symbol for row in rows("Axes") for symbol in symbols(row[0])]
    assert letters
    assert [letter for letter in letters if not occurs(letter, everything)] == []


def test_every_quantity_stands_in_the_chapters_it_names():
    checked = 0
    for cell, meaning, _, chapters in rows("Quantities"):
        for chapter in chapters.split(", "):
            for symbol in symbols(cell):
                checked += 1
                found = occurs(symbol, formulas(CHAPTERS[chapter]))
                assert found, f"{symbol} ({meaning}) is not in {chapter}"
    assert checked > 30


def test_every_row_is_filled():
    for heading in ("Axes", "Quantities"):
        for row in rows(heading):
            assert len(row) == 4
            assert all(row), row
