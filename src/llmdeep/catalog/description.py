"""One description for every model: which layers it has, and how wide each part of them is.

A `config.json` (`config_file`) and a row of the catalog give the same structure, and everything
that is counted about a model, its parameters, FLOPs, bytes and seconds, is counted from it.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

NormKind = Literal["rms", "layer", "layer without shift"]
Positions = Literal["rotary", "learned", "ALiBi", "relative", "none"]


@dataclass(frozen=True)
class Attention:
    """Softmax attention: of all positions, or of the last `window` ones.

    `head_norms` counts gain vectors of d_head (2 where queries and keys are normalised), `sinks`
    adds one learned logit a head, `gate` an output gate as wide as the queries, and
    `relative_buckets` so many learned biases a head.
    """

    n_heads: int
    n_kv_heads: int
    d_head: int
    window: int | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    head_norms: int = 0
    sinks: bool = False
    gate: bool = False
    relative_buckets: int = 0
    causal: bool = True

    @property
    def name(self) -> str:
        """MHA, GQA or MQA, with its window if it has one."""
        shared = {self.n_heads: "MHA", 1: "MQA"}.get(self.n_kv_heads, "GQA")
        return f"{shared}, window {self.window:,}" if self.window else shared


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (MLA): keys and values are made from one vector of `kv_rank`.

    `query_rank` is None where queries are not compressed. `d_rope` channels of a key carry its
    position and are shared by all heads.
    """

    n_heads: int
    query_rank: int | None
    kv_rank: int
    d_nope: int
    d_rope: int
    d_value: int
    biases: bool = False

    @property
    def name(self) -> str:
        return "MLA"


@dataclass(frozen=True)
class StateSpace:
    """A selective state space layer as in Mamba: `d_inner` channels with `d_state` numbers each.

    `inner_norms` normalises the step, input and output vectors, as Jamba does.
    """

    d_inner: int
    d_state: int
    d_conv: int
    step_rank: int
    projection_bias: bool = False
    convolution_bias: bool = True
    inner_norms: bool = False

    @property
    def name(self) -> str:
        return "state space"


@dataclass(frozen=True)
class LinearAttention:
    """Gated delta-rule attention: a d_key × d_value matrix a value head, whatever the length."""

    n_key_heads: int
    n_value_heads: int
    d_key: int
    d_value: int
    d_conv: int

    @property
    def name(self) -> str:
        return "linear attention"


Mixer = Attention | LatentAttention | StateSpace | LinearAttention


@dataclass(frozen=True)
class FeedForward:
    """A dense feed-forward network; gated ones (SwiGLU, GeGLU) have three matrices, others two."""

    d_ff: int
    gated: bool = True
    biases: bool = False

    @property
    def name(self) -> str:
        return "dense"


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: `top_k` of `n_experts` for each token, and `d_shared` for every one.

    `d_shared` is the width of all shared experts together; `shared_gate` scales them by one number;
    `selection_bias` is a number an expert that only its selection sees (DeepSeek-V3).
    """

    n_experts: int
    top_k: int
    d_ff: int
    d_shared: int = 0
    shared_gate: bool = False
    biases: bool = False
    selection_bias: bool = False

    @property
    def name(self) -> str:
        return f"MoE, {self.top_k} of {self.n_experts}"


@dataclass(frozen=True)
class Layer:
    """One layer: what mixes positions, then what works on each. `norms` counts norms of d_model.

    `cross` is a decoder's attention over an encoder's output.
    """

    mixer: Mixer
    feed_forward: FeedForward | Experts | None
    norms: int = 2
    cross: Attention | None = None


@dataclass(frozen=True)
class ModelDescription:
    """Everything about a model that its sizes and costs depend on.

    `layers` are the decoder's (of BERT, the encoder's); `encoder` is that of an encoder-decoder.
    `tables` are learned arrays that belong to no layer, by name. `notes` say what was left out.
    """

    architecture: str
    d_model: int
    vocabulary: int
    context: int
    layers: tuple[Layer, ...]
    tied: bool
    norm: NormKind = "rms"
    positions: Positions = "rotary"
    learned_positions: int = 0
    norms_outside: int = 1
    encoder: tuple[Layer, ...] = ()
    tables: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def groups(self) -> tuple[tuple[Layer, int], ...]:
        """The different layers and how often each occurs, in the order of first occurrence."""
        return tuple(Counter(self.layers).items())

    @property
    def generates(self) -> bool:
        """Whether it is a decoder alone, whose cost a token depends on one length only."""
        mixers = (layer.mixer for layer, _ in self.groups)
        causal = all(mixer.causal for mixer in mixers if isinstance(mixer, Attention))
        return causal and not self.encoder


def layer_name(layer: Layer) -> str:
    """A layer's kind in a few words: "GQA, window 4,096 + dense"."""
    feed_forward = f" + {layer.feed_forward.name}" if layer.feed_forward else ""
    return f"{layer.mixer.name}{feed_forward}"
