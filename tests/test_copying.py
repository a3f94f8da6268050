"""The model that copies: how it is trained."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from llmdeep import cli
from llmdeep.checkpoint import read_checkpoint
from llmdeep.train import copying, model, optimizer

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
    assert tokenizer.encode("Aé\n") == [65, 195, 169, 10]
    assert log[-1] == log[-1] | copying.measured(folder)
    record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert record["parameters"] == sum(array.size for array in weights.values())
    assert record["command"] == "a command"
    assert "epochs" not in record["settings"]
    assert f"{record['parameters']:,} parameters" in (folder / "README.md").read_text()


def test_no_steps_are_refused(tmp_path, capsys):
    assert cli.main(["train-copier", "--out", str(tmp_path), "--steps", "0"]) == 1
    assert "--steps must be at least 1: 0" in capsys.readouterr().err
