"""Sampling against `transformers`' own filters, and generation with a cache against without."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_models import CONFIGS, POSITIONS, published, random_tokens, save
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from llmdeep.checkpoint import Checkpoint, read_checkpoint
from llmdeep.generation import cached_law, generate, uncached_law
from llmdeep.sampling import GREEDY, Sampling, draw, probabilities

every_family = pytest.mark.parametrize("name", CONFIGS)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Checkpoint]:
    folder = tmp_path_factory.mktemp("published")
    return {name: read_checkpoint(save(name, folder / name)) for name in CONFIGS}


def theirs(logits: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The probabilities that `transformers` draws from."""
    s = sampling
    steps = [TemperatureLogitsWarper(float(s.temperature))]
    steps += [TopKLogitsWarper(s.top_k)] if s.top_k else []
    steps += [TopPLogitsWarper(s.top_p)] if s.top_p else []
    steps += [MinPLogitsWarper(s.min_p)] if s.min_p else []
    warped = LogitsProcessorList(steps)(torch.zeros(1, 1, dtype=torch.long), torch.tensor(logits))
    return warped.softmax(-1).numpy()


class TestSampling:
    @given(
        st.floats(0.1, 4.0),
        st.none() | st.integers(1, 60),
        st.none() | st.floats(0.05, 1.0),
        st.none() | st.floats(0.001, 1.0),
        st.integers(0, 1000),
    )
    @settings(max_examples=150, deadline=None)
    def test_keeps_and_weighs_what_transformers_does(self, temperature, top_k, top_p, min_p, seed):
        logits = np.random.default_rng(seed).normal(0, 3, (2, 40))
        sampling = Sampling(temperature, top_k, top_p, min_p)
        ours = probabilities(logits, sampling)
        np.testing.assert_allclose(ours, theirs(logits, sampling), atol=1e-9)

    def test_of_nothing_is_softmax_in_float64(self):
        logits = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32)
        found = probabilities(logits)
        assert found.dtype == np.float64
        exact = np.exp(logits.astype(np.float64))
        np.testing.assert_allclose(found, exact / exact.sum(axis=1, keepdims=True), rtol=1e-12)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-14)

    def test_at_temperature_0_is_all_on_the_first_of_the_largest(self):
        logits = np.array([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
        np.testing.assert_array_equal(
            probabilities(logits, Sampling(0.0, top_k=2, top_p=0.3, min_p=0.5)),
            [[0, 1, 0, 0], [1, 0, 0, 0]],
        )

    @pytest.mark.parametrize("temperature", [1e-3, 1e-300, 5e-324])
    def test_near_temperature_0_tends_to_it_without_overflow(self, temperature):
        logits = np.array([1e4, -1e4, 1e4 - 1, -math.inf])
        found = probabilities(logits, Sampling(temperature))
        np.testing.assert_array_equal(found, [1, 0, 0, 0])

    def test_at_a_huge_temperature_tends_to_uniform(self):
        found = probabilities(np.array([5.0, -5.0, 0.0, -math.inf]), Sampling(1e300))
        np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 0])

    def test_top_k_keeps_exactly_k_of_equals_the_lower_ids(self):
        found = probabilities(np.array([1.0, 2.0, 2.0, 2.0]), Sampling(top_k=2))
        np.testing.assert_allclose(found, [0, 0.5, 0.5, 0])

    def test_top_k_beyond_the_vocabulary_keeps_all(self):
        logits = np.array([1.0, 2.0, 3.0])
        assert np.array_equal(probabilities(logits, Sampling(top_k=99)), probabilities(logits))

    def test_top_p_keeps_the_token_that_reaches_it_and_no_more(self):
        logits = np.log([0.5, 0.25, 0.125, 0.125])
        for top_p, kept in ((0.1, 1), (0.5, 1), (0.50001, 2), (0.75, 2), (0.8, 3), (1.0, 4)):
            assert np.count_nonzero(probabilities(logits, Sampling(top_p=top_p))) == kept

    def test_order_matters_and_is_as_documented(self):
        logits = np.log([0.4, 0.3, 0.2, 0.1])
        # top-k first leaves 4/7 and 3/7, of which the first alone reaches one half
        found = probabilities(logits, Sampling(top_k=2, top_p=0.5))
        np.testing.assert_allclose(found, [1, 0, 0, 0])
        # at temperature 2 the likeliest has a smaller share, so that top-p keeps one more
        assert np.count_nonzero(probabilities(logits, Sampling(1.0, top_p=0.35))) == 1
        assert np.count_nonzero(probabilities(logits, Sampling(2.0, top_p=0.35))) == 2

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("temperature", -0.1),
            ("temperature", math.nan),
            ("temperature", math.inf),
            ("top_k", 0),
            ("top_p", 0.0),
            ("top_p", 1.1),
            ("top_p", math.nan),
            ("min_p", -0.1),
            ("min_p", 1.5),
        ],
    )
    def test_refuses_what_is_out_of_range(self, setting, value):
        with pytest.raises(ValueError, match=f"{setting} must be .*, not {value}"):
            Sampling(**{setting: value})

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_refuses_logits_that_are_no_numbers(self, bad):
        with pytest.raises(ValueError, match="logits must be numbers"):
            probabilities(np.array([1.0, bad]))
        with pytest.raises(ValueError, match="at least one above -infinity"):
            probabilities(np.array([-math.inf, -math.inf]))


class TestDraw:
    def test_is_as_often_as_likely(self):
        expected = np.array([0.5, 0.0, 0.3, 0.15, 0.05])
        rng = np.random.default_rng(2)
        counts = np.bincount([draw(expected, rng) for _ in range(20_000)], minlength=5)
        assert counts[1] == 0
        kept = expected > 0
        chi_square = ((counts - 20_000 * expected) ** 2)[kept] / (20_000 * expected[kept])
        assert chi_square.sum() < 16.27  # 3 degrees of freedom, one in a thousand

    @pytest.mark.parametrize("number", [0.0, 0.25, math.nextafter(1, 0)])
    def test_never_draws_what_has_no_probability(self, number):
        class Fixed(np.random.Generator):
            def random(self) -> float:
                return number

        rounded = np.array([0.0, 0.25, 0.0, 0.75 - 1e-9, 0.0])  # a gap to 1 at the end
        assert draw(rounded, Fixed(np.random.PCG64())) in (1, 3)


class TestGeneration:
    @every_family
    @pytest.mark.parametrize("sampling", [GREEDY, Sampling(0.8, top_k=30, top_p=0.95)], ids=str)
    def test_with_a_cache_is_that_without_token_for_token(self, models, name, sampling):
        config, weights, _ = models[name]
        prompt = random_tokens(3, 7).tolist()
        found = [
            list(generate(make(weights, config, sampling), prompt, 40, np.random.default_rng(4)))
            for make in (cached_law, uncached_law)
        ]
        assert found[0] == found[1]
        assert len(found[0]) == 40

    @every_family
    def test_greedy_is_that_of_transformers(self, models, name):
        config, weights, _ = models[name]
        prompt = random_tokens(5, 1, 7)
        model = published(name)
        with torch.no_grad():
            expected = model.generate(
                torch.tensor(prompt),
                attention_mask=torch.ones(1, 7),
                max_new_tokens=30,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
            )
        law = cached_law(weights, config, GREEDY)
        found = list(generate(law, prompt[0].tolist(), 30, np.random.default_rng(0)))
        assert found == expected[0, 7:].tolist()

    def test_with_the_same_seed_is_the_same_and_with_another_is_not(self, models):
        config, weights, _ = models["llama-3"]
        law = cached_law(weights, config)
        found = [list(generate(law, [1], 30, np.random.default_rng(seed))) for seed in (6, 6, 7)]
        assert found[0] == found[1] != found[2]

    def test_gives_a_token_before_it_computes_the_next(self):
        asked = []

        def law(tokens, last):
            asked.append(list(tokens))
            return np.eye(5)[[2] * last]

        tokens = generate(law, [0], 3, np.random.default_rng(0))
        assert asked == []
        assert next(tokens) == 2
        assert asked == [[0]]

    def test_ends_before_a_stop_token(self, models):
        config, weights, _ = models["gpt2"]
        law = cached_law(weights, config, Sampling(2.0))
        everything = list(generate(law, [1], 40, np.random.default_rng(8)))
        stop = everything[10]
        cut = list(generate(law, [1], 40, np.random.default_rng(8), stop={stop}))
        assert cut == everything[: everything.index(stop)]

    def test_beyond_the_context_says_so(self, models):
        config, weights, _ = models["llama-2"]
        law = cached_law(weights, config)
        tokens = generate(law, [1] * (POSITIONS - 1), 10, np.random.default_rng(9))
        assert len([next(tokens), next(tokens)]) == 2
        with pytest.raises(ValueError, match="65 positions; the cache has room for 64"):
            next(tokens)

    def test_of_nothing_says_so(self, models):
        config, weights, _ = models["llama-2"]
        for make in (cached_law, uncached_law):
            with pytest.raises(ValueError, match="no tokens"):
                next(generate(make(weights, config), [], 3, np.random.default_rng(0)))


class TestCachedLaw:
    @every_family
    def test_of_any_texts_in_any_order_is_the_uncached_one(self, models, name):
        config, weights, _ = models[name]
        cached, uncached = cached_law(weights, config), uncached_law(weights, config)
        rng = np.random.default_rng(10)
        text = random_tokens(11, 30).tolist()
        for _ in range(25):  # longer, shorter, the same, or other from some place on
            place, length = rng.integers(0, 25, 2)
            text[place:] = random_tokens(int(rng.integers(100)), 30 - place).tolist()
            tokens = text[: length + 3]
            last = int(rng.integers(1, 4))
            np.testing.assert_allclose(
                cached(tokens, last), uncached(tokens, last), atol=1e-5, rtol=1e-4
            )

    def test_after_a_refusal_still_answers(self, models):
        config, weights, _ = models["qwen3"]
        cached, uncached = cached_law(weights, config), uncached_law(weights, config)
        cached([1, 2, 3], 1)
        with pytest.raises(ValueError, match="token 97"):
            cached([1, 2, 97], 1)
        np.testing.assert_allclose(cached([1, 2, 4], 1), uncached([1, 2, 4], 1), atol=1e-6)
