"""Two models side by side: their layers, widths, parameters, work and cache, and the differences.

Notice: models of one size differ most in what they keep of a text; a mixture of experts is large
on disk and small at work; and the first layers of a model are often made otherwise than the rest.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Annotated

from llmdeep.cache_bytes import cache_bytes, cached_numbers, held
from llmdeep.catalog import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
    ModelDescription,
    layer_name,
)
from llmdeep.parameter_counts import layer_parameters, model_parameters
from llmdeep.terms import Terms
from llmdeep.token_flops import forward_flops
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    ControlError,
    Line,
    Metric,
    Metrics,
    Slider,
    Table,
    Text,
    View,
)
from llmdeep.widgets._models import LONGEST_CONFIG, MODELS, described, remarks, size

CONTEXTS = tuple(2**k for k in range(9, 21))
Named = tuple[str, ModelDescription]


def pasted(which: str) -> Text:
    label = f"config.json in the place of {which}"
    return Text(LONGEST_CONFIG, min_length=0, multiline=True, label=label)


def render(
    first: Annotated[str, Choice(*MODELS, label="one model", swept=False)] = "Llama 3.1 8B",
    second: Annotated[str, Choice(*MODELS, label="another", swept=False)] = "Gemma 2 9B",
    context: Annotated[int, Slider(512, 2**20, values=CONTEXTS, unit="tokens")] = 8192,
    first_config: Annotated[str, pasted("the one")] = "",
    second_config: Annotated[str, pasted("the other")] = "",
) -> list[View]:
    one = chosen(first, first_config, "The first config.json")
    other = chosen(second, second_config, "The second config.json")
    if one[0] == other[0]:
        one, other = (f"{one[0]} (1)", one[1]), (f"{other[0]} (2)", other[1])
    models = (one, other)
    active = [model_parameters(description, active=True) for _, description in models]
    work = [forward_flops(description, context) for _, description in models]
    cache = [cache_bytes(description, context) for _, description in models]
    total = [model_parameters(description) for _, description in models]
    return [
        compared(models, total, active, work, cache, context),
        Chart(
            each_layer(models, lambda layer, of: layer_cache(layer, context) / 1e6),
            x=Axis("layer"),
            y=Axis("kept", unit="MB"),
            title=f"What each layer keeps of {context:,} tokens",
        ),
        Chart(
            each_layer(models, parameters_in_millions),
            x=Axis("layer"),
            y=Axis("parameters", unit="millions"),
            title="Parameters of each layer",
        ),
        layers(models),
        widths(models),
        side_by_side(models, total, "Parameters"),
        *(
            [side_by_side(models, active, "… of these at work on one token")]
            if any(a.total != t.total for a, t in zip(active, total, strict=True))
            else []
        ),
        side_by_side(models, work, f"Work for a token that sees {context:,}, in FLOP"),
        side_by_side(models, cache, f"Cache of {context:,} tokens in 16 bits, in bytes"),
        worked_out(models, (total, work, cache)),
        *remarks(first, first_config, one[1], context),
        *remarks(second, second_config, other[1], context),
    ]


def chosen(name: str, config: str, whose: str) -> Named:
    """The model of the catalog, or the pasted one; a refusal says which of the two boxes it means.

    Raises:
        ControlError: If the pasted text can't be read.
    """
    try:
        return described(name, config)
    except ControlError as error:
        raise ControlError(f"{whose}: {error}") from None


def compared(
    models: tuple[Named, Named],
    total: list[Terms],
    active: list[Terms],
    work: list[Terms],
    cache: list[Terms],
    context: int,
) -> Metrics:
    def against(found: list[Terms], shown: Callable[[float], str]) -> Metric:
        a, b = (terms.total for terms in found)
        return Metric(f"{shown(a)} : {shown(b)}", note=f"the second: {ratio(a, b)}")

    return Metrics(
        f"{models[0][0]} : {models[1][0]}",
        parameters=against(total, billions),
        at_work=against(active, billions),
        work_a_token=against(work, lambda flops: f"{flops / 1e9:.3g} GFLOP"),
        cache=against(cache, size),
    )


def each_layer(
    models: tuple[Named, Named], value: Callable[[Layer, ModelDescription], float]
) -> list[Line]:
    """A line a model, over its layers from 1."""
    lines = []
    for name, description in models:
        values = {layer: value(layer, description) for layer, _ in description.groups}
        heights = [float(f"{values[layer]:.4g}") for layer in description.layers]
        lines.append(Line([i + 1.0 for i in range(len(heights))], heights, name))
    return lines


def layer_cache(layer: Layer, context: int) -> float:
    """Bytes of one layer, in 16 bits."""
    return 2.0 * cached_numbers(layer.mixer) * held(layer.mixer, context)


def parameters_in_millions(layer: Layer, of: ModelDescription) -> float:
    norm = of.d_model * (2 if of.norm == "layer" else 1)
    return sum(layer_parameters(layer, of.d_model, norm).values()) / 1e6


def layers(models: tuple[Named, Named]) -> Table:
    """Which layers are of which kind, model by model, in the order of the layers."""
    rows = []
    for name, description in models:
        kinds: dict[str, list[int]] = {}
        for place, layer in enumerate(description.layers, 1):
            kinds.setdefault(layer_name(layer), []).append(place)
        rows += [(name, kind, len(where), places(where)) for kind, where in kinds.items()]
    return Table(("model", "kind of layer", "layers", "which"), rows, title="Layer by layer")


def places(numbers: list[int]) -> str:
    """Layer numbers as one reads them: "1–3", "6, 12, … 60", "1–5, 7–11, … 61–62"."""
    runs = []
    for _, group in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        runs.append(f"{run[0]}–{run[-1]}" if run[1:] else str(run[0]))
    return ", ".join(runs) if len(runs) < 5 else f"{runs[0]}, {runs[1]}, … {runs[-1]}"


def widths(models: tuple[Named, Named]) -> Table:
    sizes = [model_widths(description) for _, description in models]
    names = dict.fromkeys([*sizes[0], *sizes[1]])
    rows = [(name, *(found.get(name, "–") for found in sizes)) for name in names]
    return Table(("width", *(name for name, _ in models)), rows, title="Widths")


def model_widths(of: ModelDescription) -> dict[str, str]:
    """Every width by name; where layers differ, each value once."""
    found: dict[str, list[str]] = {}

    def say(name: str, value: float | str | None) -> None:
        text = f"{value:,}" if isinstance(value, int | float) else str(value)
        if value is not None and text not in found.setdefault(name, []):
            found[name].append(text)

    say("layers", len(of.layers))
    say("d_model", of.d_model)
    for layer, _ in of.groups:
        mixer, feed = layer.mixer, layer.feed_forward
        if isinstance(mixer, Attention | LatentAttention):
            say("query heads", mixer.n_heads)
        if isinstance(mixer, Attention):
            say("key-value heads", mixer.n_kv_heads)
            say("d_head", mixer.d_head)
            say("window", mixer.window or "none")
        elif isinstance(mixer, LatentAttention):
            say("latent vector", mixer.kv_rank)
            say("d_head", f"{mixer.d_nope} + {mixer.d_rope} rotary")
            say("value of a head", mixer.d_value)
        elif isinstance(mixer, LinearAttention):
            say("state", f"{mixer.n_value_heads} × {mixer.d_key} × {mixer.d_value}")
        else:
            say("state", f"{mixer.d_inner:,} × {mixer.d_state}")
        if isinstance(feed, FeedForward):
            say("d_ff", feed.d_ff)
            say("matrices of a feed-forward", 3 if feed.gated else 2)
        elif isinstance(feed, Experts):
            say("experts, for each token", f"{feed.n_experts}, {feed.top_k}")
            say("d_ff of an expert", feed.d_ff)
            say("d_ff of shared experts", feed.d_shared or None)
    say("vocabulary", of.vocabulary)
    say("unembedding", "the embedding" if of.tied else "its own")
    say("positions", of.positions)
    say("published for", f"{of.context:,} tokens")
    return {name: " or ".join(values) for name, values in found.items()}


def side_by_side(models: tuple[Named, Named], found: list[Terms], title: str) -> Table:
    """Part by part and in all, and what the second has more."""
    names = list(dict.fromkeys([*found[0].names, *found[1].names]))
    pairs = [(name, found[0][name], found[1][name]) for name in names]
    pairs.append(("in all", found[0].total, found[1].total))
    rows = [(name, round(a), round(b), round(b - a), ratio(a, b)) for name, a, b in pairs]
    columns = ("part", *(name for name, _ in models), "difference", "the second")
    return Table(columns, rows, title=title, digits=15)  # whole numbers, to the last digit


def worked_out(models: tuple[Named, Named], sums: tuple[list[Terms], ...]) -> Table:
    """Every term of every sum, as one would write it on paper."""
    rows = [
        (name, f"{term.name}, {terms.unit}", term.working)
        for found in sums
        for (name, _), terms in zip(models, found, strict=True)
        for term in terms
        if term.working
    ]
    return Table(("model", "term", "worked out"), rows, title="Every term, worked out")


def ratio(a: float, b: float) -> str:
    """How many times as much the second is."""
    if a == b:
        return "as much"
    if a and b:
        return f"{b / a:.3g} ×"
    return "only the second has it" if b else "only the first has it"


def billions(number: float) -> str:
    return f"{number / 1e9:.3g} B"
