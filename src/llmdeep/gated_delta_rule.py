"""Gated delta rule: a matrix of associations that fades, and corrects itself before it adds."""

import numpy as np

from llmdeep.shapes import Array, Float


def gated_delta_rule(
    queries: Float[Array, "batch positions heads d_head"],
    keys: Float[Array, "batch positions heads d_head"],
    values: Float[Array, "batch positions heads d_value"],
    log_gate: Float[Array, "batch positions heads"],
    strength: Float[Array, "batch positions heads"],
) -> Float[Array, "batch positions heads d_value"]:
    """S_t = a_t S_(t-1) + b_t (v_t - a_t S_(t-1) k_t) ⊗ k_t and y_t = S_t q_t / sqrt(d_head).

    What the faded memory already answers to the key is taken off the value, so a key that comes
    again with a new value replaces the old one instead of adding to it.

    Args:
        keys: Of length 1.
        log_gate: log a_t, at most 0.
        strength: b_t, from 0 (nothing is written) to 1 (the old answer is replaced).

    Source:
        Yang, Kautz & Hatamizadeh 2024, arXiv:2412.06464, equation 10.

    Examples:
        >>> key = np.ones((1, 3, 1, 1))
        >>> values = np.array([5.0, 7.0, 9.0]).reshape(1, 3, 1, 1)
        >>> zero, one = np.zeros((1, 3, 1)), np.ones((1, 3, 1))
        >>> gated_delta_rule(key, key, values, zero, one).ravel()  # the last value, not the sum
        array([5., 7., 9.])
    """
    batch, positions, heads, d_head = keys.shape
    state = np.zeros((batch, heads, values.shape[-1], d_head), values.dtype)
    y = np.empty_like(values)
    for t in range(positions):
        state = np.exp(log_gate[:, t])[..., None, None] * state
        answer = np.sum(state * keys[:, t, :, None], axis=-1)
        change = strength[:, t, :, None] * (values[:, t] - answer)
        state = state + change[..., None] * keys[:, t, :, None]
        y[:, t] = np.sum(state * queries[:, t, :, None], axis=-1)
    return y / np.sqrt(d_head)
