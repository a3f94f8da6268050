"""The roofline: each operation of a model takes as long as its arithmetic or as its bytes.

Time is at least FLOPs / peak rate and at least bytes / bandwidth. An operation whose FLOPs a byte
(arithmetic intensity) are below the ridge, peak / bandwidth, waits for memory; above it, for
arithmetic. Real programs take longer than this bound.

Source:
    Williams, Waterman & Patterson 2009, doi:10.1145/1498765.1498785.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from llmdeep.cache_bytes import cached_numbers
from llmdeep.catalog import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    Mixer,
    ModelDescription,
)
from llmdeep.parameter_counts import mixer_matrices
from llmdeep.terms import Term, Terms
from llmdeep.token_flops import (
    STATE_STEPS,
    attention_flops_per_key,
    convolution_weights,
    keys_seen,
    state_size,
)

ACTIVATION = 2  # bytes of a number between operations


class Operation(NamedTuple):
    """One operation in all layers that have it: its work, and the bytes that pass to and fro."""

    name: str
    flops: float
    weight_bytes: float
    cache_bytes: float
    activation_bytes: float

    @property
    def bytes(self) -> float:
        return self.weight_bytes + self.cache_bytes + self.activation_bytes

    @property
    def intensity(self) -> float:
        """FLOPs a byte."""
        return self.flops / self.bytes


class Bound(NamedTuple):
    """How long an operation takes at least, in seconds, and on what it waits."""

    compute: float
    memory: float

    @property
    def seconds(self) -> float:
        return max(self.compute, self.memory)

    @property
    def binds(self) -> str:
        return "arithmetic" if self.compute >= self.memory else "memory"


def operations(
    description: ModelDescription,
    batch: int,
    n_new: int,
    n_cached: int = 0,
    weight_bits: float = 16,
    cache_number: float = 2,
) -> list[Operation]:
    """A forward pass over `n_new` tokens of each of `batch` sequences, after `n_cached` others.

    n_new = 1 is a step of decoding, n_cached = 0 the reading of a prompt. Each weight is read once
    for all sequences, each cached number once; scores stay on the chip (FlashAttention). Logits are
    computed for the last token of each sequence. Tokens choose experts evenly and independently.

    Args:
        weight_bits: Bits a weight, scales included.
        cache_number: Bytes of a cached number.

    Raises:
        ValueError: If a count is below 1, or the model is not a decoder alone.
    """
    if batch < 1 or n_new < 1 or n_cached < 0:
        raise ValueError("batch and n_new must be at least 1, n_cached at least 0")
    if not description.generates:
        raise ValueError(f"{description.architecture} is no decoder alone: it has no such step")
    d, each = description.d_model, weight_bits / 8
    tokens = batch * n_new
    found: dict[str, Operation] = {}
    for layer, count in description.groups:
        parts = [
            *_mixing(layer.mixer, d, batch, n_new, n_cached, each, cache_number),
            *_feeding(layer, d, tokens, each),
        ]
        for part in parts:
            before = found.get(part.name, Operation(part.name, 0, 0, 0, 0))
            sums = (a + count * b for a, b in zip(before[1:], part[1:], strict=True))
            found[part.name] = Operation(part.name, *sums)
    head = d * description.vocabulary
    logits = ACTIVATION * batch * (d + description.vocabulary)
    return [*found.values(), Operation("unembedding", 2 * batch * head, each * head, 0, logits)]


def bound(operation: Operation, peak: float, bandwidth: float) -> Bound:
    """The least time of an operation on a device of `peak` FLOP/s and `bandwidth` bytes/s."""
    if not peak > 0 or not bandwidth > 0:
        raise ValueError("peak and bandwidth must be above 0")
    return Bound(operation.flops / peak, operation.bytes / bandwidth)


def roofline_seconds(found: list[Operation], peak: float, bandwidth: float) -> Terms:
    """The least time of a pass, operation by operation, none overlapping another."""
    bounds = [(operation, bound(operation, peak, bandwidth)) for operation in found]
    return Terms("s", tuple(Term(o.name, b.seconds, f"waits for {b.binds}") for o, b in bounds))


def experts_read(experts: Experts, tokens: float) -> float:
    """How many experts at least one of `tokens` tokens chooses, on average, if all are as likely.

    Examples:
        >>> eight = Experts(n_experts=8, top_k=2, d_ff=1)
        >>> [round(experts_read(eight, tokens), 2) for tokens in (1, 4, 100)]
        [2.0, 5.47, 8.0]
    """
    missed = (
        math.log1p(-experts.top_k / experts.n_experts)
        if experts.top_k < experts.n_experts
        else -math.inf
    )
    return -experts.n_experts * math.expm1(tokens * missed)


def _mixing(
    mixer: Mixer, d: int, batch: int, n_new: int, n_cached: int, each: float, number: float
) -> Iterator[Operation]:
    tokens, weights = batch * n_new, mixer_matrices(mixer, d)
    if not isinstance(mixer, Attention | LatentAttention):
        work = STATE_STEPS * state_size(mixer) + 2 * convolution_weights(mixer)
        state = 2 * batch * number * cached_numbers(mixer)  # read and written
        moved = 4 * ACTIVATION * tokens * d
        name = f"{mixer.name} matrices"
        yield Operation(name, 2 * tokens * weights, each * weights, 0, moved)
        yield Operation("recurrence", tokens * work, 0, state, moved)
        return
    absorbed = n_new == 1  # one query: work on the latent vectors; many: expand them
    if isinstance(mixer, Attention):
        queries = mixer.n_heads * mixer.d_head
        through = 2 * d + 2 * queries + 2 * mixer.n_kv_heads * mixer.d_head
        around, window = 2 * queries, mixer.window or math.inf
    else:
        queries = mixer.n_heads * (mixer.d_nope + mixer.d_rope)
        through = 2 * d + 2 * queries + mixer.kv_rank + mixer.d_rope
        around, window = queries + mixer.n_heads * mixer.d_value, math.inf
    seen = keys_seen(n_new, n_cached, window)
    flops = batch * seen * attention_flops_per_key(mixer, absorbed)
    held = min(n_cached + n_new, window + n_new - 1)
    yield Operation(
        "attention matrices", 2 * tokens * weights, each * weights, 0, ACTIVATION * tokens * through
    )
    cache = batch * held * number * cached_numbers(mixer, absorbed)
    yield Operation("attention over positions", flops, 0, cache, ACTIVATION * tokens * around)


def _feeding(layer: Layer, d: int, tokens: int, each: float) -> Iterator[Operation]:
    feed = layer.feed_forward
    if isinstance(feed, FeedForward):
        matrices = 3 if feed.gated else 2
        weights = matrices * d * feed.d_ff
        moved = ACTIVATION * tokens * (2 * d + matrices * feed.d_ff)
        yield Operation("feed-forward", 2 * tokens * weights, each * weights, 0, moved)
    elif feed:
        one = 3 * d * feed.d_ff
        moved = ACTIVATION * tokens * feed.top_k * (2 * d + 3 * feed.d_ff)
        read = each * one * experts_read(feed, tokens)
        yield Operation("experts", 2 * tokens * feed.top_k * one, read, 0, moved)
        if feed.d_shared:
            shared = 3 * d * feed.d_shared
            moved = ACTIVATION * tokens * (2 * d + 3 * feed.d_shared)
            yield Operation("shared experts", 2 * tokens * shared, each * shared, 0, moved)
        router = d * feed.n_experts
        moved = ACTIVATION * tokens * (d + feed.n_experts)
        yield Operation("router", 2 * tokens * router, ACTIVATION * router, 0, moved)
