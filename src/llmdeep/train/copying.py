"""A model with one skill: to go on with what its text has done before.

It learns from nothing but random bytes that repeat. So it is small, its training takes a minute or
two, and the heads that it grows do what they are looked at for.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from llmdeep import byte_pair_encoding
from llmdeep.checkpoint import read_checkpoint
from llmdeep.head_scores import induction_score, previous_token_score, repeated_tokens
from llmdeep.quantization import pack_8bit
from llmdeep.safetensors_file import read_safetensors
from llmdeep.shapes import Array, Bool, Int
from llmdeep.train import export, model, optimizer
from llmdeep.train.provenance import provenance
from llmdeep.train.settings import Settings, checked
from llmdeep.train.tokenizer import END_OF_TEXT, Tokens
from llmdeep.transformer import attention_patterns

SETTINGS = Settings(
    vocabulary_size=257,  # every byte, and the end of a text
    d_model=64,
    n_layers=2,
    n_heads=4,
    n_kv_heads=4,
    d_head=16,
    d_ff=128,
    context=64,
    rope_theta=100.0,  # so few positions apart, slow rotations would tell nothing
    windows=32,
    learning_rate=0.02,
    dropout=0.0,
)
N_STEPS = 1000
PERIODS = 8, 32  # of the lists: at least, and below
NOT_USED = "epochs", "split", "copies"  # settings of a run on texts
MEASURE_EVERY = 20  # steps
MEASURED = 16, 4  # period of the list on which heads are scored, and how often it is repeated

CARD = """\
---
license: mit
pipeline_tag: text-generation
---
# copier

A decoder of the Llama family with {n_layers} layers of {n_heads} heads, width {d_model}, and a
context of {context} bytes: {parameters:,} parameters. Its tokens are the 256 bytes and an end of
text. It is made to be taken apart.

It was trained on lists of {least} to {most} random bytes, over and over, and on nothing else.
Where a list repeats, it goes on with it. It knows no language.

`{command}`, seed {seed},
{n_steps} steps of {windows} lists. The loss counts where a list repeats, since nothing can be known
before. `log.jsonl` has, every {every} steps, the loss and two scores of every head, layer by layer,
measured on a list of {period} bytes, {times} times over.

MIT licence, as the code.
"""


def run(
    out: Path,
    command: str,
    n_steps: int = N_STEPS,
    settings: Settings = SETTINGS,
    say: Callable[[str], None] = print,
) -> None:
    """Train it, and write it to `out` as `transformers` reads it, with log, record and card.

    Args:
        command: As it was typed, for the record.
    """
    checked(settings)
    origin = provenance(settings, [], command, "cpu")
    origin["settings"] = {n: v for n, v in asdict(settings).items() if n not in NOT_USED}
    started, log, losses = time.monotonic(), [], []
    parameters = model.new_parameters(settings)
    state = optimizer.new_state(parameters, settings)
    for step in range(n_steps):
        losses.append(update(parameters, state, step, n_steps, settings))
        if (step + 1) % MEASURE_EVERY == 0 or step + 1 == n_steps:
            export.write_model(out, export.rounded(parameters), settings, bytes_as_tokens())
            log.append({"step": step + 1, "loss": float(np.mean(losses)), **measured(out)})
            losses = []
            say(f"step {step + 1}: loss {log[-1]['loss']:.3f}")
    lines = "".join(json.dumps(entry) + "\n" for entry in log)
    (out / "log.jsonl").write_text(lines, encoding="utf-8")
    packed = pack_8bit(read_safetensors(out / "model.safetensors"))
    origin |= {
        "steps": n_steps,
        "seconds": round(time.monotonic() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": sum(value.numel() for value in parameters.values()),
        "bytes_8bit": len(packed),
    }
    record = json.dumps(origin, indent=1) + "\n"
    (out / "provenance.json").write_text(record, encoding="utf-8")
    (out / "README.md").write_text(_card(origin), encoding="utf-8")


def update(
    parameters: model.Parameters,
    state: optimizer.State,
    step: int,
    n_steps: int,
    settings: Settings,
) -> float:
    """One step, in place; returns the loss where it could be known what comes next, in nats."""
    tokens, known = lists(settings, step)
    wanted = np.where(known, tokens[:, 1:], -100)  # what cross_entropy leaves out
    weights = {n: value.detach().requires_grad_(True) for n, value in parameters.items()}
    scores = model.logits(weights, torch.from_numpy(tokens[:, :-1]), settings)
    loss = functional.cross_entropy(scores.flatten(0, 1), torch.from_numpy(wanted).flatten())
    gradients = torch.autograd.grad(loss, list(weights.values()))
    rate = optimizer.learning_rate(step, n_steps, settings)
    changes = dict(zip(weights, gradients, strict=True))
    optimizer.update(parameters, changes, state, step, rate, settings, torch.float32)
    return loss.item()


def lists(
    settings: Settings, step: int
) -> tuple[Int[Array, "batch positions"], Bool[Array, "batch predictions"]]:
    """Random bytes over and over, each list with a period of its own, and what can be known.

    Token i + 1 can be known once token i has been there one period ago.
    """
    random = np.random.default_rng((settings.seed, step))
    periods = random.integers(*PERIODS, size=(settings.windows, 1))
    drawn = random.integers(256, size=(settings.windows, settings.context + 1))
    places = np.arange(settings.context + 1)
    tokens = np.take_along_axis(drawn, places % periods, axis=1)
    return tokens, places[:-1] >= periods


def measured(folder: Path) -> dict[str, Any]:
    """Scores of every head of the model in `folder`, layer by layer."""
    config, weights, _ = read_checkpoint(folder)
    period, times = MEASURED
    tokens = repeated_tokens(times * period, period, 256, np.random.default_rng(0))
    patterns = attention_patterns(weights, config, tokens).astype(np.float64)
    return {
        "previous token": previous_token_score(patterns).round(4).tolist(),
        "induction": induction_score(patterns, period).round(4).tolist(),
    }


def bytes_as_tokens() -> Tokens:
    """The vocabulary without a single merge."""
    return Tokens([], [*byte_pair_encoding.vocabulary([]), END_OF_TEXT.encode()])


def _card(origin: dict[str, Any]) -> str:
    return CARD.format(
        **origin["settings"],
        parameters=origin["parameters"],
        command=origin["command"],
        n_steps=origin["steps"],
        least=PERIODS[0],
        most=PERIODS[1] - 1,
        every=MEASURE_EVERY,
        period=MEASURED[0],
        times=MEASURED[1],
    )
