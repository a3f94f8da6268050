"""The decoder in torch, for training: Llama's, with the names that Llama's files use.

Functions over a dictionary of tensors. What is read first is `llmdeep.transformer`, in NumPy;
the tests hold the two to the same logits.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from llmdeep.train.settings import Settings

NORM_EPS = 1e-5
BLOCK = 128  # queries attended at once: what lies above the diagonal beyond a block is skipped

Parameters = dict[str, Tensor]


def new_parameters(settings: Settings) -> Parameters:
    """Random weights in float32: normal with variance 1/d_in, the last matrix of a sub-layer 0.

    So every sub-layer first adds nothing, and the model starts as a lookup of its own input.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    d_model, d_attention = settings.d_model, settings.n_heads * settings.d_head
    d_kv = settings.n_kv_heads * settings.d_head

    def normal(d_out: int, d_in: int, scale: float = 1.0) -> Tensor:
        return torch.randn(d_out, d_in, generator=generator) * scale / math.sqrt(d_in)

    parameters = {"model.embed_tokens.weight": normal(settings.vocabulary_size, d_model, 0.3)}
    for layer in range(settings.n_layers):
        parameters |= {
            f"model.layers.{layer}.{name}": value
            for name, value in {
                "input_layernorm.weight": torch.ones(d_model),
                "self_attn.q_proj.weight": normal(d_attention, d_model),
                "self_attn.k_proj.weight": normal(d_kv, d_model),
                "self_attn.v_proj.weight": normal(d_kv, d_model),
                "self_attn.o_proj.weight": torch.zeros(d_model, d_attention),
                "post_attention_layernorm.weight": torch.ones(d_model),
                "mlp.gate_proj.weight": normal(settings.d_ff, d_model),
                "mlp.up_proj.weight": normal(settings.d_ff, d_model),
                "mlp.down_proj.weight": torch.zeros(d_model, settings.d_ff),
            }.items()
        }
    return parameters | {"model.norm.weight": torch.ones(d_model)}


def logits(
    parameters: Parameters,
    tokens: Tensor,
    settings: Settings,
    noise: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Scores of the next token, float32: (batch, tokens) -> (batch, tokens, vocabulary).

    Args:
        noise: Bytes (1 + 2 n_layers, batch, tokens, d_model) that decide what dropout sets to 0:
            those below 256 × dropout. None for no dropout.
        dtype: Of the matrix products; sums along the residual stream stay in float32.
    """
    cosines, sines = _rotations(tokens.shape[-1], settings, tokens.device, dtype)
    threshold = round(256 * settings.dropout)

    def dropped(x: Tensor, place: int) -> Tensor:
        if noise is None or threshold == 0:
            return x
        return x * (noise[place] >= threshold) * (256 / (256 - threshold))

    embedding = parameters["model.embed_tokens.weight"]
    x = dropped(functional.embedding(tokens, embedding), 0)
    for layer in range(settings.n_layers):
        prefix = f"model.layers.{layer}."
        weights = {
            name.removeprefix(prefix): value.to(dtype) if value.ndim == 2 else value
            for name, value in parameters.items()
            if name.startswith(prefix)
        }
        normed = _rms_norm(x, weights["input_layernorm.weight"]).to(dtype)
        attended = _attention(normed, weights, settings, cosines, sines)
        x = x + dropped(attended.float(), 1 + 2 * layer)
        normed = _rms_norm(x, weights["post_attention_layernorm.weight"]).to(dtype)
        both = (
            normed @ torch.cat([weights["mlp.gate_proj.weight"], weights["mlp.up_proj.weight"]]).T
        )
        gate, up = both.chunk(2, dim=-1)
        fed = (functional.silu(gate) * up) @ weights["mlp.down_proj.weight"].T
        x = x + dropped(fed.float(), 2 + 2 * layer)
    x = _rms_norm(x, parameters["model.norm.weight"]).to(dtype)
    return (x @ embedding.to(dtype).T).float()


def _rms_norm(x: Tensor, gain: Tensor) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPS) * gain


def _rotations(
    length: int, settings: Settings, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (tokens, 1, d_head / 2)."""
    pairs = torch.arange(0, settings.d_head, 2, device=device) / settings.d_head
    angles = torch.arange(length, device=device)[:, None, None] * settings.rope_theta**-pairs
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _attention(
    x: Tensor, weights: Parameters, settings: Settings, cosines: Tensor, sines: Tensor
) -> Tensor:
    """Causal attention, n_heads / n_kv_heads queries to a key.

    The queries that share a key are laid one below the other, so that one product serves them all.
    """
    batch, length, _ = x.shape
    n_kv_heads, d_head = settings.n_kv_heads, settings.d_head
    group = settings.n_heads // n_kv_heads
    projections = torch.cat([weights[f"self_attn.{name}_proj.weight"] for name in "qkv"])
    sizes = [settings.n_heads * d_head, n_kv_heads * d_head, n_kv_heads * d_head]
    queries, keys, values = torch.split_with_sizes(x @ projections.T, sizes, dim=-1)

    def rotated(vectors: Tensor, n_heads: int) -> Tensor:
        vectors = vectors.view(batch, length, n_heads, d_head)
        first, second = vectors.chunk(2, dim=-1)
        return torch.cat(
            [first * cosines - second * sines, second * cosines + first * sines], dim=-1
        )

    queries = rotated(queries, settings.n_heads).view(batch, length, n_kv_heads, group, d_head)
    queries = queries.permute(0, 2, 3, 1, 4)  # (batch, n_kv_heads, group, tokens, d_head)
    keys = rotated(keys, n_kv_heads).permute(0, 2, 3, 1).reshape(-1, d_head, length)
    values = values.view(batch, length, n_kv_heads, d_head).transpose(1, 2)
    values = values.reshape(-1, length, d_head)
    blocks = []
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        rows = end - start
        block = queries[:, :, :, start:end].reshape(-1, group * rows, d_head)
        scores = torch.bmm(block, keys[:, :, :end]).view(-1, group, rows, end)
        future = torch.ones(rows, end, dtype=torch.bool, device=x.device).triu(start + 1)
        scores = (scores.float() / math.sqrt(d_head)).masked_fill(future, -math.inf)
        attention = torch.softmax(scores, dim=-1).to(x.dtype).view(-1, group * rows, end)
        mixed = torch.bmm(attention, values[:, :end])
        blocks.append(mixed.view(batch, n_kv_heads, group, rows, d_head))
    mixed = torch.cat(blocks, dim=3).permute(0, 3, 1, 2, 4).reshape(batch, length, -1)
    return mixed @ weights["self_attn.o_proj.weight"].T
