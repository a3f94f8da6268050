"""One sentence through a whole transformer: every tensor, from token ids to probabilities.

Notice: positions meet in attention only, where scores compare them and weights mix their values;
and the stream is only ever added to, so each layer's input is still inside its output.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np

from llmdeep import decoder, transformer
from llmdeep.attention import softmax
from llmdeep.book_model import load
from llmdeep.parameters import Configuration, count_parameters, part_of
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
from llmdeep.widgets._book import read_text, token_names
from llmdeep.widgets._walk import NEXT, ROTATED, SWIGLU_FORMULA, WALK, Stage

N_LAYERS, N_HEADS, D_MODEL, MOST_WORDS = 3, 2, 8, 12
GELU, SWIGLU, BOOK = "random, with GELU", "random, with SwiGLU", "the book’s own"
MOST_COLUMNS = 48  # that are drawn of a wide tensor


class Walked(NamedTuple):
    """A model and its tensors for a text; `vocabulary` names the tokens it may predict."""

    words: list[str]
    ids: list[int]
    vocabulary: list[str]
    tensors: Mapping[str, Array]
    weights: Mapping[str, Array]
    counts: Mapping[str, int]
    note: str


def render(
    sentence: Annotated[str, Text(max_length=80)] = "the cat sat on the mat",
    step: Annotated[int, Steps([stage.label for stage in WALK], label="tensor")] = 8,
    layer: Annotated[int, Slider(1, 6, step=1)] = 1,
    head: Annotated[int, Slider(1, 6, step=1)] = 1,
    model: Annotated[str, Choice(GELU, SWIGLU, BOOK)] = GELU,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    walked = of_the_book(sentence) if model == BOOK else of_a_random_model(sentence, model, seed)
    n_layers = sum(name.endswith("stream_between") for name in walked.tensors)
    layer = min(layer, n_layers)
    stage = WALK[step]
    shown = drawn(walked, stage, layer, head)
    formula = ROTATED.get(stage.label, stage.formula) if model == BOOK else stage.formula
    if stage.label == "Activated" and model != GELU:
        formula = SWIGLU_FORMULA
    rows = [row(walked, each, layer) for each in WALK]
    return [
        Tokens(
            walked.words, notes=[str(token) for token in walked.ids], title="Tokens and their ids"
        ),
        shown,
        Math(formula),
        Metrics(
            shape=Metric(rows[step][1], note=stage.axes),
            numbers=tensor_of(walked, stage, layer).size,
            parameters_that_make_it=rows[step][2],
            all_parameters=sum(walked.counts.values()),
        ),
        Table(
            ("tensor", "shape", "parameters that make it"),
            rows,
            title=f"The walk through one of the {n_layers} layers",
        ),
        Table(
            ("part", "parameters"), list(walked.counts.items()), title="The whole model, by part"
        ),
        Note(walked.note),
    ]


def drawn(walked: Walked, stage: Stage, layer: int, head: int) -> View:
    """A tensor as a picture: one head of it, the first channels, the likeliest next tokens."""
    tensor = tensor_of(walked, stage, layer)
    if tensor.size == 0:
        return Note("Nothing is added for the position: queries and keys are turned by it instead.")
    where = f", layer {layer}" * ("{" in stage.tensor)
    if tensor.ndim == 3:
        head = min(head, len(tensor))
        where += f", head {head}"
        tensor = tensor[head - 1]
    last_axis = stage.axes.split(" × ")[-1]
    columns, label = None, "channel"
    if last_axis == "keys":
        columns, label = walked.words, "token looked at"
    if stage.axes == NEXT:
        likeliest = np.argsort(-walked.tensors["logits"][-1], kind="stable")[:MOST_WORDS]
        kept = np.sort(likeliest) if tensor.shape[1] <= MOST_WORDS else likeliest
        tensor, columns, label = tensor[:, kept], [walked.vocabulary[i] for i in kept], "next token"
    elif tensor.shape[1] > MOST_COLUMNS:
        where += f", {MOST_COLUMNS} of its {tensor.shape[1]} channels"
        tensor = tensor[:, :MOST_COLUMNS]
    shares = stage.label in ("Attention weights", "Probabilities")
    return Matrix(
        tensor,
        rows=walked.words,
        columns=columns,
        title=stage.label + where,
        row_label="position",
        column_label=label,
        domain=(0, 1) if shares else None,
        diverging=not shares,
    )


def row(walked: Walked, stage: Stage, layer: int) -> tuple[str, str, int]:
    """A line of the walk: name, shape, and the size of the weights that make it."""
    own = tuple(name.format(layer - 1) for name in stage.weights)
    made_by = sum(w.size for name, w in walked.weights.items() if name.startswith(own))
    tensor = tensor_of(walked, stage, layer)
    return stage.label, " × ".join(map(str, tensor.shape)) if tensor.size else "none", made_by


def tensor_of(walked: Walked, stage: Stage, layer: int) -> Array:
    return walked.tensors.get(stage.tensor.format(layer - 1), np.empty(0))


def of_a_random_model(sentence: str, parts: str, seed: int) -> Walked:
    """A model so small that every number fits on the page; its words are the sentence's own."""
    words = sentence.split()
    if len(words) > MOST_WORDS:
        raise ControlError(f"{len(words)} words are too many to draw; at most {MOST_WORDS} fit.")
    vocabulary = list(dict.fromkeys(words))
    ids = [vocabulary.index(word) for word in words]
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
    weights = decoder.random_weights(
        replace(configuration, vocabulary=1), np.random.default_rng(seed)
    )
    weights["token_embedding"] = np.array([word_vector(word, seed) for word in vocabulary])
    tensors = decoder.forward(np.array(ids), weights, configuration)
    note = (
        f"The weights are random, {N_LAYERS} layers of {N_HEADS} heads: shapes, counts and "
        "arithmetic are those of a trained model, but the prediction means nothing. The vocabulary "
        "is the sentence’s own words."
    )
    counts = count_parameters(configuration)
    return Walked(words, ids, vocabulary, tensors, weights, counts, note)


def of_the_book(sentence: str) -> Walked:
    """The book's model, trained on stories."""
    config, weights, tokenizer = load()
    tokens = read_text(sentence, tokenizer, 2 * MOST_WORDS)
    tensors: dict[str, Array] = {}
    transformer.forward(weights, config, tokens, visit=tensors.__setitem__)
    tensors["probabilities"] = softmax(tensors["logits"])
    counts: Counter[str] = Counter()
    for name, values in weights.items():
        counts[part_of(name)] += values.size
    note = (
        "The book’s own model, trained on stories for children. Its heads share keys and values, "
        f"{config.n_heads // config.n_kv_heads} queries to a pair. Of the vocabulary you see the "
        f"{MOST_WORDS} likeliest next tokens."
    )
    names = token_names(range(config.vocabulary_size), tokenizer)
    words = [names[token] for token in tokens]
    return Walked(words, tokens.tolist(), names, tensors, weights, counts, note)


def word_vector(word: str, seed: int) -> Float[Array, "d_model"]:
    """A random embedding that depends on the word's letters and the seed alone."""
    return np.random.default_rng([seed, *word.encode()]).normal(0, D_MODEL**-0.5, D_MODEL)
