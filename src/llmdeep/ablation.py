"""Ablation: take a part out, and measure what the model can no longer do."""

from collections.abc import Collection

import numpy as np

from llmdeep.next_token import log_softmax
from llmdeep.shapes import Array, Float, Int
from llmdeep.transformer import Config, Visit, Weights, forward


def without_heads(heads: Collection[tuple[int, int]], config: Config) -> Visit:
    """For `forward`: heads, as (layer, head) from 0, write their mean instead of their message.

    The mean over the text's positions keeps what a head always says and takes away what it says
    here. A zero would take away both, and the layers after it have never seen a zero.

    Raises:
        ValueError: If the model has no such head.

    Source:
        Wang et al. 2022, arXiv:2211.00593 (mean ablation).
    """
    for layer, head in heads:
        if not (0 <= layer < config.n_layers and 0 <= head < config.n_heads):
            raise ValueError(f"there is no head {head} in layer {layer}")

    def replace(name: str, tensor: Array) -> Array | None:
        own = [head for layer, head in heads if name == f"layers.{layer}.attention.mixed"]
        if not own:
            return None
        messages = tensor.reshape(*tensor.shape[:-1], config.n_heads, config.d_head).copy()
        messages[..., own, :] = messages[..., own, :].mean(axis=-3, keepdims=True)
        return messages.reshape(tensor.shape)

    return replace


def surprisals(
    weights: Weights,
    config: Config,
    tokens: Int[Array, "*batch positions"],
    visit: Visit | None = None,
) -> Float[Array, "*batch predictions"]:
    """The surprisal, in nats, of every token but the first, given those before it."""
    said = log_softmax(forward(weights, config, tokens, visit=visit)[..., :-1, :])
    return -np.take_along_axis(said, tokens[..., 1:, None], axis=-1)[..., 0]
