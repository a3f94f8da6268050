"""What a widget shows, as data: a view knows nothing of HTML.

Numbers are NumPy arrays or sequences of floats; NaN means "nothing here" and is drawn as a gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

Scale = Literal["linear", "log", "category"]


class View:
    """One picture, table or line of numbers. `kind` is its `data-view` on the page."""

    kind: ClassVar[str]


@dataclass(frozen=True)
class Axis:
    """One axis of a chart. `domain` is its range (from the data if None), or its categories."""

    label: str = ""
    scale: Scale = "linear"
    domain: Sequence[float] | Sequence[str] | None = None
    unit: str = ""


@dataclass(frozen=True)
class Line:
    """A curve through (x, y)."""

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    dashed: bool = False
    mark: ClassVar[str] = "line"


@dataclass(frozen=True)
class Area:
    """The area between two curves over x; `low` is 0 unless given."""

    x: ArrayLike
    high: ArrayLike
    low: ArrayLike | None = None
    label: str = ""
    mark: ClassVar[str] = "area"


@dataclass(frozen=True)
class Bar:
    """Bars of height y over x, numbers or categories."""

    x: ArrayLike | Sequence[str]
    y: ArrayLike
    label: str = ""
    mark: ClassVar[str] = "bar"


@dataclass(frozen=True)
class Point:
    """Points at (x, y), each with a text of its own if `texts` is given."""

    x: ArrayLike | Sequence[str]
    y: ArrayLike
    label: str = ""
    texts: Sequence[str] | None = None
    mark: ClassVar[str] = "point"


@dataclass(frozen=True)
class Rule:
    """A straight line across the whole chart, at one x or one y."""

    x: float | None = None
    y: float | None = None
    label: str = ""
    mark: ClassVar[str] = "rule"


@dataclass(frozen=True)
class Band:
    """A shaded stretch of one axis, across the whole chart."""

    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    label: str = ""
    mark: ClassVar[str] = "band"


Mark = Line | Area | Bar | Point | Rule | Band


@dataclass(frozen=True)
class Chart(View):
    """Marks over two axes. A legend names each labelled mark; colours follow the marks' order."""

    marks: Sequence[Mark]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    title: str = ""
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Matrix(View):
    """A heat map, `values[row, column]`, with the numbers in the cells where they fit.

    `domain` fixes the colour scale (from the data if None); `diverging` centres it on 0.
    NaN and infinities are drawn apart from the scale (a mask's -inf is hatched).
    """

    values: ArrayLike
    rows: Sequence[str] | None = None
    columns: Sequence[str] | None = None
    title: str = ""
    row_label: str = ""
    column_label: str = ""
    domain: tuple[float, float] | None = None
    diverging: bool = False
    digits: int = 2
    unit: str = ""
    kind: ClassVar[str] = "matrix"


@dataclass(frozen=True)
class Tokens(View):
    """Tokens in a row, shaded by `values` (0 to the largest); under each its note, or its value.

    Where the pointer is, `details` are read out, or else the value and the note.
    """

    tokens: Sequence[str]
    values: ArrayLike | None = None
    notes: Sequence[str] | None = None
    details: Sequence[str] | None = None
    title: str = ""
    unit: str = ""
    kind: ClassVar[str] = "tokens"


@dataclass(frozen=True)
class Table(View):
    """Rows of cells, numbers or text; numbers are aligned, with `digits` significant ones."""

    columns: Sequence[str]
    rows: Sequence[Sequence[float | int | str | bool | None]]
    title: str = ""
    digits: int = 4
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Metric:
    """One number with its unit and, where it helps, a few words on how to read it."""

    value: float | int | str
    unit: str = ""
    note: str = ""


class Metrics(View):
    """A handful of numbers by name: `Metrics(entropy=Metric(2.1, "bits"), parameters=1_024)`.

    Underscores in a name become spaces. `Metrics(**{"‖∂h/∂x‖": 0.1})` gives any name.
    """

    kind: ClassVar[str] = "metrics"

    def __init__(self, title: str = "", /, **items: Metric | float | int | str) -> None:
        self.title = title
        self.items: Mapping[str, Metric] = {
            name.replace("_", " "): item if isinstance(item, Metric) else Metric(item)
            for name, item in items.items()
        }


@dataclass(frozen=True)
class Node:
    """A node of a graph at (x, y), in any unit; y grows upwards. `value` in [0, 1] shades it."""

    id: str
    x: float
    y: float
    label: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Edge:
    """An edge between two nodes, by id. `value` in [0, 1] is its strength."""

    source: str
    target: str
    label: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Graph(View):
    """Nodes and edges at given places."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    title: str = ""
    directed: bool = True
    kind: ClassVar[str] = "graph"


@dataclass(frozen=True)
class Math(View):
    """A formula in TeX, typeset by KaTeX."""

    tex: str
    title: str = ""
    kind: ClassVar[str] = "math"


@dataclass(frozen=True)
class Note(View):
    """A sentence or two in plain text. `tone` "warning" is for what the reader must not miss."""

    text: str
    tone: Literal["info", "warning"] = "info"
    title: str = ""
    kind: ClassVar[str] = "note"


def as_data(value: Any) -> Any:
    """A view as dictionaries, lists, text, booleans, numbers and float64 arrays.

    A view becomes {"view": kind, **fields}, a mark {"mark": name, **fields}; any sequence that
    holds numbers only becomes an array. Fields that are None or "" are left out.
    """
    if isinstance(value, Metrics):
        items = [{"name": name, **as_data(item)} for name, item in value.items.items()]
        return {"view": "metrics", "items": items} | ({"title": value.title} if value.title else {})
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, as_data(getattr(value, f.name))) for f in fields(value))
        shown = {k: v for k, v in pairs if v is not None and not (isinstance(v, str) and v == "")}
        if isinstance(value, View):
            return {"view": value.kind, **shown}
        return {"mark": value.mark, **shown} if isinstance(value, Mark) else shown
    if isinstance(value, np.ndarray):
        return value.tolist() if value.dtype.kind in "US" else value.astype(np.float64)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        if value and all(_is_number(item) for item in value):
            return np.asarray(value, dtype=np.float64)
        return [as_data(item) for item in value]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
