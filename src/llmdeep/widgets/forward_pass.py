"""One sentence through a whole small transformer: every tensor, from token ids to probabilities.

Notice: positions meet in attention only, where scores compare them and weights mix their values;
and the stream is only ever added to, so each layer's input is still inside its output.
"""

from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np

from llmdeep.decoder import forward, random_weights
from llmdeep.parameters import Configuration, count_parameters
from llmdeep.shapes import Array, Float
from llmdeep.widgets import (
    Choice,
    ControlError,
    Math,
    Matrix,
    Metric,
    Metrics,
    Note,
    Seed,
    Slider,
    Steps,
    Table,
    Text,
    Tokens,
    View,
)

N_LAYERS, N_HEADS, D_MODEL, MOST_WORDS = 3, 2, 8, 12
GELU, SWIGLU = "LayerNorm, GELU", "RMSNorm, SwiGLU"


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


def render(
    sentence: Annotated[str, Text(max_length=80)] = "the cat sat on the mat",
    step: Annotated[int, Steps([stage.label for stage in WALK], label="tensor")] = 8,
    layer: Annotated[int, Slider(1, N_LAYERS, step=1)] = 1,
    head: Annotated[int, Slider(1, N_HEADS, step=1)] = 1,
    parts: Annotated[str, Choice(GELU, SWIGLU, label="norm and activation")] = GELU,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    words = sentence.split()
    if len(words) > MOST_WORDS:
        raise ControlError(f"{len(words)} words are too many to draw; at most {MOST_WORDS} fit.")
    vocabulary = list(dict.fromkeys(words))
    tokens = np.array([vocabulary.index(word) for word in words])

    gated = parts == SWIGLU
    configuration = Configuration(
        N_LAYERS,
        D_MODEL,
        N_HEADS,
        d_ff=8 * D_MODEL // 3 if gated else 4 * D_MODEL,
        vocabulary=len(vocabulary),
        context=MOST_WORDS,
        norm="rms" if gated else "layer",
        gated=gated,
        biases=not gated,
    )
    # drawn apart from the words, so that a word, and a model, are the same in every sentence
    weights = random_weights(replace(configuration, vocabulary=1), np.random.default_rng(seed))
    weights["token_embedding"] = np.array([word_vector(word, seed) for word in vocabulary])
    tensors = forward(tokens, weights, configuration)

    def row(stage: Stage) -> tuple[str, str, int]:
        own = tuple(name.format(layer - 1) for name in stage.weights)
        made_by = sum(w.size for name, w in weights.items() if name.startswith(own))
        shape = " × ".join(map(str, tensors[stage.tensor.format(layer - 1)].shape))
        return stage.label, shape, made_by

    stage = WALK[step]
    tensor = tensors[stage.tensor.format(layer - 1)]
    where = f", layer {layer}" * ("{" in stage.tensor) + f", head {head}" * (tensor.ndim == 3)
    shares = stage.label in ("Attention weights", "Probabilities")
    last_axis = stage.axes.split(" × ")[-1]
    columns = {"keys": words, "vocabulary": vocabulary}.get(last_axis)
    column_label = {"keys": "word looked at", "vocabulary": "next word"}.get(last_axis, "channel")
    _, shape, made_by = row(stage)
    counts = count_parameters(configuration)
    return [
        Tokens(words, notes=[str(token) for token in tokens], title="Tokens and their ids"),
        Matrix(
            tensor if tensor.ndim == 2 else tensor[head - 1],
            rows=words,
            columns=columns,
            title=stage.label + where,
            row_label="position",
            column_label=column_label,
            domain=(0, 1) if shares else None,
            diverging=not shares,
        ),
        Math(SWIGLU_FORMULA if gated and stage.label == "Activated" else stage.formula),
        Metrics(
            shape=Metric(shape, note=stage.axes),
            numbers=tensor.size,
            parameters_that_make_it=made_by,
            all_parameters=sum(counts.values()),
        ),
        Table(
            ("tensor", "shape", "parameters that make it"),
            [row(each) for each in WALK],
            title=f"The walk through one of the {N_LAYERS} layers",
        ),
        Table(("part", "parameters"), list(counts.items()), title="The whole model, by part"),
        Note(
            "The weights are random: shapes, counts and arithmetic are those of a trained model, "
            "but the prediction means nothing. The vocabulary is the sentence’s own words."
        ),
    ]


def word_vector(word: str, seed: int) -> Float[Array, "d_model"]:
    """A random embedding that depends on the word's letters and the seed alone."""
    return np.random.default_rng([seed, *word.encode()]).normal(0, D_MODEL**-0.5, D_MODEL)
