"""On what each operation of a model waits: arithmetic or memory, on a chosen accelerator.

Notice: reading a prompt keeps the arithmetic busy, writing waits for memory; a larger batch moves
the matrices up the slope, but attention over the cache stays where it is.
"""

from typing import Annotated

import numpy as np

from llmdeep.catalog import MeasuredKernel, measured_kernels
from llmdeep.roofline import Bound, Operation, bound, operations
from llmdeep.weight_bytes import FORMATS
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Note,
    Point,
    Rule,
    Slider,
    Table,
    View,
)
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

WEIGHTS = ("bf16", "fp8", "mxfp4", "nf4")
SIXTEEN_BIT = ("bfloat16", "float16")  # torch's names; the peak that is drawn is theirs
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
CONTEXTS = tuple(2**k for k in range(7, 18))


def render(
    model: ModelName = "Llama 3.1 8B",
    phase: Annotated[str, Choice("reading a prompt", "writing a token")] = "writing a token",
    batch: Annotated[int, Slider(1, 512, values=BATCHES, label="sequences at once")] = 8,
    context: Annotated[int, Slider(128, 131_072, values=CONTEXTS, unit="tokens")] = 4096,
    weights: Annotated[str, Choice(*WEIGHTS, label="weights in")] = "bf16",
    accelerator: AcceleratorName = "H100 SXM5",
    config: Config = "",
) -> list[View]:
    name, description = described(model, config)
    chosen = device(accelerator)
    peak, bandwidth = sixteen_bit_peak(chosen), chosen.bandwidth
    new, cached = (context, 0) if phase == "reading a prompt" else (1, context - 1)
    bits = FORMATS[weights].bits_per_weight
    found = operations(description, batch, new, cached, weight_bits=bits)
    bounds = [bound(operation, peak, bandwidth) for operation in found]
    seconds = sum(each.seconds for each in bounds)
    memory = sum(o.weight_bytes + o.cache_bytes for o in found)
    slowest = max(zip(found, bounds, strict=True), key=lambda pair: pair[1].seconds)
    ridge = peak / bandwidth
    ours = [
        one
        for one in measured_kernels()
        if one.accelerator == chosen.name and one.dtype in SIXTEEN_BIT
    ]
    ends = intensities([*found, *ours], ridge)
    together: dict[str, list[Operation]] = {}
    for operation in found:
        together.setdefault(f"{operation.intensity:.2g}", []).append(operation)
    places = [same[0].intensity for same in together.values()]
    texts = [
        same[0].name + (f" and {len(same) - 1} more" if same[1:] else "")
        for same in together.values()
    ]
    return [
        Metrics(
            at_least=Metric(duration(seconds), note=f"for {batch} × {new:,} tokens"),
            tokens_a_second=Metric(batch * new / seconds, note="at most, all sequences together"),
            most_of_it=Metric(slowest[0].name, note=f"waits for {slowest[1].binds}"),
            ridge=Metric(
                ridge, "FLOP a byte", f"{peak / 1e12:g} TFLOP/s over {bandwidth / 1e12:g} TB/s"
            ),
            read=Metric(
                size(memory),
                note=f"weights and cache; {chosen.name} holds {chosen.memory_gb:g} GB",
            ),
        ),
        Chart(
            [
                Line(ends, np.minimum(peak, bandwidth * ends) / 1e12, accelerator),
                Point(
                    places, [min(peak, bandwidth * x) / 1e12 for x in places], "operations", texts
                ),
                *measured(ours),
                Rule(x=ridge, label="ridge"),
            ],
            x=Axis("arithmetic intensity", "log", unit="FLOP a byte"),
            y=Axis("reached, at most", "log", unit="TFLOP/s"),
            title=f"{name}, {phase}",
        ),
        Table(
            (
                "in all layers",
                "10⁹ FLOP",
                "bytes",
                "FLOP a byte",
                "at least",
                "share",
                "waits for",
            ),
            [row(o, b, seconds) for o, b in zip(found, bounds, strict=True)],
            digits=3,
        ),
        Note(
            f"A bound for one {chosen.name}: dense 16-bit peak whatever the weights’ format, full "
            "bandwidth, no operation beside another, nothing lost between them. Real programs take "
            "longer. Tokens choose experts evenly and independently."
        ),
        Note(
            f"Measured: this book’s kernels in 16 bits on the {chosen.name}, each with the bytes "
            "it has to move; the pages of the kernels say how."
            if ours
            else f"None of this book’s kernels has been measured on the {chosen.name} yet."
        ),
        *remarks(model, config, description, context),
    ]


def row(o: Operation, b: Bound, seconds: float) -> tuple[str | float, ...]:
    share = f"{100 * b.seconds / seconds:.3g}%"
    return (o.name, o.flops / 1e9, size(o.bytes), o.intensity, duration(b.seconds), share, b.binds)


def measured(ours: list[MeasuredKernel]) -> list[Point]:
    """Where the book's own kernels stand; nothing if none was measured."""
    if not ours:
        return []
    names = [one.name.rpartition(",")[0] for one in ours]
    return [Point([one.intensity for one in ours], [one.tflops for one in ours], "measured", names)]


def intensities(found: list[Operation | MeasuredKernel], ridge: float) -> np.ndarray:
    """The ends of the picture, and the ridge, where the line bends."""
    all_of_them = [ridge, *(o.intensity for o in found)]
    return np.array([min(all_of_them) / 2, ridge, max(all_of_them) * 2])
