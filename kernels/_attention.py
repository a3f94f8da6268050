"""What the attention kernels share outside the GPU: inputs, oracle, torch's form, peers."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from llmdeep.alibi import alibi_bias, alibi_slopes
from llmdeep.attention import attention_scores, causal_mask, sliding_window_mask, softmax
from llmdeep.flash_attention import attention_gradient, finish, partial_attention, soft_cap
from llmdeep.gpu.draw import Draw
from llmdeep.shapes import Array


def inputs(
    draw: Draw,
    batch: int,
    n_heads: int,
    n_kv_heads: int,
    n_queries: int,
    n_keys: int,
    d_head: int,
    causal: bool = False,
    window: int = 0,
    alibi: bool = False,
    cap: float = 0.0,
    **rest: Any,
) -> dict[str, Any]:
    slopes = torch.tensor(alibi_slopes(n_heads), dtype=torch.float32, device=draw.device)
    return {
        "queries": draw.normal(batch, n_heads, n_queries, d_head),
        "keys": draw.normal(batch, n_kv_heads, n_keys, d_head),
        "values": draw.normal(batch, n_kv_heads, n_keys, d_head),
        "causal": causal,
        "window": window,
        "slopes": slopes if alibi else None,
        "cap": cap,
        **rest,
    }


def oracle(**given: Any) -> tuple[Array, Array]:
    scores, _ = scored(**given)
    output, log_total = finish(partial_attention(scores, by_head(given, "values")))
    return output, log_total[..., 0]


def gradient_oracle(upstream: Array, **given: Any) -> tuple[Array, Array, Array]:
    scores, slope = scored(**given)
    queries, keys, values = given["queries"], by_head(given, "keys"), by_head(given, "values")
    scale = queries.shape[-1] ** -0.5
    found = attention_gradient(upstream, queries, keys, values, softmax(scores), scale, slope)
    # heads that share keys share their gradient too
    groups = (len(queries), given["keys"].shape[1], -1, *keys.shape[2:])
    return found[0], found[1].reshape(groups).sum(axis=2), found[2].reshape(groups).sum(axis=2)


def scored(
    queries: Array, causal: bool, window: int, slopes: Array | None, cap: float, **given: Any
) -> tuple[Array, Array | float]:
    """The scores of all heads, -inf where a query may not look, and the slope of their cap."""
    keys = by_head({"queries": queries, **given}, "keys")
    n_queries, n_keys = queries.shape[2], keys.shape[2]
    scores = attention_scores(queries, keys)
    slope: Array | float = 1.0
    if cap:
        scores = soft_cap(scores, cap)
        slope = 1 - (scores / cap) ** 2
    if slopes is not None:
        scores = scores + alibi_bias(slopes, n_queries, n_keys)
    if window:
        scores = np.where(sliding_window_mask(n_queries, window, n_keys), scores, -math.inf)
    elif causal:
        scores = np.where(causal_mask(n_queries, n_keys), scores, -math.inf)
    return scores, slope


def by_head(given: dict[str, Any], name: str) -> Array:
    """Keys or values, once for each head that shares them."""
    group = given["queries"].shape[1] // given[name].shape[1]
    return np.repeat(given[name], group, axis=1)


def reference(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    causal: bool,
    window: int,
    slopes: Tensor | None,
    cap: float,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention as it is written down, each step rounded to the dtype of the inputs.

    Eight-bit inputs, which torch does not multiply, are taken as bfloat16.
    """
    if queries.element_size() == 1:
        queries, keys, values = (x.to(torch.bfloat16) for x in (queries, keys, values))
    group = queries.shape[1] // keys.shape[1]
    keys, values = (x.repeat_interleave(group, dim=1) for x in (keys, values))
    scores = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
    if cap:
        scores = cap * torch.tanh(scores / cap)
    n_queries, n_keys = scores.shape[-2:]
    query = torch.arange(n_keys - n_queries, n_keys, device=scores.device)[:, None]
    back = query - torch.arange(n_keys, device=scores.device)
    if slopes is not None:
        scores = scores - (slopes[:, None, None] * back.abs()).to(scores.dtype)
    if causal or window:
        hidden = (back < 0) | (back >= window) if window else back < 0
        scores = scores.masked_fill(hidden, -math.inf)
    return torch.softmax(scores, dim=-1) @ values, torch.logsumexp(scores, dim=-1)


def pairs(n_queries: int, n_keys: int, causal: bool = False, window: int = 0) -> float:
    """How many queries look at how many keys."""
    if window:
        seen = np.minimum(np.arange(n_keys - n_queries, n_keys) + 1.0, window)
        return float(seen.sum())
    if causal:
        return n_queries * (n_keys - n_queries) + n_queries * (n_queries + 1) / 2
    return float(n_queries * n_keys)


def flops(batch: int, n_heads: int, n_queries: int, n_keys: int, d_head: int, **rest: Any) -> float:
    """Two products of every pair that is looked at."""
    flags = {name: rest[name] for name in ("causal", "window") if name in rest}
    return 4.0 * batch * n_heads * d_head * pairs(n_queries, n_keys, **flags)


def bytes_moved(
    itemsize: int,
    batch: int,
    n_heads: int,
    n_kv_heads: int,
    n_queries: int,
    n_keys: int,
    d_head: int,
    **_: Any,
) -> float:
    """Queries and output, which has 16 bits where they have 8; keys and values."""
    of_queries = n_heads * n_queries * (itemsize + max(itemsize, 2))
    return 1.0 * batch * d_head * (of_queries + 2 * itemsize * n_kv_heads * n_keys)


def library(backend: str) -> Any:
    """scaled_dot_product_attention, held to one of its backends."""

    def run(
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        causal: bool,
        window: int,
        slopes: Tensor | None,
        cap: float,
        **_: Any,
    ) -> Tensor:
        from torch.nn.attention import SDPBackend, sdpa_kernel

        if window or slopes is not None or cap:
            raise ValueError("it takes no window, no slopes and no cap")
        if causal and queries.shape[2] != keys.shape[2]:
            raise ValueError("its causal mask takes the queries for the first positions")
        with sdpa_kernel(getattr(SDPBackend, backend)):
            return functional.scaled_dot_product_attention(
                queries,
                keys,
                values,
                is_causal=causal,
                enable_gqa=queries.shape[1] != keys.shape[1],
            )

    return run


def flexible(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    causal: bool,
    window: int,
    slopes: Tensor | None,
    cap: float,
    **_: Any,
) -> Any:
    """flex_attention through torch.compile, with a block mask made once for a shape."""
    n_queries, n_keys = queries.shape[2], keys.shape[2]
    first = n_keys - n_queries

    def change(score: Tensor, b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        if cap:
            score = cap * torch.tanh(score / cap)
        return score if slopes is None else score - slopes[h] * (first + i - j).abs()

    mask = _block_mask(n_queries, n_keys, window) if causal or window else None
    return _flex()(
        queries,
        keys,
        values,
        score_mod=change if cap or slopes is not None else None,
        block_mask=mask,
        enable_gqa=queries.shape[1] != keys.shape[1],
    )


@lru_cache(maxsize=1)
def _flex() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)


@lru_cache(maxsize=8)
def _block_mask(n_queries: int, n_keys: int, window: int) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        back = n_keys - n_queries + i - j
        return (back >= 0) & (back < window) if window else back >= 0

    return create_block_mask(visible, None, None, n_queries, n_keys, device="cuda")
