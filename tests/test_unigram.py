"""Unigram: the best cut as `tokenizers` finds it, sums over cuts by trying them all."""

import itertools
import math
import random
from collections import Counter

import pytest
from fuzzed_texts import fuzzed_texts
from tokenizers import models

from llmdeep.tokenization import well_formed
from llmdeep.unigram import encode, expected_counts, train

WORDS = Counter(word for text in fuzzed_texts(1_500, seed=3) for word in well_formed(text).split())
FREQUENT = dict(WORDS.most_common(150))
SCORES = train(FREQUENT, 600)


def all_cuts(text: str) -> list[list[str]]:
    places = range(1, len(text))
    return [
        [text[a:b] for a, b in itertools.pairwise([0, *chosen, len(text)])]
        for count in range(len(text))
        for chosen in itertools.combinations(places, count)
    ]


def random_scores(rng: random.Random) -> dict[str, float]:
    parts = ["".join(part) for n in (1, 2, 3) for part in itertools.product("ab", repeat=n)]
    return {part: -rng.uniform(0.5, 6) for part in parts if len(part) == 1 or rng.random() < 0.6}


def test_the_best_cut_is_that_of_tokenizers() -> None:
    theirs = models.Unigram([("<unk>", 0.0), *SCORES.items()], 0, byte_fallback=False)
    for word in WORDS:
        if all(character in SCORES for character in word):
            expected = [token.value for token in theirs.tokenize(word)]
            assert encode(word, SCORES) == expected
    rng = random.Random(0)
    for _ in range(50):
        scores = random_scores(rng)
        theirs = models.Unigram([("<unk>", -50.0), *scores.items()], 0, byte_fallback=False)
        text = "".join(rng.choice("ab") for _ in range(40))
        assert encode(text, scores) == [token.value for token in theirs.tokenize(text)]


def test_sums_over_all_cuts() -> None:
    rng = random.Random(1)
    for _ in range(20):
        scores = random_scores(rng)
        text = "".join(rng.choice("ab") for _ in range(9))
        cuts = [cut for cut in all_cuts(text) if all(part in scores for part in cut)]
        likely = [math.exp(sum(scores[part] for part in cut)) for cut in cuts]
        expected: Counter[str] = Counter()
        for cut, weight in zip(cuts, likely, strict=True):
            for part in cut:
                expected[part] += weight / sum(likely)  # type: ignore[assignment]
        counts, likelihood = expected_counts(text, scores)
        assert likelihood == pytest.approx(math.log(sum(likely)))
        assert counts == pytest.approx(dict(expected))


def test_long_texts_do_not_underflow() -> None:
    counts, likelihood = expected_counts("ab" * 5_000, {"a": -3.0, "b": -3.0, "ab": -5.0})
    assert likelihood == pytest.approx(5_000 * math.log(math.exp(-6) + math.exp(-5)))
    assert counts["ab"] == pytest.approx(5_000 * math.exp(-5) / (math.exp(-6) + math.exp(-5)))


def test_training_leaves_as_many_tokens_as_asked_and_all_characters() -> None:
    assert len(SCORES) <= 600
    assert {character for word in FREQUENT for character in word} <= SCORES.keys()
    assert sum(map(math.exp, SCORES.values())) == pytest.approx(1)


def test_more_rounds_make_the_text_more_likely() -> None:
    """Expectation maximization never lowers the likelihood; here no token is dropped meanwhile."""
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}

    def likelihood(rounds: int) -> float:
        scores = train(words, 1_000, rounds=rounds)
        return sum(times * expected_counts(word, scores)[1] for word, times in words.items())

    found = [likelihood(rounds) for rounds in (1, 2, 4, 8)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_an_unknown_character_stands_for_itself() -> None:
    scores = {"a": -1.0, "b": -1.0}
    assert encode("aéb", scores) == ["a", "é", "b"]
    assert encode("", scores) == []
    with pytest.raises(ValueError, match="no tokens make up 'aé'"):
        expected_counts("aé", scores)
