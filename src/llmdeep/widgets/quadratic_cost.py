"""What a longer text costs: work, bytes and time on a chosen accelerator, matrices and attention.

Notice: every matrix does the same work for each token, and attention more for each further one.
The dashed line is where the two are equal; with windows or states it moves far to the right.
"""

from typing import Annotated

import numpy as np

from llmdeep.catalog import Attention, LatentAttention, ModelDescription
from llmdeep.roofline import operations, roofline_seconds
from llmdeep.token_flops import sequence_flops
from llmdeep.widgets import Axis, Chart, Line, Metric, Metrics, Note, Rule, Slider, Table, View
from llmdeep.widgets._models import (
    AcceleratorName,
    Config,
    ModelName,
    described,
    device,
    duration,
    remarks,
    sixteen_bit_peak,
    size,
)

LENGTHS = tuple(2**k for k in range(7, 21))
TERA = 1e12
DRAWN = [128, 512, 2048, 8192, 32_768, 131_072, 524_288, 2**20]


def render(
    model: ModelName = "Llama 3.1 8B",
    length: Annotated[
        int, Slider(128, 2**20, values=LENGTHS, label="length of the text", unit="tokens")
    ] = 32_768,
    accelerator: AcceleratorName = "H100 SXM5",
    config: Config = "",
) -> list[View]:
    name, description = described(model, config)
    chosen = device(accelerator)
    machine = (sixteen_bit_peak(chosen), chosen.bandwidth)
    flops = sequence_flops(description, length)
    attention = flops["attention over positions"]

    def reading(n: int) -> float:
        return roofline_seconds(operations(description, 1, n), *machine).total

    def writing(n: int) -> float:
        return roofline_seconds(operations(description, 1, 1, n - 1), *machine).total

    pairs = [sequence_flops(description, n)["attention over positions"] / TERA for n in DRAWN]
    each = (flops.total - attention) / length / TERA  # what the matrices do for a token
    crossing = equal_at(each, pairs)
    equal = [Rule(x=crossing, label="equal")] if np.isfinite(crossing) else []
    return [
        Metrics(
            attention_takes=Metric(100 * attention / flops.total, "% of the work"),
            as_much_as_the_matrices=Metric(
                round(crossing) if np.isfinite(crossing) else "beyond 1 million",
                "tokens",
                "where the lines cross",
            ),
            reading_the_text=Metric(
                duration(reading(length)), note=f"at least, on one {accelerator}"
            ),
            one_more_token=Metric(duration(writing(length)), note="at least, with its cache"),
            scores_of_one_layer=Metric(
                size(2 * scores(description, length)), note="if 16-bit scores were ever stored"
            ),
        ),
        Chart(
            [
                Line([DRAWN[0], DRAWN[-1]], [each * DRAWN[0], each * DRAWN[-1]], "matrices"),
                *([Line(DRAWN, pairs, "attention over positions")] if any(pairs) else []),
                Rule(x=length),
                *equal,
            ],
            x=Axis("length", "log", unit="tokens"),
            y=Axis("work", "log", unit="10¹² FLOP"),
            title=f"Reading a text with {name}",
        ),
        Chart(
            [
                Line(DRAWN, [reading(n) for n in DRAWN], "reading the whole text"),
                Line(DRAWN, [writing(n) for n in DRAWN], "writing one token after it"),
                Rule(x=length),
            ],
            x=Axis("length", "log", unit="tokens"),
            y=Axis("time", "log", unit="seconds, at least"),
            title=f"On one {accelerator}, 16-bit weights",
        ),
        Table(
            ("work", "10¹² FLOP", "worked out"),
            [(term.name, term.value / TERA, term.working) for term in flops],
            title=f"Reading {length:,} tokens",
        ),
        Note(
            f"Time is a bound: work at {chosen.name}’s dense 16-bit peak, bytes at its full "
            "bandwidth, whichever takes longer. Whether it fits the memory is not asked."
        ),
        *remarks(model, config, description, length),
    ]


def equal_at(matrices: float, attention: list[float]) -> float:
    """The length at which attention does as much as the matrices, between the lengths drawn."""
    lengths = np.array(DRAWN, float)
    ratio = np.log(np.maximum(attention, 1e-9) / (matrices * lengths))
    if ratio[-1] < 0:
        return float("inf")
    return float(np.exp(np.interp(0.0, ratio, np.log(lengths))))


def scores(description: ModelDescription, length: int) -> int:
    """Numbers in the score matrices of one layer: length² for each head."""
    heads = [m.n_heads for m in mixers(description)]
    return max(heads, default=0) * length**2


def mixers(description: ModelDescription) -> list[Attention | LatentAttention]:
    found = (layer.mixer for layer, _ in description.groups)
    return [mixer for mixer in found if isinstance(mixer, Attention | LatentAttention)]
