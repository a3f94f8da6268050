"""Selective scan: a recurrence whose step, input and output depend on the token (Mamba)."""

import numpy as np

from llmdeep.shapes import Array, Float


def selective_scan(
    x: Float[Array, "batch positions d_input"],
    step: Float[Array, "batch positions d_input"],
    rates: Float[Array, "d_input d_state"],
    write: Float[Array, "batch positions d_state"],
    read: Float[Array, "batch positions d_state"],
    skip: Float[Array, "d_input"],
) -> Float[Array, "batch positions d_input"]:
    """Each channel keeps d_state numbers that decay, are added to, and are read out.

    h_t = exp(step_t * rate) * h_(t-1) + step_t * x_t * write_t and
    y_t = read_t · h_t + skip * x_t, from h = 0.

    Args:
        step: How long a step is: positive; large forgets the past and takes the token in.
        rates: Negative: what decays.
        write, read: Of the token, the same for all channels.

    Source:
        Gu & Dao 2023, arXiv:2312.00752, algorithm 2.

    Examples:
        >>> one = np.ones((1, 3, 1))
        >>> half = np.full((1, 1), -np.log(2.0))
        >>> selective_scan(one, one, half, one, one, np.zeros(1)).ravel()
        array([1.  , 1.5 , 1.75])
    """
    batch, positions, channels = x.shape
    state = np.zeros((batch, channels, rates.shape[1]), x.dtype)
    y = np.empty_like(x)
    for t in range(positions):
        decay = np.exp(step[:, t, :, None] * rates)
        state = decay * state + (step[:, t] * x[:, t])[..., None] * write[:, t, None]
        y[:, t] = np.sum(state * read[:, t, None], axis=-1)
    return y + skip * x
