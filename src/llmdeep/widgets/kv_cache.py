"""What a model keeps of a text while it writes: bytes from its configuration, kind by kind.

Notice: a layer with a window stops growing, a state never grows, and eight key-value heads for
sixty-four query heads make the cache an eighth. The working of each number is in the table.
"""

from dataclasses import replace
from typing import Annotated

from llmdeep.cache_bytes import cache_bytes
from llmdeep.catalog import Attention, ModelDescription
from llmdeep.weight_bytes import weight_bytes
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Rule,
    Slider,
    Table,
    View,
)
from llmdeep.widgets._models import Config, ModelName, described, remarks, size

PRECISIONS = {"4 bits": 0.5, "8 bits": 1.0, "16 bits": 2.0, "32 bits": 4.0}
LENGTHS = [2.0**k for k in range(7, 21)]
CONTEXTS = tuple(2**k for k in range(9, 21))
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def render(
    model: ModelName = "Llama 3.1 8B",
    context: Annotated[int, Slider(512, 2**20, values=CONTEXTS, unit="tokens")] = 131_072,
    batch: Annotated[int, Slider(1, 256, values=BATCHES, label="sequences at once")] = 1,
    precision: Annotated[str, Choice(*PRECISIONS, label="each number in")] = "16 bits",
    config: Config = "",
) -> list[View]:
    name, description = described(model, config)
    each = PRECISIONS[precision]
    cache = cache_bytes(description, context, each)
    weights = weight_bytes(description, "bf16").total

    def curve(of: ModelDescription) -> list[float]:
        return [batch * cache_bytes(of, int(n), each).total / 1e9 for n in LENGTHS]

    others = {
        "without windows": changed(description, window=None),
        "a key and value for every head": changed(description, n_kv_heads=0),
    }
    lines = [Line(LENGTHS, curve(description), name)]
    for label, other in others.items():
        if other != description:
            lines.append(Line(LENGTHS, curve(other), label, dashed=True))
    growing = cache_bytes(description, 1, each).total
    return [
        Metrics(
            cache=Metric(size(batch * cache.total), note=f"{batch} × {context:,} tokens"),
            a_sequence=Metric(size(cache.total)),
            the_first_token=Metric(size(growing), note="keys and values, and any fixed state"),
            of_the_weights=Metric(
                batch * cache.total / weights, "×", f"the 16-bit weights are {size(weights)}"
            ),
        ),
        Chart(
            [*lines, Rule(x=context), Rule(y=weights / 1e9, label="16-bit weights")],
            x=Axis("context", "log", unit="tokens"),
            y=Axis("cache", "log", unit="GB"),
            title="The cache as the text grows",
        ),
        Table(
            ("layers of this kind", "bytes", "one sequence, worked out"),
            [(term.name, size(term.value), term.working) for term in cache],
            title=f"One sequence of {context:,} tokens",
        ),
        *remarks(model, config, description, context),
    ]


def changed(description: ModelDescription, **fields: int | None) -> ModelDescription:
    """The same model with other attention; n_kv_heads=0 stands for as many as there are heads."""
    new = {}
    for layer, _ in description.groups:
        mixer = layer.mixer
        if isinstance(mixer, Attention):
            given = {k: mixer.n_heads if v == 0 else v for k, v in fields.items()}
            mixer = replace(mixer, **given)  # type: ignore[arg-type]
        new[layer] = replace(layer, mixer=mixer)
    return replace(description, layers=tuple(new[layer] for layer in description.layers))
