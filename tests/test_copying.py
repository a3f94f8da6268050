"""The model that copies: how it is trained, and that it does what the book says of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from llmdeep import cli
from llmdeep.book_model import load
from llmdeep.checkpoint import read_checkpoint
from llmdeep.head_scores import induction_score, previous_token_score, repeated_tokens
from llmdeep.train import copying, model, optimizer
from llmdeep.transformer import forward
from llmdeep.widgets.induction import render

SHIPPED = Path(copying.__file__).parent.parent / "models" / "copier"
SMALL = replace(copying.SETTINGS, windows=4)


def test_lists_repeat_and_only_what_repeats_can_be_known():
    tokens, known = copying.lists(SMALL, 3)
    assert tokens.shape == (4, SMALL.context + 1)
    assert known.shape == (4, SMALL.context)
    assert tokens.max() < 256
    for row, can in zip(tokens, known, strict=True):
        period = int(can.argmax())
        assert 8 <= period < 32
        np.testing.assert_array_equal(row[period:], row[:-period])
        np.testing.assert_array_equal(can, np.arange(SMALL.context) >= period)


def test_every_step_has_its_own_lists_and_a_seed_brings_them_back():
    first, second = (copying.lists(SMALL, step)[0] for step in (0, 1))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, copying.lists(SMALL, 0)[0])
    assert not np.array_equal(first, copying.lists(replace(SMALL, seed=1), 0)[0])


def test_the_loss_is_the_mean_over_what_can_be_known():
    parameters = model.new_parameters(SMALL)
    tokens, known = copying.lists(SMALL, 0)
    said = model.logits(parameters, torch.from_numpy(tokens[:, :-1]), SMALL).log_softmax(-1)
    costs = -said.gather(-1, torch.from_numpy(tokens[:, 1:, None]))[..., 0].numpy()
    state = optimizer.new_state(parameters, SMALL)
    loss = copying.update(parameters, state, 0, 10, SMALL)
    assert loss == pytest.approx(costs[known].mean(), rel=1e-5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """By the function behind the command, after a few steps."""
    folders = [tmp_path_factory.mktemp("copier") for _ in range(2)]
    for folder in folders:
        copying.run(folder, "a command", 21, SMALL, say=lambda line: None)
    return folders


def test_equal_runs_write_equal_models(written):
    one, two = ((folder / "model.safetensors").read_bytes() for folder in written)
    assert one == two


def test_a_run_leaves_log_record_and_card(written):
    folder = written[0]
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    log = [json.loads(line) for line in lines]
    assert [entry["step"] for entry in log] == [20, 21]
    assert np.shape(log[-1]["induction"]) == (SMALL.n_layers, SMALL.n_heads)
    _config, weights, tokenizer = read_checkpoint(folder)
    assert len(tokenizer.encode("Aé\n")) == 4  # bytes
    assert log[-1] == log[-1] | copying.measured(folder)
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert record["parameters"] == sum(array.size for array in weights.values())
    assert record["command"] == "a command"
    assert "epochs" not in record["settings"]
    assert f"{record['parameters']:,} parameters" in (folder / "README.md").read_text()


def test_no_steps_are_refused(tmp_path, capsys):
    assert cli.main(["train-copier", "--out", str(tmp_path), "--steps", "0"]) == 1
    assert "--steps must be at least 1: 0" in capsys.readouterr().err


# The one that the book has


@pytest.mark.parametrize(("period", "seed"), [(9, 1), (16, 2), (20, 3)])
def test_transformers_finds_the_same_heads_in_it(period, seed):
    library = AutoModelForCausalLM.from_pretrained(
        SHIPPED, dtype=torch.float32, attn_implementation="eager"
    )
    tokens = repeated_tokens(3 * period, period, 256, np.random.default_rng(seed))
    with torch.no_grad():
        output = library(torch.from_numpy(tokens)[None], output_attentions=True)
    patterns = torch.cat(output.attentions).numpy()
    config, weights, _ = load("copier")
    np.testing.assert_allclose(forward(weights, config, tokens), output.logits[0], atol=1e-3)
    back, copies = previous_token_score(patterns), induction_score(patterns, period)
    assert back[0].max() > 0.5
    assert copies[0].max() < 0.1
    assert copies[1].max() > 0.3
    costs = torch.nn.functional.cross_entropy(
        output.logits[0, :-1], torch.from_numpy(tokens[1:]), reduction="none"
    ).numpy()
    assert costs[period:].mean() < 1 < np.log(256) < costs[: period - 1].mean()


def test_the_figure_finds_them_takes_them_out_and_finds_none_in_storybook():
    def numbers(**given):
        scores, _, bars, found, _ = render(**given)
        return np.max(scores.values), bars.marks[0].y, found.items

    highest, bars, found = numbers(removed=4)
    assert highest > 0.3
    assert found["again"].value < 1 < 4 < found["again without these"].value
    assert found["again without these"].note.count("2.") == 4  # layer 2
    assert max(bars[:4]) < 1 < 4 < max(bars[4:8])  # alone, none of these is missed; one other is
    untouched = numbers(removed=0)[2]
    assert untouched["again without these"].value == untouched["again"].value
    assert numbers(model="storybook")[0] < 0.1
