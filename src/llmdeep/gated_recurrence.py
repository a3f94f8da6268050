"""Gated recurrence: LSTM and GRU, whose state is kept by default and changed by choice.

Each returns everything its Jacobians need, so that `recurrence.gradient_norms` can follow a
gradient back through time. Networks start from zeros.
"""

from typing import NamedTuple

import numpy as np

from llmdeep.shapes import Array, Float


class LSTMTrace(NamedTuple):
    """What an LSTM computed. Gates: input, forget, candidate, output, in this order."""

    hidden: Float[Array, "positions d_hidden"]
    cells: Float[Array, "positions d_hidden"]
    gates: Float[Array, "positions 4 d_hidden"]


class GRUTrace(NamedTuple):
    """What a GRU computed. Gates: reset, update, candidate, in this order."""

    hidden: Float[Array, "positions d_hidden"]
    gates: Float[Array, "positions 3 d_hidden"]


def sigmoid(a: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """1 / (1 + exp(-a)), written so that exp never overflows.

    Examples:
        >>> sigmoid(np.array([-1000.0, 0.0, 1.0])).round(3)
        array([0.   , 0.5  , 0.731])
    """
    return 0.5 * (1 + np.tanh(0.5 * a))


def lstm(
    inputs: Float[Array, "positions d_input"],
    input_weights: Float[Array, "4 d_hidden d_input"],
    recurrent_weights: Float[Array, "4 d_hidden d_hidden"],
    bias: Float[Array, "4 d_hidden"],
) -> LSTMTrace:
    """Long short-term memory: a cell that is multiplied by a forget gate and added to.

    c_t = f ⊙ c_(t-1) + i ⊙ g and h_t = o ⊙ tanh(c_t), where the gates i, f, o are sigmoids and the
    candidate g a tanh, each of its own W_x x_t + W_h h_(t-1) + b.

    Args:
        input_weights, recurrent_weights, bias: One for each gate: input, forget, candidate, output.

    Source:
        Hochreiter & Schmidhuber 1997, Neural Computation 9, without a forget gate, which is from
        Gers, Schmidhuber & Cummins 2000, Neural Computation 12.

    Examples:
        >>> weights, bias = np.zeros((4, 1, 1)), np.array([[0.0], [100.0], [0.0], [0.0]])
        >>> weights[2] = 1.0
        >>> lstm(np.array([[9.0], [0.0], [0.0]]), weights, 0 * weights, bias).cells.ravel().round(6)
        array([0.5, 0.5, 0.5])
    """
    driven = np.einsum("ghx,nx->ngh", input_weights, inputs) + bias  # (n, 4, d_hidden)
    gates, cells, hidden = (np.empty_like(x) for x in (driven, driven[:, 0], driven[:, 0]))
    h = c = np.zeros_like(bias[0])
    for t, drive in enumerate(driven):
        a = drive + recurrent_weights @ h  # (4, d_hidden)
        gates[t] = i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
        cells[t] = c = f * c + i * g
        hidden[t] = h = o * np.tanh(c)
    return LSTMTrace(hidden, cells, gates)


def lstm_jacobians(
    trace: LSTMTrace, recurrent_weights: Float[Array, "4 d_hidden d_hidden"]
) -> Float[Array, "positions 2*d_hidden 2*d_hidden"]:
    """∂(c_t, h_t)/∂(c_(t-1), h_(t-1)) of each step: the cell first, then the hidden state.

    The block ∂c_t/∂c_(t-1) is diag(f): no weight matrix and no slope of a tanh stands in it.
    The other blocks are the way round through the gates.
    """
    i, f, g, o = np.moveaxis(trace.gates, 1, 0)  # (n, d_hidden) each
    w_i, w_f, w_g, w_o = recurrent_weights
    earlier = np.vstack([np.zeros_like(trace.cells[:1]), trace.cells[:-1]])
    squashed = np.tanh(trace.cells)
    to_hidden = o * (1 - squashed**2)  # ∂h_t/∂c_t

    cell_by_cell = _diagonal(f)
    cell_by_hidden = (
        _rows(earlier * f * (1 - f)) * w_f
        + _rows(g * i * (1 - i)) * w_i
        + _rows(i * (1 - g**2)) * w_g
    )
    hidden_by_cell = _rows(to_hidden) * cell_by_cell
    hidden_by_hidden = _rows(to_hidden) * cell_by_hidden + _rows(squashed * o * (1 - o)) * w_o
    return np.block([[cell_by_cell, cell_by_hidden], [hidden_by_cell, hidden_by_hidden]])


def gru(
    inputs: Float[Array, "positions d_input"],
    input_weights: Float[Array, "3 d_hidden d_input"],
    recurrent_weights: Float[Array, "3 d_hidden d_hidden"],
    bias: Float[Array, "3 d_hidden"],
) -> GRUTrace:
    """Gated recurrent unit: each step is a mean of the old state and a candidate.

    h_t = z ⊙ h_(t-1) + (1 - z) ⊙ g, with reset r and update z sigmoids of their own
    W_x x_t + W_h h_(t-1) + b, and candidate g = tanh(W_x x_t + b + r ⊙ W_h h_(t-1)).

    Args:
        input_weights, recurrent_weights, bias: One for each: reset, update, candidate.

    Source:
        Cho et al. 2014, arXiv:1406.1078. The reset stands after the matrix, as in the paper's first
        version and in PyTorch; its third version resets before: W_h (r ⊙ h_(t-1)).
    """
    driven = np.einsum("ghx,nx->ngh", input_weights, inputs) + bias  # (n, 3, d_hidden)
    gates, hidden = np.empty_like(driven), np.empty_like(driven[:, 0])
    h = np.zeros_like(bias[0])
    for t, drive in enumerate(driven):
        recurrent = recurrent_weights @ h  # (3, d_hidden)
        r, z = sigmoid(drive[:2] + recurrent[:2])
        g = np.tanh(drive[2] + r * recurrent[2])
        gates[t] = r, z, g
        hidden[t] = h = z * h + (1 - z) * g
    return GRUTrace(hidden, gates)


def gru_jacobians(
    trace: GRUTrace, recurrent_weights: Float[Array, "3 d_hidden d_hidden"]
) -> Float[Array, "positions d_hidden d_hidden"]:
    """∂h_t/∂h_(t-1) of each step: diag(z), and the way round through the gates."""
    r, z, g = np.moveaxis(trace.gates, 1, 0)  # (n, d_hidden) each
    w_r, w_z, w_g = recurrent_weights
    earlier = np.vstack([np.zeros_like(trace.hidden[:1]), trace.hidden[:-1]])
    recurrent = earlier @ w_g.T
    candidate = _rows(1 - g**2) * (_rows(r) * w_g + _rows(recurrent * r * (1 - r)) * w_r)
    return _diagonal(z) + _rows((earlier - g) * z * (1 - z)) * w_z + _rows(1 - z) * candidate


def _rows(factors: Float[Array, "positions d_hidden"]) -> Float[Array, "positions d_hidden 1"]:
    """Factors for the rows of a stack of matrices: diag(factors) @ matrix, without the zeros."""
    return factors[:, :, None]


def _diagonal(
    values: Float[Array, "positions d_hidden"],
) -> Float[Array, "positions d_hidden d_hidden"]:
    return values[:, :, None] * np.eye(values.shape[-1], dtype=values.dtype)
