"""The decoder-only transformer: from token ids to logits, every tensor by name.

A model is a `Configuration` and a dictionary of arrays, as a checkpoint file is.
"""

from collections.abc import Mapping

import numpy as np

from llmdeep.attention import attention_scores, causal_mask, merge_heads, softmax, split_heads
from llmdeep.block import residual
from llmdeep.feed_forward import gelu_tanh, silu
from llmdeep.norms import layer_norm, rms_norm
from llmdeep.parameters import Configuration, weight_shapes
from llmdeep.positions import learned_encoding, sinusoidal_encoding
from llmdeep.shapes import Array, Float, Int

Weights = Mapping[str, Array]


def random_weights(configuration: Configuration, rng: np.random.Generator) -> dict[str, Array]:
    """A model at initialisation: it has learned nothing.

    Gains are 1, shifts and biases 0. Matrices are normal with variance 1 / input width, which
    keeps the size of a random vector; embeddings with variance 1 / d_model, so that tied logits
    have about size 1.
    """
    weights: dict[str, Array] = {}
    for name, shape in weight_shapes(configuration).items():
        if name.endswith("gain"):
            weights[name] = np.ones(shape)
        elif name.endswith(("shift", "bias")):
            weights[name] = np.zeros(shape)
        else:
            width = configuration.d_model if name.endswith("embedding") else shape[0]
            weights[name] = rng.normal(0, width**-0.5, shape)
    return weights


def forward(
    tokens: Int[Array, "positions"], weights: Weights, configuration: Configuration
) -> dict[str, Array]:
    """Run a sequence through the model and hand out every tensor on the way, in order.

    Names: `embedding`, `positions`, `stream`; per layer i `layers.i.attention.` read, queries,
    keys, values, scores, weights, mixed, written; `layers.i.stream_between`;
    `layers.i.feed_forward.` read, (gate,) up, activated, written; `layers.i.stream`; and `final`,
    `logits`, `probabilities`. What a sub-layer reads and writes is before and after its norms.

    Args:
        tokens: Ids below `configuration.vocabulary`, at most `configuration.context` of them.

    Returns:
        Attention tensors are [heads positions ...], logits and probabilities [positions vocab],
        streams [positions d_model].

    Raises:
        ValueError: For an empty or too long sequence or an id outside the vocabulary.

    Source:
        Radford et al. 2019 (GPT-2) for the defaults.
    """
    c = configuration
    if not 0 < len(tokens) <= c.context:
        raise ValueError(f"{len(tokens)} tokens; this model takes 1 to {c.context}")
    if tokens.min() < 0 or tokens.max() >= c.vocabulary:
        raise ValueError(f"token ids must lie in 0..{c.vocabulary - 1}")
    out = {"embedding": weights["token_embedding"][tokens]}
    stream = out["embedding"]
    if c.positions != "none":
        out["positions"] = _encode_positions(len(tokens), weights, c)
        stream = stream + out["positions"]
    out["stream"] = stream
    for layer in range(c.n_layers):
        for sublayer, result in (("attention", "stream_between"), ("feed_forward", "stream")):
            stream = _sublayer_step(stream, f"layers.{layer}.{sublayer}.", weights, c, out)
            out[f"layers.{layer}.{result}"] = stream
    final = c.placement in ("pre", "sandwich")
    out["final"] = normalise(stream, "final.norm", weights, c) if final else stream
    unembedding = weights["token_embedding"].T if c.tied else weights["unembedding"]
    out["logits"] = out["final"] @ unembedding
    out["probabilities"] = softmax(out["logits"])
    return out


def attention_tensors(
    x: Float[Array, "positions d_model"], weights: Weights, prefix: str, n_heads: int
) -> dict[str, Array]:
    """Causal self-attention with what it computes on the way, `written` last."""
    queries, keys, values = (
        split_heads(affine(x, weights, prefix + name), n_heads)
        for name in ("query", "key", "value")
    )
    scores = attention_scores(queries, keys, causal_mask(len(x)))
    shares = softmax(scores)
    mixed = merge_heads(shares @ values)
    written = affine(mixed, weights, prefix + "output")
    return {
        "queries": queries,
        "keys": keys,
        "values": values,
        "scores": scores,
        "weights": shares,
        "mixed": mixed,
        "written": written,
    }


def feed_forward_tensors(
    x: Float[Array, "positions d_model"], weights: Weights, prefix: str, gated: bool
) -> dict[str, Array]:
    """GELU (tanh form) or SwiGLU with what it computes on the way, `written` last."""
    up = affine(x, weights, prefix + "up")
    gate = affine(x, weights, prefix + "gate") if gated else up
    activated = silu(gate) * up if gated else gelu_tanh(up)
    written = affine(activated, weights, prefix + "down")
    return ({"gate": gate} if gated else {}) | {
        "up": up,
        "activated": activated,
        "written": written,
    }


def normalise(
    x: Float[Array, "positions d_model"], name: str, weights: Weights, configuration: Configuration
) -> Float[Array, "positions d_model"]:
    """The configuration's norm with the learned gain (and shift) stored under `name`."""
    gain = weights[f"{name}.gain"]
    if configuration.norm == "rms":
        return rms_norm(x, gain)
    return layer_norm(x, gain, weights[f"{name}.shift"])


def affine(x: Array, weights: Weights, name: str) -> Array:
    """x times the matrix stored under `name`, plus its bias if there is one."""
    product: Array = x @ weights[name]
    bias = weights.get(f"{name}_bias")
    return product if bias is None else product + bias


def _sublayer_step(
    stream: Array, prefix: str, weights: Weights, c: Configuration, out: dict[str, Array]
) -> Array:
    def sublayer(read: Array) -> Array:
        out[prefix + "read"] = read
        tensors = (
            attention_tensors(read, weights, prefix, c.n_heads)
            if prefix.endswith("attention.")
            else feed_forward_tensors(read, weights, prefix, c.gated)
        )
        out.update({prefix + name: tensor for name, tensor in tensors.items()})
        return tensors["written"]

    return residual(
        stream,
        sublayer,
        c.placement,
        before=lambda x: normalise(x, prefix + "norm_before", weights, c),
        after=lambda x: normalise(x, prefix + "norm_after", weights, c),
    )


def _encode_positions(n: int, weights: Weights, c: Configuration) -> Array:
    if c.positions == "learned":
        return learned_encoding(weights["position_embedding"], np.arange(n))
    return sinusoidal_encoding(np.arange(n), c.d_model)
