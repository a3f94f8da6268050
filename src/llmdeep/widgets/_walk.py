"""The walk that `forward_pass` takes: every tensor of a decoder, in the order of its making."""

from typing import NamedTuple


class Stage(NamedTuple):
    """One tensor of the walk: its name and the names of its weights begin as in `forward`."""

    label: str
    tensor: str
    axes: str
    formula: str
    weights: tuple[str, ...] = ()


A, F = "layers.{}.attention.", "layers.{}.feed_forward."
STREAM, HEADS = "positions × d_model", "heads × positions × d_head"
PAIRS, WIDE, NEXT = "heads × queries × keys", "positions × d_ff", "positions × vocabulary"
WALK = (
    Stage("Token embedding", "embedding", STREAM, r"E_t", ("token_embedding",)),
    Stage("Positions", "positions", STREAM, r"P_i", ("position_embedding",)),
    Stage("Stream", "stream", STREAM, r"x = E_t + P_i"),
    Stage("Read by attention", A + "read", STREAM, r"r = \mathrm{norm}(x)", (A + "norm",)),
    Stage("Queries", A + "queries", HEADS, r"Q = r\,W_Q", (A + "query",)),
    Stage("Keys", A + "keys", HEADS, r"K = r\,W_K", (A + "key",)),
    Stage("Values", A + "values", HEADS, r"V = r\,W_V", (A + "value",)),
    Stage("Scores, masked", A + "scores", PAIRS, r"S = Q K^\top / \sqrt{d_\text{head}}"),
    Stage("Attention weights", A + "weights", PAIRS, r"A = \mathrm{softmax}(S)"),
    Stage("Mixed values", A + "mixed", STREAM, r"A V\ \text{of all heads}"),
    Stage("Written by attention", A + "written", STREAM, r"a = A V\,W_O", (A + "output",)),
    Stage("Stream between", "layers.{}.stream_between", STREAM, r"x' = x + a"),
    Stage("Read by feed-forward", F + "read", STREAM, r"r' = \mathrm{norm}(x')", (F + "norm",)),
    Stage("Up", F + "up", WIDE, r"u = r'\,W_\text{up}", (F + "up", F + "gate")),
    Stage("Activated", F + "activated", WIDE, r"h = \mathrm{gelu}(u)"),
    Stage("Written by feed-forward", F + "written", STREAM, r"f = h\,W_\text{down}", (F + "down",)),
    Stage("Stream after the layer", "layers.{}.stream", STREAM, r"x'' = x' + f"),
    Stage("Final norm", "final", STREAM, r"y = \mathrm{norm}(x'')", ("final",)),
    Stage("Logits", "logits", NEXT, r"z = y E^\top"),
    Stage("Probabilities", "probabilities", NEXT, r"p = \mathrm{softmax}(z)"),
)
SWIGLU_FORMULA = r"h = \mathrm{silu}(r'\,W_\text{gate}) \odot u"
ROTATED = {  # where positions are not added but turned in
    "Queries": r"Q_i = R_i\,W_Q^\top r_i",
    "Keys": r"K_i = R_i\,W_K^\top r_i",
    "Positions": r"R_i\ \text{turns the queries and keys of position}\ i",
    "Stream": r"x = E_t",
}
