"""The feed-forward network: what a layer computes on each position by itself."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from llmdeep.shapes import Array, Float

Activation = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]


def feed_forward(
    x: Float[Array, "*batch d_model"],
    up: Float[Array, "d_model d_ff"],
    down: Float[Array, "d_ff d_model"],
    up_bias: Float[Array, "d_ff"] | float = 0.0,
    down_bias: Float[Array, "d_model"] | float = 0.0,
    activation: Activation | None = None,
) -> Float[Array, "*batch d_model"]:
    """Two matrices with an activation between: y = activation(x up + up_bias) down + down_bias.

    Args:
        activation: Applied to each number alone; `gelu` unless given. The 2017 transformer has
            `relu`, GPT-2 has `gelu_tanh`.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.3.

    Examples:
        >>> x = np.array([[1.0, -2.0]])
        >>> feed_forward(x, up=np.eye(2), down=np.eye(2), activation=relu)
        array([[1., 0.]])
    """
    return (activation or gelu)(x @ up + up_bias) @ down + down_bias


def gated_feed_forward(
    x: Float[Array, "*batch d_model"],
    gate: Float[Array, "d_model d_ff"],
    up: Float[Array, "d_model d_ff"],
    down: Float[Array, "d_ff d_model"],
    activation: Activation | None = None,
) -> Float[Array, "*batch d_model"]:
    """Three matrices, two of them multiplied channel by channel: (activation(x gate) * x up) down.

    Args:
        activation: Applied to the gate; `silu` unless given, which makes this SwiGLU.

    Source:
        Dauphin et al. 2017, arXiv:1612.08083 (the gate); Shazeer 2020, arXiv:2002.05202 (SwiGLU).

    Examples:
        >>> x, one = np.array([[3.0]]), np.ones((1, 1))
        >>> gated_feed_forward(x, one, one, one).round(3)  # 3 * silu(3)
        array([[8.573]])
    """
    return ((activation or silu)(x @ gate) * (x @ up)) @ down


def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """max(x, 0)."""
    return np.maximum(x, 0)


def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x times the probability that a standard normal number is below x.

    Precision:
        Φ(x) is half of erfc(-x/√2), in float64: 1 + erf(x/√2) would round to 0 below x = -8.

    Source:
        Hendrycks & Gimpel 2016, arXiv:1606.08415.

    Examples:
        >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-0.1587,  0.    ,  0.8413])
    """
    return (x * _normal_cdf(x)).astype(x.dtype)


def gelu_tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """`gelu` with Φ(x) replaced by (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, as in GPT-2.

    Precision:
        Within 5e-4 of `gelu` everywhere.

    Source:
        Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """
    return 0.5 * x * (1 + np.tanh(_gelu_argument(x)))


def silu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x times the logistic function of x; also called Swish.

    Source:
        Elfwing, Uchibe & Doya 2017, arXiv:1702.03118; Ramachandran et al. 2017, arXiv:1710.05941.

    Examples:
        >>> silu(np.array([-1000.0, 0.0, 1.0])).round(4)
        array([-0.    ,  0.    ,  0.7311])
    """
    return x * _logistic(x)


def relu_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of `relu`; 0 at 0, where it has none."""
    return (x > 0).astype(x.dtype)


def gelu_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of `gelu`: Φ(x) + x φ(x)."""
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return (_normal_cdf(x) + x * density).astype(x.dtype)


def gelu_tanh_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of `gelu_tanh`."""
    t = np.tanh(_gelu_argument(x))
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


def silu_slope(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The derivative of `silu`: s + x s (1 - s), with s the logistic function."""
    s = _logistic(x)
    return s + x * s * (1 - s)


SLOPES: Mapping[Activation, Activation] = {
    relu: relu_slope,
    gelu: gelu_slope,
    gelu_tanh: gelu_tanh_slope,
    silu: silu_slope,
}


def feed_forward_gradient(
    upstream: Float[Array, "*batch d_model"],
    x: Float[Array, "*batch d_model"],
    up: Float[Array, "d_model d_ff"],
    down: Float[Array, "d_ff d_model"],
    up_bias: Float[Array, "d_ff"] | float = 0.0,
    activation: Activation = gelu,
) -> tuple[
    Float[Array, "*batch d_model"], Float[Array, "d_model d_ff"], Float[Array, "d_ff d_model"]
]:
    """The loss's gradients with respect to x, up and down of `feed_forward`.

    Args:
        upstream: Gradient of the loss with respect to the result of `feed_forward`.
        activation: One of the keys of `SLOPES`.
    """
    before = x @ up + up_bias
    d_before = (upstream @ down.T) * SLOPES[activation](before)
    d_down = _rows(activation(before)).T @ _rows(upstream)
    return d_before @ up.T, _rows(x).T @ _rows(d_before), d_down


def _normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return 0.5 * np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2))


def _gelu_argument(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)


def _logistic(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    small = np.exp(-np.abs(x))  # at most 1, so nothing overflows
    return np.where(x >= 0, 1, small) / (1 + small)


def _rows(x: Float[Array, "*batch columns"]) -> Float[Array, "rows columns"]:
    return x.reshape(-1, x.shape[-1])
