"""Small random models of every supported family, made by `transformers`, the tests' oracle."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

VOCABULARY = 97
POSITIONS = 64
WINDOW = 5  # shorter than the texts

_ROTARY = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
}
_GPT2 = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": POSITIONS,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
_LLAMA_3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
_QWEN_WINDOW = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", _GPT2),
    "gpt2-untied": ("GPT2Config", _GPT2 | {"tie_word_embeddings": False, "n_inner": 40}),
    "gpt2-exact-gelu": ("GPT2Config", _GPT2 | {"activation_function": "gelu"}),
    "llama-2": ("LlamaConfig", _ROTARY | {"num_key_value_heads": 4}),
    "llama-2-one-group": ("LlamaConfig", _ROTARY | {"num_key_value_heads": 1, "head_dim": 10}),
    "llama-3": ("LlamaConfig", _ROTARY | {"rope_parameters": _LLAMA_3_ROPE}),
    "llama-3-tied": (
        "LlamaConfig",
        _ROTARY | {"rope_parameters": _LLAMA_3_ROPE, "tie_word_embeddings": True},
    ),
    "llama-linear-biased": (
        "LlamaConfig",
        _ROTARY
        | {
            "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0},
            "attention_bias": True,
            "mlp_bias": True,
        },
    ),
    "mistral": ("MistralConfig", _ROTARY | {"sliding_window": WINDOW}),
    "mistral-without-window": ("MistralConfig", _ROTARY | {"sliding_window": None}),
    "qwen2": ("Qwen2Config", _ROTARY | {"tie_word_embeddings": True}),
    "qwen2-windowed": ("Qwen2Config", _ROTARY | _QWEN_WINDOW),
    "qwen3": ("Qwen3Config", _ROTARY | {"head_dim": 16}),
    "qwen3-tied-biased": (
        "Qwen3Config",
        _ROTARY | {"head_dim": 8, "tie_word_embeddings": True, "attention_bias": True},
    ),
}


@functools.cache
def published(name: str) -> transformers.PreTrainedModel:
    """The model in `transformers`, with random weights so large that every part matters."""
    kind, settings = CONFIGS[name]
    torch.manual_seed(list(CONFIGS).index(name))
    config = getattr(transformers, kind)(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in model.parameters():  # gains and biases begin as ones and zeros
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def save(name: str, folder: Path, **options: Any) -> Path:
    """The folder that `transformers` publishes the model as."""
    published(name).save_pretrained(folder, **options)
    return folder


def random_tokens(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, VOCABULARY, shape)


def logits_of(name: str, tokens: np.ndarray, **arguments: Any) -> np.ndarray:
    """What `transformers` computes, arguments being arrays by its names."""
    with torch.no_grad():
        given = {key: torch.tensor(value) for key, value in arguments.items()}
        return published(name)(torch.tensor(tokens), **given).logits.numpy()
