"""The models of the catalog, in a table: their shapes, what these add up to, where they were read.

Notice: nothing here was typed into a page. Shapes are rows of a data file; parameters and bytes are
counted from them as you look, and set beside what the makers printed.
"""

from typing import Annotated

from llmdeep.cache_bytes import cache_bytes
from llmdeep.catalog import Attention, Experts, LatentAttention, Model, layer_name, models
from llmdeep.parameter_counts import model_parameters
from llmdeep.widgets import Choice, ControlError, Metrics, Table, Text, View

ALL = "all"
FAMILIES = (ALL, *dict.fromkeys(row.family for row in models()))
Cell = float | int | str | None


def render(
    columns: Annotated[str, Choice("shape", "size", "source", label="show")] = "shape",
    family: Annotated[str, Choice(*FAMILIES)] = ALL,
    order: Annotated[
        str, Choice("family", "year", "parameters", "cache a token", "context", label="sort by")
    ] = "family",
    contains: Annotated[str, Text(40, min_length=0, label="name contains")] = "",
) -> list[View]:
    wanted = contains.strip().lower()
    rows = [row for row in models() if family in (ALL, row.family) and wanted in row.name.lower()]
    if not rows:
        raise ControlError(f"No model of the catalog ({family}) has “{contains}” in its name.")
    if order != "family":
        rows.sort(key=lambda row: -(number(row, order) or 0))
    heads, cells = {"shape": SHAPE, "size": SIZE, "source": SOURCE}[columns]
    return [
        Metrics(models=len(rows), families=len({row.family for row in rows})),
        Table(heads, [cells(row) for row in rows], title=f"Models by {order}"),
    ]


def number(row: Model, order: str) -> float | None:
    """What a row is sorted by; the largest comes first."""
    if order == "year":
        return row.year
    if row.config is None:
        return row.published if order == "parameters" else None
    if order == "parameters":
        return model_parameters(row.description).total
    if order == "context":
        return row.description.context
    return cache_bytes(row.description, 1).total if row.writes else None


def shape(row: Model) -> list[Cell]:
    if row.config is None:
        return [row.name, row.year, *[None] * 6, "too little was published"]
    d = row.description
    mixers = [layer.mixer for layer in d.layers if isinstance(layer.mixer, Attention)]
    latent = [layer.mixer for layer in d.layers if isinstance(layer.mixer, LatentAttention)]
    heads = ""
    if mixers:
        heads = f"{mixers[0].n_heads} : {mixers[0].n_kv_heads} × {mixers[0].d_head}"
    elif latent:
        heads = f"{latent[0].n_heads} × {latent[0].d_nope + latent[0].d_rope}"
    feeds = [layer.feed_forward for layer in d.layers if layer.feed_forward]
    hidden = max((f.d_ff for f in feeds if not isinstance(f, Experts)), default=None)
    kinds = [f"{f'{n} × ' * (len(d.groups) > 1)}{layer_name(layer)}" for layer, n in d.groups]
    return [
        row.name,
        row.year,
        len(d.layers),
        d.d_model,
        heads.replace(" ", "\u00a0"),
        hidden or max((f.d_ff for f in feeds), default=None),
        d.vocabulary,
        d.context,
        "; ".join(kind.replace(" ", "\u00a0") for kind in kinds),  # a kind is not broken
    ]


def size(row: Model) -> list[Cell]:
    published, active = row.published / 1e9, row.published_active
    printed = [published, active / 1e9 if active else None]
    if row.config is None:
        return [row.name, None, None, *printed, *[None] * 3]
    counted = model_parameters(row.description).total
    working = model_parameters(row.description, active=True).total
    a_token = cache_bytes(row.description, 1).total if row.writes else None
    difference = round(100 * (counted / row.published - 1), 1)
    return [
        row.name,
        counted / 1e9,
        working / 1e9 if working != counted else None,
        *printed,
        difference,
        2 * counted / 1e9,
        a_token,
    ]


def source(row: Model) -> list[Cell]:
    checked = "to the last tensor" if row.exact else "by its total" if row.config else None
    return [row.name, row.confidence, checked, row.source, row.published_source or None, row.notes]


SHAPE = (
    (
        "model",
        "year",
        "layers",
        "d_model",
        "heads : kv × d_head",
        "d_ff",
        "vocabulary",
        "context",
        "layers by kind",
    ),
    shape,
)
SIZE = (
    (
        "model",
        "10⁹ parameters",
        "active",
        "as printed",
        "active, as printed",
        "difference, %",
        "GB in 16 bits",
        "cache, bytes a token",
    ),
    size,
)
SOURCE = (
    ("model", "confidence", "count checked", "configuration read in", "count printed in", "notes"),
    source,
)
