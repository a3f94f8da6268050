"""How views travel from Python to the renderer: one JSON text and the arrays it points to.

The build (to Node), the precomputed states and the worker (to the page) all use this form.
In the text an array stands as {"$array": index, "shape": [rows, columns]}, and a number that JSON
lacks as {"$number": "NaN" | "Infinity" | "-Infinity"}.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from llmdeep.widgets._views import View, as_data


def pack(views: Sequence[View]) -> tuple[str, list[np.ndarray]]:
    """Views as JSON text and its arrays, each flat, float64 and contiguous.

    Raises:
        TypeError: If `views` is not a list of views; the message says what came instead.
    """
    if isinstance(views, View) or not isinstance(views, list | tuple):
        raise TypeError(f"render must return a list of views, not {type(views).__name__}")
    for view in views:
        if not isinstance(view, View):
            raise TypeError(f"render must return a list of views; it holds a {type(view).__name__}")
    arrays: list[np.ndarray] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(np.ascontiguousarray(value, dtype=np.float64).ravel())
            return {"$array": len(arrays) - 1, "shape": list(value.shape)}
        if isinstance(value, float) and not math.isfinite(value):
            return {
                "$number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            }
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value

    text = json.dumps([plain(as_data(view)) for view in views], ensure_ascii=False)
    return text, arrays
