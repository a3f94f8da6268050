"""Softmax over keys that come in blocks: a running maximum, a running sum, a running output.

Notice: whenever a larger score arrives, all that was summed so far is scaled down, by the same
factor, so the ratio of output and sum stays right. Where no score is larger, the factor is 1.
"""

import math
from typing import Annotated

import numpy as np

from llmdeep.attention import softmax
from llmdeep.flash_attention import Partial, finish, merge, nothing_seen, partial_attention
from llmdeep.widgets import (
    Axis,
    Chart,
    ControlError,
    Line,
    Math,
    Metric,
    Metrics,
    Note,
    Rule,
    Slider,
    Steps,
    Table,
    Text,
    Tokens,
    View,
)

MOST = 16
LARGEST = 1e6
MASKED = ("-inf", "−inf", "-∞", "−∞", "masked")


def render(
    scores: Annotated[str, Text(max_length=300)] = "1 2 0 3 1 -inf 5 2 4 0 -2 1",
    values: Annotated[
        str, Text(max_length=300, label="values, one a score")
    ] = "10 20 30 40 50 60 70 80 90 100 110 120",
    block: Annotated[int, Slider(1, 8, step=1, integer=True, label="scores of a block")] = 2,
    step: Annotated[int, Steps(MOST + 1, label="blocks seen")] = 4,
) -> list[View]:
    row = numbers(scores, "scores", masks=True)
    column = numbers(values, "values")
    if len(column) < len(row):
        raise ControlError(
            f"There are {len(row)} scores, but {len(column)} values; each score needs its own."
        )
    s = np.array([row])
    v = np.array(column[: len(row)])[:, None]
    seen = nothing_seen(s, v)
    lines: list[tuple[float | str, ...]] = []
    states = [seen]
    for number, start in enumerate(range(0, len(row), block), 1):
        part = slice(start, start + block)
        new = partial_attention(s[:, part], v[part])
        before, seen = seen, merge(seen, new)
        states.append(seen)
        lines.append(
            (
                number,
                shown(new.largest[0, 0]),
                shown(seen.largest[0, 0]),
                factor(before, seen),
                float(seen.total[0, 0]),
                float(seen.mixed[0, 0]),
                float(finish(seen)[0][0, 0]),
            )
        )
    here = min(step, len(lines))
    now = states[here]
    output = finish(now)[0][0, 0]
    weights = softmax(s[0])
    right = float(weights @ v[:, 0])
    outputs = [float(finish(state)[0][0, 0]) for state in states]
    blocks = [i // block + 1 for i in range(len(row))]
    when = ["now" if b == here else "seen" if b < here else "to come" for b in blocks]
    return [
        Tokens(
            [shown(x) for x in row],
            [1.0 if word == "now" else 0.25 * (word == "seen") for word in when],
            when,
            title=f"Scores: {here} of {len(lines)} blocks seen",
        ),
        *working(states, here),
        Metrics(
            largest=Metric(shown(now.largest[0, 0]), note="of the scores seen"),
            sum=Metric(float(now.total[0, 0]), note="of e to the (score − largest)"),
            output=Metric(float(output), note="so far: weighted values / sum"),
            all_at_once=Metric(right, note="softmax of all scores, times the values"),
        ),
        Table(
            ("block", "its largest", "largest", "factor", "sum", "weighted values", "output"),
            lines[:here],
            title="After each block",
        ),
        Chart(
            [Line(np.arange(len(outputs)), outputs, "running output"), Rule(y=right), Rule(x=here)],
            x=Axis("blocks seen"),
            y=Axis("output"),
            title="The output on its way; the line is softmax over all scores",
        ),
        *remarks(row, outputs[-1], right),
    ]


def numbers(text: str, name: str, masks: bool = False) -> list[float]:
    """Numbers from one line; where `masks`, −∞ stands for a score that a mask hides."""
    words = text.replace(",", " ").replace(";", " ").split()
    if len(words) > MOST:
        raise ControlError(f"{len(words)} {name} are too many to walk through; at most {MOST} fit.")
    found = []
    for word in words:
        if masks and word.lower() in MASKED:
            found.append(-math.inf)
            continue
        try:
            number = float(word.replace("−", "-"))
        except ValueError:
            number = math.nan
        if not abs(number) <= LARGEST:
            hidden = ", or -inf where a mask hides a key" if masks else ""
            raise ControlError(
                f"“{word[:20]}” cannot be one of the {name}: write numbers from −{LARGEST:,.0f} to "
                f"{LARGEST:,.0f}{hidden}."
            )
        found.append(number)
    if not found:
        raise ControlError(f"There are no {name}; write numbers with spaces between them.")
    return found


def factor(before: Partial, after: Partial) -> float | str:
    """What the sums were multiplied with. Before there was anything, there was nothing to scale."""
    if before.largest[0, 0] == -math.inf:
        return "–"
    return float(np.exp(before.largest - after.largest)[0, 0])


def working(states: list[Partial], here: int) -> list[View]:
    """The step that was just taken, with its numbers."""
    if here == 0:
        return [Math(r"m = -\infty \qquad \ell = 0 \qquad o = 0")]
    before, now = states[here - 1], states[here]
    old, new = tex(before.largest[0, 0]), tex(now.largest[0, 0])
    if now.largest[0, 0] == -math.inf:
        return [Math(r"m = -\infty: \text{ nothing may be seen yet}")]
    scaled = 0.0
    kept = "0"
    if before.largest[0, 0] > -math.inf:
        scaled = float(np.exp(before.largest - now.largest)[0, 0])
        minus = rf"({new})" if now.largest[0, 0] < 0 else new
        kept = rf"e^{{{old} - {minus}}} \cdot {before.total[0, 0]:.4g}"
    added = float(now.total[0, 0] - scaled * before.total[0, 0])
    return [
        Math(
            rf"m = \max({old}, \ldots) = {new} \qquad "
            rf"\ell = {kept} + {added:.4g} = {now.total[0, 0]:.4g}"
        )
    ]


def remarks(row: list[float], online: float, right: float) -> list[View]:
    """How exact it was, and what would have happened without the maximum."""
    if max(row) == -math.inf:
        return [Note("Every score is hidden. The sum stays 0, and the output is 0 by rule.")]
    agree = abs(online - right) <= 1e-12 * max(abs(right), 1.0)
    text = (
        "At the end both agree to 12 digits. " if agree else "At the end they differ by rounding. "
    )
    if max(row) > math.log(np.finfo(np.float32).max):
        text += (
            f"Without the maximum, e to the {shown(max(row))} would not fit into 32 bits, whose "
            "largest number is about e to the 88.7."
        )
    return [Note(text)]


def shown(number: float) -> str:
    return "−∞" if number == -math.inf else f"{number:.4g}".replace("-", "−")


def tex(number: float) -> str:
    return r"-\infty" if number == -math.inf else f"{number:.4g}"
