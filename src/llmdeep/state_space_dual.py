"""State-space duality: a recurrence with one decay a head is attention with a decaying mask."""

import numpy as np

from llmdeep.shapes import Array, Float


def state_space_recurrence(
    x: Float[Array, "batch positions heads d_value"],
    step: Float[Array, "batch positions heads"],
    rates: Float[Array, "heads"],
    write: Float[Array, "batch positions d_state"],
    read: Float[Array, "batch positions d_state"],
) -> Float[Array, "batch positions heads d_value"]:
    """As a recurrence: h_t = exp(step_t * rate) h_(t-1) + step_t x_t ⊗ write_t, y_t = h_t read_t.

    Args:
        step: Positive.
        rates: Negative, one a head.
        write, read: Of the token, the same for all heads.

    Source:
        Dao & Gu 2024, arXiv:2405.21060, section 2.
    """
    batch, positions, heads, d_value = x.shape
    state = np.zeros((batch, heads, d_value, write.shape[-1]), x.dtype)
    y = np.empty_like(x)
    for t in range(positions):
        decay = np.exp(step[:, t] * rates)
        new = (step[:, t, :, None] * x[:, t])[..., None] * write[:, t, None, None]
        state = decay[..., None, None] * state + new
        y[:, t] = np.sum(state * read[:, t, None, None], axis=-1)
    return y


def state_space_attention(
    x: Float[Array, "batch positions heads d_value"],
    step: Float[Array, "batch positions heads"],
    rates: Float[Array, "heads"],
    write: Float[Array, "batch positions d_state"],
    read: Float[Array, "batch positions d_state"],
) -> Float[Array, "batch positions heads d_value"]:
    """The same as attention without a softmax: read is the query, write the key, step x the value.

    The weight of key j for query i is (read_i · write_j) exp(sum of step * rate from j + 1 to i).

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x, step = rng.standard_normal((1, 5, 2, 3)), rng.random((1, 5, 2))
        >>> write, read = rng.standard_normal((2, 1, 5, 4))
        >>> given = x, step, np.array([-1.0, -0.1]), write, read
        >>> np.allclose(state_space_attention(*given), state_space_recurrence(*given))
        True
    """
    total = np.cumsum(step * rates, axis=1)
    between = np.moveaxis(total[:, :, None] - total[:, None], -1, 1)  # (batch, heads, i, j)
    seen = np.tri(x.shape[1], dtype=bool)
    decay = np.where(seen, np.exp(np.where(seen, between, 0)), 0)
    weights = decay * (read @ np.swapaxes(write, 1, 2))[:, None]
    values = np.swapaxes(step[..., None] * x, 1, 2)
    return np.swapaxes(weights @ values, 1, 2)
