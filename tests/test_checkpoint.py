"""Published folders: read whole and sharded, by old and new names, or refused with a reason."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import tokenizers
import torch
import transformers
from published_models import CONFIGS, WINDOW, logits_of, published, random_tokens, save

from llmdeep import book_model, data_files
from llmdeep.checkpoint import INDEX, read_checkpoint
from llmdeep.published_config import ARCHITECTURES, read_config
from llmdeep.quantization import dequantize, pack_8bit, quantize
from llmdeep.rotary import RopeScaling
from llmdeep.transformer import forward

TOLERANCE = {"rtol": 0, "atol": 1e-4}
LLAMA_2_7B = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
    "vocab_size": 32000,
    "rms_norm_eps": 1e-5,
    "rope_scaling": None,
    "tie_word_embeddings": False,
    "pretraining_tp": 1,
    "torch_dtype": "float16",
}
LLAMA_31_SCALING = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3",
}
GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
    "n_positions": 1024,
    "vocab_size": 50257,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-05,
}


def change_json(path: Path, change: Callable[[dict], None]) -> None:
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def change_tensors(path: Path, change: Callable[[dict], None]) -> None:
    tensors = dict(safetensors.numpy.load_file(path))
    change(tensors)
    safetensors.numpy.save_file(tensors, path)


def config_of(fields: dict, **changes: object):
    return read_config(json.dumps(fields | changes))[1]


class TestFolder:
    @pytest.mark.parametrize("name", CONFIGS)
    def test_in_shards_is_the_same_model(self, name, tmp_path):
        whole = read_checkpoint(save(name, tmp_path / "whole"))
        folder = save(name, tmp_path / "shards", max_shard_size="20KB")
        assert len(list(folder.glob("*.safetensors"))) > 2
        assert (folder / INDEX).exists()
        shards = read_checkpoint(folder)
        assert shards.config == whole.config
        assert shards.weights.keys() == whole.weights.keys()
        for key, weight in whole.weights.items():
            assert np.array_equal(shards.weights[key], weight)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_of_other_floats_becomes_float32_exactly(self, dtype, tmp_path):
        folder = save("llama-2", tmp_path)
        tensors = {
            name: tensor.to(dtype) for name, tensor in published("llama-2").state_dict().items()
        }
        safetensors.torch.save_file(tensors, folder / "model.safetensors")
        _, weights, _ = read_checkpoint(folder)
        query = tensors["model.layers.1.self_attn.q_proj.weight"].float().numpy()
        assert weights["layers.1.attention.query"].dtype == np.float32
        assert np.array_equal(weights["layers.1.attention.query"], query.T)

    def test_of_codes_and_scales_is_the_model_that_they_stand_for(self, tmp_path):
        folder = save("llama-3-tied", tmp_path)
        stands_for = {}
        for name, tensor in published("llama-3-tied").state_dict().items():
            values = tensor.numpy().astype(np.float16)
            if values.ndim == 2:
                values = dequantize(*quantize(values)).astype(np.float16)
            stands_for[name] = values
        del stands_for["lm_head.weight"]
        safetensors.numpy.save_file(stands_for, folder / "model.safetensors")
        plain = read_checkpoint(folder).weights
        (folder / "model.safetensors").write_bytes(pack_8bit(stands_for))
        packed = read_checkpoint(folder).weights
        assert packed.keys() == plain.keys()
        for name, weight in plain.items():
            assert packed[name].dtype == np.float32
            assert np.array_equal(packed[name], weight), name

    def test_is_mapped_and_not_copied_and_cannot_be_written_to(self, tmp_path):
        _, weights, _ = read_checkpoint(save("qwen3", tmp_path))
        for name, weight in weights.items():
            assert not weight.flags.owndata, name
            assert not weight.flags.writeable, name
        assert weights["layers.0.feed_forward.down"].flags.f_contiguous

    def test_has_a_tokenizer_if_there_is_one(self, tmp_path):
        folder = save("llama-2", tmp_path)
        assert read_checkpoint(folder).tokenizer is None
        tokenizer = {
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "decoder": {"type": "ByteLevel"},
        }
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        read = read_checkpoint(folder).tokenizer
        assert read.encode("abb") == [2, 1]

    def test_of_gpt2_may_have_the_names_and_constants_of_old_files(self, tmp_path):
        folder = save("gpt2", tmp_path)

        def as_of_old(tensors: dict) -> None:
            for name in list(tensors):
                tensors[name.removeprefix("transformer.")] = tensors.pop(name)
            for layer in range(3):
                tensors[f"h.{layer}.attn.bias"] = np.tril(np.ones((1, 1, 64, 64), np.uint8))
                tensors[f"h.{layer}.attn.masked_bias"] = np.float32([-1e4])

        change_tensors(folder / "model.safetensors", as_of_old)
        config, weights, _ = read_checkpoint(folder)
        tokens = random_tokens(1, 1, 9)
        np.testing.assert_allclose(
            forward(weights, config, tokens), logits_of("gpt2", tokens), **TOLERANCE
        )

    def test_that_is_tied_may_hold_the_embedding_twice(self, tmp_path):
        folder = save("llama-3-tied", tmp_path)
        embedding = published("llama-3-tied").model.embed_tokens.weight.detach().numpy()

        def twice(tensors: dict) -> None:
            tensors["lm_head.weight"] = embedding.copy()
            tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(4, np.float32)

        change_tensors(folder / "model.safetensors", twice)
        config, weights, _ = read_checkpoint(folder)
        assert config.tied
        assert "unembedding" not in weights
        change_tensors(
            folder / "model.safetensors",
            lambda tensors: tensors.update({"lm_head.weight": embedding + 1}),
        )
        with pytest.raises(ValueError, match=r"'lm_head.weight' differs from the embedding"):
            read_checkpoint(folder)


class TestRefusedFolder:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        return save("llama-2", tmp_path)

    @pytest.fixture
    def shards(self, tmp_path) -> Path:
        return save("llama-2", tmp_path, max_shard_size="20KB")

    def refusal(self, folder: Path) -> str:
        with pytest.raises(ValueError, match=r"\w") as caught:
            read_checkpoint(folder)
        return str(caught.value)

    def test_without_config(self, folder):
        (folder / "config.json").unlink()
        assert self.refusal(folder) == f"config.json is missing from {folder}"

    def test_without_weights(self, folder):
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        assert f"neither model.safetensors nor {INDEX}" in self.refusal(folder)

    def test_with_config_that_is_no_text(self, folder):
        (folder / "config.json").write_bytes(b'{"a\xff')
        assert self.refusal(folder) == f"{folder / 'config.json'} is not UTF-8 at byte 3"

    @pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
    @pytest.mark.parametrize("file", ["config.json", INDEX, "tokenizer.json"])
    def test_with_a_file_that_is_no_json_object(self, shards, file, text):
        (shards / file).write_text(text)
        assert self.refusal(shards).startswith(f"{shards / file}: ")

    def test_cut_off(self, folder):
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-5])
        assert self.refusal(folder).startswith(f"{path}: array ")

    def test_with_a_tensor_missing(self, folder):
        name = "model.layers.2.mlp.up_proj.weight"
        change_tensors(folder / "model.safetensors", lambda tensors: tensors.pop(name))
        message = self.refusal(folder)
        assert message == f"model.safetensors lacks 1 tensors of this model, first {name!r}"

    def test_with_a_tensor_too_many(self, folder):
        change_tensors(
            folder / "model.safetensors",
            lambda tensors: tensors.update({"model.layers.2.mlp.router": np.ones(2)}),
        )
        message = "model.safetensors holds 'model.layers.2.mlp.router', which this model does not"
        assert self.refusal(folder).startswith(message)

    def test_with_a_tensor_of_another_shape(self, folder):
        name = "model.layers.0.self_attn.k_proj.weight"
        change_tensors(
            folder / "model.safetensors", lambda tensors: tensors.update({name: np.ones((3, 32))})
        )
        message = f"model.safetensors: {name!r} has shape (3, 32); config.json makes it (32, 32)"
        assert self.refusal(folder) == message

    def test_with_a_tensor_that_holds_no_weights(self, folder):
        change_tensors(
            folder / "model.safetensors",
            lambda tensors: tensors.update({"model.norm.weight": np.ones(32, np.int64)}),
        )
        assert "'model.norm.weight' holds int64" in self.refusal(folder)

    def test_with_a_shard_missing(self, shards):
        lost = sorted(shards.glob("*.safetensors"))[1].name
        (shards / lost).unlink()
        assert self.refusal(shards) == f"{lost} is missing from {shards}"

    def test_whose_index_and_shards_disagree(self, shards):
        place = json.loads((shards / INDEX).read_text())["weight_map"]
        name, file = next(iter(place.items()))
        other = next(where for where in place.values() if where != file)
        change_json(shards / INDEX, lambda fields: fields["weight_map"].update({name: other}))
        assert "disagree" in self.refusal(shards)
        assert repr(name) in self.refusal(shards)

    @pytest.mark.parametrize("file", ["../model.safetensors", "/etc/passwd", "..", 3])
    def test_whose_index_points_outside(self, shards, file):
        change_json(shards / INDEX, lambda fields: fields["weight_map"].update({"x": file}))
        assert f"'x' is in {file!r}, which is no file name" in self.refusal(shards)


class TestConfig:
    def test_of_llama_2(self):
        config = config_of(LLAMA_2_7B)
        assert (config.n_layers, config.d_model, config.d_head, config.d_ff) == (
            32,
            4096,
            128,
            11008,
        )
        assert (config.rope_theta, config.rope_scaling, config.tied) == (10_000.0, None, False)

    def test_of_llama_31_in_the_old_and_the_new_words(self):
        old = config_of(LLAMA_2_7B, rope_theta=500000.0, rope_scaling=LLAMA_31_SCALING)
        new = config_of(LLAMA_2_7B, rope_parameters=LLAMA_31_SCALING | {"rope_theta": 500000.0})
        assert old == new
        assert new.rope_theta == 500_000.0
        assert new.rope_scaling == RopeScaling("llama3", 8.0, 1.0, 4.0, 8192)

    def test_of_linear_scaling_in_its_oldest_words(self):
        config = config_of(LLAMA_2_7B, rope_scaling={"type": "linear", "factor": 4.0})
        assert config.rope_scaling == RopeScaling("linear", 4.0)

    def test_of_gpt2_as_first_published(self):
        config = config_of(GPT2)
        assert (config.d_ff, config.tied, config.norm, config.d_head) == (3072, True, "layer", 64)

    def test_of_mistral_has_its_window_in_all_layers_or_in_none(self):
        mistral = LLAMA_2_7B | {"architectures": ["MistralForCausalLM"]}
        assert config_of(mistral, sliding_window=4096).windows == (4096,) * 32
        assert config_of(mistral, sliding_window=None).windows == ()

    def test_of_qwen_has_its_window_only_if_it_is_used(self):
        qwen = LLAMA_2_7B | {
            "architectures": ["Qwen2ForCausalLM"],
            "sliding_window": 100,
            "max_window_layers": 30,
        }
        assert config_of(qwen, use_sliding_window=False).windows == ()
        assert config_of(qwen, use_sliding_window=True).windows == (None,) * 30 + (100,) * 2

    def test_without_architectures_goes_by_model_type(self):
        assert config_of(GPT2 | {"architectures": None}, model_type="gpt2") == config_of(GPT2)

    @pytest.mark.parametrize("name", CONFIGS)
    def test_of_every_family_is_what_transformers_says(self, name, tmp_path):
        theirs = published(name).config
        architecture, config = read_config((save(name, tmp_path) / "config.json").read_text())
        assert architecture == theirs.architectures[0]
        assert config.n_layers == theirs.num_hidden_layers
        assert config.d_model == theirs.hidden_size
        assert config.max_positions == theirs.max_position_embeddings
        assert config.tied == theirs.tie_word_embeddings
        kinds = getattr(theirs, "layer_types", None)
        if kinds:
            expected = [WINDOW if kind == "sliding_attention" else None for kind in kinds]
            assert list(config.windows or [None] * len(kinds)) == expected


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        (LLAMA_2_7B, {"architectures": ["MixtralForCausalLM"]}, r'architectures: \["Mixtral'),
        (LLAMA_2_7B, {"architectures": []}, r"architectures: \[\] is not supported"),
        (LLAMA_2_7B, {"architectures": [["x"]]}, "is not supported"),
        (LLAMA_2_7B, {"architectures": None}, "model_type is missing"),
        (LLAMA_2_7B, {"architectures": None, "model_type": "mamba"}, 'model_type: "mamba" is not'),
        (LLAMA_2_7B, {"quantization_config": {"bits": 4}}, r'quantization_config: {"bits": 4}'),
        (LLAMA_2_7B, {"partial_rotary_factor": 0.5}, "partial_rotary_factor: 0.5 is not supported"),
        (LLAMA_2_7B, {"hidden_act": "quick_gelu"}, 'hidden_act: "quick_gelu" is not supported'),
        (LLAMA_2_7B, {"vocab_size": None}, "vocab_size is missing"),
        (LLAMA_2_7B, {"vocab_size": "32000"}, 'vocab_size: "32000" is not a whole number'),
        (LLAMA_2_7B, {"num_hidden_layers": True}, "num_hidden_layers: true is not a whole number"),
        (LLAMA_2_7B, {"num_hidden_layers": 0}, "num_hidden_layers: 0 is not"),
        (LLAMA_2_7B, {"rms_norm_eps": -1}, "rms_norm_eps: -1 is not a positive number"),
        (LLAMA_2_7B, {"tie_word_embeddings": "no"}, "tie_word_embeddings: .* neither true nor"),
        (LLAMA_2_7B, {"num_attention_heads": 7}, "hidden_size: 4096 channels do not divide into 7"),
        (LLAMA_2_7B, {"num_key_value_heads": 5}, "num_key_value_heads: 5 groups do not divide 32"),
        (LLAMA_2_7B, {"head_dim": 127}, "head_dim: 127 is odd"),
        (LLAMA_2_7B, {"rope_scaling": {"type": "yarn"}}, 'rope_scaling.type: "yarn" is not'),
        (LLAMA_2_7B, {"rope_scaling": {"type": "linear"}}, "rope_scaling.factor is missing"),
        (LLAMA_2_7B, {"rope_scaling": 2}, "rope_scaling: 2 is not an object"),
        (
            LLAMA_2_7B,
            {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}},
            "rope_parameters.low_freq_factor is missing",
        ),
        (
            LLAMA_2_7B,
            {"rope_parameters": {"full_attention": {"rope_theta": 1e6}}},
            "rope_parameters.full_attention: .* is not supported",
        ),
        (
            LLAMA_2_7B,
            {"rope_parameters": {"partial_rotary_factor": 0.25}},
            "rope_parameters.partial_rotary_factor: 0.25",
        ),
        (LLAMA_2_7B, {"layer_types": ["sliding_attention"] * 32}, "layer_types: .* differs"),
        (
            GPT2,
            {"scale_attn_by_inverse_layer_idx": True},
            "inverse_layer_idx: true is not supported",
        ),
        (GPT2, {"add_cross_attention": True}, "add_cross_attention: true is not supported"),
        (GPT2, {"scale_attn_weights": False}, "scale_attn_weights: false is not supported"),
    ],
)
def test_what_is_not_supported_is_named_with_its_value(fields, changes, message):
    with pytest.raises(ValueError, match=message):
        config_of(fields, **changes)


def test_the_architectures_are_those_that_are_tested_against_transformers():
    assert {published(name).config.architectures[0] for name in CONFIGS} == set(ARCHITECTURES)


@pytest.mark.parametrize("name", book_model.NAMES)
def test_the_books_models_are_the_same_in_transformers(name):
    folder = data_files.path(f"models/{name}")
    model = book_model.load(name)
    text = "The wolf said: “Little girl, where are you going?”"
    tokens = model.tokenizer.encode(text)
    assert tokens == tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor([tokens])).logits[0].numpy()
    np.testing.assert_allclose(
        forward(model.weights, model.config, np.array(tokens)), expected, **TOLERANCE
    )


def test_a_book_model_is_read_once():
    assert book_model.load() is book_model.load("storybook")


def test_a_book_model_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="storybook-draft, copier; 'gpt-5' is not among them"):
        book_model.load("gpt-5")
