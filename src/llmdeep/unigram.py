"""Unigram: choose the tokens under which the text is most likely, starting from too many.

Each token has a probability, and a text has that of the product over its tokens, drawn one by one.
Encoding finds the most likely way to cut a text. Training improves the probabilities, removes the
tokens that are missed least, and repeats until few enough are left.
"""

import math
from collections import Counter
from collections.abc import Mapping

PENALTY = 10.0  # nats: how much less likely than the rarest token an unknown character is


def encode(text: str, scores: Mapping[str, float]) -> list[str]:
    """The most likely cut, found by Viterbi's algorithm; an unknown character stands for itself.

    Args:
        scores: The log-probability of each token, in nats.

    Source:
        Kudo 2018, arXiv:1804.10959, section 3.2; Viterbi 1967.

    Examples:
        >>> encode("hugs", {"h": -3, "u": -3, "g": -3, "s": -2, "hug": -4, "gs": -4.5, "hu": -3.5})
        ['hug', 's']
    """
    return _cut(text, scores, *_limits(scores))


def expected_counts(text: str, scores: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """How often each token occurs, averaged over all cuts of a text; and its log-likelihood.

    Each cut counts as much as it is likely. Sums over all cuts, of which there may be 2**(n-1), are
    made from the left and from the right (forward and backward), as for a hidden Markov model.

    Raises:
        ValueError: If there is no way to cut the text.

    Examples:
        >>> counts, likelihood = expected_counts("ab", {"a": -1, "b": -1, "ab": -2})
        >>> round(counts["ab"], 6), round(likelihood, 6)  # one of two ways, of exp(-2) each
        (0.5, -1.306853)
    """
    longest = max(map(len, scores), default=1)
    n = len(text)
    spans = [
        (start, end, scores[text[start:end]])
        for end in range(1, n + 1)
        for start in range(max(0, end - longest), end)
        if text[start:end] in scores
    ]
    forward = [0.0] + [-math.inf] * n
    for start, end, score in spans:
        forward[end] = _add(forward[end], forward[start] + score)
    backward = [-math.inf] * n + [0.0]
    for start, end, score in sorted(spans, key=lambda span: -span[0]):
        backward[start] = _add(backward[start], score + backward[end])
    if forward[n] == -math.inf:
        raise ValueError(f"no tokens make up {text!r}")
    counts: dict[str, float] = {}
    for start, end, score in spans:
        share = math.exp(forward[start] + score + backward[end] - forward[n])
        counts[text[start:end]] = counts.get(text[start:end], 0.0) + share
    return counts, forward[n]


def train(
    words: Mapping[str, int],
    vocabulary_size: int,
    longest: int = 8,
    keep: float = 0.75,
    rounds: int = 2,
) -> dict[str, float]:
    """The tokens and their log-probabilities, in nats.

    Starts from every part of a word that occurs twice. In turn: `rounds` of expectation
    maximization, then the tokens are dropped without which the most likely cuts lose least.

    Args:
        words: How often each occurs.
        vocabulary_size: Characters included, all of which stay.
        longest: Length of the longest token.
        keep: The share of the tokens that one turn leaves.

    Source:
        Kudo 2018, arXiv:1804.10959, section 3.2.

    Examples:
        >>> scores = train({"hug": 10, "pug": 5, "hugs": 5}, 6)
        >>> sorted(scores, key=scores.get, reverse=True)
        ['hug', 'u', 'g', 'p', 's', 'h']
    """
    seeds: Counter[str] = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + longest) + 1):
                seeds[word[start:end]] += times
    characters = {character for word in words for character in word}
    weights: dict[str, float] = {
        token: count * len(token)
        for token, count in seeds.items()
        if count > 1 or token in characters
    }
    scores = _log_shares(weights)
    while True:
        for _ in range(rounds):
            scores = _log_shares(_maximize(words, scores, characters))
        if len(scores) <= max(vocabulary_size, len(characters)):
            return scores
        losses = _losses(words, scores, characters)
        room = max(vocabulary_size, len(characters), int(keep * len(scores))) - len(characters)
        best = sorted(losses, key=lambda token: (-losses[token], token))[:room]
        scores = {token: scores[token] for token in scores if token in {*best, *characters}}
        scores = _log_shares({token: math.exp(score) for token, score in scores.items()})


def _maximize(
    words: Mapping[str, int], scores: Mapping[str, float], characters: set[str]
) -> dict[str, float]:
    """Expected counts in all words, which are the most likely weights; characters keep a little."""
    counts = dict.fromkeys(scores, 0.0)
    for word, times in words.items():
        for token, count in expected_counts(word, scores)[0].items():
            counts[token] += times * count
    return {
        token: max(count, 1e-3)
        for token, count in counts.items()
        if count > 0.5 or token in characters
    }


def _losses(
    words: Mapping[str, int], scores: Mapping[str, float], characters: set[str]
) -> dict[str, float]:
    """For each token but the characters, the nats that its uses would cost in other tokens."""
    uses: Counter[str] = Counter()
    for word, times in words.items():
        for token in encode(word, scores):
            uses[token] += times
    losses = {}
    others = dict(scores)
    limits = _limits(scores)
    for token in scores.keys() - characters:
        score = others.pop(token)
        parts = _cut(token, others, *limits)
        losses[token] = uses[token] * (score - sum(scores[part] for part in parts))
        others[token] = score
    return losses


def _cut(text: str, scores: Mapping[str, float], longest: int, unknown: float) -> list[str]:
    """Viterbi: for each place the most likely way to it, from those to all places before."""
    best, starts = [0.0], [0]
    for end in range(1, len(text) + 1):
        options = [
            (best[start] + scores[text[start:end]], start)
            for start in range(max(0, end - longest), end)
            if text[start:end] in scores
        ]
        if text[end - 1] not in scores:
            options.append((best[end - 1] + unknown, end - 1))
        score, start = max(options, key=lambda option: option[0])  # of equals the longest
        best.append(score)
        starts.append(start)
    parts, end = [], len(text)
    while end:
        parts.append(text[starts[end] : end])
        end = starts[end]
    return parts[::-1]


def _limits(scores: Mapping[str, float]) -> tuple[int, float]:
    """The length of the longest token, and the score of an unknown character."""
    return max(map(len, scores), default=1), min(scores.values(), default=0.0) - PENALTY


def _log_shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {token: math.log(weight / total) for token, weight in weights.items()}


def _add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
