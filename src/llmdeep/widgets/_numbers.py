"""What a thousand numbers have in common: the views that show a tensor as a whole."""

import math

import numpy as np

from llmdeep.shapes import Array
from llmdeep.widgets._views import Axis, Bar, Chart, Line, Metric, Metrics, Note, View

N_BINS, MOST_GROUPS = 48, 96


def statistics(name: str, seen: Array, width: int, count: int) -> list[View]:
    """Moments, distribution and row norms of a tensor's first numbers.

    Args:
        seen: Float64, flat, row by row; whole rows, if there is more than one.
        width: Numbers in a row.
        count: Numbers in the tensor.
    """
    finite = seen[np.isfinite(seen)]
    part = "" if seen.size == count else f" (the first {seen.size:,} of {count:,})"
    if not finite.size:
        return [Note(f"{name}: no number is finite{part}.", tone="warning")]
    measured = {
        "min": finite.min(),
        "max": finite.max(),
        "mean": finite.mean(),
        "standard deviation": finite.std(),
    }
    items = {key: Metric(float(value)) for key, value in measured.items()}
    if finite.size < seen.size:
        items["not finite"] = Metric(seen.size - finite.size, note="NaN or infinite")
    views = [Metrics(f"Its numbers{part}", **items), _histogram(finite)]
    if width > 1 and seen.size >= 2 * width:
        views.append(_row_norms(np.linalg.norm(seen.reshape(-1, width), axis=1)))
    return views


def _histogram(finite: Array) -> Chart:
    low, high = float(finite.min()), float(finite.max())
    varied = 0 < high - low < math.inf
    edges = np.linspace(low, high, N_BINS + 1) if varied else np.array([low, high])
    counts = np.histogram(finite, edges)[0] if varied else np.array([finite.size])
    return Chart(
        [Bar((edges[1:] + edges[:-1]) / 2, counts)],
        x=Axis("value"),
        y=Axis("how many"),
        title="How its numbers are distributed",
    )


def _row_norms(norms: Array) -> Chart:
    """The length of each row; neighbours are averaged where there are too many to draw."""
    group = -(-len(norms) // MOST_GROUPS)
    starts = np.arange(0, len(norms), group)
    means = np.add.reduceat(norms, starts) / np.diff([*starts, len(norms)])
    title = "Norm of each row" if group == 1 else f"Norm of the rows, mean of {group} neighbours"
    return Chart([Line(starts, means)], x=Axis("row"), y=Axis("norm"), title=title)
