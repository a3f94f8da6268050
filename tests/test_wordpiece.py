"""WordPiece: encoding as `tokenizers` does it, training by the score in its paper."""

from collections import Counter

from fuzzed_texts import fuzzed_texts
from tokenizers import models

from llmdeep.tokenization import well_formed
from llmdeep.wordpiece import INSIDE, encode, train

WORDS = Counter(
    word for text in fuzzed_texts(2_000, seed=2) for word in well_formed(text).split() if word
)
TOKENS = train(dict(WORDS.most_common(200)), 400)


def test_encoding_is_that_of_tokenizers() -> None:
    numbers = {token: number for number, token in enumerate(["[UNK]", *TOKENS])}
    theirs = models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100)
    known = 0
    for word in [*WORDS, "a" * 100, "a" * 101]:
        found = encode(word, numbers)
        assert found == [token.value for token in theirs.tokenize(word)]
        known += found != ["[UNK]"]
    assert known > 200


def test_training_merges_what_occurs_mostly_together() -> None:
    """q is always followed by u; e and r are more frequent, but not as a pair."""
    words = {"qu": 3, "er": 4, "e": 9, "r": 9, "te": 6, "ra": 6}
    made = train(words, len({*"quertа"}) + 5)
    merged = [token for token in made if len(token.removeprefix(INSIDE)) > 1]
    assert merged[0] == "qu"


def test_each_merge_is_the_best_by_counting_anew() -> None:
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    tokens = train(words, 14)
    known = {token for token in tokens if len(token.removeprefix(INSIDE)) == 1}
    assert known == {"b", "h", "p", "##g", "##n", "##s", "##u"}
    assert tokens[len(known)] == "##gs"  # 5 / (20 × 5), while u and g have 20 / (36 × 20)


def test_it_ends_when_each_word_is_a_token() -> None:
    tokens = train({"ab": 1, "abc": 1}, 100)
    assert {"ab", "abc"} <= {*tokens}
    assert train({}, 10) == []
    assert encode("", {"a"}) == []
