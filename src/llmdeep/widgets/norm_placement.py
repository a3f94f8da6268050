"""Where the norm stands decides how the signal and its gradient travel through depth.

Notice: after the sum (post), the stream stays at size 1, the last layers get full-sized gradients
however deep the stack, and what the first ones get depends on the seed. Before the sub-layer (pre),
the stream grows and the last layers' gradients shrink. Without a norm, which you can add to the
charts, both grow geometrically and dwarf the rest.
"""

from typing import Annotated

import numpy as np

from llmdeep.attention import softmax
from llmdeep.block import NormKind, Placement, norm_pullback, random_layers, stack_pullback
from llmdeep.shapes import Array, Float
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Note,
    Seed,
    Slider,
    Toggle,
    View,
)

PLACEMENTS: tuple[Placement, ...] = ("post", "pre", "sandwich", "none")  # colours go by order
N_TOKENS, N_HEADS, VOCABULARY = 8, 4, 32


def render(
    layers: Annotated[int, Slider(values=(1, 2, 4, 8, 16, 32, 64))] = 16,
    width: Annotated[int, Slider(values=(8, 16, 32), label="width of the stream")] = 16,
    norm: Annotated[str, Choice("LayerNorm", "RMSNorm")] = "LayerNorm",
    init_scale: Annotated[float, Slider(0.25, 2.0, step=0.25, label="weights: std × √width")] = 1.0,
    show_none: Annotated[bool, Toggle(label="also without norms")] = False,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    rng = np.random.default_rng(seed)
    tokens = rng.standard_normal((N_TOKENS, width))
    unembedding = rng.normal(0, width**-0.5, (width, VOCABULARY))
    targets = rng.integers(VOCABULARY, size=N_TOKENS)
    weights = random_layers(layers, width, init_scale, rng)
    kind: NormKind = "layer" if norm == "LayerNorm" else "rms"

    streams, gradients, updates = {}, {}, {}
    with np.errstate(over="ignore", invalid="ignore"):
        for placement in PLACEMENTS if show_none else PLACEMENTS[:-1]:
            stream, pull = stack_pullback(tokens, weights, placement, kind, N_HEADS)
            final, pull_final = norm_pullback(stream[-1], kind)
            normed = placement in ("pre", "sandwich")  # these end in a norm of their own
            upstream = loss_gradient(final if normed else stream[-1], unembedding, targets)
            of_stream, of_weights = pull(pull_final(upstream) if normed else upstream)
            streams[placement] = norms(stream, root_mean_square=True)
            gradients[placement] = norms(of_stream)
            updates[placement] = norms([of_layer["down"] for of_layer in of_weights])

    finite = all(np.isfinite(curve).all() for curve in gradients.values())
    overflow = "“none” overflowed float64 on the way; its curves stop where it did."
    return [
        chart(streams, 0, "Size of the stream", "root mean square"),
        chart(gradients, 0, "Gradient of the loss at the stream", "‖∂loss/∂stream‖"),
        chart(updates, 1, "Gradient of each layer’s last matrix, W_down", "‖∂loss/∂W_down‖"),
        Metrics(
            "Gradient of W_down: first layer divided by last",
            **{p: Metric(float(curve[0] / curve[-1])) for p, curve in updates.items()},
        ),
        Note(
            f"{layers} random layers of attention and feed-forward, nothing trained; the loss is "
            f"the cross-entropy of {N_TOKENS} random targets. " + ("" if finite else overflow),
            tone="info" if finite else "warning",
        ),
    ]


def loss_gradient(
    final: Float[Array, "positions d_model"],
    unembedding: Float[Array, "d_model vocab"],
    targets: Array,
) -> Float[Array, "positions d_model"]:
    """The gradient, with respect to `final`, of the mean cross-entropy of the next tokens."""
    surplus = softmax(final @ unembedding)
    surplus[np.arange(len(targets)), targets] -= 1
    return surplus @ unembedding.T / len(targets)


def norms(tensors: list[Array], root_mean_square: bool = False) -> Array:
    """The Euclidean norm of each tensor, or its root mean square."""
    return np.array([np.linalg.norm(t) / (t.size**0.5 if root_mean_square else 1) for t in tensors])


def chart(curves: dict[Placement, Array], first: int, title: str, unit: str) -> Chart:
    return Chart(
        [
            Line(np.arange(first, first + len(curve)), np.where(curve > 0, curve, np.nan), name)
            for name, curve in curves.items()
        ],
        x=Axis("after layer" if first == 0 else "layer"),
        y=Axis(unit, "log"),
        title=title,
    )
