"""A trained model as a folder in the published Llama format, its matrices in 8-bit numbers."""

import json
from pathlib import Path

import numpy as np

from llmdeep.quantization import dequantize, quantize
from llmdeep.safetensors_file import write_safetensors
from llmdeep.shapes import Array
from llmdeep.train.model import NORM_EPS, Parameters
from llmdeep.train.settings import Settings
from llmdeep.train.tokenizer import END_OF_TEXT, Tokens, tokenizer_json


def rounded(parameters: Parameters) -> dict[str, Array]:
    """Float16 weights: matrices rounded to 8-bit codes times a scale for each row."""
    weights = {}
    for name, value in parameters.items():
        values = value.detach().cpu().numpy()
        if values.ndim == 2:
            values = dequantize(*quantize(values))
        weights[name] = values.astype(np.float16)
    return weights


def write_model(
    folder: Path, weights: dict[str, Array], settings: Settings, tokens: Tokens
) -> None:
    """Everything that `transformers` and `llmdeep.checkpoint` read."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": settings.vocabulary_size,
        "hidden_size": settings.d_model,
        "num_hidden_layers": settings.n_layers,
        "num_attention_heads": settings.n_heads,
        "num_key_value_heads": settings.n_kv_heads,
        "head_dim": settings.d_head,
        "intermediate_size": settings.d_ff,
        "hidden_act": "silu",
        "max_position_embeddings": settings.context,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": settings.rope_theta,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": tokens.end_of_text,
        "eos_token_id": tokens.end_of_text,
        # The file's float16 are exact values for any wider type; to compute in float16 is not.
        "dtype": "float32",
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "model_max_length": settings.context,
        "clean_up_tokenization_spaces": False,
    }
    for name, content in (
        ("config.json", config),
        ("tokenizer_config.json", tokenizer_config),
        ("generation_config.json", {"eos_token_id": tokens.end_of_text, "do_sample": True}),
    ):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / "tokenizer.json").write_text(tokenizer_json(tokens), encoding="utf-8")
    data = write_safetensors(weights, {"format": "pt"})
    (folder / "model.safetensors").write_bytes(data)
