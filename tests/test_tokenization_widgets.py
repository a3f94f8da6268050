"""The widgets on tokenization: what they count is the text, whatever the text and the controls."""

import pytest

from llmdeep.byte_pair_encoding import BYTES, decode, encode, train, vocabulary
from llmdeep.token_tax import count, measured
from llmdeep.vocabularies import TITLES, load
from llmdeep.widgets import (
    Bar,
    Chart,
    ControlError,
    Line,
    Matrix,
    Metrics,
    Note,
    Table,
    Tokens,
    bpe_merges,
    token_tax,
    tokenizer_playground,
)
from llmdeep.widgets._panel import arguments

STORY = "the fisherman and his wife, and the fish: the man, the wish, the fish, ünd the énd 🐟🐟"


def views_of(kind, views):
    return [view for view in views if isinstance(view, kind)]


def bar_chart(views):
    """The labels and heights of the pairs that could be joined next."""
    charts = views_of(Chart, views)
    (bars,) = [mark for chart in charts for mark in chart.marks if isinstance(mark, Bar)]
    return list(bars.x), list(bars.y)


class TestMerges:
    @pytest.mark.parametrize("done", [0, 1, 7, 40])
    def test_the_tokens_are_those_of_the_tokenizer_with_so_many_merges(self, done):
        merges = train([STORY], 256 + done)
        ranks = {token: rank for rank, token in enumerate(vocabulary(merges))}
        views = bpe_merges.render(STORY, done)
        (tokens,) = views_of(Tokens, views)
        assert len(tokens.tokens) == len(encode(STORY, ranks))
        (metrics,) = views_of(Metrics, views)
        assert metrics.items["tokens"].value == len(tokens.tokens)
        assert metrics.items["vocabulary"].value == len(BYTES) + len(merges)

    @pytest.mark.parametrize("cut", [True, False])
    def test_the_first_bar_is_the_pair_that_is_joined_next(self, cut):
        for done in range(15):
            labels, times = bar_chart(bpe_merges.render(STORY, done, cut))
            assert times == sorted(times, reverse=True)
            last = views_of(Table, bpe_merges.render(STORY, done + 1, cut))[0].rows[-1]
            assert last[0] == done + 1
            assert labels[0] == f"{last[1]} + {last[2]}"

    def test_the_curve_is_the_length_of_the_text_and_only_falls(self):
        (line,) = [
            mark
            for chart in views_of(Chart, bpe_merges.render(STORY, 3))
            for mark in chart.marks
            if isinstance(mark, Line)
        ]
        assert line.y[0] == len(STORY.encode())
        assert all(after < before for before, after in zip(line.y, line.y[1:], strict=False))
        for done in (0, 10, 30):
            (tokens,) = views_of(Tokens, bpe_merges.render(STORY, done))
            assert line.y[done] == len(tokens.tokens)

    def test_tokens_cross_spaces_only_where_nothing_is_cut_first(self):
        text = "of the of the of the of the"
        together = views_of(Tokens, bpe_merges.render(text, 40, cut=False))[0].tokens
        apart = views_of(Tokens, bpe_merges.render(text, 40, cut=True))[0].tokens
        assert len(together) == 1
        assert len(apart) == 8

    def test_a_text_with_nothing_to_join_says_so(self):
        views = bpe_merges.render("a", 40)
        assert views_of(Note, views)
        assert len(views_of(Tokens, views)[0].tokens) == 1

    def test_pairs_that_look_alike_stay_apart(self):
        labels, _ = bar_chart(bpe_merges.render("a·a a ·a· a", 0, cut=False))
        assert len({*labels}) == len(labels)


class TestPlayground:
    @pytest.mark.parametrize("name", TITLES)
    def test_it_shows_what_the_vocabulary_gives(self, name):
        tokenizer = load(name)
        expected = tokenizer.encode(STORY)
        views = tokenizer_playground.render(STORY, TITLES[name], TITLES["gpt2"])
        shown = views_of(Tokens, views)[0]
        assert shown.notes == [str(token) for token in expected]
        assert shown.values == [len(tokenizer.token_bytes(token)) for token in expected]
        assert shown.details == [
            f"number {token:,}, bytes {tokenizer.token_bytes(token).hex(' ')}" for token in expected
        ]
        title, n, a_word, a_character, a_byte, same = views_of(Table, views)[0].rows[0]
        assert (title, n, same) == (TITLES[name], len(expected), True)
        assert a_word == pytest.approx(n / len(STORY.split()))
        assert a_character == pytest.approx(n / len(STORY))
        assert a_byte == pytest.approx(n / len(STORY.encode()))

    def test_the_name_of_a_special_token_is_text_unless_the_reader_says_otherwise(self):
        gpt2, text = TITLES["gpt2"], "end<|endoftext|>"
        plain = views_of(Tokens, tokenizer_playground.render(text, gpt2, gpt2))[0]
        special = views_of(Tokens, tokenizer_playground.render(text, gpt2, gpt2, special=True))[0]
        assert "50256" not in plain.notes
        assert len(plain.notes) > 2
        assert special.notes[-1] == "50256"
        assert special.tokens[-1] == "<|endoftext|>"

    def test_a_long_text_is_counted_whole_and_says_how_much_is_drawn(self):
        text = "many words " * 900
        views = tokenizer_playground.render(text, TITLES["gpt2"], TITLES["gpt2"])
        n = views_of(Table, views)[0].rows[0][1]
        assert n == len(load("gpt2").encode(text))
        shown = views_of(Tokens, views)[0]
        assert len(shown.tokens) == 400
        assert f"the first 400 of {n:,} tokens" in shown.title

    def test_a_megabyte_is_refused_with_the_limit(self):
        with pytest.raises(ControlError, match="1,000,000 characters are too many; at most 10,000"):
            arguments(tokenizer_playground.render, {"text": "a" * 1_000_000})


class TestTax:
    @pytest.mark.parametrize("name", token_tax.VOCABULARIES)
    def test_every_number_is_a_quotient_of_the_measured_counts(self, name):
        (matrix,) = views_of(Matrix, token_tax.render(TITLES[name]))
        assert len(matrix.rows) == 29
        assert list(matrix.columns) == [*token_tax.NAMES]
        for language, row in zip(matrix.rows, matrix.values, strict=True):
            for vocabulary_, value in zip(token_tax.VOCABULARIES, row, strict=True):
                counts, english = measured()[language].tokens, measured()["English"].tokens
                assert value == pytest.approx(counts[vocabulary_] / english[vocabulary_])

    def test_the_languages_are_in_the_order_of_the_chosen_vocabulary(self):
        for name, title in zip(token_tax.VOCABULARIES, token_tax.NAMES, strict=True):
            (matrix,) = views_of(Matrix, token_tax.render(title))
            column = [row[token_tax.VOCABULARIES.index(name)] for row in matrix.values]
            assert column == sorted(column)
            assert column[0] == 1

    def test_the_readers_texts_are_counted_with_the_chosen_vocabulary(self):
        views = token_tax.render(TITLES["llama2"], "one two", "éins zwei drei")
        rows = views_of(Table, views)[0].rows
        for row, text in zip(rows, ["one two", "éins zwei drei"], strict=False):
            counts = count(text, ["llama2"])
            assert row[1:5] == (
                counts.words,
                counts.characters,
                counts.bytes,
                counts.tokens["llama2"],
            )
        ratio = views_of(Metrics, views)[0].items["your two texts"].value
        assert ratio == pytest.approx(rows[1][4] / rows[0][4])


def test_what_the_merges_make_can_be_read_back():
    tokens = vocabulary(train([STORY], 300))
    ranks = {token: rank for rank, token in enumerate(tokens)}
    assert decode(encode(STORY, ranks), tokens) == STORY
