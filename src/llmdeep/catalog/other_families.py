"""How the other families name their sizes: GPT-2 and its time, state spaces, BERT and T5.

Sizes that are not in a file follow the family's published code (`transformers` 5.23).
"""

from math import ceil

from llmdeep.catalog.description import (
    Attention,
    FeedForward,
    Layer,
    ModelDescription,
    Positions,
    StateSpace,
)
from llmdeep.catalog.fields import LONGEST, MOST_LAYERS, WIDEST, ConfigError, Fields
from llmdeep.catalog.parts import (
    attention_of,
    context_of,
    experts_of,
    head_width,
    kv_heads,
    n_layers_of,
    tied_of,
    vocabulary_of,
    width,
)


def gpt2(f: Fields) -> ModelDescription:
    return _with_positions(f, "n_positions", norms_outside=1)


def openai_gpt(f: Fields) -> ModelDescription:
    """GPT-1: norms after each sub-layer, and so none at the end."""
    return _with_positions(f, "n_positions", norms_outside=0)


def bloom(f: Fields) -> ModelDescription:
    d_model = f.whole("hidden_size", f.whole("n_embed", 0, low=0) or None)
    n_heads = f.whole("n_head", f.whole("num_attention_heads", 0, low=0) or None)
    layers = (_biased_layer(d_model, n_heads, 4 * d_model),) * n_layers_of(f, "n_layer")
    context = f.whole("seq_length", 2048, LONGEST)
    return ModelDescription(
        "bloom", d_model, vocabulary_of(f), context, layers, True, "layer", "ALiBi", norms_outside=2
    )


def mpt(f: Fields) -> ModelDescription:
    d_model, n_heads = width(f, "d_model"), f.whole("n_heads")
    if not f.flag("no_bias", True):
        raise ConfigError("“no_bias” is false; of MPT only models without biases are known here.")
    attention = Attention(n_heads, _mpt_kv_heads(f, n_heads), head_width(d_model, n_heads))
    feed = FeedForward(f.whole("expansion_ratio", 4) * d_model, gated=False)
    layers = (Layer(attention, feed),) * n_layers_of(f, "n_layers")
    context = f.whole("max_seq_len", 2048, LONGEST)
    return ModelDescription(
        "mpt", d_model, vocabulary_of(f), context, layers, True, "layer without shift", "ALiBi"
    )


def falcon(f: Fields) -> ModelDescription:
    """One norm for both sub-layers in the 7B model, one for each in the larger ones."""
    d_model, n_heads = width(f, "hidden_size"), f.whole("num_attention_heads")
    newer = f.flag("new_decoder_architecture", False)
    n_kv_heads = kv_heads(f, n_heads, n_heads, "num_kv_heads") if newer else n_heads
    if not newer and f.flag("multi_query", True):
        n_kv_heads = 1
    bias = f.flag("bias", False)
    attention = Attention(
        n_heads, n_kv_heads, head_width(d_model, n_heads), qkv_bias=bias, output_bias=bias
    )
    feed = FeedForward(
        f.whole("ffn_hidden_size", 4 * d_model, 10 * WIDEST), gated=False, biases=bias
    )
    one_norm = f.flag("parallel_attn", True) and not newer
    if newer and f.whole("num_ln_in_parallel_attn", 2) == 1:
        one_norm = True
    layers = (Layer(attention, feed, norms=1 if one_norm else 2),) * n_layers_of(f)
    positions: Positions = "ALiBi" if f.flag("alibi", False) else "rotary"
    return ModelDescription(
        "falcon", d_model, vocabulary_of(f), context_of(f, 2048), layers, True, "layer", positions
    )


def palm(f: Fields) -> ModelDescription:
    """PaLM was never released; the catalog writes its Table 1 in the names of Llama's fields."""
    feed = FeedForward(width(f, "intermediate_size"))
    layers = (Layer(attention_of(f), feed, norms=1),) * n_layers_of(f)
    return ModelDescription(
        "palm",
        width(f, "hidden_size"),
        vocabulary_of(f),
        context_of(f),
        layers,
        True,
        "layer without shift",
    )


def mamba(f: Fields) -> ModelDescription:
    d_model = width(f, "hidden_size")
    mixer = StateSpace(
        f.whole("intermediate_size", f.whole("expand", 2) * d_model, 10 * WIDEST),
        f.whole("state_size", 16),
        f.whole("conv_kernel", 4),
        _step_rank(f, "time_step_rank", d_model),
        f.flag("use_bias", False),
        f.flag("use_conv_bias", True),
    )
    layers = (Layer(mixer, None, norms=1),) * n_layers_of(f)
    return ModelDescription(
        "mamba", d_model, vocabulary_of(f), LONGEST, layers, tied_of(f, True), positions="none"
    )


def jamba(f: Fields) -> ModelDescription:
    """State space layers, an attention layer every so often, experts in every second layer."""
    d_model = width(f, "hidden_size")
    state = StateSpace(
        f.whole("mamba_expand", 2) * d_model,
        f.whole("mamba_d_state", 16),
        f.whole("mamba_d_conv", 4),
        _step_rank(f, "mamba_dt_rank", d_model),
        f.flag("mamba_proj_bias", False),
        f.flag("mamba_conv_bias", True),
        inner_norms=True,
    )
    attention = attention_of(f)
    d_ff = width(f, "intermediate_size")
    dense = FeedForward(d_ff)
    experts = experts_of(f, "num_experts", d_ff) if f.whole("num_experts") > 1 else dense
    at, every = f.whole("attn_layer_offset", 4, low=0), f.whole("attn_layer_period", 8)
    expert_at = f.whole("expert_layer_offset", 1, low=0)
    expert_every = f.whole("expert_layer_period", 2)
    layers = tuple(
        Layer(
            attention if i % every == at else state,
            experts if i % expert_every == expert_at else dense,
        )
        for i in range(n_layers_of(f))
    )
    return ModelDescription(
        f.word("model_type"),
        d_model,
        vocabulary_of(f),
        context_of(f),
        layers,
        tied_of(f),
        positions="none",
    )


def bert(f: Fields) -> ModelDescription:
    d_model, n_heads = width(f, "hidden_size"), f.whole("num_attention_heads")
    layer = _biased_layer(d_model, n_heads, width(f, "intermediate_size"), causal=False)
    tables = (
        ("segments", f.whole("type_vocab_size", 2) * d_model),
        ("pooler", d_model * d_model + d_model),
    )
    context = context_of(f)
    return ModelDescription(
        "bert",
        d_model,
        vocabulary_of(f),
        context,
        (layer,) * n_layers_of(f),
        True,
        "layer",
        "learned",
        context,
        tables=tables,
        notes=("Without the head that predicts masked words.",),
    )


def t5(f: Fields) -> ModelDescription:
    """An encoder-decoder; only the first layer of each has a table of relative positions."""
    d_model, n_heads = width(f, "d_model"), f.whole("num_heads")
    gated = f.word("feed_forward_proj", "relu").startswith("gated")
    feed = FeedForward(width(f, "d_ff"), gated=gated)

    def stack(count: int, causal: bool) -> tuple[Layer, ...]:
        d_head = f.whole("d_kv")
        buckets = f.whole("relative_attention_num_buckets", 32)
        cross = Attention(n_heads, n_heads, d_head, causal=False) if causal else None
        return tuple(
            Layer(
                Attention(
                    n_heads, n_heads, d_head, causal=causal, relative_buckets=buckets * (i == 0)
                ),
                feed,
                norms=3 if causal else 2,
                cross=cross,
            )
            for i in range(count)
        )

    n_layers = n_layers_of(f, "num_layers")
    decoder = stack(f.whole("num_decoder_layers", n_layers, MOST_LAYERS), causal=True)
    return ModelDescription(
        "t5",
        d_model,
        vocabulary_of(f),
        f.whole("n_positions", 512, LONGEST),
        decoder,
        tied_of(f, True),
        positions="relative",
        norms_outside=2,
        encoder=stack(n_layers, causal=False),
    )


def _biased_layer(d_model: int, n_heads: int, d_ff: int, causal: bool = True) -> Layer:
    """GPT-2's layer and BERT's: every matrix has a bias, all heads have their own keys."""
    attention = Attention(
        n_heads,
        n_heads,
        head_width(d_model, n_heads),
        qkv_bias=True,
        output_bias=True,
        causal=causal,
    )
    return Layer(attention, FeedForward(d_ff, gated=False, biases=True))


def _with_positions(f: Fields, positions: str, norms_outside: int) -> ModelDescription:
    d_model = width(f, "n_embd")
    d_ff = f.whole("n_inner", 4 * d_model, 10 * WIDEST)
    layers = (_biased_layer(d_model, f.whole("n_head"), d_ff),) * n_layers_of(f, "n_layer")
    context = f.whole(positions, high=LONGEST)
    return ModelDescription(
        f.word("model_type"),
        d_model,
        vocabulary_of(f),
        context,
        layers,
        tied_of(f, True),
        "layer",
        "learned",
        context,
        norms_outside,
    )


def _mpt_kv_heads(f: Fields, n_heads: int) -> int:
    if not f.has("attn_config"):
        return n_heads
    attention = f.inside("attn_config")
    return {"multiquery_attention": 1}.get(attention.word("attn_type"), n_heads)


def _step_rank(f: Fields, name: str, d_model: int) -> int:
    if f.values.get(name) == "auto" or not f.has(name):
        return ceil(d_model / 16)
    return f.whole(name)
