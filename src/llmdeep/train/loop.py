"""The training loop: batches, gradients, updates, checkpoints, a log."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from llmdeep.shapes import Array, Int
from llmdeep.train import batches, evaluate, model, optimizer
from llmdeep.train.gradients import SHARE, Machine, gradients
from llmdeep.train.settings import Settings

CHECKPOINT_EVERY = 60.0  # seconds

Report = Callable[[dict[str, Any], int, int], None]


class Data(NamedTuple):
    """What a run learns from and is measured on, as tokens."""

    training: Sequence[Int[Array, "positions"]]
    parts: Int[Array, "vocab 2"]
    end_of_text: int
    held_out: Sequence[evaluate.HeldOut]


def train(
    data: Data,
    settings: Settings,
    machine: Machine,
    folder: Path,
    report: Report = lambda entry, step, n_steps: None,
    stop_after: int | None = None,
) -> model.Parameters:
    """Train, or go on where `folder` says an earlier run of the same settings was interrupted.

    After every epoch the held-out text is evaluated. A checkpoint holds all that the next step
    depends on: weights, the optimizer's state, and the step, from which batches and dropout are
    drawn anew, so that a resumed run equals an uninterrupted one.

    Args:
        folder: Gets log.jsonl and, while the run lasts, checkpoint.pt.
        report: Called after every step with what is known of it, the step, and their number.
        stop_after: Interrupt after so many steps, with a checkpoint.

    Returns:
        The trained weights, float32.

    Raises:
        ValueError: If the checkpoint in the folder is of a run with other settings.
    """
    run = _started(settings, machine.device)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=machine.device, weights_only=True)
        if saved["settings"] != repr(settings):
            raise ValueError(f"{folder} holds an unfinished run with other settings")
        run = saved
    parameters, log = run["parameters"], run["log"]
    per_epoch = steps_per_epoch(data, settings)
    n_steps = max(1, round(settings.epochs * per_epoch))
    gradients_of = gradients(settings, machine)
    windows, in_epoch = _epoch(data, settings, 0), 0
    before, started = run["seconds"], time.monotonic()
    last_saved = started
    while run["step"] < n_steps:
        step = run["step"]
        if step // per_epoch != in_epoch:
            in_epoch = step // per_epoch
            windows = _epoch(data, settings, in_epoch)
        at = (step % per_epoch) * settings.windows
        batch = torch.from_numpy(windows[at : at + settings.windows]).to(machine.device)
        loss, changes = gradients_of(parameters, batch, step)
        rate = optimizer.learning_rate(step, n_steps, settings)
        optimizer.update(parameters, changes, run["state"], step, rate, settings, machine.dtype)
        run["step"] = step = step + 1
        run["losses"].append(loss)
        run["seconds"] = before + time.monotonic() - started
        entry: dict[str, Any] = {"step": step, "epoch": step / per_epoch, "loss": loss}
        if step % per_epoch == 0 or step == n_steps:
            totals = held_out_bits(parameters, data, settings, machine)
            entry["held_out"] = evaluate.bits_per_byte(totals, data.held_out)
            mean = float(np.mean(run["losses"]))
            seconds = round(run["seconds"], 1)
            log.append(entry | {"loss": mean, "learning_rate": rate, "seconds": seconds})
            run["losses"] = []
            _write_log(folder, log)
        report(entry, step, n_steps)
        if step == stop_after or time.monotonic() - last_saved > CHECKPOINT_EVERY:
            last_saved = time.monotonic()
            unfinished = checkpoint.with_suffix(".new")
            torch.save(run, unfinished)
            unfinished.replace(checkpoint)  # at no time is there half a checkpoint
        if step == stop_after:
            break
    return parameters


def steps_per_epoch(data: Data, settings: Settings) -> int:
    """Full batches that every epoch has, wherever its first window begins."""
    n_tokens = sum(len(text) for text in data.training) + len(data.training) + 1
    return max(1, (n_tokens // settings.context - 2) // settings.windows)


def _started(settings: Settings, device: str) -> dict[str, Any]:
    parameters = {n: value.to(device) for n, value in model.new_parameters(settings).items()}
    return {
        "settings": repr(settings),
        "parameters": parameters,
        "state": optimizer.new_state(parameters, settings),
        "step": 0,
        "losses": [],
        "log": [],
        "seconds": 0.0,
    }


def held_out_bits(
    parameters: model.Parameters, data: Data, settings: Settings, machine: Machine
) -> list[float]:
    """Bits for each held-out part, half a context at a time."""
    scores = torch.compile(model.logits) if machine.compiled else model.logits

    def logits_of(tokens: Tensor) -> Tensor:
        return scores(parameters, tokens.to(machine.device), settings, None, machine.dtype)

    stride = settings.context // 2
    return evaluate.bits(logits_of, data.held_out, settings.context, stride, SHARE)


def _epoch(data: Data, settings: Settings, number: int) -> Int[Array, "batch positions"]:
    seed = (settings.seed, 1, number)
    s = settings
    return batches.epoch(
        data.training, data.parts, data.end_of_text, s.context, s.split, seed, s.copies
    )


def _write_log(folder: Path, log: list[dict[str, Any]]) -> None:
    lines = [json.dumps(entry) for entry in log]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
