"""Next-token prediction: the loss a language model is trained on, and the units it is quoted in."""

import math

import numpy as np

from llmdeep.attention import softmax
from llmdeep.shapes import Array, Bool, Float, Int


def log_softmax(logits: Float[Array, "*batch vocab"]) -> Float[Array, "*batch vocab"]:
    """Log-probabilities from logits: z_v - log sum_u exp(z_u), over the last axis.

    Taking log(softmax(z)) instead gives -inf as soon as a probability underflows to 0; subtracting
    the largest logit first keeps every exponential in [0, 1] and the sum at least 1.

    Returns:
        Nats, at most 0.

    Examples:
        >>> log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(
    logits: Float[Array, "*batch vocab"],
    targets: Int[Array, "*batch"],
    counted: Bool[Array, "*batch"] | None = None,
) -> float:
    """Mean of -log p(target) over the counted positions, in nats a token.

    Args:
        targets: The token that really came next, by number; anything where not counted.
        counted: False at positions to ignore (padding, a prompt); all are counted if None.

    Raises:
        ValueError: If no position is counted, or a counted target is not in the vocabulary.

    Examples:
        >>> round(cross_entropy(np.zeros((1, 50_257)), np.array([11])), 3)  # knows nothing
        10.825
    """
    rows, chosen = _counted(logits, targets, counted)
    return float(-log_softmax(rows)[np.arange(len(rows)), chosen].mean())


def cross_entropy_gradient(
    logits: Float[Array, "*batch vocab"],
    targets: Int[Array, "*batch"],
    counted: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "*batch vocab"]:
    """Gradient of `cross_entropy` with respect to the logits: (p - y) / counted positions.

    p is the softmax of the logits and y is 1 at the target, 0 elsewhere. Rows that are not counted
    get 0.

    Raises:
        ValueError: As `cross_entropy`.

    Examples:
        >>> cross_entropy_gradient(np.log(np.array([[0.7, 0.2, 0.1]])), np.array([1])).round(3)
        array([[ 0.7, -0.8,  0.1]])
    """
    rows, chosen = _counted(logits, targets, counted)
    difference = softmax(rows)
    difference[np.arange(len(rows)), chosen] -= 1.0
    gradient = np.zeros_like(logits)
    gradient[np.ones(targets.shape, bool) if counted is None else counted] = difference / len(rows)
    return gradient


def shift_by_one(
    tokens: Int[Array, "*batch positions"],
) -> tuple[Int[Array, "*batch predictions"], Int[Array, "*batch predictions"]]:
    """Split a text into what the model reads and what it must answer, one token later.

    Examples:
        >>> shift_by_one(np.array([7, 3, 9, 2]))
        (array([7, 3, 9]), array([3, 9, 2]))
    """
    return tokens[..., :-1], tokens[..., 1:]


def perplexity(loss: float) -> float:
    """exp(loss): the size of a vocabulary of equally likely tokens that has the same loss.

    Args:
        loss: Nats a token. Perplexities compare only over the same tokens of the same text.

    Examples:
        >>> round(perplexity(math.log(6)), 6)  # a fair die
        6.0
    """
    return math.exp(loss)


def bits_per_byte(loss: float, n_tokens: int, n_bytes: int) -> float:
    """What the text costs in bits, divided by its length in UTF-8 bytes.

    The loss is a mean over tokens, so the total is loss * n_tokens nats; a nat is 1 / ln 2 bits.
    The tokenizer cancels: bytes belong to the text.

    Args:
        loss: Nats a token.
        n_tokens: Tokens that were predicted, so counted in `loss`.
        n_bytes: UTF-8 bytes of those same tokens.

    Raises:
        ValueError: If n_bytes is not positive.

    Examples:
        >>> round(bits_per_byte(math.log(256), n_tokens=10, n_bytes=10), 6)  # no model at all
        8.0
    """
    if n_bytes <= 0:
        raise ValueError(f"n_bytes must be positive, got {n_bytes}")
    return loss / math.log(2) * n_tokens / n_bytes


def _counted(
    logits: Float[Array, "*batch vocab"],
    targets: Int[Array, "*batch"],
    counted: Bool[Array, "*batch"] | None,
) -> tuple[Float[Array, "counted vocab"], Int[Array, "counted"]]:
    if counted is None:
        counted = np.ones(targets.shape, bool)
    rows, chosen = logits[counted], targets[counted]
    if not len(rows):
        raise ValueError("no position is counted: there is nothing to average")
    vocab = logits.shape[-1]
    outside = chosen[(chosen < 0) | (chosen >= vocab)]
    if outside.size:
        raise ValueError(f"target {outside[0]} is not in the vocabulary, 0 to {vocab - 1}")
    return rows, chosen
