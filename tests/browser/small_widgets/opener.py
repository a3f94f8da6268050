"""The first and the last bytes of a file, and nothing between.

Notice: its size does not matter.
"""

from typing import Annotated

from llmdeep.widgets import File, Metric, Metrics, Note, OpenFile, View


def render(
    own: Annotated[OpenFile | None, File(accept=".safetensors,.bin", max_bytes=10**10)] = None,
) -> list[View]:
    if own is None:
        return [Note("No file is open.")]
    header = own.read(8, int.from_bytes(own.read(0, 8), "little"))
    return [
        Note(f"{own.name} begins with {header.decode()}"),
        Metrics(
            size=Metric(own.size), last=own.read(own.size - 1)[0], past=len(own.read(own.size))
        ),
    ]
