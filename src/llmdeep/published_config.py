"""config.json: what a published folder says about its model, in the words of its family.

Every family has its own names for the same choices. What a file asks for and `llmdeep.transformer`
does not do is refused by name: a model that runs a little wrong looks a little bad, no more.
"""

import json
from collections.abc import Callable
from typing import Any

from llmdeep.config_fields import Fields
from llmdeep.model_config import Config
from llmdeep.rotary import RopeScaling

EVERY_MATRIX_OF_ATTENTION: tuple[str, ...] = ("query", "key", "value", "output")
ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
}


def read_config(text: str) -> tuple[str, Config]:
    """The architecture and the configuration that a config.json describes.

    Raises:
        ValueError: If the text is no JSON object, the architecture is not one of `ARCHITECTURES`, a
            key is missing or has a value of the wrong kind, or an option is not supported. It
            names the key and shows the value.

    Examples:
        >>> read_config('{"architectures": ["MixtralForCausalLM"]}')
        Traceback (most recent call last):
        ValueError: architectures: ["MixtralForCausalLM"] is not supported; GPT2LMHeadModel, \
LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM are
    """
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"it is not a JSON object, but {type(values).__name__}")
    fields = Fields(values)
    name = _architecture(fields)
    fields.allow("quantization_config", None)
    config = ARCHITECTURES[name](fields)
    if config.n_heads % config.n_kv_heads:
        raise fields.error("num_key_value_heads", f"groups do not divide {config.n_heads} heads")
    if config.positions == "rotary" and config.d_head % 2:
        raise ValueError(f"head_dim: {config.d_head} is odd, and rotary positions turn pairs")
    return name, config


def _architecture(fields: Fields) -> str:
    """The class that the model was saved from; `model_type` says it too."""
    if not fields.has("architectures"):
        kind = fields.word("model_type")
        if kind not in MODEL_TYPES:
            raise fields.error("model_type", f"is not supported; {', '.join(MODEL_TYPES)} are")
        return MODEL_TYPES[kind]
    named = fields.values["architectures"]
    if not isinstance(named, list) or len(named) != 1 or named[0] not in list(ARCHITECTURES):
        raise fields.error("architectures", f"is not supported; {', '.join(ARCHITECTURES)} are")
    name: str = named[0]
    return name


def _gpt2(fields: Fields) -> Config:
    fields.allow("scale_attn_weights", True)
    fields.allow("scale_attn_by_inverse_layer_idx", False)
    fields.allow("add_cross_attention", False)
    d_model, n_heads = fields.size("n_embd"), fields.size("n_head")
    return Config(
        n_layers=fields.size("n_layer"),
        d_model=d_model,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        d_head=_divided(fields, "n_embd", "n_head"),
        d_ff=fields.size("n_inner", 4 * d_model),
        vocabulary_size=fields.size("vocab_size"),
        max_positions=fields.size("n_positions"),
        norm="layer",
        norm_eps=fields.number("layer_norm_epsilon", 1e-5),
        gated=False,
        activation=_activation(fields, "activation_function", "gelu_new"),
        positions="learned",
        tied=fields.flag("tie_word_embeddings", True),
        biases=(*EVERY_MATRIX_OF_ATTENTION, "up", "down"),
    )


def _llama(fields: Fields) -> Config:
    biases = EVERY_MATRIX_OF_ATTENTION if fields.flag("attention_bias", False) else ()
    biases += ("gate", "up", "down") if fields.flag("mlp_bias", False) else ()
    return _of_llama_family(fields, biases, _windows(fields, []))


def _mistral(fields: Fields) -> Config:
    every = [True] * fields.size("num_hidden_layers") if fields.has("sliding_window") else []
    return _of_llama_family(fields, windows=_windows(fields, every))


def _qwen2(fields: Fields) -> Config:
    biases = ("query", "key", "value")
    return _of_llama_family(fields, biases, _windows(fields, _upper_layers(fields)))


def _qwen3(fields: Fields) -> Config:
    biases = EVERY_MATRIX_OF_ATTENTION if fields.flag("attention_bias", False) else ()
    return _of_llama_family(fields, biases, _windows(fields, _upper_layers(fields)), qk_norm=True)


ARCHITECTURES: dict[str, Callable[[Fields], Config]] = {
    "GPT2LMHeadModel": _gpt2,
    "LlamaForCausalLM": _llama,
    "MistralForCausalLM": _mistral,
    "Qwen2ForCausalLM": _qwen2,
    "Qwen3ForCausalLM": _qwen3,
}
MODEL_TYPES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}


def _of_llama_family(
    fields: Fields,
    biases: tuple[str, ...] = (),
    windows: tuple[int | None, ...] = (),
    qk_norm: bool = False,
) -> Config:
    n_heads = fields.size("num_attention_heads")
    theta, scaling = _rope(fields)
    return Config(
        n_layers=fields.size("num_hidden_layers"),
        d_model=fields.size("hidden_size"),
        n_heads=n_heads,
        n_kv_heads=fields.size("num_key_value_heads", n_heads),
        d_head=fields.size("head_dim")
        if fields.has("head_dim")
        else _divided(fields, "hidden_size", "num_attention_heads"),
        d_ff=fields.size("intermediate_size"),
        vocabulary_size=fields.size("vocab_size"),
        max_positions=fields.size("max_position_embeddings"),
        norm_eps=fields.number("rms_norm_eps", 1e-6),
        activation=_activation(fields, "hidden_act", "silu"),
        rope_theta=theta,
        rope_scaling=scaling,
        tied=fields.flag("tie_word_embeddings", False),
        qk_norm=qk_norm,
        biases=biases,
        windows=windows,
    )


def _rope(fields: Fields) -> tuple[float, RopeScaling | None]:
    """Base and scaling of the rotation: since 2025 in `rope_parameters`, before in two keys."""
    newer = fields.has("rope_parameters")
    rope = fields.object("rope_parameters" if newer else "rope_scaling")
    theta = (rope if rope.has("rope_theta") else fields).number("rope_theta", 10_000.0)
    for place in (fields, rope):
        place.allow("partial_rotary_factor", 1.0)
    key = "rope_type" if rope.has("rope_type") else "type"
    match rope.word(key, "default"):
        case "default":
            unknown = sorted(rope.values.keys() - {"rope_type", "type", "rope_theta"})
            for name in unknown:
                rope.allow(name, 1.0 if name == "partial_rotary_factor" else None)
            return theta, None
        case "linear":
            return theta, RopeScaling("linear", rope.number("factor"))
        case "llama3":
            longest = fields.size("max_position_embeddings")
            return theta, RopeScaling(
                "llama3",
                rope.number("factor"),
                rope.number("low_freq_factor"),
                rope.number("high_freq_factor"),
                rope.size("original_max_position_embeddings", longest),
            )
    raise rope.error(key, "is not supported; default, linear, llama3 are")


def _upper_layers(fields: Fields) -> list[bool]:
    """Qwen's rule: the layers from `max_window_layers` on have the window, if it is used at all."""
    if not fields.flag("use_sliding_window", False):
        return []
    n_layers = fields.size("num_hidden_layers")
    first = fields.values.get("max_window_layers")
    if type(first) is not int or first < 0:
        raise fields.error("max_window_layers", "is not a whole number of at least 0")
    return [layer >= first for layer in range(n_layers)]


def _windows(fields: Fields, windowed: list[bool]) -> tuple[int | None, ...]:
    """Each layer's window. A file that lists `layer_types` must say what its family's rule says."""
    kinds = ["sliding_attention" if has_window else "full_attention" for has_window in windowed]
    kinds = kinds or ["full_attention"] * fields.size("num_hidden_layers")
    if fields.has("layer_types") and fields.values["layer_types"] != kinds:
        raise fields.error("layer_types", "differs from what the other keys say")
    if not any(windowed):
        return ()
    window = fields.size("sliding_window")
    return tuple(window if has_window else None for has_window in windowed)


def _activation(fields: Fields, key: str, default: str) -> Any:
    if fields.word(key, default) not in ACTIVATIONS:
        raise fields.error(key, f"is not supported; {', '.join(ACTIVATIONS)} are")
    return ACTIVATIONS[fields.word(key, default)]


def _divided(fields: Fields, width: str, heads: str) -> int:
    if fields.size(width) % fields.size(heads):
        raise fields.error(width, f"channels do not divide into {fields.size(heads)} heads")
    return fields.size(width) // fields.size(heads)
