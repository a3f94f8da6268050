"""N-grams: the simplest model that predicts the next token, made by counting."""

import numpy as np

from llmdeep.shapes import Array, Float, Int

LARGEST = 20_000_000  # cells of a table of counts: 160 MB


def ngram_counts(
    tokens: Int[Array, "positions"], vocab: int, order: int
) -> Int[Array, "*context vocab"]:
    """How often each run of `order` tokens occurs: an array with `order` axes of size `vocab`.

    Order 1 counts tokens, order 2 pairs (a bigram model), order 3 triples. The last axis is the
    token to be predicted, those before it are its context.

    Raises:
        ValueError: If order is below 1, or the table would not fit: it grows as vocab**order.

    Source:
        Shannon 1951, "Prediction and Entropy of Printed English".

    Examples:
        >>> ngram_counts(np.array([0, 1, 0, 1, 1]), vocab=2, order=2)
        array([[0, 2],
               [1, 1]])
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    if vocab**order > LARGEST:
        raise ValueError(
            f"a table of {vocab}^{order} = {vocab**order:,} counts is too large; "
            f"at most {LARGEST:,} fit"
        )
    counts = np.zeros((vocab,) * order, dtype=np.int64)
    n_runs = max(len(tokens) - order + 1, 0)
    runs = tuple(tokens[start : start + n_runs] for start in range(order))
    np.add.at(counts, runs, 1)
    return counts


def ngram_logits(
    counts: Int[Array, "*context vocab"], tokens: Int[Array, "positions"], smoothing: float = 0.1
) -> Float[Array, "predictions vocab"]:
    """Logits for each token of a text that has a full context before it.

    p(v | context) = (count + smoothing) / (sum of counts + smoothing * vocab), as a logarithm, so
    that softmax gives it back. Row r predicts tokens[order - 1 + r].

    Args:
        smoothing: Added to every count. At 0 an unseen run has probability 0 and costs infinity.

    Raises:
        ValueError: If smoothing is not positive.

    Source:
        Chen & Goodman 1996, arXiv:cmp-lg/9606011, additive smoothing.

    Examples:
        >>> counts = ngram_counts(np.array([0, 1, 0, 1, 1]), vocab=2, order=2)
        >>> np.exp(ngram_logits(counts, np.array([0, 1]), smoothing=1.0))
        array([[0.25, 0.75]])
    """
    if not smoothing > 0:
        raise ValueError(f"smoothing must be positive, got {smoothing}")
    vocab, n_context = counts.shape[-1], counts.ndim - 1
    n_predictions = max(len(tokens) - n_context, 0)
    context = tuple(tokens[start : start + n_predictions] for start in range(n_context))
    seen = counts[context] if context else np.tile(counts, (n_predictions, 1))
    return np.log((seen + smoothing) / (seen.sum(axis=-1, keepdims=True) + smoothing * vocab))
