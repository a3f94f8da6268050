"""Speculative decoding: a small model drafts several tokens, a large one checks them in one pass.

A token x, drawn from the draft's q, is kept with probability min(1, p(x) / q(x)), where p is the
target's. The first one that is not kept is replaced by a draw from the part of p that q lacks, and
what was drafted after it is dropped. Whatever the draft says, the text has the target's law.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from llmdeep.generation import Law
from llmdeep.sampling import draw
from llmdeep.shapes import Array, Float


class Round(NamedTuple):
    """One pass of the target.

    Attributes:
        drafted: What the draft proposed.
        n_accepted: How many of these, from the first on, were kept.
        tokens: What the round adds to the text: those kept and one more, of the target's.
    """

    drafted: list[int]
    n_accepted: int
    tokens: list[int]


def speculate(
    target: Law,
    draft: Law,
    prompt: Sequence[int],
    n_tokens: int,
    n_draft: int,
    rng: np.random.Generator,
    stop: Collection[int] = (),
) -> Iterator[Round]:
    """Continue a prompt by up to `n_tokens`, a round at a time.

    Args:
        target: The law that the text shall have; asked once a round.
        n_draft: Tokens to draft in a round, 0 or more; fewer where fewer are missing.
        stop: Tokens that end the text. Neither it nor what follows it is among the last round's
            `tokens`.

    Raises:
        ValueError: If n_draft is negative, or the vocabularies differ.

    Source:
        Leviathan, Kalman & Matias 2023, arXiv:2211.17192, algorithm 1; Chen et al. 2023,
        arXiv:2302.01318.
    """
    if n_draft < 0:
        raise ValueError(f"n_draft must be 0 or more, not {n_draft}")
    tokens, end = list(prompt), len(prompt) + n_tokens
    while len(tokens) < end:
        # a round adds one token more than is drafted
        found = _round(target, draft, tokens, min(n_draft, end - len(tokens) - 1), rng)
        kept = next((i for i, token in enumerate(found.tokens) if token in stop), None)
        yield found._replace(tokens=found.tokens[:kept])
        if kept is not None:
            return
        tokens += found.tokens


def keeping(p: Float[Array, "vocab"], q: Float[Array, "vocab"]) -> Float[Array, "vocab"]:
    """How likely each token is kept, if the draft has drawn it: min(1, p / q).

    Examples:
        >>> keeping(np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.6, 0.3])).round(3)
        array([1.   , 0.5  , 0.667])
    """
    return np.divide(p, q, out=np.ones_like(p), where=q > p)


def residual(p: Float[Array, "vocab"], q: Float[Array, "vocab"]) -> Float[Array, "vocab"]:
    """What a rejected token is replaced from: max(p - q, 0), scaled to sum to 1.

    Returns:
        p itself where q lacks nothing of it: then nothing is rejected, but for rounding.

    Examples:
        >>> residual(np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.8, 0.1])).round(3)
        array([0.8, 0. , 0.2])
    """
    lacking = np.maximum(p - q, 0)
    total = lacking.sum()
    return lacking / total if total > 0 else p


def emitted(p: Float[Array, "vocab"], q: Float[Array, "vocab"]) -> Float[Array, "vocab"]:
    """The law of the token that a drafted one becomes, kept or replaced: p, whatever q is.

    Summed over all that the draft can draw, by the two functions that `speculate` goes by.

    Examples:
        >>> emitted(np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.8, 0.1])).round(3)
        array([0.5, 0.3, 0.2])
    """
    kept = q * keeping(p, q)
    return kept + (1 - kept.sum()) * residual(p, q)


def acceptance(p: Float[Array, "vocab"], q: Float[Array, "vocab"]) -> float:
    """The probability that a token drawn from q is kept: sum of min(p, q), or 1 - total variation.

    Examples:
        >>> round(acceptance(np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.8, 0.1])), 3)
        0.5
    """
    return float(np.minimum(p, q).sum())


def expected_tokens(acceptance: float, n_draft: int) -> float:
    """Mean tokens a round if each drafted token is kept with the same probability, independently.

    1 + a + a² + … + a**n_draft = (1 - a**(n_draft + 1)) / (1 - a): the target's own token, and the
    i-th drafted one if it and all before it are kept.

    Source:
        Leviathan et al. 2023, arXiv:2211.17192, equation 1.

    Examples:
        >>> round(expected_tokens(0.8, 4), 2)
        3.36
    """
    return sum(acceptance**i for i in range(n_draft + 1))


def speed_up(acceptance: float, n_draft: int, draft_cost: float) -> float:
    """How many times faster than without a draft, by the same assumption.

    Args:
        draft_cost: Time of a draft's step, in steps of the target. A pass of the target over
            `n_draft` + 1 tokens is taken to cost as much as over one.

    Source:
        Leviathan et al. 2023, arXiv:2211.17192, theorem 3.8.

    Examples:
        >>> round(speed_up(0.8, 4, draft_cost=0.05), 2)
        2.8
    """
    return expected_tokens(acceptance, n_draft) / (n_draft * draft_cost + 1)


def output_law(
    target: Law, draft: Law, prompt: Sequence[int], n_tokens: int, n_draft: int
) -> dict[tuple[int, ...], float]:
    """The exact probability of every text that `speculate` can give, summed over all its choices.

    With n_draft = 0 it is the target's own law. The texts number vocabulary**n_tokens, so both must
    be small.
    """
    law: dict[tuple[int, ...], float] = {}

    def follow(text: list[int], to_draft: int, probability: float) -> None:
        if probability == 0:
            return
        if len(text) == n_tokens:
            law[tuple(text)] = law.get(tuple(text), 0.0) + probability
            return
        next_round = min(n_draft, n_tokens - len(text) - 2)
        p = target([*prompt, *text], 1)[0]
        q = draft([*prompt, *text], 1)[0]
        kept = q * keeping(p, q) if to_draft else np.zeros_like(p)
        replaced = (1 - kept.sum()) * (residual(p, q) if to_draft else p)
        for token in range(len(p)):
            follow([*text, token], to_draft - 1, probability * kept[token])
            follow([*text, token], next_round, probability * replaced[token])

    follow([], min(n_draft, n_tokens - 1), 1.0)
    return law


def _round(
    target: Law, draft: Law, tokens: list[int], n_draft: int, rng: np.random.Generator
) -> Round:
    drafted: list[int] = []
    q: list[Array] = []
    for _ in range(n_draft):
        q.append(draft(tokens + drafted, 1)[0])
        drafted.append(draw(q[-1], rng))
    p = target(tokens + drafted, n_draft + 1)
    if q and len(q[0]) != p.shape[-1]:
        raise ValueError(f"the draft has {len(q[0])} tokens, the target {p.shape[-1]}")
    for i, token in enumerate(drafted):
        if rng.random() >= keeping(p[i], q[i])[token]:
            return Round(drafted, i, [*drafted[:i], draw(residual(p[i], q[i]), rng)])
    return Round(drafted, n_draft, [*drafted, draw(p[n_draft], rng)])
