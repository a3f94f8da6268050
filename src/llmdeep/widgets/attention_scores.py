"""Attention, one step at a time: which words does a word look at, and what does it take from them?

Notice: “it” asks who is meant, and “animal” answers loudest; in the last step the output of “it”
has become mostly living. Write another sentence, look from another word, or edit a matrix.
"""

import math
from typing import Annotated

import numpy as np

from llmdeep.attention import attention_scores, causal_mask, entropy, sliding_window_mask, softmax
from llmdeep.shapes import Array, Float
from llmdeep.widgets import (
    Choice,
    ControlError,
    Math,
    Matrix,
    Metric,
    Metrics,
    Note,
    Slider,
    Steps,
    Text,
    Toggle,
    Tokens,
    View,
)
from llmdeep.widgets._parse import parse_lexicon, parse_matrix

STAGES = ("Queries, keys, values", "Scores", "Scale", "Mask", "Softmax", "Weighted sum")
MOST_WORDS = 12
WORD_VECTORS = """\
features: living thing pronoun action quality link
animal dog cat child: 1 0 0 0 0 0
street road river ball: 0 1 0 0 0 0
it she he they: 0 0 1 0 0 0
cross chased saw: 0 0 0 1 0 0
tired hungry: 0.5 0 0 0 1 0
wide broken: 0 0.5 0 0 1 0
was is didn't: 0 0 0 0.5 0 0.5
too very: 0 0 0 0 0.5 0.5
the a because and: 0 0 0 0 0 1"""
# A column is one thing that a query asks for and a key answers: who is meant, what is acted on,
# what is said of it, which small words stand around it. Things (row 2) turn away from who is meant,
# so that “wide” finds the street where “tired” finds the animal.
W_QUERY = "0 0 1 0\n-3 4 1 0\n4 0 0 0\n1 3 0 0\n3 0 0 0\n0 0 0 2"
W_KEY = "2 0 0 0\n1 2 0 0\n1 1 0 0\n0 0 1 0\n0 0 2 0\n0 0 0 1"
ASKED_FOR = ["who", "object", "quality", "link"]
W_VALUE = "1 0 0 0 0 0\n0 1 0 0 0 0\n0 0 1 0 0 0\n0 0 0 1 0 0\n0 0 0 0 1 0\n0 0 0 0 0 1"


def render(
    sentence: Annotated[
        str, Text(max_length=120)
    ] = "The animal didn't cross the street because it was too tired",
    step: Annotated[int, Steps(STAGES)] = 4,
    query: Annotated[int, Slider(1, MOST_WORDS, label="look from word number")] = 8,
    mask: Annotated[str, Choice("none", "causal", "window of 3")] = "causal",
    scaled: Annotated[bool, Toggle("divide by √d_head")] = True,
    temperature: Annotated[
        float, Slider(0.1, 10.0, log=True, count=21, label="temperature (divides the scores)")
    ] = 1.0,
    w_query: Annotated[str, Text(600, multiline=True, label="query matrix W_Q")] = W_QUERY,
    w_key: Annotated[str, Text(600, multiline=True, label="key matrix W_K")] = W_KEY,
    w_value: Annotated[str, Text(600, multiline=True, label="value matrix W_V")] = W_VALUE,
    word_vectors: Annotated[str, Text(2000, multiline=True)] = WORD_VECTORS,
) -> list[View]:
    words = sentence.split()
    if len(words) > MOST_WORDS:
        raise ControlError(f"{len(words)} words are too many to draw; at most {MOST_WORDS} fit.")
    features, lexicon = parse_lexicon(word_vectors)
    x, unlisted = embed(words, lexicon, len(features))
    to_query = parse_matrix(w_query, "W_Q", rows=len(features))
    to_key = parse_matrix(w_key, "W_K", rows=len(features), columns=to_query.shape[1])
    to_value = parse_matrix(w_value, "W_V", rows=len(features))

    queries, keys, values = x @ to_query, x @ to_key, x @ to_value
    d_head, n = queries.shape[1], len(words)
    factor = (1 / math.sqrt(d_head) if scaled else 1.0) / temperature
    allowed = {
        "none": np.ones((n, n), bool),
        "causal": causal_mask(n),
        "window of 3": sliding_window_mask(n, window=3),
    }[mask]
    products = attention_scores(queries, keys, scale=1.0)
    scores = attention_scores(queries, keys, scale=factor)
    masked = attention_scores(queries, keys, allowed, factor)
    weights = softmax(masked)
    output = weights @ values

    here = min(query, n) - 1
    past_end = f"The sentence ends with word {n}, so you look from there. " if query > n else ""
    word, best = words[here], int(np.argmax(weights[here]))
    reach = float(max(np.abs(products).max(), np.abs(scores).max())) or 1.0
    same_channels = np.array_equal(to_value, np.eye(len(features)))
    channels = features if same_channels else None
    asked_for = ASKED_FOR if (w_query, w_key) == (W_QUERY, W_KEY) else None

    def square(name: str, numbers: Array, domain: tuple[float, float]) -> Matrix:
        rows = [f"▸ {w}" if i == here else w for i, w in enumerate(words)]
        title, diverging = f"{name} · {n} × {n}", domain[0] < 0
        return Matrix(numbers, rows, words, title, "query", "key", domain, diverging)

    def tall(name: str, numbers: Array, columns: list[str] | None = None) -> Matrix:
        title = f"{name} · {n} × {numbers.shape[1]}"
        return Matrix(numbers, words, columns, title, diverging=True)

    pair = f"“{word}” and “{words[best]}”"
    divisor = r"\sqrt{d_\text{head}}" if scaled else "1"
    divisor += "" if temperature == 1 else rf" \times {temperature:.3g}"
    formula, pictures, line = [
        (
            r"Q = X W_Q \qquad K = X W_K \qquad V = X W_V",
            [
                tall("Word vectors X", x, features),
                tall("Queries Q", queries, asked_for),
                tall("Keys K", keys, asked_for),
                tall("Values V", values, channels),
            ],
            f"“{word}” is {brief(x[here])}. Times W_Q, its query is {brief(queries[here])}.",
        ),
        (
            r"S = Q K^\top",
            [square("Scores S", products, (-reach, reach))],
            f"{pair}: {brief(queries[here])} · {brief(keys[best])} = "
            f"{short(products[here, best])}.",
        ),
        (
            rf"S = \frac{{Q K^\top}}{{{divisor}}} \qquad d_\text{{head}} = {d_head}",
            [square("Scaled scores S", scores, (-reach, reach))],
            f"{pair}: {short(products[here, best])} × {factor:.3g} = {short(scores[here, best])}.",
        ),
        (
            r"S_{ij} = -\infty \quad \text{where word } i \text{ may not look at word } j",
            [square("Masked scores S", masked, (-reach, reach))],
            f"“{word}” may look at {allowed[here].sum()} of {n} words. The score of the others "
            "becomes −∞, and e to the power −∞ is 0.",
        ),
        (
            r"A_{ij} = \frac{e^{S_{ij}}}{\sum_k e^{S_{ik}}}",
            [square("Weights A", weights, (0, 1))],
            f"“{word}” gives “{words[best]}” the weight {short(weights[here, best])}. "
            "Every row sums to 1.",
        ),
        (
            r"O = A V",
            [
                tall(f"Weight × value, for “{word}”", weights[here][:, None] * values, channels),
                tall("Output O", output, channels),
            ],
            f"The columns of the first picture, added up, are the output of “{word}”: "
            f"{brief(output[here])}.",
        ),
    ][step]
    summary = Metrics(
        largest_weight=Metric(float(weights[here, best]), note=f"on “{words[best]}”"),
        entropy=Metric(
            float(entropy(weights[here])),
            "nats",
            f"of at most {math.log(allowed[here].sum()):.2f}, if all were equal",
        ),
    )
    under_words = (None, products, scores, masked, None, None)[step]
    return [
        Tokens(
            words,
            weights[here] if step >= 4 else None,
            None if under_words is None else [short(s) for s in under_words[here]],
            title=f"{STAGES[step]}, seen from “{word}”",
        ),
        Math(formula),
        *pictures,
        Note(
            past_end + line
            if step == 5
            else f"{past_end}{line} In the end “{word}” takes away {brief(output[here])}."
        ),
        *([summary] if step >= 4 else []),
        Note(origin(unlisted), title="Where the numbers come from"),
    ]


def embed(
    words: list[str], lexicon: dict[str, list[float]], d_model: int
) -> tuple[Float[Array, "positions d_model"], list[str]]:
    """A vector for each word, and the words that were not listed: theirs is drawn from letters."""
    plain = [word.lower().strip(".,;:!?\"'()“”‘’").replace("’", "'") or word for word in words]
    vectors = [
        lexicon[word]
        if word in lexicon
        else np.random.default_rng(list(word.encode("utf-8", "replace")))
        .normal(0, 0.5, d_model)
        .round(2)
        for word in plain
    ]
    unlisted = [word for word, key in zip(words, plain, strict=True) if key not in lexicon]
    return np.array(vectors), list(dict.fromkeys(unlisted))


def origin(unlisted: list[str]) -> str:
    """What is invented here, said plainly."""
    text = (
        "The word vectors and the three matrices were written by hand, so that you can follow "
        "every number; a trained model learns them, and its features have no names."
    )
    if unlisted:
        text += (
            f" Not in the list, so random numbers seeded by their letters: {', '.join(unlisted)}."
        )
    return text


def brief(vector: Float[Array, "columns"]) -> str:
    """A vector in a line of text."""
    return "(" + ", ".join(short(number) for number in vector) + ")"


def short(number: float) -> str:
    """A number with at most two decimals, in a few characters."""
    text = f"{number:.3g}" if abs(number) >= 1000 else f"{number:.2f}".rstrip("0").rstrip(".")
    return text.replace("-inf", "−∞").replace("-", "−")
