"""Recurrent networks and causal convolutions against PyTorch and closed forms; their widgets."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdeep.convolution import causal_convolution, layers_to_reach
from llmdeep.gated_recurrence import gru, gru_jacobians, lstm, lstm_jacobians, sigmoid
from llmdeep.recurrence import (
    additive_attention,
    backpropagate_through_time,
    gradient_norms,
    random_recurrent_weights,
    rnn,
    rnn_jacobians,
)
from llmdeep.widgets import path_length, vanishing_gradient

ARCHITECTURES = {"rnn": 1, "lstm": 4, "gru": 3}  # matrices a step
SHAPES = [(1, 1, 1), (1, 3, 5), (2, 1, 7), (9, 4, 3), (17, 5, 8)]  # n, d_input, d_hidden
PRECISIONS = [(np.float64, 1e-12), (np.float32, 2e-5)]  # dtype and absolute tolerance


class Instance:
    """Random inputs and weights of one architecture, stacked by gate, and the same for PyTorch."""

    def __init__(self, architecture: str, shape: tuple[int, int, int], dtype: type) -> None:
        n, d_input, d_hidden = shape
        n_gates = ARCHITECTURES[architecture]
        rng = np.random.default_rng([*shape, n_gates])

        def normal(*size: int, scale: float = 1.0) -> np.ndarray:
            return (scale * rng.standard_normal(size)).astype(dtype)

        self.inputs = normal(n, d_input)
        self.input_weights = normal(n_gates, d_hidden, d_input)
        self.recurrent_weights = normal(n_gates, d_hidden, d_hidden, scale=d_hidden**-0.5)
        self.bias = normal(n_gates, d_hidden)

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.input_weights, self.recurrent_weights, self.bias

    @property
    def torch_weights(self) -> tuple[torch.Tensor, ...]:
        """As PyTorch wants them: gates one below the other, and a second bias, which is 0."""
        w_x, w_h, b = (torch.from_numpy(np.concatenate(list(w))) for w in self.weights)
        return w_x, w_h, b, torch.zeros_like(b)

    def torch_network(self, kind: type[torch.nn.RNNBase]) -> torch.nn.RNNBase:
        network = kind(self.inputs.shape[1], self.bias.shape[1]).to(self.torch_weights[0].dtype)
        with torch.no_grad():
            for parameter, value in zip(network.parameters(), self.torch_weights, strict=True):
                parameter.copy_(value)
        return network

    def torch_gradient_norms(
        self, step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], d_state: int
    ) -> list[float]:
        """‖∂s_n/∂s_(n-k)‖₂ for k = 0…n: autograd through the last k steps as one graph."""
        xs = torch.from_numpy(self.inputs)
        states = [torch.zeros(d_state, dtype=xs.dtype)]
        for x in xs:
            states.append(step(x, states[-1]))

        def last_steps(k: int) -> Callable[[torch.Tensor], torch.Tensor]:
            def run(state: torch.Tensor) -> torch.Tensor:
                for x in xs[len(xs) - k :]:
                    state = step(x, state)
                return state

            return run

        jacobian = torch.autograd.functional.jacobian
        return [
            float(np.linalg.norm(jacobian(last_steps(k), states[len(xs) - k]).numpy(), 2))
            for k in range(len(xs) + 1)
        ]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS, ids=["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestAgainstTorch:
    def test_states_of_an_rnn(self, shape, dtype, tolerance):
        instance = Instance("rnn", shape, dtype)
        states = rnn(instance.inputs, *(w[0] for w in instance.weights))
        expected, _ = instance.torch_network(torch.nn.RNN)(torch.from_numpy(instance.inputs))
        assert states.dtype == dtype
        np.testing.assert_allclose(states, expected.detach().numpy(), atol=tolerance)

    def test_states_of_an_lstm(self, shape, dtype, tolerance):
        instance = Instance("lstm", shape, dtype)
        trace = lstm(instance.inputs, *instance.weights)
        network = instance.torch_network(torch.nn.LSTM)
        hidden, (_, last_cell) = network(torch.from_numpy(instance.inputs))
        assert trace.hidden.dtype == trace.cells.dtype == dtype
        np.testing.assert_allclose(trace.hidden, hidden.detach().numpy(), atol=tolerance)
        np.testing.assert_allclose(trace.cells[-1], last_cell[0].detach().numpy(), atol=tolerance)

    def test_states_of_a_gru(self, shape, dtype, tolerance):
        instance = Instance("gru", shape, dtype)
        trace = gru(instance.inputs, *instance.weights)
        expected, _ = instance.torch_network(torch.nn.GRU)(torch.from_numpy(instance.inputs))
        assert trace.hidden.dtype == dtype
        np.testing.assert_allclose(trace.hidden, expected.detach().numpy(), atol=tolerance)

    @pytest.mark.parametrize("activation", ["tanh", "linear"])
    def test_gradient_norms_of_an_rnn(self, shape, dtype, tolerance, activation):
        instance = Instance("rnn", shape, dtype)
        recurrent_weights = instance.recurrent_weights[0]
        states = rnn(instance.inputs, *(w[0] for w in instance.weights), activation)
        norms = gradient_norms(rnn_jacobians(states, recurrent_weights, activation))

        w_x, w_h, b, _ = instance.torch_weights
        squash = torch.tanh if activation == "tanh" else torch.clone
        expected = instance.torch_gradient_norms(
            lambda x, h: squash(w_x @ x + w_h @ h + b), shape[2]
        )
        assert norms.dtype == dtype
        np.testing.assert_allclose(norms, expected, rtol=tolerance, atol=tolerance)

    def test_gradient_norms_of_an_lstm(self, shape, dtype, tolerance):
        instance = Instance("lstm", shape, dtype)
        trace = lstm(instance.inputs, *instance.weights)
        norms = gradient_norms(lstm_jacobians(trace, instance.recurrent_weights))

        def step(x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
            cell, hidden = state[None].chunk(2, dim=1)
            hidden, cell = torch.lstm_cell(x[None], (hidden, cell), *instance.torch_weights)
            return torch.cat([cell, hidden], dim=1)[0]

        expected = instance.torch_gradient_norms(step, 2 * shape[2])
        assert norms.dtype == dtype
        np.testing.assert_allclose(norms, expected, rtol=tolerance, atol=tolerance)

    def test_gradient_norms_of_a_gru(self, shape, dtype, tolerance):
        instance = Instance("gru", shape, dtype)
        trace = gru(instance.inputs, *instance.weights)
        norms = gradient_norms(gru_jacobians(trace, instance.recurrent_weights))

        def step(x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
            return torch.gru_cell(x[None], hidden[None], *instance.torch_weights)[0]

        expected = instance.torch_gradient_norms(step, shape[2])
        assert norms.dtype == dtype
        np.testing.assert_allclose(norms, expected, rtol=tolerance, atol=tolerance)

    def test_backpropagation_through_time(self, shape, dtype, tolerance):
        instance = Instance("rnn", shape, dtype)
        w_x, w_h, _ = (w[0] for w in instance.weights)
        states = rnn(instance.inputs, *(w[0] for w in instance.weights))
        targets = np.random.default_rng(1).standard_normal(states.shape).astype(dtype)
        gradients = backpropagate_through_time(instance.inputs, states, targets, w_x, w_h)

        network = instance.torch_network(torch.nn.RNN)
        inputs = torch.from_numpy(instance.inputs).requires_grad_()
        (network(inputs)[0] * torch.from_numpy(targets)).sum().backward()
        expected = (inputs, network.weight_ih_l0, network.weight_hh_l0, network.bias_ih_l0)
        for ours, theirs in zip(gradients, expected, strict=True):
            assert ours.dtype == dtype
            scale = 1 + np.abs(theirs.grad.numpy()).max()
            np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=tolerance * scale)

    def test_causal_convolution(self, shape, dtype, tolerance):
        n, d_input, d_output = shape
        rng = np.random.default_rng(0)
        for width, dilation in [(1, 1), (2, 1), (3, 2), (5, 4)]:
            inputs = rng.standard_normal((2, n, d_input)).astype(dtype)
            kernel = rng.standard_normal((width, d_output, d_input)).astype(dtype)
            outputs = causal_convolution(inputs, kernel, dilation)

            padded = np.pad(inputs, [(0, 0), ((width - 1) * dilation, 0), (0, 0)])
            expected = torch.nn.functional.conv1d(
                torch.from_numpy(padded.transpose(0, 2, 1).copy()),
                torch.from_numpy(kernel[::-1].transpose(1, 2, 0).copy()),
                dilation=dilation,
            )
            expected = expected.numpy().transpose(0, 2, 1)
            assert outputs.dtype == dtype
            np.testing.assert_allclose(outputs, expected, atol=10 * tolerance)


@settings(max_examples=50, deadline=None)
@given(
    d_hidden=st.integers(1, 12),
    n=st.integers(1, 20),
    spectral_radius=st.floats(0.0, 2.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_linear_network_has_the_gradient_norms_of_matrix_powers(
    d_hidden, n, spectral_radius, seed
):
    rng = np.random.default_rng(seed)
    weights = random_recurrent_weights(d_hidden, spectral_radius, rng)
    states = rnn(
        rng.standard_normal((n, 2)), np.ones((d_hidden, 2)), weights, 0 * weights[0], "linear"
    )
    norms = gradient_norms(rnn_jacobians(states, weights, "linear"))
    powers = [np.linalg.norm(np.linalg.matrix_power(weights, k), 2) for k in range(n + 1)]
    np.testing.assert_allclose(norms, powers, rtol=1e-10, atol=1e-300)


@settings(max_examples=50, deadline=None)
@given(d_hidden=st.integers(1, 8), n=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_no_tanh_network_exceeds_the_power_of_its_largest_singular_value(d_hidden, n, seed):
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((d_hidden, d_hidden))
    states = rnn(rng.standard_normal((n, 2)), np.ones((d_hidden, 2)), weights, 0 * weights[0])
    norms = gradient_norms(rnn_jacobians(states, weights))
    bound = np.linalg.norm(weights, 2) ** np.arange(n + 1)
    assert (norms <= bound * (1 + 1e-12)).all()


def test_without_recurrent_weights_no_gradient_goes_back():
    states = rnn(np.ones((3, 1)), np.ones((2, 1)), np.zeros((2, 2)), np.zeros(2))
    np.testing.assert_array_equal(
        gradient_norms(rnn_jacobians(states, np.zeros((2, 2)))), [1, 0, 0, 0]
    )


@pytest.mark.parametrize("spectral_radius", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("d_hidden", [1, 2, 33])
def test_random_weights_have_the_radius_asked_for(d_hidden, spectral_radius):
    weights = random_recurrent_weights(d_hidden, spectral_radius, np.random.default_rng(4))
    assert np.isclose(np.abs(np.linalg.eigvals(weights)).max(), spectral_radius)


@pytest.mark.parametrize(
    ("d_hidden", "spectral_radius"), [(0, 1.0), (3, -0.1), (3, math.nan), (3, math.inf)]
)
def test_random_weights_refuse_what_cannot_be(d_hidden, spectral_radius):
    with pytest.raises(ValueError, match="must be"):
        random_recurrent_weights(d_hidden, spectral_radius, np.random.default_rng(0))


def test_an_unknown_activation_is_refused_by_name():
    with pytest.raises(ValueError, match='"tanh" or "linear", got "relu"'):
        rnn(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), "relu")


def test_an_open_forget_gate_keeps_the_cell_and_its_gradient():
    rng = np.random.default_rng(0)
    bias = np.zeros((4, 3))
    bias[1] = 50.0  # forget nothing
    bias[0] = -50.0  # write nothing
    trace = lstm(rng.standard_normal((40, 2)), np.zeros((4, 3, 2)), np.zeros((4, 3, 3)), bias)
    product = np.linalg.multi_dot(lstm_jacobians(trace, np.zeros((4, 3, 3))))
    np.testing.assert_allclose(product[:3, :3], np.eye(3), atol=1e-12)


def test_sigmoid_never_overflows_and_agrees_with_torch():
    a = np.array([-1e9, -745.0, -3.0, 0.0, 3.0, 745.0, 1e9])
    with np.errstate(all="raise"):
        ours = sigmoid(a)
    np.testing.assert_allclose(ours, torch.sigmoid(torch.from_numpy(a)), atol=1e-15)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 20), d=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_additive_attention_is_the_papers_formula_pair_by_pair(n, d, seed):
    rng = np.random.default_rng(seed)
    query, keys = rng.standard_normal(d + 1), rng.standard_normal((n, d))
    w, u, v = (rng.standard_normal(s) for s in [(5, d + 1), (5, d), (5,)])
    context, weights = additive_attention(query, keys, w, u, v)

    scores = torch.tensor([float(v @ np.tanh(w @ query + u @ key)) for key in keys]).double()
    expected = torch.softmax(scores, dim=0).numpy()
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    np.testing.assert_allclose(context, sum(a * key for a, key in zip(weights, keys, strict=True)))
    assert np.isclose(weights.sum(), 1)


def test_additive_attention_survives_enormous_scores():
    context, weights = additive_attention(
        np.ones(1), np.array([[1.0], [-1.0]]), np.zeros((1, 1)), np.ones((1, 1)), np.array([1e6])
    )
    np.testing.assert_allclose(weights, [1, 0])
    np.testing.assert_allclose(context, [1])


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 300), width=st.integers(2, 9), dilated=st.booleans())
def test_layers_to_reach_is_the_fewest_that_carry_token_1_to_token_n(n, width, dilated):
    layers = layers_to_reach(n, width, dilated)
    reached = {0}
    steps = 0
    while n - 1 not in reached:
        stride = width**steps if dilated else 1
        reached = {p + j * stride for p in reached for j in range(width)}
        steps += 1
    assert layers == steps


@pytest.mark.parametrize(("n", "width"), [(5, 1), (5, 0), (0, 2)])
def test_layers_to_reach_refuses_what_never_arrives(n, width):
    with pytest.raises(ValueError, match="at least"):
        layers_to_reach(n, width)


def curves(widget: Callable, chart: int = 0, **controls: float | str) -> dict[str, np.ndarray]:
    """The curves of one chart of a widget, by label."""
    views = widget(**controls)
    return {mark.label: np.asarray(mark.y) for mark in views[chart].marks if mark.mark == "line"}


class TestVanishingGradientWidget:
    def test_a_linear_networks_norm_scales_with_the_power_of_the_radius(self):
        drawn = np.asarray(vanishing_gradient.render()[0].marks[0].x)
        small, large = (
            curves(vanishing_gradient.render, activation="linear", spectral_radius=radius)
            for radius in (0.8, 1.2)
        )
        np.testing.assert_allclose(
            large["RNN, linear"] / small["RNN, linear"], 1.5**drawn, rtol=1e-9
        )

    def test_without_inputs_tanh_is_the_linear_network(self):
        tanh, linear = (
            curves(vanishing_gradient.render, activation=activation, input_size=0.0)
            for activation in ("tanh", "linear")
        )
        np.testing.assert_allclose(tanh["RNN, tanh"], linear["RNN, linear"], rtol=1e-9)

    @pytest.mark.parametrize("seed", range(5))
    def test_inputs_saturate_tanh_and_shrink_the_gradient(self, seed):
        last = [
            curves(vanishing_gradient.render, input_size=size, seed=seed)["RNN, tanh"][-1]
            for size in (0.0, 0.5, 1.0, 2.0)
        ]
        assert last == sorted(last, reverse=True)

    @pytest.mark.parametrize("forget_bias", [-1.0, 0.0, 1.0, 5.0])
    def test_without_inputs_the_forget_gates_alone_are_a_power_law(self, forget_bias):
        controls = {"input_size": 0.0, "forget_bias": forget_bias}
        drawn = np.asarray(vanishing_gradient.render(**controls)[0].marks[0].x)
        gates = curves(vanishing_gradient.render, **controls)["LSTM, forget gates alone"]
        np.testing.assert_allclose(gates, (1 / (1 + math.exp(-forget_bias))) ** drawn, rtol=1e-9)


class TestPathLengthWidget:
    @pytest.mark.parametrize("width", range(2, 10))
    @pytest.mark.parametrize("length", path_length.LENGTHS)
    def test_a_cnn_has_just_the_layers_it_needs(self, length, width):
        rng = np.random.default_rng(0)
        texts = rng.standard_normal((2, 1, length, path_length.D_MODEL))
        texts[1, :, 1:] = texts[0, :, 1:]
        for dilated in (False, True):
            layers = layers_to_reach(length, width, dilated)
            dilations = [width**i if dilated else 1 for i in range(layers)]
            for used, arrives in [(dilations, True), (dilations[:-1], False)]:
                old, new = path_length.convolutional(texts, 1.0, width, used, rng)
                assert np.any(old[:, -1] != new[:, -1]) == arrives

    def test_the_table_counts_one_path_and_one_step_for_attention_and_n_for_the_rnn(self):
        for length in path_length.LENGTHS:
            *_, table = path_length.render(length=length)
            rows = {row[0]: row[1:4] for row in table.rows}
            assert rows["attention"] == [1, 1, 1]
            assert rows["RNN"] == [1, length, length]

    @pytest.mark.parametrize("seed", range(10))
    def test_a_change_arrives_through_attention_and_dies_in_the_recurrent_network(self, seed):
        shares = curves(path_length.render, chart=1, length=64, seed=seed)
        assert shares["attention"][-1] > 0.01
        assert not shares["RNN"][-1] > 1e-6  # NaN where it is below what is drawn

    def test_a_replaced_token_changes_its_own_position_as_much_as_an_unrelated_text(self):
        shares = [curves(path_length.render, chart=1, seed=seed, length=8) for seed in range(20)]
        for name in path_length.NAMES:
            assert np.isclose(np.mean([share[name][0] for share in shares]), 1, atol=0.1)
