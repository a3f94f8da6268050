"""The attention chapter's widgets: what they show is attention, and what they refuse is clear."""

import numpy as np
import pytest

from llmdeep.attention import attention, causal_mask
from llmdeep.widgets import ControlError, Math, Matrix, Metrics, Note, Tokens, attention_scores
from llmdeep.widgets import softmax_scaling as scaling
from llmdeep.widgets._panel import arguments
from llmdeep.widgets._parse import parse_lexicon, parse_matrix

SENTENCE = "The animal didn't cross the street because it was too tired"
WORDS = SENTENCE.split()


def show(**given):
    return attention_scores.render(**arguments(attention_scores.render, given))


def of_kind(views, kind):
    return [view for view in views if isinstance(view, kind)]


def matrix(title, **given):
    return next(
        np.asarray(m.values) for m in of_kind(show(**given), Matrix) if m.title.startswith(title)
    )


@pytest.mark.parametrize("mask", ["none", "causal", "window of 3"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
def test_rows_of_weights_sum_to_one_and_hidden_words_get_exactly_none(mask, scaled, temperature):
    weights = matrix("Weights", step=4, mask=mask, scaled=scaled, temperature=temperature)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    distance = np.subtract.outer(np.arange(11), np.arange(11))
    hidden = {"none": distance > 99, "causal": distance < 0}.get(
        mask, (distance < 0) | (distance > 2)
    )
    assert (weights[hidden] == 0).all()
    assert (weights[~hidden] > 0).all()
    assert np.isneginf(matrix("Masked scores", step=3, mask=mask)[hidden]).all()


def test_the_steps_add_up_to_attention():
    q, k, v = (matrix(name, step=0) for name in ("Queries", "Keys", "Values"))
    np.testing.assert_array_equal(matrix("Scores", step=1), q @ k.T)
    np.testing.assert_allclose(matrix("Scaled scores", step=2), q @ k.T / 2)  # d_head is 4
    output = matrix("Output", step=5)
    np.testing.assert_allclose(output, attention(q, k, v, causal_mask(11)))
    np.testing.assert_allclose(matrix("Weight × value", step=5).sum(axis=0), output[7])


def test_what_the_chapter_and_the_docstring_promise_about_the_default():
    weights, output = matrix("Weights", step=4), matrix("Output", step=5)
    assert WORDS[int(weights[7].argmax())] == "animal"
    assert output[7, 0] > 0.5  # living
    wide = matrix("Weights", step=4, sentence=SENTENCE.replace("tired", "wide"))
    np.testing.assert_array_equal(wide[7], weights[7])
    assert WORDS[int(weights[10].argmax())] == "animal"  # tired
    assert WORDS[int(wide[10].argmax())] == "street"
    unmasked = matrix("Weights", step=4, mask="none", sentence=SENTENCE.replace("tired", "wide"))
    assert WORDS[int(unmasked[7].argmax())] == "animal"  # no third word has a say
    everywhere = matrix("Weights", step=4, mask="none")
    np.testing.assert_array_equal(everywhere[0], everywhere[4])  # The and the
    assert not np.array_equal(weights[0], weights[4])


@pytest.mark.parametrize("step", range(6))
def test_every_step_shows_its_formula_its_numbers_and_where_they_come_from(step):
    views = show(step=step)
    assert isinstance(views[0], Tokens)
    assert len(of_kind(views, Math)) == 1
    assert all(f" · {np.shape(m.values)[0]} × " in m.title for m in of_kind(views, Matrix))
    assert "written by hand" in of_kind(views, Note)[-1].text


def test_a_query_past_the_end_is_the_last_word():
    past_end, last = (show(sentence="a dog", query=query) for query in (12, 2))
    assert past_end[0].title == last[0].title
    said = [of_kind(views, Note)[0].text for views in (past_end, last)]
    assert said[0] == f"The sentence ends with word 2, so you look from there. {said[1]}"


def test_words_not_in_the_list_get_the_same_random_vector_each_time_and_are_named():
    views = show(sentence="the Zebra, zebra 🦓 שלום", step=0)
    x = np.asarray(of_kind(views, Matrix)[0].values)
    np.testing.assert_array_equal(x[1], x[2])
    assert len(np.unique(x, axis=0)) == 4
    assert "Zebra,, zebra, 🦓, שלום" in of_kind(views, Note)[-1].text


def test_edited_matrices_and_vectors_are_used():
    assert (matrix("Queries", step=0, w_query="0 0 0 0\n" * 6) == 0).all()
    np.testing.assert_allclose(matrix("Weights", w_query="0 0 0 0\n" * 6)[7, :8], 1 / 8)
    assert matrix("Values", step=0, w_value="1 2\n" * 6).shape == (11, 2)
    small = show(
        sentence="yes no", word_vectors="features: f\nyes: 2\nno: -1",
        w_query="3", w_key="1", w_value="1", mask="none", step=1,
    )  # fmt: skip
    np.testing.assert_array_equal(of_kind(small, Matrix)[0].values, [[12, -6], [-6, 3]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sentence": "   "}, "Type something"),
        ({"sentence": "a " * 13}, "13 words are too many to draw; at most 12 fit"),
        ({"sentence": "x" * 10_000}, "10,000 characters are too many"),
        ({"w_query": "1 0 0 0\n" * 5}, "W_Q has 5 rows of numbers; it needs 6"),
        ({"w_query": "1 0\n1 0 0\n" * 3}, "W_Q: row 2 has 3 numbers; row 1 has 2"),
        ({"w_key": "1 0 0\n" * 6}, "W_K: row 1 has 3 numbers; it needs 4"),
        ({"w_key": "1 0 x 0\n" * 6}, "W_K, row 1: “x” is not a number"),
        ({"w_value": "nan 1\n" * 6}, "W_V, row 1: “nan” is not a number that can"),
        ({"w_value": "1e300 1\n" * 6}, "W_V, row 1: 1e300 is outside −1000 to 1000"),
        ({"w_value": "1 " * 13 + ("\n" + "1 " * 13) * 5}, "W_V has 13 columns; at most 12"),
        ({"w_query": " \n, ;"}, "W_Q, row 1 has no numbers"),
        ({"word_vectors": "dog: 1"}, "The first line must be “features:”"),
        ({"word_vectors": "features: a b\ndog 1 0"}, "“dog 1 0” must read “word: number"),
        ({"word_vectors": "features: a b\ndog: 1"}, "“dog” has 1 numbers; there are 2 features"),
        ({"word_vectors": "features: a b\ndog: 1 ?"}, "“dog”: “\\?” is not a number"),
    ],
)
def test_bad_input_is_refused_in_words_that_help(given, message):
    with pytest.raises(ControlError, match=message):
        show(**given)


def test_numbers_may_be_written_in_several_ways():
    np.testing.assert_array_equal(
        parse_matrix("1, 2;3\n\n −4 .5 1e1 \n", "M"), [[1, 2, 3], [-4, 0.5, 10]]
    )
    features, lexicon = parse_lexicon("Features: a b\n\nDog 12:30: 1 2")
    assert features == ["a", "b"]
    assert lexicon == {"dog": [1, 2], "12:30": [1, 2]}


def test_scaling_keeps_entropy_and_gradient_where_leaving_it_out_loses_them():
    views = scaling.render()
    spread, gradient = (
        {mark.label: np.asarray(mark.y) for mark in view.marks[:-1]} for view in views[:2]
    )
    assert np.ptp(spread["divided by √d_head"]) < 0.2
    assert spread["not divided"][-1] < 0.1 * spread["not divided"][0]
    assert gradient["not divided, median"][-1] < 0.01 * gradient["divided, median"][-1]
    assert gradient["not divided, mean"][-1] > 10 * gradient["not divided, median"][-1]


@pytest.mark.parametrize("given", [{}, {"d_head": 512}, {"n_keys": 64}, {"n_keys": 2, "seed": 7}])
def test_scaling_shows_distributions(given):
    for picture in of_kind(scaling.render(**given), Matrix):
        np.testing.assert_allclose(np.asarray(picture.values).sum(axis=1), 1)
    numbers = [item.value for item in of_kind(scaling.render(**given), Metrics)[0].items.values()]
    assert 0 <= numbers[1] <= numbers[0] <= numbers[2]
