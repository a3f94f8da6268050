"""The controls that widgets about real models share, and what their values stand for."""

from functools import lru_cache
from typing import Annotated

from llmdeep.catalog import (
    Accelerator,
    ConfigError,
    ModelDescription,
    accelerator,
    accelerators,
    model,
    models,
    read_config,
)
from llmdeep.widgets._controls import Choice, ControlError, Text
from llmdeep.widgets._views import Note

LONGEST_CONFIG = 20_000


MODELS = [row.name for row in models() if row.writes]
ACCELERATORS = [row.name for row in accelerators() if row.sixteen_bit]
ModelName = Annotated[str, Choice(*MODELS, label="model")]
Config = Annotated[
    str,
    Text(
        LONGEST_CONFIG,
        min_length=0,
        multiline=True,
        label="or any other model, by its config.json",
    ),
]
AcceleratorName = Annotated[str, Choice(*ACCELERATORS, label="accelerator")]


@lru_cache(maxsize=8)
def described(name: str, config: str) -> tuple[str, ModelDescription]:
    """What the panel chose: a name for it, and the description.

    Raises:
        ControlError: If the pasted text can't be read, or describes no decoder.
    """
    if not config.strip():
        return name, model(name).description
    try:
        found = read_config(config)
    except ConfigError as error:
        raise ControlError(str(error)) from None
    if not found.generates:
        raise ControlError(
            f"“{found.architecture}” is no decoder alone; here a model must write token by token."
        )
    return f"the pasted {found.architecture} model", found


def sixteen_bit_peak(chosen: Accelerator) -> float:
    """FLOP/s; the catalog's list for a control holds only what has such a rate."""
    return 1e12 * (chosen.sixteen_bit or 0.0)


def device(name: str) -> Accelerator:
    return accelerator(name)


def remarks(
    model_name: str, config: str, description: ModelDescription, n_tokens: int
) -> list[Note]:
    """Where the model's figures come from, and what the reader must know about them."""
    notes = list(description.notes)
    if n_tokens > description.context:
        notes.append(
            f"{n_tokens:,} tokens are more than the {description.context:,} this model was "
            "published for."
        )
    if not config.strip():
        notes.append(f"{model_name}: {model(model_name).source}.")
    return [Note(" ".join(notes), title="Where the figures come from")] if notes else []


def size(n_bytes: float) -> str:
    """Bytes as one reads them: 17.2 GB, 131 kB. Decimal units."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= 0.9995 * factor:  # 999.9 kB would be written 1e+03 kB
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.3g} bytes"


def duration(seconds: float) -> str:
    """Seconds as one reads them: 1.2 h, 35 ms."""
    for factor, unit in ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
        if seconds >= 0.9995 * factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
