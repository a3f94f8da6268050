"""The parameters of a decoder: which arrays a configuration has, how many numbers, how much work.

`weight_shapes` is the one place that says which arrays there are, so that counting, drawing and
running a model cannot disagree about them.
"""

import math
from dataclasses import dataclass
from typing import Literal

from llmdeep.block import NormKind, Placement


@dataclass(frozen=True)
class Configuration:
    """The numbers and choices that fix a decoder's arrays; the defaults are GPT-2's choices.

    `gated` is SwiGLU instead of GELU. `tied` uses the token embedding, transposed, as the
    unembedding. Positions other than "learned" have no parameters; rotary ones, which act inside
    attention, are a later chapter's, and count as "none" here.
    """

    n_layers: int
    d_model: int
    n_heads: int
    d_ff: int
    vocabulary: int
    context: int
    norm: NormKind = "layer"
    placement: Placement = "pre"
    gated: bool = False
    biases: bool = True
    tied: bool = True
    positions: Literal["learned", "sinusoidal", "none"] = "learned"


def weight_shapes(configuration: Configuration) -> dict[str, tuple[int, ...]]:
    """Every array of a model, by name, in the order in which the forward pass meets them.

    Examples:
        >>> tiny = Configuration(1, 8, 2, 32, vocabulary=100, context=16, biases=False)
        >>> weight_shapes(tiny)["layers.0.feed_forward.up"]
        (8, 32)
    """
    c, d = configuration, configuration.d_model
    shapes: dict[str, tuple[int, ...]] = {"token_embedding": (c.vocabulary, d)}
    if c.positions == "learned":
        shapes["position_embedding"] = (c.context, d)
    matrices = {f"attention.{name}": (d, d) for name in ("query", "key", "value", "output")}
    matrices |= {"feed_forward.gate": (d, c.d_ff)} if c.gated else {}
    matrices |= {"feed_forward.up": (d, c.d_ff), "feed_forward.down": (c.d_ff, d)}
    sides = {"none": [], "pre": ["before"], "post": ["after"], "sandwich": ["before", "after"]}
    for layer in range(c.n_layers):
        for sublayer in ("attention", "feed_forward"):
            prefix = f"layers.{layer}."
            for side in sides[c.placement]:
                shapes |= _norm_shapes(f"{prefix}{sublayer}.norm_{side}", c)
            for name, shape in matrices.items():
                if name.startswith(sublayer):
                    shapes[prefix + name] = shape
                    if c.biases:
                        shapes[f"{prefix}{name}_bias"] = shape[1:]
    if c.placement in ("pre", "sandwich"):
        shapes |= _norm_shapes("final.norm", c)
    return shapes if c.tied else shapes | {"unembedding": (d, c.vocabulary)}


def count_parameters(configuration: Configuration) -> dict[str, int]:
    """Learned numbers by part: embedding, attention, feed-forward, norms, unembedding.

    Examples:
        >>> gpt2_small = Configuration(12, 768, 12, 3072, vocabulary=50257, context=1024)
        >>> sum(count_parameters(gpt2_small).values())
        124439808
    """
    counts = dict.fromkeys(("embedding", "attention", "feed-forward", "norms", "unembedding"), 0)
    for name, shape in weight_shapes(configuration).items():
        counts[part_of(name)] += math.prod(shape)
    return counts


def part_of(name: str) -> str:
    """The part of the model to which a weight belongs, one of `count_parameters`' keys."""
    if "norm" in name:
        return "norms"
    if name.startswith("layers."):
        return name.split(".")[2].replace("_", "-")
    return "unembedding" if name == "unembedding" else "embedding"


def forward_flops(configuration: Configuration, n_keys: float) -> dict[str, float]:
    """Floating-point operations for one more token that looks at `n_keys` positions.

    A multiplication and an addition count as two. Matrix products only: norms, activations,
    softmax and the sums along the stream grow with d_model, not with its square.

    Args:
        n_keys: Positions attended to, itself included. Averaged over a causal sequence of n
            tokens: (n + 1) / 2.
    """
    c = configuration
    matrices = 2 * (3 if c.gated else 2) * c.d_model * c.d_ff
    return {
        "attention matrices": 2.0 * c.n_layers * 4 * c.d_model**2,
        "attention over positions": 2.0 * c.n_layers * 2 * n_keys * c.d_model,
        "feed-forward": float(c.n_layers * matrices),
        "unembedding": 2.0 * c.d_model * c.vocabulary,
    }


def _norm_shapes(name: str, c: Configuration) -> dict[str, tuple[int, ...]]:
    parameters = ("gain",) if c.norm == "rms" else ("gain", "shift")
    return {f"{name}.{parameter}": (c.d_model,) for parameter in parameters}
