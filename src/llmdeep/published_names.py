"""What published files call a model's tensors, and how theirs become ours.

Most libraries store a matrix as [d_out d_in]; ours are [d_in d_out], its transposed view. GPT-2's
files have [d_in d_out] already, and hold queries, keys and values side by side in one matrix.
"""

import re
from typing import NamedTuple

from llmdeep.model_config import Config, weight_shapes
from llmdeep.shapes import Array

LLAMA = {
    "token_embedding": "model.embed_tokens.weight",
    "final.norm": "model.norm",
    "unembedding": "lm_head.weight",
    "layers": "model.layers",
    "attention.norm_before": "input_layernorm",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward.norm_before": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}
GPT2 = {
    "token_embedding": "wte.weight",
    "position_embedding": "wpe.weight",
    "final.norm": "ln_f",
    "unembedding": "lm_head.weight",
    "layers": "h",
    "attention.norm_before": "ln_1",
    "attention.query": "attn.c_attn",
    "attention.key": "attn.c_attn",
    "attention.value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "feed_forward.norm_before": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
SIDE_BY_SIDE = ("query", "key", "value")


class Piece(NamedTuple):
    """Where one of our weights is: a published tensor, or one of its parts, side by side."""

    tensor: str
    shape: tuple[int, ...]
    transposed: bool
    part: int = 0
    n_parts: int = 1

    def of(self, tensor: Array) -> Array:
        """Our weight: a view of the published tensor."""
        width = tensor.shape[-1] // self.n_parts
        whole = tensor[..., self.part * width : (self.part + 1) * width]
        return whole.T if self.transposed else whole


def pieces(config: Config, gpt2: bool) -> dict[str, Piece]:
    """For each of our weights, the published tensor that holds it, with that tensor's shape.

    Examples:
        >>> tiny = Config(1, 8, 4, 2, d_head=2, d_ff=16, vocabulary_size=100, max_positions=64)
        >>> pieces(tiny, gpt2=False)["layers.0.attention.key"]
        Piece(tensor='model.layers.0.self_attn.k_proj.weight', shape=(4, 8), transposed=True, \
part=0, n_parts=1)
    """
    found = {}
    for name, shape in weight_shapes(config).items():
        tensor = _published(name, GPT2 if gpt2 else LLAMA)
        matrix = name.rsplit(".", 1)[-1]
        if gpt2 and matrix.removesuffix("_bias") in SIDE_BY_SIDE:
            part = SIDE_BY_SIDE.index(matrix.removesuffix("_bias"))
            found[name] = Piece(tensor, (*shape[:-1], 3 * shape[-1]), False, part, 3)
        else:
            embedding = name in ("token_embedding", "position_embedding")
            transposed = len(shape) == 2 and not embedding
            transposed = transposed and (name == "unembedding" or not gpt2)
            found[name] = Piece(tensor, shape[::-1] if transposed else shape, transposed)
    return found


def is_left_over(tensor: str) -> bool:
    """Whether it is no weight, but a constant that old versions of the library also saved."""
    return re.search(r"\.attn\.(masked_)?bias$|\.rotary_emb\.inv_freq$", tensor) is not None


def _published(name: str, table: dict[str, str]) -> str:
    """The tensor's name, put together from those of the layer, the module and the parameter."""
    if name in table:
        return table[name]
    parameter = "weight"
    for ours, theirs in ((".gain", "weight"), (".shift", "bias"), ("_bias", "bias")):
        if name.endswith(ours):
            name, parameter = name.removesuffix(ours), theirs
    layer = re.fullmatch(r"layers\.(\d+)\.(.+)", name)
    module = f"{table['layers']}.{layer[1]}.{table[layer[2]]}" if layer else table[name]
    return f"{module}.{parameter}"
