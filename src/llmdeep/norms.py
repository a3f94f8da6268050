"""Normalisation: bring every token's vector to a known size before a matrix reads it."""

import numpy as np

from llmdeep.shapes import Array, Float


def layer_norm(
    x: Float[Array, "*batch d_model"],
    gain: Float[Array, "d_model"] | float = 1.0,
    shift: Float[Array, "d_model"] | float = 0.0,
    eps: float = 1e-5,
) -> Float[Array, "*batch d_model"]:
    """Move each vector to mean 0 and variance 1, then stretch and shift each channel.

    y = gain * (x - mean) / sqrt(variance + eps) + shift, both statistics over the last axis.

    Args:
        gain: Learned scale of each channel, dimensionless.
        shift: Learned offset of each channel, in the unit of the result.
        eps: Floor under the variance, in the unit of x squared: vectors whose standard
            deviation is well below sqrt(eps) are not brought up to 1.

    Returns:
        Dimensionless activations in the dtype of `x`.

    Raises:
        ValueError: If eps is not positive: a constant vector would give 0/0.

    Precision:
        Statistics in float32 or wider. The mean is subtracted before squaring; the shortcut
        mean(x²) - mean(x)² cancels to nothing once the mean is thousands of deviations away.

    Source:
        Ba, Kiros & Hinton 2016, arXiv:1607.06450.

    Examples:
        >>> layer_norm(np.array([1.0, 2.0, 3.0])).round(3)
        array([-1.225,  0.   ,  1.225])
        >>> layer_norm(np.array([7.0, 7.0, 7.0]))
        array([0., 0., 0.])
    """
    centred, deviation = _centre_and_deviation(x, eps)
    return (gain * centred / deviation + shift).astype(x.dtype)


def rms_norm(
    x: Float[Array, "*batch d_model"],
    gain: Float[Array, "d_model"] | float = 1.0,
    eps: float = 1e-6,
) -> Float[Array, "*batch d_model"]:
    """Divide each vector by its root mean square, then stretch each channel.

    y = gain * x / sqrt(mean(x²) + eps). Unlike `layer_norm` it leaves the mean in.

    Args:
        gain: Learned scale of each channel, dimensionless.
        eps: Floor under mean(x²), in the unit of x squared.

    Returns:
        Dimensionless activations in the dtype of `x`.

    Raises:
        ValueError: If eps is not positive: a zero vector would give 0/0.

    Precision:
        Squares in float32 or wider; in float16 they overflow above |x| = 255.

    Source:
        Zhang & Sennrich 2019, arXiv:1910.07467, whose formula has no eps.

    Examples:
        >>> rms_norm(np.array([1.0, 2.0, 3.0])).round(3)
        array([0.463, 0.926, 1.389])
        >>> rms_norm(np.array([0.0, 6e4], dtype=np.float16))
        array([0.   , 1.414], dtype=float16)
        >>> rms_norm(np.ones(3), eps=0.0)
        Traceback (most recent call last):
        ValueError: eps must be positive, not 0.0
    """
    wide = _widen(x)
    return (gain * wide / _root_mean_square(wide, eps)).astype(x.dtype)


def layer_norm_gradient(
    upstream: Float[Array, "*batch d_model"],
    x: Float[Array, "*batch d_model"],
    gain: Float[Array, "d_model"] | float = 1.0,
    eps: float = 1e-5,
) -> tuple[Float[Array, "*batch d_model"], Float[Array, "d_model"], Float[Array, "d_model"]]:
    """The loss's gradients with respect to x, gain and shift of `layer_norm`.

    With z the normalised vector and g = gain * upstream,
    dx = (g - mean(g) - z * mean(g * z)) / sqrt(variance + eps): whatever points along the ones
    (a change of mean) or along z (a change of size) is taken out.

    Args:
        upstream: Gradient of the loss with respect to the result of `layer_norm`.

    Precision:
        Computed and returned in float32 or wider. Exact for eps > 0 too.
    """
    upstream = _widen(upstream)
    centred, deviation = _centre_and_deviation(x, eps)
    normed = centred / deviation
    g = gain * upstream
    along = _mean(g * normed)
    dx = (g - _mean(g) - normed * along) / deviation
    return dx, _over_vectors(upstream * normed), _over_vectors(upstream)


def rms_norm_gradient(
    upstream: Float[Array, "*batch d_model"],
    x: Float[Array, "*batch d_model"],
    gain: Float[Array, "d_model"] | float = 1.0,
    eps: float = 1e-6,
) -> tuple[Float[Array, "*batch d_model"], Float[Array, "d_model"]]:
    """The loss's gradients with respect to x and gain of `rms_norm`.

    With z the normalised vector and g = gain * upstream,
    dx = (g - z * mean(g * z)) / sqrt(mean(x²) + eps).

    Args:
        upstream: Gradient of the loss with respect to the result of `rms_norm`.

    Precision:
        Computed and returned in float32 or wider. Exact for eps > 0 too.
    """
    upstream, wide = _widen(upstream), _widen(x)
    size = _root_mean_square(wide, eps)
    normed = wide / size
    g = gain * upstream
    dx = (g - normed * _mean(g * normed)) / size
    return dx, _over_vectors(upstream * normed)


def _centre_and_deviation(
    x: Float[Array, "*batch d_model"], eps: float
) -> tuple[Float[Array, "*batch d_model"], Float[Array, "*batch 1"]]:
    wide = _widen(x)
    centred = wide - _mean(wide)
    return centred, _root_mean_square(centred, eps)


def _root_mean_square(x: Float[Array, "*batch d_model"], eps: float) -> Float[Array, "*batch 1"]:
    if not eps > 0:
        raise ValueError(f"eps must be positive, not {eps}")
    return np.sqrt(_mean(x * x) + eps)


def _mean(x: Float[Array, "*batch d_model"]) -> Float[Array, "*batch 1"]:
    # what np.mean computes, at a third of its fixed cost, which counts for vectors this small
    total: Array = np.add.reduce(x, axis=-1, keepdims=True)
    return total / x.shape[-1]


def _widen(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return x.astype(np.promote_types(x.dtype, np.float32), copy=False)


def _over_vectors(x: Float[Array, "*batch d_model"]) -> Float[Array, "d_model"]:
    return x.reshape(-1, x.shape[-1]).sum(axis=0)
