"""Scaling laws: how loss falls with parameters, tokens and compute, and how to divide compute.

N counts parameters, D training tokens, C floating-point operations, C = 6 N D; losses are in nats a
token. Kaplan et al. leave embeddings out of N, Hoffmann et al. count them.

Source:
    Kaplan et al. 2020, arXiv:2001.08361; Hoffmann et al. 2022 (Chinchilla), arXiv:2203.15556;
    Besiroglu et al. 2024, arXiv:2404.10102. Unrounded constants of Chinchilla: from the source of
    its paper, as the latter use them.
"""

from dataclasses import dataclass
from typing import NamedTuple

from llmdeep.shapes import Array, Float

PF_DAY = 1e15 * 24 * 3600  # FLOP


@dataclass(frozen=True)
class Fit:
    """L(N, D) = E + A / N**alpha + B / D**beta: what can't be learned, and two things too small."""

    name: str
    E: float
    A: float
    alpha: float
    B: float
    beta: float
    source: str

    @property
    def exponent(self) -> float:
        """a of N_opt ~ C**a; D_opt grows with 1 − a."""
        return self.beta / (self.alpha + self.beta)


ROUNDED = Fit(
    "Chinchilla 3, as printed", 1.69, 406.4, 0.34, 410.7, 0.28, "Hoffmann et al. 2022, section 3.3"
)
UNROUNDED = Fit(
    "Chinchilla 3, unrounded", 1.6934, 406.4, 0.33917084, 410.7, 0.2849083,
    "Hoffmann et al. 2022, source of the paper",
)  # fmt: skip
REFIT = Fit(
    "refit of Chinchilla 3", 1.8169, 482.01, 0.3478, 2085.43, 0.3658,
    "Besiroglu et al. 2024, the authors' notebook",
)  # fmt: skip
FITS = {fit.name: fit for fit in (ROUNDED, UNROUNDED, REFIT)}


@dataclass(frozen=True)
class Frontier:
    """A power law for the best size alone: N_opt = size · (C / compute)**exponent."""

    name: str
    size: float
    compute: float
    exponent: float
    source: str


KAPLAN = Frontier("Kaplan", 1.3e9, PF_DAY, 0.73, "Kaplan et al. 2020, appendix A: no embeddings")
# The two constants of each are fitted here to the paper's table, whose digits they reproduce.
APPROACH_1 = Frontier("Chinchilla 1", 1e9, 1.2092e20, 1 / 2.00763, "Hoffmann et al. 2022, Table 3")
APPROACH_2 = Frontier("Chinchilla 2", 1e9, 1.1973e20, 1 / 2.04132, "Hoffmann et al. 2022, Table A3")
LAWS: dict[str, Frontier | Fit] = {
    law.name: law for law in (KAPLAN, APPROACH_1, APPROACH_2, ROUNDED, UNROUNDED, REFIT)
}


class Optimum(NamedTuple):
    """The best division of a compute budget."""

    parameters: float
    tokens: float

    @property
    def ratio(self) -> float:
        """Tokens a parameter."""
        return self.tokens / self.parameters


def loss(
    fit: Fit,
    parameters: float | Float[Array, "*shape"],
    tokens: float | Float[Array, "*shape"],
) -> float | Float[Array, "*shape"]:
    """The loss that a fit predicts, in nats a token of its own tokenizer.

    Examples:
        >>> round(loss(ROUNDED, 70e9, 1.4e12), 3), round(loss(REFIT, 70e9, 1.4e12), 3)
        (1.937, 1.974)
    """
    return fit.E + fit.A * parameters**-fit.alpha + fit.B * tokens**-fit.beta


def optimum(law: Frontier | Fit, compute: float) -> Optimum:
    """The size and the number of tokens that a law finds best for `compute` FLOPs.

    For a fit: N = G (C/6)**a, with G = (alpha A / (beta B))**(1 / (alpha + beta)) (equation 4).

    Raises:
        ValueError: If compute is not positive.

    Examples:
        >>> gopher = 5.76e23
        >>> [round(optimum(law, gopher).ratio) for law in (APPROACH_1, ROUNDED, UNROUNDED, REFIT)]
        [21, 93, 59, 18]
    """
    if not compute > 0:
        raise ValueError(f"compute must be positive, got {compute}")
    if isinstance(law, Frontier):
        parameters = law.size * (compute / law.compute) ** law.exponent
    else:
        ratio = law.alpha * law.A / (law.beta * law.B)
        parameters = ratio ** (1 / (law.alpha + law.beta)) * (compute / 6) ** law.exponent
    return Optimum(parameters, compute / 6 / parameters)


def compute_for(law: Frontier | Fit, parameters: float) -> float:
    """The compute for which a size is the best one: `optimum` read backwards, in FLOPs.

    Examples:
        >>> f"{compute_for(APPROACH_1, 175e9):.2e}"
        '3.85e+24'
    """
    at_one = optimum(law, 1.0).parameters
    return (parameters / at_one) ** (1 / law.exponent)


def extra_compute(fit: Fit, compute: float, factor: float) -> float:
    """How many times the compute a model `factor` times the best size needs for the same loss.

    Infinite where a smaller model can't reach the loss with any number of tokens.

    Examples:
        >>> [round(extra_compute(REFIT, 1e24, factor), 2) for factor in (0.25, 0.5, 1, 2)]
        [4.47, 1.26, 1.0, 1.15]
    """
    best = optimum(fit, compute)
    size = factor * best.parameters
    left = loss(fit, *best) - fit.E - fit.A * size**-fit.alpha
    if left <= 0:
        return float("inf")
    return 6 * size * (fit.B / left) ** (1 / fit.beta) / compute


def kaplan_loss(
    parameters: float | None = None, tokens: float | None = None, compute: float | None = None
) -> float:
    """Kaplan's loss where one thing alone is short: N without embeddings, D, or FLOPs well spent.

    (8.8e13 / N)**0.076, (5.4e13 / D)**0.095, (3.1e8 PF-days / C)**0.050.

    Raises:
        ValueError: If not exactly one is given.
    """
    given = [
        (scale / value) ** exponent
        for value, scale, exponent in (
            (parameters, 8.8e13, 0.076),
            (tokens, 5.4e13, 0.095),
            (compute, 3.1e8 * PF_DAY, 0.050),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise ValueError("give parameters, or tokens, or compute, and not more than one of them")
    return given[0]
