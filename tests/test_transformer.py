"""The decoder against `transformers`, for every family; its cache, its batches, its visitors."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_models import (
    CONFIGS,
    POSITIONS,
    VOCABULARY,
    WINDOW,
    logits_of,
    published,
    random_tokens,
    save,
)
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from llmdeep import decoder
from llmdeep.checkpoint import Checkpoint, read_checkpoint
from llmdeep.grouped_query import grouped_mix, grouped_scores
from llmdeep.model_config import weight_shapes
from llmdeep.parameters import Configuration
from llmdeep.rotary import RopeScaling, rotary_frequencies, rotate, turns
from llmdeep.transformer import Config, empty_cache, forward, roll_back

TOLERANCE = {"rtol": 0, "atol": 1e-4}
every_family = pytest.mark.parametrize("name", CONFIGS)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Checkpoint]:
    folder = tmp_path_factory.mktemp("published")
    return {name: read_checkpoint(save(name, folder / name)) for name in CONFIGS}


class TestLogits:
    @every_family
    def test_are_those_of_transformers(self, models, name):
        config, weights, _ = models[name]
        tokens = random_tokens(1, 2, 40)
        logits = forward(weights, config, tokens)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, logits_of(name, tokens), **TOLERANCE)

    @every_family
    def test_of_one_text_are_those_of_a_batch_of_one(self, models, name):
        config, weights, _ = models[name]
        tokens = random_tokens(2, 17)
        alone = forward(weights, config, tokens)
        assert alone.shape == (17, VOCABULARY)
        np.testing.assert_allclose(alone, forward(weights, config, tokens[None])[0], atol=1e-5)

    @every_family
    @pytest.mark.parametrize("pieces", [[40], [1] * 40, [13, 1, 16, 10]], ids=str)
    def test_with_a_cache_are_those_without(self, models, name, pieces):
        config, weights, _ = models[name]
        tokens = random_tokens(3, 2, 40)
        cache = empty_cache(config, capacity=41, batch=(2,))
        found, start = [], 0
        for length in pieces:
            found.append(forward(weights, config, tokens[:, start : start + length], cache))
            start += length
            assert cache.length == start
        np.testing.assert_allclose(
            np.concatenate(found, axis=1), logits_of(name, tokens), **TOLERANCE
        )

    @every_family
    @pytest.mark.parametrize("pieces", [None, [12], [5, 4, 3]], ids=str)
    def test_of_texts_padded_in_front_are_those_of_each_alone(self, models, name, pieces):
        config, weights, _ = models[name]
        padding = np.array([0, 5, 11])
        tokens = random_tokens(4, 3, 12)
        if pieces is None:
            logits = forward(weights, config, tokens, padding=padding)
        else:
            cache = empty_cache(config, batch=(3,))
            parts = np.split(tokens, np.cumsum(pieces)[:-1], axis=1)
            found = [forward(weights, config, parts[0], cache, padding=padding)]
            found += [forward(weights, config, part, cache) for part in parts[1:]]
            logits = np.concatenate(found, axis=1)
        for row, before in enumerate(padding):
            alone = logits_of(name, tokens[row : row + 1, before:])
            np.testing.assert_allclose(logits[row, before:], alone[0], **TOLERANCE)

    @every_family
    def test_of_texts_padded_in_front_are_those_of_transformers(self, models, name):
        config, weights, _ = models[name]
        padding, tokens = np.array([3, 0]), random_tokens(5, 2, 12)
        real = np.arange(12) >= padding[:, None]
        positions = np.maximum(np.arange(12) - padding[:, None], 0)
        theirs = logits_of(name, tokens, attention_mask=real, position_ids=positions)
        ours = forward(weights, config, tokens, padding=padding)
        np.testing.assert_allclose(ours[real], theirs[real], **TOLERANCE)

    @every_family
    def test_of_texts_padded_behind_need_no_argument(self, models, name):
        config, weights, _ = models[name]
        tokens = random_tokens(6, 2, 12)
        changed = tokens.copy()
        changed[1, 7:] = 0
        ours = forward(weights, config, changed)
        np.testing.assert_allclose(ours[1, :7], logits_of(name, tokens)[1, :7], **TOLERANCE)

    @every_family
    @pytest.mark.parametrize("last", [0, 1, 3, 9, 50])
    def test_of_the_last_positions_are_the_last_of_all(self, models, name, last):
        config, weights, _ = models[name]
        tokens = random_tokens(7, 9)
        asked = forward(weights, config, tokens, last=last)
        assert asked.shape == (min(last, 9), VOCABULARY)
        everything = forward(weights, config, tokens)
        np.testing.assert_allclose(asked, everything[9 - len(asked) :], atol=1e-5)

    def test_of_a_text_longer_than_trained_for_are_those_of_transformers(self, models):
        config, weights, _ = models["llama-3"]
        tokens = random_tokens(8, 1, 3 * POSITIONS)
        np.testing.assert_allclose(
            forward(weights, config, tokens), logits_of("llama-3", tokens), **TOLERANCE
        )

    def test_are_those_of_part_1_where_the_models_are_the_same(self):
        small = Configuration(2, 12, 3, 20, vocabulary=17, context=9, gated=True, norm="rms")
        rng = np.random.default_rng(9)
        weights = decoder.random_weights(small, rng)
        weights = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in weights.items()}
        config = Config(
            2, 12, 3, 3, 4, 20, 17, 9,
            norm_eps=1e-6, positions="learned", biases=("query", "key", "value", "output", "gate",
            "up", "down"),
        )  # fmt: skip
        assert {name: w.shape for name, w in weights.items()} == weight_shapes(config)
        tokens, seen = rng.integers(0, 17, 7), {}
        forward(weights, config, tokens, visit=seen.__setitem__)
        shared = decoder.forward(tokens, weights, small)
        for name in shared.keys() - {"probabilities"}:
            np.testing.assert_allclose(seen[name], shared[name], atol=1e-12, err_msg=name)


class TestCache:
    @every_family
    def test_rolled_back_is_as_if_the_rest_had_never_been(self, models, name):
        config, weights, _ = models[name]
        tokens, other = random_tokens(10, 20), random_tokens(11, 20)
        cache = empty_cache(config)
        forward(weights, config, np.concatenate([tokens[:8], other]), cache, last=0)
        roll_back(cache, 8)
        continued = forward(weights, config, tokens[8:], cache)
        np.testing.assert_allclose(continued, logits_of(name, tokens[None])[0, 8:], **TOLERANCE)

    @pytest.mark.parametrize("length", [-1, 4])
    def test_cannot_be_rolled_back_to_what_it_does_not_hold(self, models, length):
        config, weights, _ = models["llama-2"]
        cache = empty_cache(config)
        forward(weights, config, random_tokens(12, 3), cache)
        with pytest.raises(ValueError, match=f"holds 3 positions; it cannot go back to {length}"):
            roll_back(cache, length)

    @pytest.mark.parametrize("n_tokens", [1, 2])
    def test_that_is_full_says_so_and_stays_as_it_was(self, models, n_tokens):
        config, weights, _ = models["llama-2"]
        cache = empty_cache(config, capacity=4)
        forward(weights, config, random_tokens(13, 4), cache)
        keys = cache.keys.copy()
        with pytest.raises(ValueError, match=f"{4 + n_tokens} positions; .* room for 4"):
            forward(weights, config, random_tokens(14, n_tokens), cache)
        assert cache.length == 4
        assert np.array_equal(cache.keys, keys)

    def test_needs_room(self, models):
        with pytest.raises(ValueError, match="at least 1 position, not 0"):
            empty_cache(models["llama-2"].config, capacity=0)

    def test_takes_padding_only_before_the_text(self, models):
        config, weights, _ = models["llama-2"]
        cache = empty_cache(config, batch=(1,))
        tokens, padding = random_tokens(15, 1, 3), np.array([1])
        forward(weights, config, tokens, cache, padding=padding)
        with pytest.raises(ValueError, match="cache's first tokens only"):
            forward(weights, config, tokens, cache, padding=padding)

    def test_emptied_takes_another_padding_or_none(self, models):
        config, weights, _ = models["llama-2"]
        cache = empty_cache(config, batch=(1,))
        tokens = random_tokens(15, 1, 3)
        forward(weights, config, tokens, cache, padding=np.array([2]))
        roll_back(cache, 0)
        found = forward(weights, config, tokens, cache)
        np.testing.assert_allclose(found, logits_of("llama-2", tokens), **TOLERANCE)

    def test_holds_only_the_keys_and_values_of_the_groups(self, models):
        config = models["llama-2-one-group"].config
        cache = empty_cache(config, capacity=7, batch=(2,))
        assert cache.keys.nbytes + cache.values.nbytes == 2 * 4 * 3 * 2 * 1 * 7 * 10


class TestVisitor:
    @every_family
    def test_sees_the_attention_and_the_stream_of_transformers(self, models, name):
        config, weights, _ = models[name]
        tokens, seen = random_tokens(16, 2, 11), {}
        forward(weights, config, tokens, visit=seen.__setitem__)
        with torch.no_grad():
            theirs = published(name)(
                torch.tensor(tokens), output_attentions=True, output_hidden_states=True
            )
        for layer, attention in enumerate(theirs.attentions):
            np.testing.assert_allclose(
                seen[f"layers.{layer}.attention.weights"], attention, **TOLERANCE
            )
        np.testing.assert_allclose(seen["stream"], theirs.hidden_states[0], **TOLERANCE)
        for layer in range(config.n_layers - 1):
            np.testing.assert_allclose(
                seen[f"layers.{layer}.stream"], theirs.hidden_states[layer + 1], **TOLERANCE
            )
        np.testing.assert_allclose(seen["final"], theirs.hidden_states[-1], **TOLERANCE)
        np.testing.assert_allclose(seen["logits"], theirs.logits, **TOLERANCE)

    @every_family
    def test_that_only_looks_changes_nothing(self, models, name):
        config, weights, _ = models[name]
        tokens, names = random_tokens(17, 6), []
        watched = forward(weights, config, tokens, visit=lambda name, _: names.append(name))
        assert np.array_equal(watched, forward(weights, config, tokens))
        assert len(names) == len(set(names))
        assert names[-1] == "logits"

    @every_family
    def test_that_gives_back_what_it_sees_changes_nothing(self, models, name):
        config, weights, _ = models[name]
        tokens = random_tokens(18, 6)
        same = forward(weights, config, tokens, visit=lambda _, tensor: tensor.copy())
        assert np.array_equal(same, forward(weights, config, tokens))

    @every_family
    def test_can_replace_every_tensor(self, models, name):
        config, weights, _ = models[name]
        tokens = random_tokens(19, 6)
        names: list[str] = []
        original = forward(weights, config, tokens, visit=lambda name, _: names.append(name))
        rng = np.random.default_rng(0)
        for target in names:

            def disturb(name, tensor, target=target):
                return tensor + rng.normal(size=tensor.shape) if name == target else None

            disturbed = forward(weights, config, tokens, visit=disturb)
            assert disturbed.dtype == np.float32
            assert not np.allclose(disturbed, original), target

    def test_that_silences_a_head_does_what_zeros_in_its_output_rows_do(self, models):
        config, weights, _ = models["llama-3"]
        tokens, rows = random_tokens(20, 9), slice(config.d_head, 2 * config.d_head)

        def silence(name, tensor):
            if name != "layers.1.attention.mixed":
                return None
            silenced = tensor.copy()
            silenced[..., rows] = 0
            return silenced

        without = weights["layers.1.attention.output"].copy()
        without[rows] = 0
        np.testing.assert_allclose(
            forward(weights, config, tokens, visit=silence),
            forward(weights | {"layers.1.attention.output": without}, config, tokens),
            atol=1e-5,
        )

    def test_must_give_back_the_same_shape(self, models):
        config, weights, _ = models["gpt2"]
        with pytest.raises(ValueError, match=r"embedding has shape \(2, 32\).*not \(2, 1\)"):
            forward(weights, config, np.array([1, 2]), visit=lambda _, x: x[..., :1])


class TestRefusals:
    @pytest.mark.parametrize("token", [-1, VOCABULARY])
    def test_a_token_outside_the_vocabulary(self, models, token):
        config, weights, _ = models["qwen2"]
        with pytest.raises(ValueError, match=f"token {token} is not in the vocabulary, 0 to 96"):
            forward(weights, config, np.array([[3, token]]))

    def test_no_tokens(self, models):
        config, weights, _ = models["qwen2"]
        with pytest.raises(ValueError, match="no tokens"):
            forward(weights, config, np.zeros(0, int))

    def test_more_positions_than_were_learned(self, models):
        config, weights, _ = models["gpt2"]
        tokens = np.zeros(POSITIONS + 1, int)
        forward(weights, config, tokens[1:], last=0)
        with pytest.raises(ValueError, match="65 positions; this model has learned 64"):
            forward(weights, config, tokens)


class TestWindow:
    def test_hides_what_is_further_back_than_layers_times_window(self, models):
        config, weights, _ = models["mistral"]
        reach = config.n_layers * (WINDOW - 1)
        tokens = random_tokens(21, reach + 4)
        changed = tokens.copy()
        changed[2] = (changed[2] + 1) % VOCABULARY
        moved = np.abs(forward(weights, config, tokens) - forward(weights, config, changed))
        moved = moved.max(axis=1)
        assert moved[:2].max() == 0
        assert moved[2 : 2 + reach + 1].min() > 1e-6
        assert moved[2 + reach + 1 :].max() == 0

    def test_may_differ_between_layers(self, models):
        assert models["qwen2-windowed"].config.windows == (None, WINDOW, WINDOW)


class TestRotation:
    @given(st.integers(-1000, 1000), st.integers(0, 1000), st.integers(0, 1000))
    @settings(max_examples=50, deadline=None)
    def test_of_both_by_the_same_positions_changes_no_dot_product(self, shift, i, j):
        rng = np.random.default_rng(22)
        query, key = rng.standard_normal((2, 1, 16))
        frequencies = rotary_frequencies(16)

        def dot(at_i, at_j):
            turned = [
                rotate(x, *turns(np.array([at]), frequencies))
                for x, at in ((query, at_i), (key, at_j))
            ]
            return (turned[0] @ turned[1].T).item()

        assert dot(i, j) == pytest.approx(dot(i + shift, j + shift), abs=1e-4)

    def test_is_multiplication_of_complex_numbers(self):
        rng = np.random.default_rng(23)
        x, positions = rng.standard_normal((5, 8)), np.array([0, 1, 7, 100, 3])
        frequencies = rotary_frequencies(8, theta=500.0)
        as_complex = x[:, :4] + 1j * x[:, 4:]
        turned = as_complex * np.exp(1j * np.outer(positions, frequencies))
        np.testing.assert_allclose(
            rotate(x, *turns(positions, frequencies)),
            np.concatenate([turned.real, turned.imag], axis=1),
            atol=1e-6,
        )

    def test_is_as_exact_at_position_a_million_as_at_0(self):
        frequencies = np.array([1.0])
        cosines, _ = turns(np.array([1_000_003]), frequencies)
        assert cosines[0, 0, 0] == pytest.approx(math.cos(1_000_003), abs=1e-7)

    @pytest.mark.parametrize("name", ["llama-3", "llama-linear-biased"])
    def test_has_the_scaled_frequencies_of_transformers(self, models, name):
        theirs = published(name).config
        expected, _ = ROPE_INIT_FUNCTIONS[theirs.rope_parameters["rope_type"]](theirs, "cpu")
        config = models[name].config
        ours = rotary_frequencies(config.d_head, config.rope_theta, config.rope_scaling)
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
        assert not np.allclose(ours, rotary_frequencies(config.d_head, config.rope_theta))

    def test_scaling_of_llama_3_keeps_the_fast_and_slows_the_slow(self):
        scaling = RopeScaling("llama3", 8.0, 1.0, 4.0, 8192)
        plain = rotary_frequencies(128, 500_000.0)
        ratio = rotary_frequencies(128, 500_000.0, scaling) / plain
        wavelengths = 2 * math.pi / plain
        np.testing.assert_allclose(ratio[wavelengths < 8192 / 4], 1)
        np.testing.assert_allclose(ratio[wavelengths > 8192], 1 / 8)
        assert np.all(np.diff(ratio) <= 1e-15)


class TestGroups:
    def test_are_the_same_as_repeated_keys_and_values(self):
        rng = np.random.default_rng(24)
        queries = rng.standard_normal((2, 6, 5, 4))
        keys, values = rng.standard_normal((2, 2, 2, 7, 4))
        mask = rng.random((2, 1, 5, 7)) < 0.7
        scores = grouped_scores(queries, keys, mask)
        repeated = np.repeat(keys, 3, axis=1)
        plain = np.where(mask, queries @ np.swapaxes(repeated, -1, -2) / 2, -np.inf)
        np.testing.assert_allclose(scores, plain)
        weights = rng.random((2, 6, 5, 7))
        np.testing.assert_allclose(
            grouped_mix(weights, values), weights @ np.repeat(values, 3, axis=1)
        )

    def test_must_divide_the_heads(self):
        with pytest.raises(ValueError, match="6 heads do not divide into 4 groups"):
            grouped_scores(np.ones((6, 1, 2)), np.ones((4, 1, 2)))


@every_family
def test_weight_shapes_list_every_parameter(models, name):
    config, weights, _ = models[name]
    shapes = weight_shapes(config)
    assert {key: weight.shape for key, weight in weights.items()} == shapes
    total = sum(math.prod(shape) for shape in shapes.values())
    assert total == sum(parameter.numel() for parameter in published(name).parameters())


def test_float64_weights_give_float64_logits(models):
    config, weights, _ = models["llama-2"]
    wide = {name: weight.astype(np.float64) for name, weight in weights.items()}
    tokens = random_tokens(25, 8)
    logits = forward(wide, config, tokens)
    assert logits.dtype == np.float64
    np.testing.assert_allclose(logits, forward(weights, config, tokens), **TOLERANCE)
    assert forward(wide, replace(config, norm_eps=1.0), tokens).shape == logits.shape
