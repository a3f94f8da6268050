"""Widgets: one file each, a pure function `render` whose signature is the control panel.

    def render(temperature: Annotated[float, Slider(0.1, 4.0, log=True)] = 1.0) -> list[View]: ...

The folder is discovered: a module here that does not begin with an underscore is a widget.
A `render` that takes long may be a generator: each list it yields is the whole figure as it then
stands, shown as it comes, and the last one is the answer.

Widgets are leaves; nothing imports one.
"""

from llmdeep.widgets._controls import (
    Choice,
    Control,
    ControlError,
    File,
    Number,
    Seed,
    Slider,
    Steps,
    Text,
    Toggle,
)
from llmdeep.widgets._file import OpenFile
from llmdeep.widgets._views import (
    Area,
    Axis,
    Band,
    Bar,
    Chart,
    Edge,
    Graph,
    Line,
    Math,
    Matrix,
    Metric,
    Metrics,
    Node,
    Note,
    Point,
    Rule,
    Table,
    Tokens,
    View,
)

__all__ = [
    "Area",
    "Axis",
    "Band",
    "Bar",
    "Chart",
    "Choice",
    "Control",
    "ControlError",
    "Edge",
    "File",
    "Graph",
    "Line",
    "Math",
    "Matrix",
    "Metric",
    "Metrics",
    "Node",
    "Note",
    "Number",
    "OpenFile",
    "Point",
    "Rule",
    "Seed",
    "Slider",
    "Steps",
    "Table",
    "Text",
    "Toggle",
    "Tokens",
    "View",
]
