"""What the forward pass keeps for the backward pass, array by array.

For GPT-2's layer with dropout this is the count of Korthikanti et al.; other layers (grouped
queries, latent attention, gated networks, experts, FlashAttention) are counted by the same rule:
everything that the backward pass reads is kept once, in 16 bits, dropout masks in 8.

Source:
    Korthikanti et al. 2022, arXiv:2205.05198, equations 1 to 6 and Table 2.
"""

from collections.abc import Iterator
from typing import NamedTuple

from llmdeep.catalog import Attention, Experts, LatentAttention, Layer, ModelDescription
from llmdeep.terms import Term, Terms, product

RECOMPUTE = ("none", "selective", "full")


class Kept(NamedTuple):
    """An array kept for the backward pass: bytes a token, and whether tensor parallelism splits it.

    `quadratic` marks what FlashAttention and selective recomputation do without.
    """

    name: str
    bytes_per_token: float
    split: bool = False
    quadratic: bool = False


def activation_bytes(
    description: ModelDescription,
    sequence: int,
    micro_batch: int = 1,
    recompute: str = "none",
    tensor: int = 1,
    sequence_parallel: bool = False,
    flash: bool = False,
    dropout: bool = False,
) -> Terms:
    """Bytes that all layers keep for one micro-batch on one rank, by array.

    Args:
        sequence, micro_batch: Tokens of a sequence, and sequences.
        recompute: "selective" keeps no attention matrices, "full" only each layer's input,
            whatever kind of layer that is.
        tensor: Tensor-parallel ranks; they split heads and hidden channels, and with
            `sequence_parallel` the rest as well, by position.
        flash: FlashAttention, which keeps one float32 number a query and head instead of matrices.
        dropout: Whether masks are kept, as in GPT-3's time.

    Raises:
        ValueError: If a count is below 1, recompute unknown, or a layer is not attention and not
            computed again.
    """
    if min(sequence, micro_batch, tensor) < 1:
        raise ValueError("sequence, micro_batch and tensor must be at least 1")
    if recompute not in RECOMPUTE:
        raise ValueError(f"recompute must be one of {', '.join(RECOMPUTE)}, got {recompute!r}")
    tokens = sequence * micro_batch
    totals: dict[str, float] = {}
    whole_layer = [Kept("layer inputs", 2 * description.d_model)]
    for layer, count in description.groups:
        arrays = kept_arrays(layer, description.d_model, sequence, flash, dropout)
        for kept in whole_layer if recompute == "full" else arrays:
            if recompute == "selective" and kept.quadratic:
                continue
            ranks = tensor if kept.split or sequence_parallel else 1
            totals[kept.name] = totals.get(kept.name, 0) + count * kept.bytes_per_token / ranks
    return Terms(
        "bytes",
        tuple(
            Term(name, tokens * each, product(f"{tokens:,} tokens", f"{each:,.0f} bytes"))
            for name, each in totals.items()
        ),
    )


def kept_arrays(
    layer: Layer, d_model: int, sequence: int, flash: bool = False, dropout: bool = False
) -> Iterator[Kept]:
    """Each array that one layer keeps.

    Raises:
        ValueError: If the layer's mixer is not attention: other mixers' programs differ too much.
    """
    a, window, compressed = layer.mixer, None, 0
    match a:
        case Attention():
            window = a.window
            queries = mixed = a.n_heads * a.d_head
            keys = values = a.n_kv_heads * a.d_head
        case LatentAttention():
            compressed = (a.query_rank or 0) + a.kv_rank
            queries = keys = a.n_heads * (a.d_nope + a.d_rope)
            values = mixed = a.n_heads * a.d_value
        case _:
            raise ValueError(
                f"what a layer of {a.name} keeps depends on its program; not counted here"
            )
    yield Kept("norm inputs", 2 * layer.norms * d_model)
    yield Kept("attention input", 2 * d_model)
    if compressed:
        yield Kept("latent vectors, before and after their norms", 2 * 2 * compressed)
    yield Kept("queries, keys, values", 2 * (queries + keys + values), split=True)
    if flash:
        yield Kept("softmax normalisers", 4 * a.n_heads, split=True)
    else:
        seen = min(sequence, window or sequence)
        softmax = 2 * a.n_heads * seen
        yield Kept("attention weights", softmax, split=True, quadratic=True)
        if dropout:
            yield Kept("attention dropout", 1.5 * softmax, split=True, quadratic=True)
    yield Kept("output projection's input", 2 * mixed, split=True)
    if dropout:
        yield Kept("dropout masks", 2 * d_model)
    yield from _feed_forward(layer, d_model)


def _feed_forward(layer: Layer, d_model: int) -> Iterator[Kept]:
    feed = layer.feed_forward
    if feed is None:
        return
    yield Kept("feed-forward input", 2 * d_model)
    if isinstance(feed, Experts):
        yield Kept("router", 4 * feed.n_experts)
        yield Kept("expert inputs", 2 * feed.top_k * d_model)
        hidden, gated = feed.top_k * feed.d_ff + feed.d_shared, True
    else:
        hidden, gated = feed.d_ff, feed.gated
    # gated: gate, its activation, up, their product; else: before and after the activation
    yield Kept("hidden layer", 2 * hidden * (4 if gated else 2), split=True)
