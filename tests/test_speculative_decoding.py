"""Speculative decoding leaves the target's law as it is: by enumeration, by samples, by greed."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_models import random_tokens, save

from llmdeep.checkpoint import read_checkpoint
from llmdeep.generation import cached_law, generate, uncached_law
from llmdeep.sampling import GREEDY, Sampling
from llmdeep.speculative_decoding import (
    acceptance,
    expected_tokens,
    output_law,
    residual,
    speculate,
    speed_up,
)

VOCABULARY = 3


def random_law(seed: int, zeros: bool = False):
    """A law that depends on the two latest tokens, as different from another seed's as can be."""
    table = np.random.default_rng(seed).dirichlet([0.5] * VOCABULARY, (VOCABULARY, VOCABULARY))
    if zeros:
        table[..., seed % VOCABULARY] = 0
        table /= table.sum(axis=-1, keepdims=True)

    def law(tokens, last):
        ends = range(len(tokens) - last, len(tokens))
        return np.array([table[tokens[i - 1] if i else 0, tokens[i]] for i in ends])

    return law


def chain(law, prompt: list[int], n_tokens: int) -> dict[tuple[int, ...], float]:
    """The law of a text drawn token by token: the product of its tokens' probabilities."""
    return {
        text: math.prod(law([*prompt, *text[:i]], 1)[0][token] for i, token in enumerate(text))
        for text in itertools.product(range(VOCABULARY), repeat=n_tokens)
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    target = read_checkpoint(save("llama-3", folder / "target"))
    return target, read_checkpoint(save("gpt2", folder / "draft"))


class TestLaw:
    @pytest.mark.parametrize("n_draft", [0, 1, 2, 3, 7])
    @pytest.mark.parametrize("zeros", [False, True])
    @pytest.mark.parametrize("n_tokens", [1, 2, 5])
    def test_of_every_text_is_the_targets_by_enumeration(self, n_draft, zeros, n_tokens):
        target, draft = random_law(1), random_law(2, zeros)
        found = output_law(target, draft, [1], n_tokens, n_draft)
        expected = chain(target, [1], n_tokens)
        assert sum(found.values()) == pytest.approx(1)
        for text, probability in expected.items():
            assert found.get(text, 0.0) == pytest.approx(probability, abs=1e-14), text

    @pytest.mark.parametrize("n_draft", [0, 1, 3, 5])
    def test_of_samples_is_the_targets(self, n_draft):
        target, draft = random_law(3), random_law(4)
        expected, rng, n_samples = chain(target, [0], 4), np.random.default_rng(5), 6000
        counts = dict.fromkeys(expected, 0)
        for _ in range(n_samples):
            rounds = speculate(target, draft, [0], 4, n_draft, rng)
            counts[tuple(token for found in rounds for token in found.tokens)] += 1
        common = [text for text, p in expected.items() if n_samples * p >= 5]
        pairs = [(counts[text], n_samples * expected[text]) for text in common]
        rest = (n_samples - sum(n for n, _ in pairs), n_samples - sum(p for _, p in pairs))
        chi_square = sum((n - p) ** 2 / p for n, p in [*pairs, rest])
        degrees = len(pairs)
        # Wilson and Hilferty's approximation of the quantile of one in ten thousand
        limit = degrees * (1 - 2 / (9 * degrees) + 3.719 * math.sqrt(2 / (9 * degrees))) ** 3
        assert degrees > 20
        assert chi_square < limit

    def test_of_samples_would_fail_for_the_draft(self):
        target, draft = chain(random_law(3), [0], 4), chain(random_law(4), [0], 4)
        distance = sum(abs(target[text] - draft[text]) for text in target) / 2
        assert distance > 0.4

    @given(st.integers(0, 10_000), st.integers(0, 6), st.integers(1, 12))
    @settings(max_examples=100, deadline=None)
    def test_rounds_add_up(self, seed, n_draft, n_tokens):
        rounds = list(
            speculate(
                random_law(6), random_law(7), [1, 2], n_tokens, n_draft, np.random.default_rng(seed)
            )
        )
        assert sum(len(found.tokens) for found in rounds) == n_tokens
        for found in rounds:
            assert len(found.drafted) <= n_draft
            assert len(found.tokens) == found.n_accepted + 1
            assert found.tokens[: found.n_accepted] == found.drafted[: found.n_accepted]

    def test_of_equal_models_accepts_everything(self):
        law, rng = random_law(8), np.random.default_rng(9)
        for found in speculate(law, law, [0], 200, 4, rng):
            assert found.n_accepted == len(found.drafted)

    def test_of_models_without_a_common_token_accepts_nothing(self):
        def always(token):
            return lambda tokens, last: np.eye(VOCABULARY)[[token] * last]

        for found in speculate(always(0), always(1), [0], 20, 4, np.random.default_rng(10)):
            assert found.n_accepted == 0
            assert found.tokens == [0]


class TestModels:
    @pytest.mark.parametrize("n_draft", [1, 4])
    @pytest.mark.parametrize("near", [False, True])
    def test_greedy_gives_the_targets_text_exactly(self, models, n_draft, near):
        (config, weights, _), other = models
        if near:  # a draft that is often right: the target, a little disturbed
            rng = np.random.default_rng(11)
            disturbed = {
                name: weight + rng.normal(0, 0.02, weight.shape).astype(np.float32)
                for name, weight in weights.items()
            }
            draft = cached_law(disturbed, config, GREEDY)
        else:
            draft = cached_law(other.weights, other.config, GREEDY)
        prompt = random_tokens(12, 5).tolist()
        plain = list(
            generate(uncached_law(weights, config, GREEDY), prompt, 50, np.random.default_rng(0))
        )
        target = cached_law(weights, config, GREEDY)
        rounds = list(speculate(target, draft, prompt, 50, n_draft, np.random.default_rng(1)))
        assert [token for found in rounds for token in found.tokens] == plain
        if near:
            assert 0.3 < sum(found.n_accepted for found in rounds) / 50 < 1

    def test_with_sampling_settings_never_gives_what_they_exclude(self, models):
        (config, weights, _), other = models
        sampling = Sampling(0.7, top_k=5)
        target = cached_law(weights, config, sampling)
        draft = cached_law(other.weights, other.config, sampling)
        prompt, check = random_tokens(13, 5).tolist(), uncached_law(weights, config, sampling)
        tokens = list(prompt)
        for found in speculate(target, draft, prompt, 40, 3, np.random.default_rng(14)):
            for token in found.tokens:
                assert check(tokens, 1)[0][token] > 0
                tokens.append(token)

    def test_ends_before_a_stop_token(self, models):
        (config, weights, _), other = models
        target, draft = cached_law(weights, config), cached_law(other.weights, other.config)

        def text(stop):
            rounds = speculate(target, draft, [1], 40, 4, np.random.default_rng(15), stop)
            return [token for found in rounds for token in found.tokens]

        everything = text(())
        stop = everything[20]
        assert text([stop]) == everything[: everything.index(stop)]


class TestFormulas:
    def test_residual_and_acceptance_put_the_target_together_again(self):
        p, q = np.random.default_rng(16).dirichlet(np.ones(9), 2)
        kept = np.minimum(p, q)
        np.testing.assert_allclose(kept + (1 - acceptance(p, q)) * residual(p, q), p)
        assert acceptance(p, q) == pytest.approx(1 - np.abs(p - q).sum() / 2)

    def test_residual_of_equals_is_the_target(self):
        p = np.array([0.5, 0.5])
        assert np.array_equal(residual(p, p), p)

    @pytest.mark.parametrize("n_draft", [0, 1, 5])
    def test_expected_tokens_are_those_of_the_geometric_series(self, n_draft):
        for a in (0.0, 0.3, 0.999):
            closed = (1 - a ** (n_draft + 1)) / (1 - a)
            assert expected_tokens(a, n_draft) == pytest.approx(closed)
        assert expected_tokens(1.0, n_draft) == n_draft + 1

    def test_expected_tokens_are_those_of_rounds_with_a_constant_acceptance(self):
        p, q = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
        target = lambda tokens, last: np.tile(p, (last, 1))  # noqa: E731
        draft = lambda tokens, last: np.tile(q, (last, 1))  # noqa: E731
        rounds = list(speculate(target, draft, [0], 8_000, 4, np.random.default_rng(17)))
        mean = 8_000 / len(rounds)
        assert mean == pytest.approx(expected_tokens(acceptance(p, q), 4), rel=0.04)

    def test_speed_up_is_tokens_a_round_over_its_cost(self):
        assert speed_up(0.8, 4, 0.0) == pytest.approx(expected_tokens(0.8, 4))
        assert speed_up(0.8, 5, 1.0) < 1
        assert speed_up(0.5, 0, 0.1) == 1


def test_a_negative_draft_is_refused():
    with pytest.raises(ValueError, match="n_draft must be 0 or more, not -1"):
        next(speculate(random_law(1), random_law(2), [0], 3, -1, np.random.default_rng(0)))


def test_models_of_other_vocabularies_are_refused():
    narrow = lambda tokens, last: np.full((last, 2), 0.5)  # noqa: E731
    with pytest.raises(ValueError, match="the draft has 2 tokens, the target 3"):
        next(speculate(random_law(1), narrow, [0], 3, 1, np.random.default_rng(0)))
