"""Every widget computes in the page what it computes here, control by control.

The precomputed states are held to CPython by tests/test_states.py, so all three agree.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page
from python_page import RENDER

from llmdeep.site.session import render_widget
from llmdeep.site.sources import widget_sources
from llmdeep.widgets._panel import panel_data, widget_names, widget_render


def panels(name: str) -> Iterator[dict[str, Any]]:
    """The defaults, then each control at the first, the middle and the last of its values."""
    yield {}
    for control in panel_data(widget_render(name)):
        grid = [1, 2, 3] if control["kind"] == "seed" else control["grid"] or []
        for place in sorted({0, len(grid) // 2, len(grid) - 1} if grid else ()):
            yield {control["name"]: grid[place]}


def precision(name: str) -> tuple[float, float]:
    """Relative and absolute: the book's model computes in float32, through many layers, and some
    figures show differences of its costs; all else is computed in float64."""
    model = "llmdeep.book_model.load"
    float32 = model in [source["name"] for source in widget_sources(name)]
    return (1e-4, 1e-6) if float32 else (1e-6, 0.0)


@pytest.mark.parametrize("name", widget_names())
def test_the_page_computes_what_cpython_computes(page: Page, name: str) -> None:
    digits, least = precision(name)
    for params in panels(name):
        result = page.evaluate(RENDER, [name, params, {}])
        assert result["ok"], (params, result)
        text, arrays = render_widget(name, params)
        theirs = [result["rendered"]["text"], *result["rendered"]["arrays"]]
        compare(json.loads(theirs[0]), json.loads(text), f"{name} {params}", digits)
        assert len(theirs) == 1 + len(arrays)
        for got, expected in zip(theirs[1:], arrays, strict=True):
            scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0)
            small = max(digits**1.5 * scale, least)
            np.testing.assert_allclose(np.array(got, float), expected, rtol=digits, atol=small)


def compare(got: Any, expected: Any, where: str, digits: float) -> None:
    """Equal, except for the last digits of numbers: the page's sums run in another order."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for key in expected:
            compare(got[key], expected[key], f"{where} {key}", digits)
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for index, pair in enumerate(zip(got, expected, strict=True)):
            compare(*pair, f"{where} {index}", digits)
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=digits, abs=digits**2), where
    else:
        assert got == expected, where
