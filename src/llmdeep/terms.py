"""A sum that still knows its terms: what each counts, how much, and how it was worked out."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One part of a sum. `working` is its calculation as one would write it on paper."""

    name: str
    value: float
    working: str = ""


@dataclass(frozen=True)
class Terms:
    """Parts of one quantity, in one unit. Whole numbers stay whole, however large.

    Examples:
        >>> memory = Terms("bytes", (Term("weights", 2), Term("gradients", 2)))
        >>> memory.total, memory["weights"]
        (4, 2)
    """

    unit: str
    terms: tuple[Term, ...]

    @property
    def total(self) -> float:
        return sum(term.value for term in self.terms)

    def __getitem__(self, name: str) -> float:
        return sum(term.value for term in self.terms if term.name == name)

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    @property
    def names(self) -> list[str]:
        """Each name once, in order."""
        return list(dict.fromkeys(term.name for term in self.terms))


def product(*factors: float | str) -> str:
    """A calculation on paper: `product("32 layers", 2, 128)` is "32 layers × 2 × 128"."""
    return " × ".join(f if isinstance(f, str) else f"{f:,}" for f in factors)
