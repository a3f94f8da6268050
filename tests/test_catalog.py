"""The catalog against the published code: every model is built, without weights, and counted."""

import json
import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PretrainedConfig,
)

from llmdeep.catalog import (
    Attention,
    ConfigError,
    LatentAttention,
    LinearAttention,
    ModelDescription,
    StateSpace,
    accelerator,
    accelerators,
    layer_name,
    model,
    models,
    read_config,
)
from llmdeep.catalog.accelerators import Accelerator
from llmdeep.catalog.config_file import READERS
from llmdeep.catalog.rows import CatalogError, read_row
from llmdeep.parameter_counts import model_parameters
from llmdeep.parameters import Configuration, count_parameters

DESCRIBED = [row for row in models() if row.config is not None]
BUILT = [row for row in DESCRIBED if row.config and row.config["model_type"] != "palm"]
LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 96,
    "vocab_size": 100,
    "max_position_embeddings": 128,
}
ODD = {
    "llama with biases and its own head width": LLAMA
    | {"attention_bias": True, "mlp_bias": True, "head_dim": 24, "num_key_value_heads": 2},
    "gemma": LLAMA | {"model_type": "gemma", "head_dim": 32, "num_key_value_heads": 1},
    "qwen3 with biases": LLAMA | {"model_type": "qwen3", "attention_bias": True, "head_dim": 16},
    "qwen2, upper layers with windows": LLAMA
    | {
        "model_type": "qwen2",
        "use_sliding_window": True,
        "sliding_window": 8,
        "max_window_layers": 1,
    },
    "qwen2 moe, every second layer": LLAMA
    | {
        "model_type": "qwen2_moe",
        "num_hidden_layers": 5,
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 40,
        "decoder_sparse_step": 2,
        "mlp_only_layers": [3],
    },
    "qwen3 next, linear attention": LLAMA
    | {
        "model_type": "qwen3_next",
        "num_hidden_layers": 8,
        "head_dim": 32,
        "num_key_value_heads": 2,
        "num_experts": 6,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 40,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 24,
        "linear_conv_kernel_dim": 4,
    },
    "deepseek v2 with biases": LLAMA
    | {
        "model_type": "deepseek_v2",
        "attention_bias": True,
        "q_lora_rank": 24,
        "kv_lora_rank": 16,
        "qk_nope_head_dim": 12,
        "qk_rope_head_dim": 8,
        "v_head_dim": 20,
        "n_routed_experts": 6,
        "num_experts_per_tok": 2,
        "n_shared_experts": 1,
        "moe_intermediate_size": 24,
        "first_k_dense_replace": 1,
    },
    "falcon with ALiBi, biases and no parallel block": {
        **{k: v for k, v in LLAMA.items() if k != "intermediate_size"},
        "model_type": "falcon",
        "bias": True,
        "alibi": True,
        "parallel_attn": False,
        "multi_query": False,
    },
    "mamba with biases": {
        "model_type": "mamba",
        "num_hidden_layers": 3,
        "hidden_size": 40,
        "vocab_size": 50,
        "use_bias": True,
        "use_conv_bias": False,
        "state_size": 8,
    },
    "jamba, one expert": LLAMA
    | {
        "model_type": "jamba",
        "num_hidden_layers": 9,
        "num_experts": 1,
        "num_experts_per_tok": 1,
        "mamba_dt_rank": "auto",
        "mamba_proj_bias": True,
    },
    "t5, gated": {
        "model_type": "t5",
        "num_layers": 2,
        "num_decoder_layers": 3,
        "d_model": 32,
        "num_heads": 4,
        "d_kv": 12,
        "d_ff": 48,
        "vocab_size": 64,
        "feed_forward_proj": "gated-gelu",
    },
    "gpt2, narrow": {
        "model_type": "gpt2",
        "n_layer": 2,
        "n_embd": 32,
        "n_head": 4,
        "n_inner": 50,
        "vocab_size": 64,
        "n_positions": 16,
        "tie_word_embeddings": False,
    },
}


def config_of(values: dict[str, Any]) -> PretrainedConfig:
    kind = values["model_type"]
    return CONFIG_MAPPING[kind](**{k: v for k, v in values.items() if k != "model_type"})


@cache
def built_count(text: str) -> int:
    """Learned numbers of the model that transformers builds, each tensor once."""
    values = json.loads(text)
    kinds: dict[str, Any] = {"bert": AutoModel, "t5": AutoModelForSeq2SeqLM}
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = kinds.get(values["model_type"], AutoModelForCausalLM).from_config(config_of(values))
    tensors = {id(p): p.numel() for p in built.parameters()}
    learned = {id(b): b.numel() for name, b in built.named_buffers() if "e_score_correct" in name}
    return sum(tensors.values()) + sum(learned.values())


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.name)
def test_every_tensor_of_a_published_model_is_counted(row) -> None:
    assert model_parameters(row.description).total == built_count(json.dumps(row.config))


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
def test_every_tensor_of_an_unusual_configuration_is_counted(values) -> None:
    assert model_parameters(read_config(values)).total == built_count(json.dumps(values))


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.name)
def test_the_file_that_transformers_writes_gives_the_same_description(row) -> None:
    written = config_of(row.config).to_json_string(use_diff=False)
    described = read_config(written)
    assert described.layers == row.description.layers
    assert model_parameters(described) == model_parameters(row.description)


@pytest.mark.parametrize("values", ODD.values(), ids=ODD)
def test_the_file_of_an_unusual_configuration_too(values) -> None:
    assert read_config(config_of(values).to_json_string(use_diff=False)).layers == (
        read_config(values).layers
    )


def test_counts_agree_with_what_the_makers_print() -> None:
    """Printed counts are rounded; T5's and Falcon 40B's are farther from their own tensors."""
    rounded = {"T5 large": 0.05, "T5 3B": 0.06, "T5 11B": 0.03, "Falcon 40B": 0.04}
    for row in DESCRIBED:
        total = model_parameters(row.description).total
        assert total == pytest.approx(row.published, rel=rounded.get(row.name, 0.015)), row.name
    for name, published in {"PaLM 8B": 8.63e9, "PaLM 62B": 62.50e9, "PaLM 540B": 540.35e9}.items():
        assert model_parameters(model(name).description).total == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "printed", "embedding"),
    [
        ("Mixtral 8x7B", 12.9e9, True),
        ("Mixtral 8x22B", 39e9, True),
        ("gpt-oss-20b", 3.61e9, False),
        ("gpt-oss-120b", 5.13e9, False),
        ("DeepSeek-V3 / R1", 37e9, True),
        ("DeepSeek-V2", 21e9, True),
        ("Qwen3 235B-A22B", 22e9, True),
    ],
)
def test_active_parameters_are_the_printed_ones(name, printed, embedding) -> None:
    active = model_parameters(model(name).description, active=True)
    counted = active.total - (0 if embedding else active["embedding"])
    assert counted == pytest.approx(printed, rel=0.02)


def test_part_ones_decoder_is_counted_alike() -> None:
    ours = Configuration(12, 768, 12, 3072, vocabulary=50257, context=1024)
    parts = model_parameters(model("GPT-2 small").description)
    expected = count_parameters(ours)
    assert parts["embedding"] + parts["positions"] == expected["embedding"]
    for part in ("attention", "feed-forward", "norms"):
        assert parts[part] == expected[part]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("GPT-2 small", {"MHA + dense": 12}),
        ("Llama 3.1 8B", {"GQA + dense": 32}),
        ("PaLM 8B", {"MQA + dense": 32}),
        ("Mistral 7B v0.1", {"GQA, window 4,096 + dense": 32}),
        ("Gemma 2 9B", {"GQA, window 4,096 + dense": 21, "GQA + dense": 21}),
        ("Gemma 3 4B", {"GQA, window 1,024 + dense": 29, "GQA + dense": 5}),
        ("DeepSeek-V3 / R1", {"MLA + dense": 3, "MLA + MoE, 8 of 256": 58}),
        (
            "gpt-oss-20b",
            {"GQA, window 128 + MoE, 4 of 32": 12, "GQA + MoE, 4 of 32": 12},
        ),
        ("Mamba 2.8B", {"state space": 64}),
        (
            "Jamba v0.1",
            {
                "state space + dense": 12,
                "state space + MoE, 2 of 16": 16,
                "GQA + dense": 4,
            },
        ),
    ],
)
def test_layers_by_kind(name, kinds) -> None:
    groups = model(name).description.groups
    found: dict[str, int] = {}
    for layer, count in groups:
        found[layer_name(layer)] = found.get(layer_name(layer), 0) + count
    assert found == kinds


def test_a_model_that_also_sees_is_described_by_its_text_part() -> None:
    published = {
        "model_type": "gemma3",
        "text_config": {
            "hidden_size": 2560,
            "intermediate_size": 10240,
            "num_hidden_layers": 34,
            "sliding_window": 1024,
        },
        "vision_config": {"hidden_size": 1152},
    }
    described = read_config(published)
    assert described.layers == model("Gemma 3 4B").description.layers
    assert "language model" in described.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing here"),
        ("hello", "no JSON: Expecting value at line 1, column 1"),
        (json.dumps(LLAMA)[:70], "ends in the middle, at line 1"),
        ('{"model_type": "lla', "ends in the middle"),
        ("[1, 2]", "an object in braces"),
        ("[" * 100_000, "nested too deep"),
        ('{"hidden_size": ' + "9" * 5000 + "}", "too many digits"),
        ("{}", "“model_type” is missing"),
        ('{"dim": 4096, "n_layers": 32}', "Meta’s params.json"),
        ('{"model_type": "rwkv"}', "“rwkv” is not known here. Known here: llama, mistral"),
        ('{"model_type": "x", "text_config": {"model_type": "y"}}', "“y” is not known here"),
        ('{"model_type": "x", "text_config": {"text_config": {}}}', "“x_text” is not known here"),
        ('{"model_type": 7}', "“model_type” is 7; it must be a text"),
    ],
)
def test_what_is_no_configuration_is_refused_in_words(text, message) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config(text)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": None}, "“hidden_size” is missing; a llama config.json has a whole number"),
        ({"hidden_size": -5}, "“hidden_size” is -5, which can't be: it must be a whole number"),
        ({"hidden_size": 10**12}, "1000000000000, which can't be"),
        ({"hidden_size": "64"}, "“hidden_size” is “64”;"),
        ({"hidden_size": True}, "“hidden_size” is True;"),
        ({"hidden_size": 64.5}, "“hidden_size” is 64.5;"),
        ({"hidden_size": float("nan")}, "“hidden_size” is nan;"),
        ({"hidden_size": [64]}, "“hidden_size” is [64];"),
        ({"num_hidden_layers": 10**6}, "from 1 to 1,000"),
        (
            {"num_attention_heads": 5, "num_key_value_heads": 5},
            "64 channels don’t split into 5 heads",
        ),
        ({"num_key_value_heads": 3}, "4 query heads can’t share 3 key-value heads"),
        (
            {"tie_word_embeddings": "yes"},
            "“tie_word_embeddings” is “yes”; it must be true or false",
        ),
        ({"layer_types": ["full_attention"]}, "lists 1 layers; the model has 2"),
        ({"layer_types": ["full_attention", "chunked"]}, "“layer_types” names “chunked”"),
        ({"layer_types": ["sliding_attention"] * 2}, "“sliding_window” is missing"),
    ],
)
def test_impossible_fields_are_named(change, message) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config(LLAMA | change)
    assert message in str(refusal.value)


def test_more_experts_a_token_than_there_are_is_refused() -> None:
    values = LLAMA | {"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 4}
    with pytest.raises(ConfigError, match="is 4, but there are only 2 experts"):
        read_config(values)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
NAMES = sorted({name for row in DESCRIBED for name in row.config or {}} - {"model_type"})


def read_or_refuse(config: Any) -> ModelDescription | None:
    """The description, or None where it is refused in words; anything else raises."""
    try:
        return read_config(config)
    except ConfigError as refusal:
        if len(str(refusal)) <= 20:
            raise AssertionError(f"“{refusal}” does not help") from None
        return None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_broken_file_of_any_family_is_read_or_refused(data) -> None:
    """Fields of a real configuration are dropped, replaced by anything, and joined by others."""
    base = data.draw(st.sampled_from([row.config for row in DESCRIBED] + list(ODD.values())))
    changes = data.draw(
        st.dictionaries(st.sampled_from([*NAMES, "layer_types"]), VALUES, max_size=4)
    )
    values = {**base, **changes}
    for name in data.draw(st.lists(st.sampled_from(sorted(values)), max_size=2)):
        values.pop(name, None)
    kind = data.draw(st.sampled_from([*READERS, None]))
    values |= {"model_type": kind} if kind else {}
    described = read_or_refuse(values)
    if described is not None:
        assert model_parameters(described).total > 0
        assert len(described.layers) >= 1


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_text_is_read_or_refused(data) -> None:
    whole = json.dumps(data.draw(st.sampled_from([row.config for row in DESCRIBED])))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    text = data.draw(st.just(cut) | st.text() | st.just(cut + "}") | VALUES.map(json.dumps))
    described = read_or_refuse(text)
    assert described is None or described.layers


def test_every_row_names_its_source() -> None:
    assert len(models()) >= 74
    assert len(accelerators()) >= 28
    for row in (*models(), *accelerators()):
        assert len(row.source) > 10
        assert row.confidence in ("source", "mirror", "mixed", "reported")
    for row in models():
        assert bool(row.tokens) == bool(row.tokens_source), row.name


def test_peaks_are_dense_and_the_ridge_follows() -> None:
    h100 = accelerator("H100 SXM5")
    assert h100.peak("bf16") == 989.5e12
    assert round((h100.peak("bf16") or 0) / h100.bandwidth) == 295
    assert accelerator("A100 80GB SXM").peak("fp8") is None
    with pytest.raises(ValueError, match="not one of"):
        h100.peak("int3")


ROW = {
    "name": "X",
    "vendor": "V",
    "year": 2024,
    "memory_gb": 80,
    "memory_type": "HBM",
    "bandwidth_gbs": 3000,
    "source": "the datasheet",
    "confidence": "source",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"year": "2024"}, "field “year”: '2024' is no int"),
        ({"memory_gb": -1}, "field “memory_gb”: -1 must be above 0"),
        ({"bf16": True}, "field “bf16”: True is no float or nothing"),
        ({"flops": 3}, "there is no field “flops”"),
        ({"source": ""}, "field “source”: say where"),
        ({"confidence": "sure"}, "field “confidence”: one of"),
    ],
)
def test_a_bad_row_is_refused_by_name_and_field(change, message) -> None:
    assert read_row(ROW, Accelerator, "row X").name == "X"
    with pytest.raises(CatalogError) as refusal:
        read_row(ROW | change, Accelerator, "row X")
    assert str(refusal.value).startswith("row X")
    assert message in str(refusal.value)


def test_a_row_without_a_needed_field_is_refused() -> None:
    with pytest.raises(CatalogError, match="the field “bandwidth_gbs” is missing"):
        read_row({k: v for k, v in ROW.items() if k != "bandwidth_gbs"}, Accelerator, "row X")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(LookupError, match="there is no model 'GPT-5'; there are GPT-1"):
        model("GPT-5")
    with pytest.raises(LookupError, match="there is no accelerator 'H1000'"):
        accelerator("H1000")


def test_models_that_write_are_the_decoders() -> None:
    assert [row for row in DESCRIBED if row.writes] == [
        row for row in DESCRIBED if row.description.generates
    ]


def test_a_row_whose_configuration_is_broken_is_named() -> None:
    row = replace(model("Llama 3.1 8B"), config={"model_type": "llama"})
    with pytest.raises(CatalogError, match=r"row “Llama 3.1 8B”, config: “intermediate_size” is"):
        _ = row.description


def test_a_model_of_which_too_little_is_known_says_so() -> None:
    with pytest.raises(LookupError, match="published too little"):
        _ = model("Gopher 280B").description


def test_mixers_have_names() -> None:
    names = {
        Attention(8, 8, 64).name: "MHA",
        Attention(8, 2, 64).name: "GQA",
        Attention(8, 1, 64, window=128).name: "MQA, window 128",
        LatentAttention(8, None, 64, 16, 8, 16).name: "MLA",
        StateSpace(64, 16, 4, 4).name: "state space",
        LinearAttention(2, 4, 16, 16, 4).name: "linear attention",
    }
    assert all(name == expected for name, expected in names.items())
