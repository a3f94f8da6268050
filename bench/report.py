"""What a measurement found, and how it is printed: figures beside their budgets, tables below."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

Table = list[list[str]]  # the first row is the header; all but the first column hold numbers


@dataclass(frozen=True)
class Figure:
    """One number. `samples` are what it is the median of, where it was measured more than once."""

    what: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False  # the budget is a floor, not a ceiling
    samples: Sequence[float] = ()


@dataclass(frozen=True)
class Section:
    """What one measurement found; `how` says in a sentence or two what exactly was measured."""

    title: str
    how: str
    figures: list[Figure]
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def median(
    what: str,
    samples: Sequence[float],
    unit: str,
    budget: float | None = None,
    at_least: bool = False,
) -> Figure:
    """The median of `samples`, which are kept."""
    return Figure(what, statistics.median(samples), unit, budget, at_least, samples)


def verdict(figure: Figure) -> str:
    """ "within" or "over by …" where there is a budget."""
    if figure.budget is None:
        return ""
    excess = figure.budget - figure.value if figure.at_least else figure.value - figure.budget
    if excess <= 0:
        return "within"
    return f"{'under' if figure.at_least else 'over'} by {quantity(excess, figure.unit)}"


def quantity(value: float, unit: str) -> str:
    """A number with three digits or so, and its unit: "98.2 kB", "1,240 ms", "0.42"."""
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def text(section: Section) -> str:
    """A section as lines for a terminal."""
    lines = ["", section.title, "─" * len(section.title), *_folded(section.how), ""]
    if section.figures:
        lines += _table(
            [["", "measured", "lowest … highest", "budget", ""]]
            + [
                [
                    figure.what,
                    quantity(figure.value, figure.unit),
                    _spread(figure),
                    _budget(figure),
                    verdict(figure),
                ]
                for figure in section.figures
            ]
        )
    for table in section.tables:
        lines += ["", *_table(table)]
    if section.notes:
        lines += ["", *(line for note in section.notes for line in _folded(f"* {note}"))]
    return "\n".join(lines)


def _budget(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {quantity(figure.budget, figure.unit)}"


def _spread(figure: Figure) -> str:
    if len(figure.samples) < 2:
        return ""
    low, high = min(figure.samples), max(figure.samples)
    return f"{quantity(low, '')} … {quantity(high, '')} ({len(figure.samples)})"


def _table(rows: Table) -> list[str]:
    columns = range(max(map(len, rows)))
    filled = [row + [""] * (len(columns) - len(row)) for row in rows]
    widths = [max(len(row[column]) for row in filled) for column in columns]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in filled
    ]


def _folded(paragraph: str, width: int = 100) -> list[str]:
    lines = [""]
    for word in paragraph.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
