"""Positional encodings: against an independent formula, closed forms and torch."""

import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdeep.positions import (
    frequencies,
    learned_encoding,
    offset_similarity,
    shift_matrix,
    sinusoidal_encoding,
    wavelengths,
)
from llmdeep.widgets import Matrix, Metrics
from llmdeep.widgets import sinusoidal_positions as widget
from llmdeep.widgets._panel import controls
from llmdeep.widgets._views import Chart, Point

widths = st.integers(1, 40).map(lambda pairs: 2 * pairs)
bases = st.floats(2.0, 1e7)
places = st.integers(-10_000, 1_000_000)


@given(place=places, d_model=widths, base=bases)
def test_each_pair_is_a_point_on_the_unit_circle_at_its_own_angle(place, d_model, base):
    encoding = sinusoidal_encoding(np.array([place]), d_model, base)[0]
    for pair in range(d_model // 2):
        hand = cmath.exp(1j * place / base ** (2 * pair / d_model))
        assert encoding[2 * pair] == pytest.approx(hand.imag, abs=1e-8)
        assert encoding[2 * pair + 1] == pytest.approx(hand.real, abs=1e-8)


def test_it_equals_the_usual_torch_implementation():
    positions = torch.arange(300, dtype=torch.float64).unsqueeze(1)
    speeds = torch.exp(torch.arange(0, 64, 2, dtype=torch.float64) * (-math.log(10_000) / 64))
    expected = torch.zeros(300, 64, dtype=torch.float64)
    expected[:, 0::2] = torch.sin(positions * speeds)
    expected[:, 1::2] = torch.cos(positions * speeds)
    np.testing.assert_allclose(
        sinusoidal_encoding(np.arange(300), 64), expected.numpy(), atol=1e-12
    )


def test_one_position_and_none():
    assert sinusoidal_encoding(np.array([0]), 6).tolist() == [[0, 1, 0, 1, 0, 1]]
    assert sinusoidal_encoding(np.array([], dtype=int), 6).shape == (0, 6)


@pytest.mark.parametrize("d_model", [-2, 0, 1, 7])
def test_an_odd_or_empty_width_is_refused_with_a_reason(d_model):
    with pytest.raises(ValueError, match=f"d_model must be even and at least 2 .* got {d_model}"):
        sinusoidal_encoding(np.arange(3), d_model)


@pytest.mark.parametrize("base", [0.0, -1.0, math.nan])
def test_a_base_that_is_not_positive_is_refused(base):
    with pytest.raises(ValueError, match="base must be positive"):
        frequencies(4, base)


@given(d_model=widths, base=bases)
def test_wavelengths_are_geometric_and_end_one_step_before_the_base(d_model, base):
    turns = wavelengths(d_model, base)
    assert turns[0] == pytest.approx(2 * math.pi)
    np.testing.assert_allclose(turns[1:] / turns[:-1], base ** (2 / d_model))
    assert turns[-1] == pytest.approx(2 * math.pi * base ** ((d_model - 2) / d_model))


@given(place=st.integers(0, 10_000), offset=st.integers(-5_000, 5_000), d_model=widths, base=bases)
def test_one_matrix_moves_every_position_by_the_same_offset(place, offset, d_model, base):
    here, there = sinusoidal_encoding(np.array([place, place + offset]), d_model, base)
    np.testing.assert_allclose(shift_matrix(offset, d_model, base) @ here, there, atol=1e-10)


@given(a=st.integers(-500, 500), b=st.integers(-500, 500), d_model=widths)
def test_shifts_are_rotations_that_add_up(a, b, d_model):
    one, other = shift_matrix(a, d_model), shift_matrix(b, d_model)
    np.testing.assert_allclose(one @ one.T, np.eye(d_model), atol=1e-12)
    np.testing.assert_allclose(one @ other, shift_matrix(a + b, d_model), atol=1e-11)
    np.testing.assert_allclose(one.T, shift_matrix(-a, d_model), atol=1e-12)
    assert np.linalg.det(one) == pytest.approx(1.0)


@given(place=st.integers(0, 10_000), offset=st.integers(-500, 500), d_model=widths, base=bases)
def test_dot_products_depend_on_the_offset_alone(place, offset, d_model, base):
    here, there = sinusoidal_encoding(np.array([place, place + offset]), d_model, base)
    similarity = offset_similarity(np.array([offset, -offset]), d_model, base)
    np.testing.assert_allclose(similarity, here @ there, atol=1e-9)
    assert similarity[0] <= d_model / 2 + 1e-12


def test_similarity_falls_as_the_logarithm_of_the_distance():
    distance = np.arange(5, 500)  # further out, the pairs are too few to cancel
    expected = 1 - (np.log(distance) + np.euler_gamma) / np.log(10_000)
    np.testing.assert_allclose(offset_similarity(distance, 512) / 256, expected, atol=0.04)


def test_a_learned_table_returns_its_rows_as_torch_does_and_moves_only_those():
    table = np.random.default_rng(0).standard_normal((8, 4))
    positions = np.array([0, 3, 3, 7])
    embedding = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False)
    looked_up = embedding(torch.tensor(positions))
    assert np.array_equal(learned_encoding(table, positions), looked_up.detach().numpy())
    looked_up.sum().backward()
    assert (embedding.weight.grad.sum(dim=1) != 0).nonzero().flatten().tolist() == [0, 3, 7]


@pytest.mark.parametrize("position", [-1, 8, 1_000])
def test_a_learned_table_says_where_it_ends(position):
    with pytest.raises(IndexError, match=f"position {position} has no row.* 0 to 7"):
        learned_encoding(np.zeros((8, 4)), np.array([0, position]))


def every_setting():
    panel = controls(widget.render)
    corners = {name: [control.grid()[0], control.grid()[-1]] for name, control in panel.items()}
    return st.fixed_dictionaries({name: st.sampled_from(v) for name, v in corners.items()})


@settings(deadline=None)
@given(params=every_setting())
def test_in_the_widget_measured_points_lie_on_the_formula_and_the_map_is_exact(params):
    views = widget.render(**params)
    encoding = next(view for view in views if isinstance(view, Matrix))
    assert np.shape(encoding.values) == (params["length"], params["d_model"])
    similarity = next(v for v in views if isinstance(v, Chart) and "Dot" in v.title)
    for mark in similarity.marks:
        if isinstance(mark, Point):
            expected = offset_similarity(np.asarray(mark.x), params["d_model"], params["base"])
            np.testing.assert_allclose(mark.y, expected, atol=1e-9)
    metrics = next(view for view in views if isinstance(view, Metrics))
    assert metrics.items["largest error of the map"].value < 1e-12
