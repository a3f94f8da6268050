"""The figures of flash attention say what the concepts say, and refuse in a reader's words."""

import math
from typing import Any

import numpy as np
import pytest

from llmdeep.attention import softmax
from llmdeep.widgets import Chart, ControlError, Metrics, Note, Table, View
from llmdeep.widgets._panel import arguments, widget_render


def shown(name: str, **given: Any) -> list[View]:
    render = widget_render(name)
    views: list[View] = render(**arguments(render, given))
    return views


def metrics(views: list[View]) -> dict[str, Any]:
    (found,) = (view for view in views if isinstance(view, Metrics))
    return {name: metric.value for name, metric in found.items.items()}


def test_the_table_adds_up_to_the_bytes_shown() -> None:
    views = shown("flash_traffic", length=200, chip=48, causal=True)
    (table,) = (view for view in views if isinstance(view, Table))
    sums = np.array([row[1:] for row in table.rows], float).sum(axis=0) / 1e3
    found = metrics(views)
    assert np.isclose(found["plain"], sums[0] + sums[1])
    assert np.isclose(found["tiled"], sums[2] + sums[3])


def test_tiles_beat_memory_with_a_large_chip_and_lose_with_tiny_tiles() -> None:
    large = metrics(shown("flash_traffic", tiles="the largest that fit"))
    tiny = metrics(shown("flash_traffic", tile_queries=8, length=256))
    assert large["tiled"] < large["plain"] / 3
    assert tiny["tiled"] > tiny["plain"]
    assert large["error in tiles"] < large["error of the plain"]


def test_a_mask_skips_tiles() -> None:
    full, causal = (metrics(shown("flash_traffic", causal=c)) for c in (False, True))
    assert causal["tiled"] < full["tiled"]
    assert causal["plain"] == full["plain"]


def test_the_first_version_moves_more_than_the_second() -> None:
    second, first = (
        metrics(shown("flash_traffic", stays=stays))
        for stays in ("queries (version 2)", "keys (version 1)")
    )
    assert first["tiled"] > second["tiled"]


def test_a_tile_that_does_not_fit_is_named() -> None:
    views = shown("flash_traffic", chip=16, tile_queries=256, tile_keys=256)
    (warning,) = (v for v in views if isinstance(v, Note) and v.tone == "warning")
    assert "the chip has 16" in warning.text


def test_too_many_tiles_and_too_small_a_chip_are_refused() -> None:
    with pytest.raises(ControlError, match="too many to compute"):
        shown("flash_traffic", tile_queries=1, tile_keys=1)


@pytest.mark.parametrize("block", [1, 2, 5, 8])
@pytest.mark.parametrize("scores", ["1 2 3", "-inf 3 -inf 2", "1e6 -1e6 999999", "−∞ −∞ 0 5 1 2 3"])
def test_the_walk_ends_at_softmax(scores: str, block: int) -> None:
    row = np.array([float(s.replace("−", "-").replace("∞", "inf")) for s in scores.split()])
    values = np.arange(len(row)) * 10.0
    text = " ".join(f"{v:g}" for v in values)
    views = shown("online_softmax", scores=scores, values=text, block=block, step=16)
    assert np.isclose(metrics(views)["output"], softmax(row) @ values)
    (table,) = (view for view in views if isinstance(view, Table))
    assert len(table.rows) == math.ceil(len(row) / block)


def test_a_larger_score_scales_what_was_summed() -> None:
    views = shown("online_softmax", scores="0 2 1", values="1 1 1", block=1, step=3)
    (table,) = (view for view in views if isinstance(view, Table))
    factors = [row[3] for row in table.rows]
    assert factors[0] == "–"
    np.testing.assert_allclose([float(f) for f in factors[1:]], [math.exp(-2), 1])


def test_nothing_to_see_gives_0_by_rule() -> None:
    views = shown("online_softmax", scores="-inf -inf", values="3 4", block=1, step=2)
    assert metrics(views)["output"] == 0
    assert any(isinstance(v, Note) and "Every score is hidden" in v.text for v in views)
    (chart,) = (view for view in views if isinstance(view, Chart))
    assert np.isfinite(np.asarray(chart.marks[0].y)).all()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scores": "1 two 3"}, "“two” cannot be one of the scores"),
        ({"scores": "1e9"}, "cannot be one of the scores"),
        ({"scores": "nan 1"}, "“nan” cannot"),
        ({"values": "-inf"}, "cannot be one of the values: write numbers"),
        ({"scores": ", ;"}, "There are no scores"),
        ({"scores": "1 " * 17}, "at most 16 fit"),
        ({"values": "1 2 3"}, "12 scores, but 3 values"),
    ],
)
def test_what_cannot_be_walked_through_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        shown("online_softmax", **given)
