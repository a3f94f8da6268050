"""The logit lens: what the model would say if it stopped after each layer."""

import numpy as np

from llmdeep.shapes import Array, Float, Int
from llmdeep.transformer import Config, Weights, forward, normalise


def streams(
    weights: Weights, config: Config, tokens: Int[Array, "positions"]
) -> Float[Array, "depths positions d_model"]:
    """The residual stream before the first layer and after each, so n_layers + 1 of them."""
    names = ["stream", *(f"layers.{layer}.stream" for layer in range(config.n_layers))]
    seen: dict[str, Array] = {}

    def keep(name: str, tensor: Array) -> None:
        if name in names:
            seen[name] = tensor

    forward(weights, config, tokens, visit=keep, last=0)
    return np.stack([seen[name] for name in names])


def logit_lens(
    weights: Weights, config: Config, tokens: Int[Array, "positions"]
) -> Float[Array, "depths positions vocab"]:
    """Read every stream with the model's own last norm and unembedding.

    The last row is the model's answer. The others are a reading, not a prediction: no layer but
    the last was trained to be read so.

    Returns:
        Logits, in nats.

    Source:
        nostalgebraist 2020, "interpreting GPT: the logit lens"; Belrose et al. 2023,
        arXiv:2303.08112, for where it misleads.
    """
    unembedding = weights["token_embedding"].T if config.tied else weights["unembedding"]
    return normalise(streams(weights, config, tokens), "final.norm", weights, config) @ unembedding
