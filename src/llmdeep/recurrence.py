"""Recurrence: read a sequence one element at a time and carry a state of fixed size.

The state is a column vector, as in the papers, and a function takes one sequence, not a batch.
The gated networks, LSTM and GRU, are in `llmdeep.gated_recurrence`.
"""

from typing import NamedTuple

import numpy as np

from llmdeep.shapes import Array, Float


class RNNGradients(NamedTuple):
    """The gradient of a loss with respect to everything an RNN is computed from."""

    inputs: Float[Array, "positions d_input"]
    input_weights: Float[Array, "d_hidden d_input"]
    recurrent_weights: Float[Array, "d_hidden d_hidden"]
    bias: Float[Array, "d_hidden"]


def rnn(
    inputs: Float[Array, "positions d_input"],
    input_weights: Float[Array, "d_hidden d_input"],
    recurrent_weights: Float[Array, "d_hidden d_hidden"],
    bias: Float[Array, "d_hidden"],
    activation: str = "tanh",
) -> Float[Array, "positions d_hidden"]:
    """All states of a simple recurrent network that starts from a state of zeros.

    h_t = φ(W_x x_t + W_h h_(t-1) + b), with φ the hyperbolic tangent or, for a linear network,
    the identity. What the inputs contribute is one product for the whole sequence; the states
    are a loop, because each needs the one before.

    Raises:
        ValueError: If `activation` is neither "tanh" nor "linear".

    Source:
        Elman 1990, Finding structure in time, Cognitive Science 14.

    Examples:
        >>> one, half = np.ones((1, 1)), np.array([[0.5]])
        >>> rnn(np.array([[1.0], [0.0], [0.0]]), one, half, np.zeros(1), "linear").ravel()
        array([1.  , 0.5 , 0.25])
    """
    driven = inputs @ input_weights.T + bias  # (n, d_hidden)
    states = np.empty_like(driven)
    state = np.zeros_like(bias)
    for t in range(len(inputs)):
        state = _activate(driven[t] + recurrent_weights @ state, activation)
        states[t] = state
    return states


def rnn_jacobians(
    states: Float[Array, "positions d_hidden"],
    recurrent_weights: Float[Array, "d_hidden d_hidden"],
    activation: str = "tanh",
) -> Float[Array, "positions d_hidden d_hidden"]:
    """How each state depends on the one before: J_t = ∂h_t/∂h_(t-1) = diag(φ'(a_t)) W_h.

    The states are enough: with φ = tanh the slope at a_t is 1 - h_t².

    Examples:
        >>> rnn_jacobians(np.array([[0.6]]), np.array([[2.0]]))
        array([[[1.28]]])
    """
    return _slopes(states, activation)[:, :, None] * recurrent_weights


def gradient_norms(
    jacobians: Float[Array, "positions d_state d_state"],
) -> Float[Array, "positions+1"]:
    """The largest factor by which a gradient grows or shrinks on its way back, per distance.

    Entry k is the largest singular value of ∂h_n/∂h_(n-k) = J_n J_(n-1) … J_(n-k+1): no gradient
    at the last state is longer by more than that factor k steps earlier, and one is. Entry 0 is 1.

    Args:
        jacobians: ∂h_t/∂h_(t-1) for t = 1…n, of any recurrent network.

    Source:
        Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063.

    Examples:
        >>> gradient_norms(np.array([[[0.5]], [[3.0]]]))
        array([1. , 3. , 1.5])
    """
    product = np.eye(jacobians.shape[-1], dtype=jacobians.dtype)
    products = [product]
    for jacobian in jacobians[::-1]:
        product = product @ jacobian
        products.append(product)
    return np.linalg.norm(np.stack(products), ord=2, axis=(1, 2))


def backpropagate_through_time(
    inputs: Float[Array, "positions d_input"],
    states: Float[Array, "positions d_hidden"],
    state_gradients: Float[Array, "positions d_hidden"],
    input_weights: Float[Array, "d_hidden d_input"],
    recurrent_weights: Float[Array, "d_hidden d_hidden"],
    activation: str = "tanh",
) -> RNNGradients:
    """The gradient of a loss through every step of `rnn`, in one pass from last to first.

    δ_t = φ'(a_t) ⊙ (∂L_t/∂h_t + W_hᵀ δ_(t+1)) is the gradient at the pre-activation a_t. The
    weights are the same at every step, so their gradient is a sum over the steps.

    Args:
        states: What `rnn` returned for these inputs and weights.
        state_gradients: ∂L_t/∂h_t, what step t's own loss says about its state.

    Source:
        Werbos 1990, Backpropagation through time, Proceedings of the IEEE 78.
    """
    slopes = _slopes(states, activation)
    deltas = np.empty_like(states)
    from_the_future = np.zeros_like(states[0])
    for t in reversed(range(len(states))):
        deltas[t] = slopes[t] * (state_gradients[t] + from_the_future)
        from_the_future = recurrent_weights.T @ deltas[t]
    earlier_states = np.vstack([np.zeros_like(states[:1]), states[:-1]])  # h_0 … h_(n-1)
    return RNNGradients(
        inputs=deltas @ input_weights,
        input_weights=deltas.T @ inputs,
        recurrent_weights=deltas.T @ earlier_states,
        bias=deltas.sum(axis=0),
    )


def random_recurrent_weights(
    d_hidden: int, spectral_radius: float, rng: np.random.Generator
) -> Float[Array, "d_hidden d_hidden"]:
    """A Gaussian matrix, scaled so that its largest eigenvalue has the given absolute value.

    Such a matrix is not normal: its largest singular value exceeds its spectral radius, so a
    power of it can grow before it shrinks.

    Raises:
        ValueError: If `d_hidden` is below 1 or `spectral_radius` is negative or not finite.

    Examples:
        >>> weights = random_recurrent_weights(16, 0.9, np.random.default_rng(0))
        >>> float(np.abs(np.linalg.eigvals(weights)).max().round(12))
        0.9
    """
    if d_hidden < 1:
        raise ValueError(f"d_hidden must be at least 1, got {d_hidden}")
    if not 0 <= spectral_radius < np.inf:
        raise ValueError(f"spectral_radius must be finite and not negative, got {spectral_radius}")
    weights = rng.standard_normal((d_hidden, d_hidden))
    return spectral_radius * weights / np.abs(np.linalg.eigvals(weights)).max()


def additive_attention(
    query: Float[Array, "d_query"],
    keys: Float[Array, "positions d_key"],
    query_weights: Float[Array, "d_score d_query"],
    key_weights: Float[Array, "d_score d_key"],
    score_vector: Float[Array, "d_score"],
) -> tuple[Float[Array, "d_key"], Float[Array, "positions"]]:
    """Look over all encoder states at once and return their weighted mean, and the weights.

    Score e_j = vᵀ tanh(W s + U h_j) in nats; weights α = softmax(e); context c = Σ_j α_j h_j.

    Args:
        query: The decoder's state s, before it writes the next word.
        keys: The encoder's states h_1 … h_n, one a source word.

    Source:
        Bahdanau, Cho & Bengio 2014, arXiv:1409.0473.

    Examples:
        >>> still = np.zeros((1, 2))
        >>> additive_attention(np.ones(2), np.eye(2), still, still, np.ones(1))
        (array([0.5, 0.5]), array([0.5, 0.5]))
    """
    scores = np.tanh(query_weights @ query + keys @ key_weights.T) @ score_vector  # (n,)
    weights = np.exp(scores - scores.max())
    weights = weights / weights.sum()
    return weights @ keys, weights


def _activate(a: Float[Array, "d_hidden"], activation: str) -> Float[Array, "d_hidden"]:
    if activation == "tanh":
        return np.tanh(a)
    if activation == "linear":
        return a
    raise ValueError(f'activation must be "tanh" or "linear", got "{activation}"')


def _slopes(
    states: Float[Array, "positions d_hidden"], activation: str
) -> Float[Array, "positions d_hidden"]:
    return 1 - states**2 if activation == "tanh" else np.ones_like(states)
