"""Any published `config.json` into one description of the model.

The file is what the Hugging Face hub keeps beside a model's weights. Fields that its makers leave
out have the defaults of the `transformers` package, as far as published files rely on them.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmdeep.catalog import decoders, other_families
from llmdeep.catalog.description import ModelDescription
from llmdeep.catalog.fields import ConfigError, Fields

LONGEST_FILE = 1_000_000  # characters; published files have a few thousand

READERS = {
    "llama": decoders.llama,
    "mistral": decoders.mistral,
    "mixtral": decoders.mixtral,
    "gemma": decoders.gemma,
    "gemma2": decoders.gemma2,
    "gemma3_text": decoders.gemma3,
    "qwen2": decoders.qwen2,
    "qwen2_moe": decoders.qwen2_moe,
    "qwen3": decoders.qwen3,
    "qwen3_moe": decoders.qwen3_moe,
    "qwen3_next": decoders.qwen3_next,
    "phi3": decoders.phi3,
    "deepseek_v2": decoders.deepseek,
    "deepseek_v3": decoders.deepseek,
    "gpt_oss": decoders.gpt_oss,
    "gpt2": other_families.gpt2,
    "openai-gpt": other_families.openai_gpt,
    "bloom": other_families.bloom,
    "mpt": other_families.mpt,
    "falcon": other_families.falcon,
    "palm": other_families.palm,
    "mamba": other_families.mamba,
    "jamba": other_families.jamba,
    "bert": other_families.bert,
    "t5": other_families.t5,
}


def read_config(config: Mapping[str, Any] | str) -> ModelDescription:
    """The model that a `config.json` describes, given as text or already parsed.

    Raises:
        ConfigError: If it is no JSON object, of an architecture not known here, or lacks a field or
            has an impossible one. The message says which, and what would be right.

    Examples:
        >>> gpt2 = {"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12}
        >>> described = read_config(gpt2 | {"vocab_size": 50257, "n_positions": 1024})
        >>> len(described.layers), described.layers[0].mixer.name
        (12, 'MHA')
        >>> read_config('{"model_type": "llama", "hidden_size": 40')
        Traceback (most recent call last):
        llmdeep.catalog.fields.ConfigError: The text ends in the middle, at line 1: copy the whole \
config.json, from its first brace to its last.
    """
    values = _parsed(config) if isinstance(config, str) else config
    if not isinstance(values, Mapping):
        raise ConfigError('A config.json is an object in braces: {"model_type": "llama", …}.')
    kind = Fields(values, "a config.json").word("model_type")
    inner = values.get("text_config")
    if kind not in READERS and isinstance(inner, Mapping):  # a model that also sees or hears
        kind = Fields(inner, "“text_config”").word("model_type", f"{kind}_text")
        described = _described(kind, {**inner, "model_type": kind})
        described = _noted(described, "Only the language model, not what sees or hears.")
    else:
        described = _described(kind, values)
    if values.get("quantization_config") is not None:
        return _noted(described, "The file says that its weights are stored quantized.")
    return described


def _described(kind: str, values: Mapping[str, Any]) -> ModelDescription:
    if kind not in READERS:
        raise ConfigError(_unknown(kind, values))
    return READERS[kind](Fields(values, f"a {kind} config.json"))


def _parsed(text: str) -> Any:
    if len(text) > LONGEST_FILE:
        raise ConfigError(
            f"{len(text):,} characters are too many; a config.json has a few thousand."
        )
    if not text.strip():
        raise ConfigError("There is nothing here; paste a model’s config.json.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise ConfigError(
                f"The text ends in the middle, at line {error.lineno}: copy the whole "
                "config.json, from its first brace to its last."
            ) from None
        raise ConfigError(
            f"This is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except (ValueError, RecursionError):
        raise ConfigError(
            "This JSON can’t be read: a number in it has too many digits, or it is nested too deep."
        ) from None


def _unknown(kind: str, values: Mapping[str, Any]) -> str:
    known = f"Known here: {', '.join(READERS)}."
    if kind:
        return f"The architecture “{kind[:40]}” is not known here. {known}"
    if "dim" in values and "n_layers" in values:
        return (
            "This looks like Meta’s params.json. The config.json in the same model’s repository, "
            "with “model_type” and “hidden_size”, is what can be read here."
        )
    return f"“model_type” is missing; it says which architecture the file describes. {known}"


def _noted(description: ModelDescription, note: str) -> ModelDescription:
    return replace(description, notes=(*description.notes, note))
