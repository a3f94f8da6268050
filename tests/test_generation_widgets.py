"""The widgets that generate: work as executed, text as generated, a check that bites."""

import numpy as np
import pytest
from published_models import CONFIGS, random_tokens, save

from llmdeep import decode_work, speculative_decoding
from llmdeep.book_model import load
from llmdeep.checkpoint import read_checkpoint
from llmdeep.generation import cached_law, generate
from llmdeep.sampling import Sampling
from llmdeep.transformer import empty_cache, forward
from llmdeep.widgets import Chart, ControlError, Metrics, Table, Tokens
from llmdeep.widgets._book import read_text, token_names
from llmdeep.widgets._panel import arguments, widget_render
from llmdeep.widgets.speculative_decoding import render as speculative
from llmdeep.widgets.token_generation import render as generation

PROMPT = "Once upon a time there was a king who"


class Counting(np.ndarray):
    """An array that counts the multiply-adds of matrix products it enters; so do its results."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(x) if isinstance(x, Counting) else x for x in inputs]
        options = {k: v for k, v in options.items() if k != "out"} | {
            k: tuple(np.asarray(x) for x in v) for k, v in options.items() if k == "out"
        }
        result = getattr(ufunc, method)(*plain, **options)
        if ufunc is np.matmul:
            Counting.total += np.size(result) * np.shape(plain[0])[-1]
        return result.view(Counting) if isinstance(result, np.ndarray) else result


def executed(config, weights, n_new, n_before):
    """Multiply-adds of a pass, counted while it runs."""
    cache = empty_cache(config)
    tokens = random_tokens(1, n_before + n_new)
    if n_before:
        forward(weights, config, tokens[:n_before], cache, last=0)
    counting = {name: array.view(Counting) for name, array in weights.items()}
    cache.keys, cache.values = cache.keys.view(Counting), cache.values.view(Counting)
    Counting.total = 0
    forward(counting, config, tokens[n_before:], cache, last=1)
    return Counting.total


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("n_new", "n_before"), [(1, 0), (7, 0), (1, 9), (5, 11)])
def test_work_is_what_the_forward_pass_executes(tmp_path, name, n_new, n_before):
    config, weights, _ = read_checkpoint(save(name, tmp_path))
    assert decode_work.multiply_adds(config, n_new, n_before) == executed(
        config, weights, n_new, n_before
    )


def test_kept_bytes_are_those_of_the_cache():
    config = load().config
    cache = empty_cache(config, capacity=17)
    assert decode_work.kept_bytes(config, 17) == cache.keys.nbytes + cache.values.nbytes


def frames(render, **given):
    return list(render(**arguments(render, {"prompt": PROMPT, **given})))


def one(views, kind, place=0):
    return [view for view in views if isinstance(view, kind)][place]


@pytest.mark.parametrize("cache", [True, False])
def test_the_stream_is_what_generate_draws_token_by_token(cache):
    config, weights, tokenizer = load()
    prompt = read_text(PROMPT, tokenizer, 256).tolist()
    law = cached_law(weights, config, Sampling(1.0))
    drawn = list(generate(law, prompt, 6, np.random.default_rng(3)))
    shown = frames(generation, n_tokens=8, temperature=1.0, seed=3, cache=cache)
    names = token_names([*prompt[1:], *drawn], tokenizer)
    for i in range(7):
        assert one(shown[i], Tokens).tokens[: len(prompt) - 1 + i] == names[: len(prompt) - 1 + i]


def test_the_work_shown_is_a_pass_over_one_token_or_over_the_whole_text():
    config, _, tokenizer = load()
    n = len(read_text(PROMPT, tokenizer, 256))
    kept, again = one(frames(generation, n_tokens=8)[-1], Chart).marks
    works = [decode_work.multiply_adds(config, n)]
    works += [decode_work.multiply_adds(config, 1, n + i) for i in range(len(kept.y) - 1)]
    np.testing.assert_allclose(np.asarray(kept.y) * 1e6, works)
    whole = [decode_work.multiply_adds(config, n + i) for i in range(len(again.y))]
    np.testing.assert_allclose(np.asarray(again.y) * 1e6, whole)


@pytest.mark.parametrize("render", [generation, speculative])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prompt": "  "}, "Type something"),
        ({"prompt": "x@" * 299}, "the model looks back on 255 at most"),
        ({"prompt": "x@" * 105, "n_tokens": 64}, "room for .* more tokens, not 64"),
    ],
)
def test_too_little_or_too_much_text_is_refused_before_anything_is_drawn(render, given, message):
    with pytest.raises(ControlError, match=message):
        next(iter(render(**arguments(render, given))))


def test_a_text_may_fill_the_context_to_the_last_position():
    config, _, tokenizer = load()
    prompt = "x@" * 130
    while len(read_text(prompt, tokenizer, 999)) > config.max_positions - 7:
        prompt = prompt[:-1]
    *_, last = frames(generation, prompt=prompt, n_tokens=8, temperature=0.0)
    assert one(last, Metrics).items["cache"].note == "256 of 256 positions"


def items(views, place):
    return {name: item.value for name, item in one(views, Metrics, place).items.items()}


def test_marked_tokens_are_the_rounds_and_make_up_the_text():
    *rounds, last = frames(speculative, n_tokens=16, seed=5)
    tokens = one(last, Tokens)
    assert len(tokens.tokens) == len(tokens.notes)
    written = sum(mark in "✓●" for mark in tokens.notes)
    passes = tokens.notes.count("●")
    assert written == 16
    assert passes == len(rounds)
    assert items(last, 0)["tokens a pass"] == 16 / passes
    rejected = tokens.notes.count("✗")
    assert items(last, 0)["kept"] == f"{written - passes} of {written - passes + rejected}"
    pairs = "".join(tokens.notes)
    assert "–✗" not in pairs  # a rejection comes first
    assert "✗✓" not in pairs  # nothing is kept after it
    assert "●✗✗" not in pairs


def test_the_law_that_comes_out_is_the_targets():
    law = items(frames(speculative, n_tokens=8)[-1], 1)
    assert law["largest difference"] < 1e-12
    assert law["speculative draws"] < law["as many ordinary draws"] + 0.1


@pytest.mark.parametrize("broken", ["keeping", "residual"])
def test_a_broken_rule_shows(monkeypatch, broken):
    wrong = {"keeping": lambda p, q: np.ones_like(p), "residual": lambda p, q: p}[broken]
    monkeypatch.setattr(speculative_decoding, broken, wrong)
    law = items(frames(speculative, n_tokens=8)[-1], 1)
    assert law["largest difference"] > 0.01
    assert law["speculative draws"] > law["as many ordinary draws"]


def test_sampling_draws_as_often_as_it_says_and_only_what_is_left():
    views = widget_render("sampling")(top_k=5, n_draws=10_000)
    table = one(views, Table)
    assert sum(row[4] for row in table.rows) == 10_000
    for _, own, left, expected, draws in table.rows:
        assert (left > 0) == (expected > 0)
        assert left == 0 or left > own
        assert abs(draws - expected) <= 5 * np.sqrt(expected)
    assert items(views, 0)["tokens left"] == 5
