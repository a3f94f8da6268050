"""What was measured of the kernels, as rows of the catalog: the figure `roofline` draws them.

A page cannot read `gpu_runs/`, which is no part of the package; of a measurement it needs only
four numbers. What is stale is left out.
"""

import json
from pathlib import Path
from typing import Any

from llmdeep.catalog.measured_kernels import FILE
from llmdeep.gpu.artifact import FOLDER, is_current, of
from llmdeep.gpu.discovery import names
from llmdeep.site.cache import write


def points(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """A row for every case of every current artifact, as `MeasuredKernel` has its fields."""
    return [
        {
            "name": f"{kernel}, {result['case']}, {artifact['device']['accelerator']}",
            "kernel": kernel,
            "accelerator": artifact["device"]["accelerator"],
            "dtype": result["dtype"],
            "flops": result["flops"],
            "bytes": result["bytes"],
            "milliseconds": result["timing"]["median_ms"],
            "source": f"gpu_runs/{path.name}",
            "confidence": "source",
        }
        for kernel in names()
        for path, artifact in of(kernel, folder).items()
        if is_current(artifact)
        for result in artifact["results"]
    ]


def write_points(folder: Path = FOLDER, file: Path = FILE) -> None:
    """Bring the catalog's file up to date."""
    write(file, json.dumps(points(folder), indent=1) + "\n")


def are_written(folder: Path = FOLDER, file: Path = FILE) -> bool:
    """Whether the catalog's file says what the artifacts say."""
    return bool(json.loads(file.read_text(encoding="utf-8")) == points(folder))
