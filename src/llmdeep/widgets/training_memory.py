"""What one rank holds while a model is trained: weights, gradients, optimizer, activations.

Notice: in mixed precision the optimizer states weigh six times the 16-bit weights, and ZeRO's first
stage splits just these; activations grow with the tokens of a micro-batch, not with parameters.
"""

import math
from typing import Annotated

from llmdeep.activation_memory import RECOMPUTE, activation_bytes
from llmdeep.catalog import ModelDescription
from llmdeep.parameter_counts import model_parameters
from llmdeep.terms import Terms
from llmdeep.training_state import STAGES, training_state_bytes
from llmdeep.widgets import (
    Axis,
    Bar,
    Chart,
    Choice,
    Metric,
    Metrics,
    Note,
    Rule,
    Slider,
    Table,
    Toggle,
    View,
)
from llmdeep.widgets._models import (
    AcceleratorName,
    Config,
    ModelName,
    described,
    device,
    remarks,
    size,
)

RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
SEQUENCES = tuple(2**k for k in range(9, 18))
NOTHING_LEFT = (
    "Selective recomputation drops the score matrices, and FlashAttention keeps none: the two "
    "together save no more than one."
)


def render(
    model: ModelName = "Llama 3.1 8B",
    stage: Annotated[int, Slider(values=tuple(STAGES), label="ZeRO stage")] = 1,
    ranks: Annotated[int, Slider(1, 16384, values=RANKS, label="data-parallel ranks")] = 8,
    tensor: Annotated[
        int, Slider(values=(1, 2, 4, 8, 16), label="tensor-parallel ranks (with sequences)")
    ] = 1,
    sequence: Annotated[int, Slider(values=SEQUENCES, unit="tokens")] = 4096,
    micro_batch: Annotated[int, Slider(values=(1, 2, 4, 8, 16), unit="sequences")] = 1,
    recompute: Annotated[str, Choice(*RECOMPUTE, label="recompute activations")] = "none",
    flash: Annotated[bool, Toggle("FlashAttention keeps no score matrices")] = True,
    accelerator: AcceleratorName = "H100 SXM5",
    config: Config = "",
) -> list[View]:
    name, description = described(model, config)
    parameters = model_parameters(description).total
    memory = device(accelerator).memory_gb * 1e9
    activations, missing = kept(description, sequence, micro_batch, recompute, tensor, flash)
    states = [training_state_bytes(parameters / tensor, s, ranks) for s in STAGES]
    total = states[stage].total + activations.total
    names = [f"stage {s}" for s in STAGES]
    bars = [Bar(names, [state[part] / 1e9 for state in states], part) for part in states[0].names]
    rows = [*states[stage], *activations]
    nothing_left = flash and recompute == "selective"
    return [
        Metrics(
            on_each_rank=Metric(size(total), note="what must be held; buffers come on top"),
            weights_gradients_optimizer=Metric(size(states[stage].total), note=STAGES[stage]),
            activations=Metric(size(activations.total) if not missing else "not counted"),
            ranks_in_all=Metric(ranks * tensor, note=f"{accelerator}: {size(memory)} each"),
            fits=Metric(
                "yes" if total <= memory else "no", note=f"{total / memory:.3g} × its memory"
            ),
        ),
        Chart(
            [
                *bars,
                Bar(names, [activations.total / 1e9] * 4, "activations"),
                Rule(y=memory / 1e9, label=accelerator),
            ],
            x=Axis("ZeRO", "category"),
            y=Axis("held by one rank", unit="GB"),
            title=f"Training {name}, {parameters / 1e9:.4g} billion parameters",
        ),
        Table(
            ("part", "bytes", "worked out"),
            [(term.name, size(term.value), term.working) for term in rows],
            title=f"One rank, stage {stage}",
        ),
        Note(
            "Adam in mixed precision: 2 bytes a parameter for weights, 2 for gradients, and 12 for "
            "float32 master weights and two moments. At least "
            f"{math.ceil(16 * parameters / memory):,} of these accelerators hold that for this "
            f"model, activations left out.{missing}" + (" " + NOTHING_LEFT if nothing_left else "")
        ),
        *remarks(model, config, description, sequence),
    ]


def kept(
    description: ModelDescription,
    sequence: int,
    micro_batch: int,
    recompute: str,
    tensor: int,
    flash: bool,
) -> tuple[Terms, str]:
    """The activations, or none and the reason why they are not counted for this model."""
    try:
        found = activation_bytes(
            description, sequence, micro_batch, recompute, tensor, tensor > 1, flash
        )
    except ValueError as reason:
        return Terms("bytes", ()), f" Activations: {reason}."
    return found, ""
