"""What the readers of all families share: heads, experts, and the decoder built of them.

Each takes the fields of a config.json and refuses, in a reader's words, what can't be.
"""

from collections.abc import Callable, Sequence

from llmdeep.catalog.description import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
    ModelDescription,
)
from llmdeep.catalog.fields import LONGEST, MOST_LAYERS, WIDEST, ConfigError, Fields

FULL, SLIDING, LINEAR = "full_attention", "sliding_attention", "linear_attention"

Feeds = Callable[[int], FeedForward | Experts]


def decoder(
    f: Fields,
    attention: Attention | LatentAttention,
    feed: FeedForward | Experts | Feeds,
    kinds: Sequence[str] | None = None,
    norms: int = 2,
    tied: bool = False,
    linear: LinearAttention | None = None,
    vocabulary: int | None = None,
    context: int | None = None,
    n_layers: int | None = None,
) -> ModelDescription:
    """A decoder of pre-norm layers; "layer_types" of the file, if there, wins over `kinds`."""
    count = n_layers or n_layers_of(f)
    if f.has("layer_types"):
        kinds = f.words("layer_types", count)
    mixers: dict[str, Attention | LatentAttention | LinearAttention] = {FULL: attention}
    if kinds is not None and SLIDING in kinds and isinstance(attention, Attention):
        window = f.whole("sliding_window", high=LONGEST)
        mixers[SLIDING] = Attention(**{**vars(attention), "window": window})
    if linear is not None:
        mixers[LINEAR] = linear
    for kind in kinds or ():
        if kind not in mixers:
            raise ConfigError(
                f"“layer_types” names “{kind[:40]}”; known for this family: {', '.join(mixers)}."
            )
    feeds = feed if callable(feed) else lambda _: feed
    layers = tuple(
        Layer(mixers[kinds[i] if kinds else FULL], feeds(i), norms) for i in range(count)
    )
    return ModelDescription(
        f.word("model_type"),
        width(f, "hidden_size"),
        f.whole("vocab_size", vocabulary, 10 * WIDEST),
        context_of(f, context),
        layers,
        tied_of(f, tied),
    )


def attention_of(
    f: Fields,
    qkv_bias: bool = False,
    output_bias: bool = False,
    head_norms: int = 0,
    sinks: bool = False,
    gate: bool = False,
) -> Attention:
    n_heads = f.whole("num_attention_heads")
    n_kv_heads = kv_heads(f, n_heads, n_heads)
    d_head = (
        f.whole("head_dim") if f.has("head_dim") else head_width(width(f, "hidden_size"), n_heads)
    )
    return Attention(
        n_heads, n_kv_heads, d_head, None, qkv_bias, output_bias, head_norms, sinks, gate
    )


def experts_of(
    f: Fields,
    count: str,
    d_ff: int,
    d_shared: int = 0,
    shared_gate: bool = False,
    biases: bool = False,
    selection_bias: bool = False,
) -> Experts:
    # newer files of every family may say num_local_experts
    name = count if f.has(count) or not f.has("num_local_experts") else "num_local_experts"
    n_experts = f.whole(name, high=100_000)
    top_k = f.whole("num_experts_per_tok", high=100_000)
    if top_k > n_experts:
        raise ConfigError(
            f"“num_experts_per_tok” is {top_k:,}, but there are only {n_experts:,} experts."
        )
    return Experts(n_experts, top_k, d_ff, d_shared, shared_gate, biases, selection_bias)


def kv_heads(f: Fields, n_heads: int, default: int, name: str = "num_key_value_heads") -> int:
    n_kv_heads = f.whole(name, default)
    if n_heads % n_kv_heads:
        raise ConfigError(
            f"{n_heads:,} query heads can’t share {n_kv_heads:,} key-value heads evenly; "
            f"“{name}” must divide the number of heads."
        )
    return n_kv_heads


def head_width(d_model: int, n_heads: int) -> int:
    if d_model % n_heads:
        raise ConfigError(
            f"{d_model:,} channels don’t split into {n_heads:,} heads; such a model needs a head "
            "width of its own (“head_dim”)."
        )
    return d_model // n_heads


def n_layers_of(f: Fields, name: str = "num_hidden_layers") -> int:
    return f.whole(name, high=MOST_LAYERS)


def width(f: Fields, name: str) -> int:
    return f.whole(name, high=10 * WIDEST)


def vocabulary_of(f: Fields) -> int:
    return f.whole("vocab_size", high=10 * WIDEST)


def context_of(f: Fields, default: int | None = None) -> int:
    return f.whole("max_position_embeddings", default, LONGEST)


def tied_of(f: Fields, default: bool = False) -> bool:
    return f.flag("tie_word_embeddings", default)
