"""A published decoder: from token ids to logits, for GPT-2 and the Llama family.

Pre-norm as in `llmdeep.decoder`, whose names it keeps, and what came since: rotary positions,
grouped queries, gated feed-forward networks, windows, batches, a cache of keys and values. A layer:

    stream = stream + attention(norm(stream))
    stream = stream + feed_forward(norm(stream))
"""

from collections.abc import Callable

import numpy as np

from llmdeep.attention import (
    causal_mask,
    merge_heads,
    sliding_window_mask,
    softmax,
    split_heads,
)
from llmdeep.decoder import affine
from llmdeep.feed_forward import gelu, gelu_tanh, relu, silu
from llmdeep.grouped_query import grouped_mix, grouped_scores
from llmdeep.kv_cache import Cache, append, empty_cache, roll_back
from llmdeep.model_config import Config, Weights
from llmdeep.norms import layer_norm, rms_norm
from llmdeep.rotary import rotary_frequencies, rotate, turns
from llmdeep.shapes import Array, Bool, Float, Int

__all__ = [
    "Cache",
    "Config",
    "Visit",
    "Weights",
    "attention_patterns",
    "empty_cache",
    "forward",
    "roll_back",
]

Visit = Callable[[str, Array], Array | None]
See = Callable[[str, Array], Array]
Turns = tuple[Array, Array] | None

ACTIVATIONS = {"silu": silu, "gelu": gelu, "gelu_tanh": gelu_tanh, "relu": relu}


def forward(
    weights: Weights,
    config: Config,
    tokens: Int[Array, "*batch positions"],
    cache: Cache | None = None,
    visit: Visit | None = None,
    last: int | None = None,
    padding: Int[Array, "*batch"] | None = None,
) -> Float[Array, "*batch answered vocab"]:
    """Score every token of the vocabulary as the next one, at each position.

    Args:
        weights: By the names and shapes of `llmdeep.model_config.weight_shapes`, float32. Without a
            BLAS, matrices with contiguous columns (`order="F"`) are multiplied twice as fast; the
            transposed view of a [d_out d_in] array, as files have them, is one.
        cache: What earlier calls have computed. `tokens` come after it, and it grows by them. A
            long prompt may be given in pieces.
        visit: Called with the name and the value of every tensor on the way. What it returns, if
            not None, takes the tensor's place. The names: `embedding`, `positions` (if learned),
            `stream`; per layer i `layers.i.attention.` read, projected_queries, projected_keys,
            queries, keys, values, scores, weights, mixed, written; `layers.i.stream_between`;
            `layers.i.feed_forward.` read, gate (if gated), up, activated, written;
            `layers.i.stream`; `final`, `logits`. Queries and keys are as compared: normalised and
            rotated, where a model does that. Those of heads are [*batch heads positions d_head],
            scores and weights [*batch heads queries keys], all others [*batch positions channels].
        last: At how many positions, counted from the end, logits are wanted; all if None.
        padding: How many fillers stand *before* each text of a batch, so that all end together.
            Nothing sees them, and positions count from the first real token; their own logits mean
            nothing. With a cache, it is given with the first tokens. Fillers *after* a text need no
            argument: nothing looks ahead.

    Returns:
        Logits, in nats, at the last `last` positions.

    Raises:
        ValueError: For no tokens, an id outside the vocabulary, more positions than the cache or a
            table of learned positions has, or a replacement of another shape. The cache is then
            as it was.

    Precision:
        That of the weights; float32 if they are float32.

    Source:
        Radford et al. 2019 (GPT-2); Touvron et al. 2023, arXiv:2302.13971 (Llama).
    """
    c, see, n = config, _seer(visit), tokens.shape[-1]
    start = cache.length if cache else 0
    _check(tokens, start, cache, c)
    if cache:
        padding = _padding_of(cache, padding)

    slots = np.arange(start, start + n)
    positions = slots if padding is None else np.maximum(slots - padding[..., None], 0)
    stream = see("embedding", weights["token_embedding"][tokens])
    if c.positions == "learned":
        stream = stream + see("positions", weights["position_embedding"][positions])
    stream = see("stream", stream)

    turning = None if c.positions == "learned" else _turning(positions, c)
    windows = c.windows or (None,) * c.n_layers
    masks = {window: _mask(n, start + n, window, padding) for window in set(windows)}
    for layer in range(c.n_layers):
        prefix = f"layers.{layer}."
        read = normalise(stream, f"{prefix}attention.norm_before", weights, c)
        mask = masks[windows[layer]]
        written = _attention(read, weights, c, layer, turning, mask, cache, see)
        stream = see(f"{prefix}stream_between", stream + written)
        read = normalise(stream, f"{prefix}feed_forward.norm_before", weights, c)
        written = _feed_forward(read, weights, c, f"{prefix}feed_forward.", see)
        stream = see(f"{prefix}stream", stream + written)
    if cache:
        cache.length, cache.padding = start + n, padding

    answered = stream if last is None else stream[..., max(n - last, 0) :, :]
    final = see("final", normalise(answered, "final.norm", weights, c))
    unembedding = weights["token_embedding"].T if c.tied else weights["unembedding"]
    return see("logits", final @ unembedding)


def attention_patterns(
    weights: Weights, config: Config, tokens: Int[Array, "positions"]
) -> Float[Array, "layers heads positions positions"]:
    """The attention weights of every layer and head of a model that reads `tokens`.

    Raises:
        ValueError: As `forward` does.
    """
    seen: list[Array] = []

    def keep(name: str, tensor: Array) -> None:
        if name.endswith("attention.weights"):
            seen.append(tensor)

    forward(weights, config, tokens, visit=keep, last=0)
    return np.stack(seen)


def normalise(
    x: Float[Array, "*batch d_model"], name: str, weights: Weights, config: Config
) -> Float[Array, "*batch d_model"]:
    """The model's norm with the gain (and shift) stored under `name`."""
    gain = weights[f"{name}.gain"]
    if config.norm == "rms":
        return rms_norm(x, gain, config.norm_eps)
    return layer_norm(x, gain, weights[f"{name}.shift"], config.norm_eps)


def _attention(
    read: Float[Array, "*batch positions d_model"],
    weights: Weights,
    c: Config,
    layer: int,
    turning: Turns,
    mask: Array | None,
    cache: Cache | None,
    see: See,
) -> Float[Array, "*batch positions d_model"]:
    prefix = f"layers.{layer}.attention."
    read = see(f"{prefix}read", read)
    queries = split_heads(affine(read, weights, f"{prefix}query"), c.n_heads)
    keys = split_heads(affine(read, weights, f"{prefix}key"), c.n_kv_heads)
    values = split_heads(affine(read, weights, f"{prefix}value"), c.n_kv_heads)

    queries = see(f"{prefix}projected_queries", queries)
    keys = see(f"{prefix}projected_keys", keys)
    if c.qk_norm:
        queries = rms_norm(queries, weights[f"{prefix}query_norm.gain"], c.norm_eps)
        keys = rms_norm(keys, weights[f"{prefix}key_norm.gain"], c.norm_eps)
    if turning:
        queries, keys = rotate(queries, *turning), rotate(keys, *turning)
    queries = see(f"{prefix}queries", queries)
    keys = see(f"{prefix}keys", keys)
    values = see(f"{prefix}values", values)

    if cache:
        keys, values = append(cache, layer, keys, values)
    scores = see(f"{prefix}scores", grouped_scores(queries, keys, mask))
    shares = see(f"{prefix}weights", softmax(scores))
    mixed = see(f"{prefix}mixed", merge_heads(grouped_mix(shares, values)))
    return see(f"{prefix}written", affine(mixed, weights, f"{prefix}output"))


def _feed_forward(
    read: Float[Array, "*batch positions d_model"],
    weights: Weights,
    c: Config,
    prefix: str,
    see: See,
) -> Float[Array, "*batch positions d_model"]:
    activation = ACTIVATIONS[c.activation]
    read = see(f"{prefix}read", read)
    if c.gated:
        gate = see(f"{prefix}gate", affine(read, weights, f"{prefix}gate"))
        up = see(f"{prefix}up", affine(read, weights, f"{prefix}up"))
        activated = activation(gate) * up
    else:
        up = see(f"{prefix}up", affine(read, weights, f"{prefix}up"))
        activated = activation(up)
    activated = see(f"{prefix}activated", activated)
    return see(f"{prefix}written", affine(activated, weights, f"{prefix}down"))


def _turning(positions: Int[Array, "*batch positions"], c: Config) -> Turns:
    every_head = positions if positions.ndim == 1 else positions[..., None, :]
    return turns(every_head, rotary_frequencies(c.d_head, c.rope_theta, c.rope_scaling))


def _mask(
    n_queries: int, n_keys: int, window: int | None, padding: Int[Array, "*batch"] | None
) -> Bool[Array, "*#batch 1 queries keys"] | None:
    """True where a query may look, the same for all heads; None where all may look at all."""
    everything = n_queries == 1 and (window is None or window >= n_keys)
    if everything and padding is None:
        return None
    back = causal_mask(n_queries, n_keys)
    if window is not None:
        back = sliding_window_mask(n_queries, window, n_keys)
    if padding is None:
        return back[None]
    return back & (np.arange(n_keys) >= padding[..., None, None, None])


def _seer(visit: Visit | None) -> See:
    def see(name: str, tensor: Array) -> Array:
        replacement = visit(name, tensor) if visit else None
        if replacement is None:
            return tensor
        if replacement.shape != tensor.shape:
            raise ValueError(
                f"{name} has shape {tensor.shape}; its replacement must too, not "
                f"{replacement.shape}"
            )
        return replacement.astype(tensor.dtype, copy=False)

    return see


def _padding_of(cache: Cache, padding: Int[Array, "*batch"] | None) -> Int[Array, "*batch"] | None:
    if cache.length == 0:
        return padding
    if padding is not None:
        raise ValueError("padding comes before a text: give it with a cache's first tokens only")
    return cache.padding


def _check(tokens: Array, start: int, cache: Cache | None, c: Config) -> None:
    stop = start + tokens.shape[-1]
    if not tokens.size:
        raise ValueError("no tokens: a model needs at least one to continue from")
    if tokens.min() < 0 or tokens.max() >= c.vocabulary_size:
        wrong = tokens[(tokens < 0) | (tokens >= c.vocabulary_size)].ravel()[0]
        raise ValueError(f"token {wrong} is not in the vocabulary, 0 to {c.vocabulary_size - 1}")
    if c.positions == "learned" and stop > c.max_positions:
        raise ValueError(f"{stop} positions; this model has learned {c.max_positions}")
    if cache and stop > cache.capacity:
        raise ValueError(f"{stop} positions; the cache has room for {cache.capacity}")
