"""Floating-point operations of a described model: for one token, for a text, for training on it.

A multiplication and an addition count as two. Counted are matrix products and what grows with the
context or the state; norms, activations and softmax, which grow with d_model only, are not.

Source:
    2N a token and 6N to train on it: Kaplan et al. 2020, arXiv:2001.08361, section 2.1. The term
    of attention, 12 L H Q T to train: Chowdhery et al. 2022, arXiv:2204.02311, appendix B.
"""

import math
from collections.abc import Callable

from llmdeep.catalog import (
    Attention,
    Experts,
    LatentAttention,
    Layer,
    LinearAttention,
    Mixer,
    ModelDescription,
    StateSpace,
)
from llmdeep.parameter_counts import mixer_matrices
from llmdeep.terms import Term, Terms, product

STATE_STEPS = 7  # per number of a state: decay 1, an update formed and added 4, reading it 2


def forward_flops(description: ModelDescription, n_keys: float) -> Terms:
    """FLOPs for one more token that looks at `n_keys` positions, itself included.

    Averaged over a causal sequence of n tokens without windows, n_keys is (n + 1) / 2;
    `sequence_flops` adds a whole sequence up exactly.

    Raises:
        ValueError: If the model is not a decoder alone, or n_keys is below 1.

    Examples:
        >>> from llmdeep.catalog import model
        >>> flops = forward_flops(model("Llama 3.1 8B").description, n_keys=131_072)
        >>> over_positions = flops["attention over positions"]
        >>> round(over_positions / (flops.total - over_positions), 2)
        4.58
    """
    if not n_keys >= 1:
        raise ValueError(f"a token looks at one position at least, itself; got {n_keys}")
    return _flops(description, 1, lambda window: min(n_keys, window))


def sequence_flops(description: ModelDescription, n_tokens: int, n_cached: int = 0) -> Terms:
    """FLOPs to take in `n_tokens` tokens at once, after `n_cached` earlier ones.

    Token i looks at n_cached + i positions, or at its window if that is shorter. Logits are counted
    for every token, as training needs them; for a prompt only those of the last token matter.

    Raises:
        ValueError: If the model is not a decoder alone, or n_tokens is below 1.
    """
    if n_tokens < 1:
        raise ValueError(f"n_tokens must be at least 1, got {n_tokens}")
    return _flops(description, n_tokens, lambda window: keys_seen(n_tokens, n_cached, window))


def training_flops(description: ModelDescription, n_tokens: int, recompute: str = "none") -> Terms:
    """FLOPs to train once on a sequence: forward, backward (twice as much), recomputed forward.

    Args:
        recompute: "none"; "selective" repeats attention over positions in the backward pass;
            "full" repeats the whole forward pass.

    Raises:
        ValueError: If recompute is none of the three.

    Source:
        Korthikanti et al. 2022, arXiv:2205.05198, section 5.
    """
    forward = sequence_flops(description, n_tokens)
    repeated = {
        "none": 0.0,
        "selective": forward["attention over positions"],
        "full": forward.total,
    }
    if recompute not in repeated:
        raise ValueError(f"recompute must be one of {', '.join(repeated)}, got {recompute!r}")
    return Terms(
        "FLOP",
        (
            Term("forward", forward.total, "2 × each weight, and attention"),
            Term("backward", 2 * forward.total, "gradients of inputs and of weights: 2 × forward"),
            Term("recomputed", repeated[recompute], recompute),
        ),
    )


def attention_flops_per_key(mixer: Attention | LatentAttention, absorbed: bool = False) -> int:
    """FLOPs of one query on one key in all heads: the score, and the weighted value.

    Latent attention either expands each cached vector into keys and values, or (`absorbed`) works
    on the latent vector itself, which costs more FLOPs and moves fewer bytes.
    """
    if isinstance(mixer, Attention):
        return 4 * mixer.n_heads * mixer.d_head
    if absorbed:
        return 2 * mixer.n_heads * (2 * mixer.kv_rank + mixer.d_rope)
    return 2 * mixer.n_heads * (mixer.d_nope + mixer.d_rope + mixer.d_value)


def keys_seen(n_tokens: int, n_cached: int = 0, window: float = math.inf) -> float:
    """How many keys `n_tokens` tokens look at in all, after `n_cached` earlier ones.

    Token i, from 1, sees n_cached + i positions, or its window if that is shorter.

    Examples:
        >>> keys_seen(4), keys_seen(4, window=2), keys_seen(1, n_cached=9)
        (10.0, 7.0, 10.0)
    """
    return _sum_to(n_cached + n_tokens, window) - _sum_to(n_cached, window)


def state_size(mixer: Mixer) -> int:
    """Numbers in the recurrent state of a layer that has one, else 0; its convolution left out."""
    if isinstance(mixer, LinearAttention):
        return mixer.n_value_heads * mixer.d_key * mixer.d_value
    return 0 if isinstance(mixer, Attention | LatentAttention) else mixer.d_inner * mixer.d_state


def matrix_weights(layer: Layer, d_model: int) -> dict[str, int]:
    """Weights that a token is multiplied with in one layer, by part; no biases, no gains."""
    recurrent = not isinstance(layer.mixer, Attention | LatentAttention)
    name = f"{layer.mixer.name} matrices" if recurrent else "attention matrices"
    parts = {name: mixer_matrices(layer.mixer, d_model)}
    feed = layer.feed_forward
    if isinstance(feed, Experts):
        parts["experts"] = feed.top_k * 3 * d_model * feed.d_ff
        parts["shared experts"] = 3 * d_model * feed.d_shared
        parts["router"] = d_model * (feed.n_experts + feed.shared_gate)
    elif feed:
        parts["feed-forward"] = (3 if feed.gated else 2) * d_model * feed.d_ff
    return {part: size for part, size in parts.items() if size}


def _flops(
    description: ModelDescription, n_tokens: int, keys_seen: Callable[[float], float]
) -> Terms:
    """For `n_tokens` tokens that see `keys_seen(window)` keys in all."""
    if not description.generates:
        raise ValueError(
            f"{description.architecture} is no decoder alone: its FLOPs depend on two lengths"
        )
    d = description.d_model
    terms: list[Term] = []
    for layer, count in description.groups:
        mixer = layer.mixer
        for part, size in matrix_weights(layer, d).items():
            working = product(f"{n_tokens:,} tokens", f"{count:,} layers", 2, size)
            terms.append(Term(part, 2 * n_tokens * count * size, working))
        if isinstance(mixer, Attention | LatentAttention):
            window = mixer.window if isinstance(mixer, Attention) and mixer.window else math.inf
            seen, each = keys_seen(window), attention_flops_per_key(mixer)
            working = product(f"{count:,} layers", f"{seen:,.0f} keys seen", each)
            terms.append(Term("attention over positions", count * seen * each, working))
        else:
            each = STATE_STEPS * state_size(mixer) + 2 * convolution_weights(mixer)
            working = product(f"{n_tokens:,} tokens", f"{count:,} layers", each)
            terms.append(Term("recurrence", n_tokens * count * each, working))
    unembedding = 2 * n_tokens * d * description.vocabulary
    working = product(f"{n_tokens:,} tokens", 2, d, description.vocabulary)
    return Terms("FLOP", (*terms, Term("unembedding", unembedding, working)))


def convolution_weights(mixer: Mixer) -> int:
    """Weights of the short causal convolution in front of a recurrence."""
    if isinstance(mixer, LinearAttention):
        channels = 2 * mixer.n_key_heads * mixer.d_key + mixer.n_value_heads * mixer.d_value
        return channels * mixer.d_conv
    return mixer.d_inner * mixer.d_conv if isinstance(mixer, StateSpace) else 0


def _sum_to(n: float, window: float) -> float:
    """The sum of min(i, window) for i from 1 to n."""
    return n * (n + 1) / 2 if n <= window else window * (window + 1) / 2 + (n - window) * window
