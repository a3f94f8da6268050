"""How far token 1 is from token n, and how much of a change at token 1 arrives there.

Notice: in the recurrent network the change dies within a few dozen tokens unless the weights are
large; the share that attention passes on shrinks about like 1/√n, not exponentially. The networks
are random, not trained, and have no residual connections. Eight random sequences run through each,
then run again with another token 1; below 1e-12 a difference is rounding and is not drawn.
"""

from collections.abc import Iterable
from typing import Annotated

import numpy as np

from llmdeep.attention import softmax
from llmdeep.convolution import causal_convolution, layers_to_reach
from llmdeep.recurrence import random_recurrent_weights, rnn
from llmdeep.shapes import Array, Float
from llmdeep.widgets import Axis, Chart, Line, Rule, Seed, Slider, Table, View

Texts = Float[Array, "sides texts positions d_model"]  # two sides: with the old and the new token 1

D_MODEL = 16
SEQUENCES = 8
ROUNDING = 1e-12  # a smaller change may be rounding only
LENGTHS = (8, 12, 16, 24, 32, 48, 64)
PATHS = [2**i for i in range(1, 11)]  # lengths of the first chart
NAMES = ("RNN", "CNN", "CNN, dilated", "attention")


def render(
    length: Annotated[int, Slider(8, 64, values=LENGTHS, unit="tokens")] = 32,
    kernel_width: Annotated[int, Slider(2, 9, label="width of the CNN’s kernel")] = 3,
    gain: Annotated[
        float, Slider(0.5, 2, step=0.25, label="size of the weights of RNN and CNN")
    ] = 1.0,
    seed: Annotated[int, Seed()] = 0,
) -> list[View]:
    rngs = np.random.default_rng(seed).spawn(5)
    texts = rngs[4].standard_normal((2, SEQUENCES, max(LENGTHS), D_MODEL))[:, :, :length]
    texts[1, :, 1:] = texts[0, :, 1:]  # the same but for token 1
    plain = [1] * layers_to_reach(length, kernel_width)
    dilated = [kernel_width**i for i in range(layers_to_reach(length, kernel_width, dilated=True))]
    outputs = (
        recurrent(texts, gain, rngs[0]),
        convolutional(texts, gain, kernel_width, plain, rngs[1]),
        convolutional(texts, gain, kernel_width, dilated, rngs[2]),
        attentive(texts, rngs[3]),
    )
    arrived = [share_that_arrives(output) for output in outputs]
    ends = [float(share[-1]) if share[-1] > ROUNDING else "below 10⁻¹²" for share in arrived]
    drawn = np.unique(np.linspace(0, length - 1, 32).round().astype(int))
    return [
        Chart(
            [Line(PATHS, path(PATHS, name, kernel_width), name) for name in NAMES]
            + [Rule(x=length, label=f"n = {length}")],
            x=Axis("n", "log", unit="tokens"),
            y=Axis("steps from token 1 to token n", "log"),
            title="Path length: operations that a signal passes through",
        ),
        Chart(
            [
                Line(drawn + 1, np.where(share > ROUNDING, share, np.nan)[drawn], name)
                for name, share in zip(NAMES, arrived, strict=True)
            ],
            x=Axis("position", unit="tokens"),
            y=Axis("change of the output", "log", (ROUNDING, 2), "1 = unrelated text"),
            title="Token 1 replaced: how much the output changes at each position",
        ),
        Table(
            ["network", "layers", "sequential steps", "path length", "change at token n"],
            [
                [name, layers, layers * steps, path([length], name, kernel_width)[0], last]
                for name, layers, steps, last in zip(
                    NAMES, (1, len(plain), len(dilated), 1), (length, 1, 1, 1), ends, strict=True
                )
            ],
            title=f"So that token 1 reaches token {length}",
            digits=2,
        ),
    ]


def path(lengths: Iterable[int], name: str, kernel_width: int) -> list[int]:
    """Operations between the input at token 1 and the output at token n, for each n."""
    if "CNN" in name:
        return [layers_to_reach(n, kernel_width, name != "CNN") for n in lengths]
    return [n if name == "RNN" else 1 for n in lengths]


def recurrent(texts: Texts, gain: float, rng: np.random.Generator) -> Texts:
    from_input = rng.standard_normal((D_MODEL, D_MODEL)) / np.sqrt(D_MODEL)
    weights = random_recurrent_weights(D_MODEL, gain, rng)
    return np.array([[rnn(text, from_input, weights, 0 * weights[0]) for text in s] for s in texts])


def convolutional(
    texts: Texts, gain: float, width: int, layers: Iterable[int], rng: np.random.Generator
) -> Texts:
    for dilation in layers:
        kernel = gain * rng.standard_normal((width, D_MODEL, D_MODEL)) / np.sqrt(width * D_MODEL)
        texts = np.tanh(causal_convolution(texts, kernel, dilation))
    return texts


def attentive(texts: Texts, rng: np.random.Generator) -> Texts:
    """One head of causal attention; the next chapter builds it step by step."""
    queries, keys, values = texts @ (
        rng.standard_normal((3, 1, 1, D_MODEL, D_MODEL)) / np.sqrt(D_MODEL)
    )
    scores = queries @ keys.swapaxes(-1, -2) / np.sqrt(D_MODEL)
    return softmax(np.where(np.tri(texts.shape[-2], dtype=bool), scores, -np.inf)) @ values


def share_that_arrives(outputs: Texts) -> Float[Array, "positions"]:
    """Change at each position, over the difference between two unrelated texts there."""
    change = outputs[1] - outputs[0]
    unrelated = outputs[0] - np.roll(outputs[0], 1, axis=0)
    return np.sqrt((change**2).sum(axis=(0, 2)) / (unrelated**2).sum(axis=(0, 2)))
