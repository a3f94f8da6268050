"""The next-token objective: against torch, finite differences and closed forms."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdeep.attention import softmax
from llmdeep.emergence import (
    METRICS,
    brier_score,
    decades_to_rise,
    exact_match,
    expected_errors,
    multiple_choice_grade,
    option_probabilities,
    score_of,
    sit_test,
    token_accuracy,
)
from llmdeep.milestones import ABILITIES, MODELS
from llmdeep.next_token import (
    bits_per_byte,
    cross_entropy,
    cross_entropy_gradient,
    log_softmax,
    perplexity,
    shift_by_one,
)
from llmdeep.ngram import ngram_counts, ngram_logits
from llmdeep.widgets import Chart, Line, Point, Table
from llmdeep.widgets import emergence as widget

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}


def random_batch(dtype, spread=3.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = (spread * rng.standard_normal((3, 5, 11))).astype(dtype)
    targets = rng.integers(0, 11, (3, 5))
    counted = rng.random((3, 5)) < 0.6
    return logits, targets, counted


def torch_loss_and_gradient(logits, targets, counted):
    leaf = torch.tensor(logits, requires_grad=True)
    answers = torch.tensor(np.where(counted, targets, -100))
    loss = torch.nn.functional.cross_entropy(leaf.flatten(0, 1), answers.flatten())
    loss.backward()
    return loss.item(), leaf.grad.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [0.1, 3.0, 300.0])
def test_loss_and_gradient_equal_torch_with_ignored_positions(dtype, spread):
    logits, targets, counted = random_batch(dtype, spread)
    loss, gradient = torch_loss_and_gradient(logits, targets, counted)
    tolerance = TOLERANCE[dtype]
    assert cross_entropy(logits, targets, counted) == pytest.approx(loss, rel=tolerance)
    ours = cross_entropy_gradient(logits, targets, counted)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, gradient, atol=tolerance)
    assert not ours[~counted].any()


def test_without_a_mask_every_position_counts():
    logits, targets, _ = random_batch(np.float64)
    everything = np.ones(targets.shape, bool)
    assert cross_entropy(logits, targets) == cross_entropy(logits, targets, everything)
    loss, gradient = torch_loss_and_gradient(logits, targets, everything)
    assert cross_entropy(logits, targets) == pytest.approx(loss)
    np.testing.assert_allclose(cross_entropy_gradient(logits, targets), gradient, atol=1e-13)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_gradient_is_the_slope_of_the_loss(seed):
    logits, targets, counted = random_batch(np.float64, seed=seed)
    counted[0, 0] = True
    direction = np.random.default_rng(seed + 1).standard_normal(logits.shape)
    ahead = cross_entropy(logits + 1e-5 * direction, targets, counted)
    behind = cross_entropy(logits - 1e-5 * direction, targets, counted)
    slope = (cross_entropy_gradient(logits, targets, counted) * direction).sum()
    assert (ahead - behind) / 2e-5 == pytest.approx(slope, abs=1e-8)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20), st.floats(-1e6, 1e6))
def test_log_softmax_normalises_and_ignores_a_constant(values, constant):
    logits = np.array(values)
    logs = log_softmax(logits)
    assert np.exp(logs).sum() == pytest.approx(1.0)
    assert (logs <= 0).all()
    np.testing.assert_allclose(log_softmax(logits + constant), logs, atol=1e-8)


def test_huge_logits_neither_overflow_nor_lose_the_small_probability():
    logits = np.array([[1e300, 0.0, -1e300]])
    assert np.isfinite(log_softmax(logits)).all()
    assert log_softmax(np.array([0.0, 1000.0])).tolist() == [-1000.0, 0.0]
    assert cross_entropy(np.array([[0.0, 1000.0]], np.float32), np.array([0])) == 1000.0
    banned = log_softmax(np.array([0.0, -np.inf, 0.0]))
    assert banned[1] == -np.inf
    assert banned[0] == pytest.approx(-math.log(2))


def test_one_prediction_and_one_token():
    assert cross_entropy(np.zeros((1, 1)), np.array([0])) == 0.0
    assert cross_entropy(np.zeros(4), np.array(2)) == pytest.approx(math.log(4))
    assert cross_entropy_gradient(np.zeros((1, 1)), np.array([0])).tolist() == [[0.0]]


def test_bad_targets_and_empty_averages_are_refused():
    logits = np.zeros((2, 5))
    for target in (-100, 5):
        with pytest.raises(ValueError, match=f"target {target} is not in the vocabulary, 0 to 4"):
            cross_entropy(logits, np.array([1, target]))
    for mask in (np.zeros(2, bool), None):
        empty = logits if mask is not None else logits[:0]
        with pytest.raises(ValueError, match="no position is counted"):
            cross_entropy(empty, np.zeros(len(empty), int), mask)


def test_the_shift_gives_each_token_its_successor():
    tokens = np.arange(12).reshape(2, 6)
    read, answers = shift_by_one(tokens)
    assert np.array_equal(answers, read + 1)
    alone, nothing = shift_by_one(np.array([4]))
    assert alone.size == nothing.size == 0


def test_perplexity_counts_equal_choices_and_bits_per_byte_forget_the_tokenizer():
    assert perplexity(math.log(50_257)) == pytest.approx(50_257)
    assert perplexity(0.0) == 1.0
    total = 700.0  # nats that one text costs, however it is cut
    for n_tokens in (10, 100, 400):
        assert bits_per_byte(total / n_tokens, n_tokens, 400) == pytest.approx(
            total / math.log(2) / 400
        )
    with pytest.raises(ValueError, match="n_bytes must be positive, got 0"):
        bits_per_byte(1.0, 1, 0)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 4))
def test_ngram_counts_equal_a_plain_count_of_runs(values, order):
    counts = ngram_counts(np.array(values, dtype=int), vocab=4, order=order)
    runs = Counter(tuple(values[i : i + order]) for i in range(len(values) - order + 1))
    assert counts.shape == (4,) * order
    assert {run: counts[run] for run in np.ndindex(counts.shape) if counts[run]} == dict(runs)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 3), st.floats(1e-3, 10))
def test_ngram_logits_are_the_smoothed_frequencies_of_the_context(values, order, smoothing):
    tokens = np.array(values)
    counts = ngram_counts(tokens, vocab=4, order=order)
    logits = ngram_logits(counts, tokens, smoothing)
    assert logits.shape == (max(len(tokens) - order + 1, 0), 4)
    np.testing.assert_allclose(log_softmax(logits), logits, atol=1e-12)  # normalised already
    for row, probabilities in enumerate(softmax(logits)):
        seen = counts[tuple(values[row : row + order - 1])]
        np.testing.assert_allclose(probabilities, (seen + smoothing) / (seen + smoothing).sum())


def test_ngrams_refuse_what_would_not_fit_or_not_work():
    with pytest.raises(ValueError, match=r"50257\^2 = 2,525,766,049 counts is too large"):
        ngram_counts(np.array([0]), vocab=50_257, order=2)
    with pytest.raises(ValueError, match="order must be at least 1"):
        ngram_counts(np.array([0]), vocab=2, order=0)
    with pytest.raises(ValueError, match="smoothing must be positive"):
        ngram_logits(np.ones(2, int), np.array([0]), 0.0)


SIZES = np.logspace(6, 12, 13)
GUESSES = np.random.default_rng(0).dirichlet([4.0] * 4, size=4_000)


def test_token_accuracy_is_a_power_law_in_the_loss():
    loss = -np.log(token_accuracy(SIZES, exponent=0.3))
    np.testing.assert_allclose(loss[1:] / loss[:-1], 10 ** (-0.3 / 2))
    with pytest.raises(ValueError, match="exponent must be positive"):
        token_accuracy(SIZES, 0.0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_long_simulated_test_comes_close_to_the_true_score(metric):
    accuracy = token_accuracy(SIZES, 0.3)
    truth = score_of(metric, accuracy, 5, GUESSES)
    measured = sit_test(metric, accuracy, 5, GUESSES, seed=1)
    np.testing.assert_allclose(measured, truth, atol=5 * 0.5 * 5 / math.sqrt(len(GUESSES)))


def test_an_unknown_metric_is_named():
    for simulate in (score_of, lambda *a: sit_test(*a, seed=0)):
        with pytest.raises(ValueError, match="'wit' is not one of exact match"):
            simulate("wit", np.array([0.5]), 3, GUESSES[:2])


@given(st.integers(2, 32))
def test_exact_match_jumps_and_counted_errors_do_not(length):
    sizes = np.logspace(4, 16, 200)
    accuracy = token_accuracy(sizes, 0.3)
    smooth = decades_to_rise(sizes, accuracy)
    assert decades_to_rise(sizes, exact_match(accuracy, length)) < smooth
    assert decades_to_rise(sizes, expected_errors(accuracy, length)) == pytest.approx(smooth)


def test_with_one_token_exact_match_is_the_accuracy_itself():
    accuracy = token_accuracy(SIZES, 0.3)
    assert np.array_equal(exact_match(accuracy, 1), accuracy)


def test_multiple_choice_goes_from_chance_to_certainty():
    probabilities = option_probabilities(np.array([0.0, 1.0]), GUESSES)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0)
    chance, certain = multiple_choice_grade(probabilities)
    assert chance == pytest.approx(0.25, abs=0.03)
    assert certain == 1.0
    assert brier_score(probabilities)[1] == 0.0


def test_milestones_have_a_source_each_and_stand_in_order_of_time():
    assert [m.date for m in MODELS] == sorted(m.date for m in MODELS)
    assert all(m.source and m.known_for for m in MODELS)
    assert [a.flops for a in ABILITIES] == sorted(a.flops for a in ABILITIES)
    assert all(a.reference and a.parameters > 0 for a in ABILITIES)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("timeline", ["models", "reported abilities"])
def test_the_widget_scores_the_same_models_by_every_metric(metric, timeline):
    views = widget.render(metric=metric, timeline=timeline)
    charts = [view for view in views if isinstance(view, Chart)]
    improves, reported, published = charts
    np.testing.assert_allclose(improves.marks[0].y, token_accuracy(widget.SIZES, 0.3))
    line, points = reported.marks
    assert isinstance(line, Line)
    assert isinstance(points, Point)
    assert len(line.y) == 61
    assert len(points.y) == 13
    table = views[-1]
    assert isinstance(table, Table)
    assert len(table.rows) == (len(MODELS) if timeline == "models" else len(ABILITIES))
    assert len(published.marks[0].texts) <= len(table.rows)


def test_in_the_widget_few_questions_make_small_scores_zero():
    few = widget.render(questions=20, answer_length=32)[1].marks
    line, points = few
    tested = np.asarray(line.y)[widget.TESTED]
    assert ((np.asarray(points.y) == 0) & (tested > 0)).any()
