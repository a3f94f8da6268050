"""Emergence: how a metric can turn a smooth gain into a jump.

A simulation, not data: per-token loss falls as a power of the number of parameters, and the same
models are then scored by several metrics.
"""

import numpy as np

from llmdeep.shapes import Array, Float

METRICS = ("exact match", "multiple choice", "token errors", "Brier score")


def token_accuracy(
    parameters: Float[Array, "models"], exponent: float, scale_at_one_nat: float = 1e8
) -> Float[Array, "models"]:
    """Probability of the right token, exp(-loss), where loss = (scale_at_one_nat / N)**exponent.

    Args:
        parameters: N, of each simulated model.
        scale_at_one_nat: The N at which the loss is 1 nat a token.

    Raises:
        ValueError: If exponent is not positive: loss would not fall with scale.

    Source:
        Schaeffer et al. 2023, arXiv:2304.15004, section 2.

    Examples:
        >>> token_accuracy(np.array([1e8]), exponent=0.3).round(4)
        array([0.3679])
    """
    if not exponent > 0:
        raise ValueError(f"exponent must be positive, got {exponent}")
    return np.exp(-((scale_at_one_nat / parameters) ** exponent))


def exact_match(accuracy: Float[Array, "models"], answer_length: int) -> Float[Array, "models"]:
    """Probability that all tokens of an answer are right, each independently: accuracy**length.

    Source:
        Schaeffer et al. 2023, arXiv:2304.15004, section 2.

    Examples:
        >>> exact_match(np.array([0.5, 0.9]), answer_length=10).round(3)
        array([0.001, 0.349])
    """
    return accuracy**answer_length


def expected_errors(accuracy: Float[Array, "models"], answer_length: int) -> Float[Array, "models"]:
    """Expected wrong tokens in an answer, length * (1 - accuracy): about its token edit distance.

    Source:
        Schaeffer et al. 2023, arXiv:2304.15004, section 2.

    Examples:
        >>> expected_errors(np.array([0.5, 0.9]), answer_length=10)
        array([5., 1.])
    """
    return answer_length * (1 - accuracy)


def option_probabilities(
    accuracy: Float[Array, "models"], guesses: Float[Array, "questions options"]
) -> Float[Array, "models questions options"]:
    """A model's probabilities for the options of each question; option 0 is the right one.

    The model knows with probability `accuracy`; else it follows its guess about this question.

    Args:
        guesses: One distribution over the options a question.
    """
    right = np.zeros(guesses.shape[1])
    right[0] = 1.0
    share = accuracy[:, None, None]
    return share * right + (1 - share) * guesses


def multiple_choice_grade(
    probabilities: Float[Array, "models questions options"],
) -> Float[Array, "models"]:
    """Share of questions whose right option (number 0) is the most likely one: all or nothing.

    Examples:
        >>> multiple_choice_grade(np.array([[[0.4, 0.3, 0.3], [0.4, 0.5, 0.1]]]))
        array([0.5])
    """
    return (probabilities.argmax(axis=-1) == 0).mean(axis=-1)


def brier_score(
    probabilities: Float[Array, "models questions options"],
) -> Float[Array, "models"]:
    """Mean squared distance of the probabilities from the truth (option 0); 0 is perfect.

    Source:
        Brier 1950, summed over the options.

    Examples:
        >>> brier_score(np.array([[[0.5, 0.5]]]))
        array([0.5])
    """
    wrong = (probabilities[..., 1:] ** 2).sum(axis=-1)
    return (wrong + (1 - probabilities[..., 0]) ** 2).mean(axis=-1)


def score_of(
    metric: str,
    accuracy: Float[Array, "models"],
    answer_length: int,
    guesses: Float[Array, "questions options"],
) -> Float[Array, "models"]:
    """The score each model would get by a metric, were the test endless (or these its questions).

    Raises:
        ValueError: If metric is not one of METRICS.
    """
    if metric == "exact match":
        return exact_match(accuracy, answer_length)
    if metric == "token errors":
        return expected_errors(accuracy, answer_length)
    if metric == "multiple choice":
        return multiple_choice_grade(option_probabilities(accuracy, guesses))
    if metric == "Brier score":
        return brier_score(option_probabilities(accuracy, guesses))
    raise ValueError(f"{metric!r} is not one of {', '.join(METRICS)}")


def sit_test(
    metric: str,
    accuracy: Float[Array, "models"],
    answer_length: int,
    guesses: Float[Array, "questions options"],
    seed: int,
) -> Float[Array, "models"]:
    """The score each model gets in one simulated test, its tokens drawn right or wrong.

    Raises:
        ValueError: If metric is not one of METRICS.
    """
    if metric not in ("exact match", "token errors"):
        return score_of(metric, accuracy, answer_length, guesses)
    draws = np.random.default_rng(seed).random((len(accuracy), len(guesses), answer_length))
    wrong = (draws >= accuracy[:, None, None]).sum(axis=-1)  # (models, questions)
    return (wrong == 0).mean(axis=1) if metric == "exact match" else wrong.mean(axis=1)


def decades_to_rise(parameters: Float[Array, "models"], score: Float[Array, "models"]) -> float:
    """Powers of ten of N that a score takes from 10% to 90% of its way from first to last.

    A small number looks like a jump on a logarithmic axis.

    Args:
        score: Rising or falling all the way, as the true scores here do.

    Examples:
        >>> n = np.array([1.0, 10.0, 100.0])
        >>> round(decades_to_rise(n, np.array([0.0, 0.5, 1.0])), 6)
        1.6
    """
    fraction = (score - score[0]) / (score[-1] - score[0])
    low, high = np.interp([0.1, 0.9], fraction, np.log10(parameters))
    return float(high - low)
