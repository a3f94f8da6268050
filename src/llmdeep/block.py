"""The residual block: a sub-layer reads the stream, and its result is added to the stream.

`residual` is the forward rule for the four places a norm can take. The functions named
`..._pullback` also return how a gradient travels back: each gives its result and a function from
the gradient of the loss with respect to that result to the gradient with respect to its input.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np

from llmdeep.attention import attention_weights, causal_mask, merge_heads, split_heads
from llmdeep.feed_forward import feed_forward, feed_forward_gradient, gelu_tanh
from llmdeep.norms import layer_norm, layer_norm_gradient, rms_norm, rms_norm_gradient
from llmdeep.shapes import Array, Float

Placement = Literal["none", "post", "pre", "sandwich"]
NormKind = Literal["layer", "rms"]

Stream = Float[Array, "positions d_model"]
Map = Callable[[Array], Array]
Gradients = dict[str, Array]
SublayerPullback = Callable[[Array], tuple[Array, Gradients]]


def residual(
    x: Float[Array, "*batch positions d_model"],
    sublayer: Map,
    placement: Placement,
    before: Map,
    after: Map,
) -> Float[Array, "*batch positions d_model"]:
    """One residual step around a sub-layer F, with its norm or norms in one of four places.

    none      x + F(x)
    post      after(x + F(x))            the 2017 transformer: the stream itself is normalised
    pre       x + F(before(x))           GPT-2 and Llama: the stream is only ever added to
    sandwich  x + after(F(before(x)))    CogView, Gemma 2

    Raises:
        ValueError: If `placement` is none of the four.

    Source:
        Vaswani et al. 2017, arXiv:1706.03762 (post); Xiong et al. 2020, arXiv:2002.04745 (pre);
        Ding et al. 2021, arXiv:2105.13290 (sandwich).

    Examples:
        >>> double = lambda x: 2 * x
        >>> x = np.array([[3.0, 4.0]])
        >>> residual(x, double, "none", rms_norm, rms_norm)
        array([[ 9., 12.]])
        >>> residual(x, double, "post", rms_norm, rms_norm).round(3)
        array([[0.849, 1.131]])
    """
    match placement:
        case "none":
            return x + sublayer(x)
        case "post":
            return after(x + sublayer(x))
        case "pre":
            return x + sublayer(before(x))
        case "sandwich":
            return x + after(sublayer(before(x)))
    raise ValueError(f"placement is one of {', '.join(get_args(Placement))}, not {placement!r}")


def norm_pullback(x: Stream, kind: NormKind) -> tuple[Stream, Map]:
    """`layer_norm` or `rms_norm` with gain 1 and no shift, and its pullback."""
    if kind == "layer":
        return layer_norm(x), lambda upstream: layer_norm_gradient(upstream, x)[0]
    return rms_norm(x), lambda upstream: rms_norm_gradient(upstream, x)[0]


def attention_pullback(
    x: Stream, weights: Mapping[str, Array], n_heads: int
) -> tuple[Stream, SublayerPullback]:
    """Causal self-attention and its pullback, which also gives the four matrices' gradients.

    Args:
        weights: `w_query`, `w_key`, `w_value`, `w_output`, each [d_model d_model].
    """
    queries, keys, values = (
        split_heads(x @ weights[name], n_heads) for name in ("w_query", "w_key", "w_value")
    )
    scale = queries.shape[-1] ** -0.5
    shares = attention_weights(queries, keys, causal_mask(len(x)))
    mixed = merge_heads(shares @ values)

    def pull(upstream: Stream) -> tuple[Stream, Gradients]:
        d_mixed = split_heads(upstream @ weights["w_output"].T, n_heads)
        d_shares = d_mixed @ np.swapaxes(values, -1, -2)
        # softmax: only how a share's gradient differs from the mean under the shares moves a score
        mean = np.sum(d_shares * shares, axis=-1, keepdims=True)
        d_scores = shares * (d_shares - mean) * scale
        d_queries = merge_heads(d_scores @ keys)
        d_keys = merge_heads(np.swapaxes(d_scores, -1, -2) @ queries)
        d_values = merge_heads(np.swapaxes(shares, -1, -2) @ d_mixed)
        dx = (
            d_queries @ weights["w_query"].T
            + d_keys @ weights["w_key"].T
            + d_values @ weights["w_value"].T
        )
        return dx, {
            "w_query": x.T @ d_queries,
            "w_key": x.T @ d_keys,
            "w_value": x.T @ d_values,
            "w_output": mixed.T @ upstream,
        }

    return mixed @ weights["w_output"], pull


def feed_forward_pullback(
    x: Stream, weights: Mapping[str, Array]
) -> tuple[Stream, SublayerPullback]:
    """`feed_forward` with GELU (tanh form) and its pullback, which also gives `up` and `down`."""
    up, down = weights["up"], weights["down"]

    def pull(upstream: Stream) -> tuple[Stream, Gradients]:
        dx, d_up, d_down = feed_forward_gradient(upstream, x, up, down, activation=gelu_tanh)
        return dx, {"up": d_up, "down": d_down}

    return feed_forward(x, up, down, activation=gelu_tanh), pull


def residual_pullback(
    x: Stream,
    sublayer: Callable[[Stream], tuple[Stream, SublayerPullback]],
    placement: Placement,
    kind: NormKind,
) -> tuple[Stream, SublayerPullback]:
    """`residual` with unlearned norms, and its pullback.

    In every case but "post" the upstream gradient also reaches x unchanged: the identity path.
    """
    before = placement in ("pre", "sandwich")
    read, pull_before = norm_pullback(x, kind) if before else (x, _unchanged)
    written, pull_sublayer = sublayer(read)
    sandwich, post = placement == "sandwich", placement == "post"
    added, pull_after = norm_pullback(written, kind) if sandwich else (written, _unchanged)
    out, pull_sum = norm_pullback(x + added, kind) if post else (x + added, _unchanged)

    def pull(upstream: Stream) -> tuple[Stream, Gradients]:
        d_sum = pull_sum(upstream)
        d_read, gradients = pull_sublayer(pull_after(d_sum))
        return d_sum + pull_before(d_read), gradients

    return out, pull


def stack_pullback(
    x: Stream,
    layers: Sequence[Mapping[str, Array]],
    placement: Placement,
    kind: NormKind,
    n_heads: int,
) -> tuple[list[Stream], Callable[[Stream], tuple[list[Stream], list[Gradients]]]]:
    """The stream before, between and after layers of attention and feed-forward; and its pullback.

    Args:
        layers: Each has the six matrices that `random_layers` describes.

    Returns:
        The len(layers) + 1 streams, and a function from the gradient with respect to the last of
        them to the gradients with respect to all of them and to each layer's matrices.
    """
    streams, pulls = [x], []
    for weights in layers:
        attend = partial(attention_pullback, weights=weights, n_heads=n_heads)
        feed = partial(feed_forward_pullback, weights=weights)
        middle, pull_attend = residual_pullback(streams[-1], attend, placement, kind)
        out, pull_feed = residual_pullback(middle, feed, placement, kind)
        streams.append(out)
        pulls.append((pull_attend, pull_feed))

    def pull(upstream: Stream) -> tuple[list[Stream], list[Gradients]]:
        stream_gradients = [upstream]
        weight_gradients: list[Gradients] = []
        for pull_attend, pull_feed in reversed(pulls):
            d_middle, of_feed_forward = pull_feed(stream_gradients[-1])
            dx, of_attention = pull_attend(d_middle)
            stream_gradients.append(dx)
            weight_gradients.append(of_attention | of_feed_forward)
        return stream_gradients[::-1], weight_gradients[::-1]

    return streams, pull


def random_layers(
    n_layers: int, d_model: int, scale: float, rng: np.random.Generator
) -> list[dict[str, Float[Array, "rows columns"]]]:
    """Layers at initialisation: six matrices each, no biases, feed-forward four times as wide.

    Args:
        scale: Standard deviation of every number, times the square root of the matrix's input
            width: at 1 a matrix keeps the size of a random vector. GPT-2's standard deviation of
            0.02 at width 768 is a scale of 0.55.
    """
    square = (d_model, d_model)
    shapes = dict.fromkeys(("w_query", "w_key", "w_value", "w_output"), square)
    shapes |= {"up": (d_model, 4 * d_model), "down": (4 * d_model, d_model)}
    return [
        {name: rng.normal(0, scale * s[0] ** -0.5, s) for name, s in shapes.items()}
        for _ in range(n_layers)
    ]


def _unchanged(upstream: Array) -> Array:
    return upstream
