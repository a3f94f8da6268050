"""How the families around Llama name their sizes: one function a family, fields to description.

Sizes that are not in a file follow the family's published code (`transformers` 5.23).
"""

from dataclasses import replace

from llmdeep.catalog.description import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
    ModelDescription,
)
from llmdeep.catalog.fields import MOST_LAYERS, ConfigError, Fields
from llmdeep.catalog.parts import (
    FULL,
    LINEAR,
    SLIDING,
    Feeds,
    attention_of,
    decoder,
    experts_of,
    kv_heads,
    n_layers_of,
    width,
)


def llama(f: Fields) -> ModelDescription:
    """RMSNorm, gated feed-forward, rotary positions: the shape most others start from."""
    biases = f.flag("attention_bias", False)
    feed = FeedForward(width(f, "intermediate_size"), biases=f.flag("mlp_bias", False))
    return decoder(f, attention_of(f, qkv_bias=biases, output_bias=biases), feed)


def mistral(f: Fields) -> ModelDescription:
    if "sliding_window" not in f.values:  # the first version's, unless the file says null
        f = Fields({**f.values, "sliding_window": 4096}, f.what)
    return decoder(f, attention_of(f), FeedForward(width(f, "intermediate_size")), _all_slide(f))


def phi3(f: Fields) -> ModelDescription:
    return decoder(f, attention_of(f), FeedForward(width(f, "intermediate_size")), _all_slide(f))


def mixtral(f: Fields) -> ModelDescription:
    experts = experts_of(f, "num_local_experts", width(f, "intermediate_size"))
    return decoder(f, attention_of(f), experts, _all_slide(f))


def gemma(f: Fields) -> ModelDescription:
    feed = FeedForward(width(f, "intermediate_size"))
    return decoder(f, attention_of(f), feed, tied=True)


def gemma2(f: Fields) -> ModelDescription:
    kinds = [FULL if i % 2 else SLIDING for i in range(n_layers_of(f))]
    feed = FeedForward(width(f, "intermediate_size"))
    return decoder(f, attention_of(f), feed, kinds, norms=4, tied=True)


def gemma3(f: Fields) -> ModelDescription:
    """Published files of the models that also see give few fields; the others have defaults."""
    pattern = f.whole("sliding_window_pattern", f.whole("_sliding_window_pattern", 6))
    kinds = [SLIDING if (i + 1) % pattern else FULL for i in range(n_layers_of(f))]
    n_heads = f.whole("num_attention_heads", 8)
    n_kv_heads = kv_heads(f, n_heads, 4)
    attention = Attention(n_heads, n_kv_heads, f.whole("head_dim", 256), head_norms=2)
    feed = FeedForward(width(f, "intermediate_size"))
    return decoder(
        f, attention, feed, kinds, norms=4, tied=True, vocabulary=262_208, context=131_072
    )


def qwen2(f: Fields) -> ModelDescription:
    feed = FeedForward(width(f, "intermediate_size"))
    return decoder(f, attention_of(f, qkv_bias=True), feed, _upper_slide(f))


def qwen2_moe(f: Fields) -> ModelDescription:
    experts = experts_of(
        f,
        "num_experts",
        width(f, "moe_intermediate_size"),
        d_shared=width(f, "shared_expert_intermediate_size"),
        shared_gate=True,
    )
    attention = attention_of(f, qkv_bias=f.flag("qkv_bias", True))
    return decoder(f, attention, _sparse(f, experts), _upper_slide(f))


def qwen3(f: Fields) -> ModelDescription:
    return decoder(
        f, _qwen3_attention(f), FeedForward(width(f, "intermediate_size")), _upper_slide(f)
    )


def qwen3_moe(f: Fields) -> ModelDescription:
    experts = experts_of(f, "num_experts", width(f, "moe_intermediate_size"))
    return decoder(f, _qwen3_attention(f), _sparse(f, experts), _upper_slide(f))


def qwen3_next(f: Fields) -> ModelDescription:
    every = f.whole("full_attention_interval", 4)
    kinds = [LINEAR if (i + 1) % every else FULL for i in range(n_layers_of(f))]
    linear = LinearAttention(
        f.whole("linear_num_key_heads"),
        f.whole("linear_num_value_heads"),
        f.whole("linear_key_head_dim"),
        f.whole("linear_value_head_dim"),
        f.whole("linear_conv_kernel_dim", 4),
    )
    experts = experts_of(
        f,
        "num_experts",
        width(f, "moe_intermediate_size"),
        d_shared=width(f, "shared_expert_intermediate_size"),
        shared_gate=True,
    )
    attention = attention_of(f, head_norms=2, gate=True)
    return decoder(f, attention, _sparse(f, experts), kinds, linear=linear)


def gpt_oss(f: Fields) -> ModelDescription:
    kinds = [FULL if i % 2 else SLIDING for i in range(n_layers_of(f))]
    biases = f.flag("attention_bias", True)
    attention = attention_of(f, qkv_bias=biases, output_bias=biases, sinks=True)
    experts = experts_of(f, "num_local_experts", width(f, "intermediate_size"), biases=True)
    return decoder(f, attention, experts, kinds)


def deepseek(f: Fields) -> ModelDescription:
    """Latent attention; the first layers dense, the others with shared and routed experts."""
    if "q_lora_rank" not in f.values:
        raise ConfigError(
            "“q_lora_rank” is missing; it says how far queries are compressed (null: not at all)."
        )
    attention = LatentAttention(
        f.whole("num_attention_heads"),
        f.whole("q_lora_rank") if f.has("q_lora_rank") else None,
        f.whole("kv_lora_rank"),
        f.whole("qk_nope_head_dim"),
        f.whole("qk_rope_head_dim"),
        f.whole("v_head_dim"),
        biases=f.flag("attention_bias", False),
    )
    d_expert = width(f, "moe_intermediate_size")
    n_shared = f.whole("n_shared_experts", 0, low=0)
    experts = experts_of(
        f,
        "n_routed_experts",
        d_expert,
        d_shared=n_shared * d_expert,
        selection_bias=f.word("model_type") == "deepseek_v3",
    )
    dense = FeedForward(width(f, "intermediate_size"))
    n_dense = f.whole("first_k_dense_replace", 0, MOST_LAYERS, low=0)
    every = f.whole("moe_layer_freq", 1)
    described = decoder(
        f,
        attention,
        lambda i: experts if i >= n_dense and i % every == 0 else dense,
        n_layers=n_layers_of(f),
    )
    if f.whole("num_nextn_predict_layers", 0, MOST_LAYERS, low=0) == 0:
        return described
    return replace(
        described, notes=("The layers that predict further tokens (MTP) are not counted.",)
    )


def _qwen3_attention(f: Fields) -> Attention:
    biases = f.flag("attention_bias", False)
    return attention_of(f, qkv_bias=biases, output_bias=biases, head_norms=2)


def _sparse(f: Fields, experts: Experts) -> Feeds:
    """Qwen's rule: experts in every so many layers, but for those listed as dense."""
    every, dense = f.whole("decoder_sparse_step", 1), f.indices("mlp_only_layers")
    all_sparse = every == 1 and not dense
    d_ff = 0 if all_sparse else width(f, "intermediate_size")
    return lambda i: experts if i not in dense and (i + 1) % every == 0 else FeedForward(d_ff)


def _all_slide(f: Fields) -> list[str] | None:
    return [SLIDING] * n_layers_of(f) if f.has("sliding_window") else None


def _upper_slide(f: Fields) -> list[str] | None:
    """Qwen's rule: a window, where it is used at all, in the layers from a given one upwards."""
    if not f.flag("use_sliding_window", False):
        return None
    first = f.whole("max_window_layers", 28, low=0)
    return [SLIDING if i >= first else FULL for i in range(n_layers_of(f))]
