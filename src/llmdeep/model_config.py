"""A published decoder: its sizes and choices, and the arrays that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llmdeep.rotary import RopeScaling
from llmdeep.shapes import Array

Weights = Mapping[str, Array]


@dataclass(frozen=True)
class Config:
    """The numbers and choices that fix a decoder; the defaults are those of the Llama family.

    Attributes:
        gated: Two matrices into the feed-forward network's hidden layer, multiplied (SwiGLU).
        positions: "rotary" acts on queries and keys; "learned" is a table added to the stream.
        tied: The token embedding, transposed, is the unembedding.
        qk_norm: Each head's queries and keys are normalised before they are rotated (Qwen3).
        biases: The matrices that have one, of query, key, value, output, gate, up, down.
        windows: For each layer how many positions it looks back, itself included, or None for all;
            an empty tuple if no layer has a window.
    """

    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    d_ff: int
    vocabulary_size: int
    max_positions: int
    norm: Literal["rms", "layer"] = "rms"
    norm_eps: float = 1e-5
    gated: bool = True
    activation: Literal["silu", "gelu", "gelu_tanh", "relu"] = "silu"
    positions: Literal["rotary", "learned"] = "rotary"
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    tied: bool = True
    qk_norm: bool = False
    biases: tuple[str, ...] = ()
    windows: tuple[int | None, ...] = ()


def weight_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Every array of a model, by name, in the order in which the forward pass meets them.

    Matrices are [d_in d_out]. The names are those of `llmdeep.parameters.weight_shapes`.

    Examples:
        >>> tiny = Config(1, 8, 4, 2, d_head=2, d_ff=16, vocabulary_size=100, max_positions=64)
        >>> weight_shapes(tiny)["layers.0.attention.key"]
        (8, 4)
    """
    c, d = config, config.d_model
    shapes: dict[str, tuple[int, ...]] = {"token_embedding": (c.vocabulary_size, d)}
    if c.positions == "learned":
        shapes["position_embedding"] = (c.max_positions, d)
    d_queries, d_keys = c.n_heads * c.d_head, c.n_kv_heads * c.d_head
    attention = {
        "query": (d, d_queries),
        "key": (d, d_keys),
        "value": (d, d_keys),
        "output": (d_queries, d),
    }
    feed_forward = {"gate": (d, c.d_ff)} if c.gated else {}
    feed_forward |= {"up": (d, c.d_ff), "down": (c.d_ff, d)}
    for layer in range(c.n_layers):
        for sublayer, matrices in (("attention", attention), ("feed_forward", feed_forward)):
            prefix = f"layers.{layer}.{sublayer}."
            shapes |= _norm_shapes(f"{prefix}norm_before", c)
            if c.qk_norm and sublayer == "attention":
                shapes |= {f"{prefix}{name}_norm.gain": (c.d_head,) for name in ("query", "key")}
            for name, shape in matrices.items():
                shapes[prefix + name] = shape
                if name in c.biases:
                    shapes[f"{prefix}{name}_bias"] = shape[1:]
    shapes |= _norm_shapes("final.norm", c)
    return shapes if c.tied else shapes | {"unembedding": (d, c.vocabulary_size)}


def _norm_shapes(name: str, c: Config) -> dict[str, tuple[int, ...]]:
    parameters = ("gain",) if c.norm == "rms" else ("gain", "shift")
    return {f"{name}.{parameter}": (c.d_model,) for parameter in parameters}
