"""`llmdeep train`: text in, tokenizer, model and draft out."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmdeep.quantization import pack_8bit
from llmdeep.shapes import Array
from llmdeep.train import card, evaluate, export, loop, model
from llmdeep.train.corpus import CorpusError, Text, for_selection, read_corpus
from llmdeep.train.gradients import Machine
from llmdeep.train.progress import Progress
from llmdeep.train.provenance import provenance
from llmdeep.train.settings import Settings, checked
from llmdeep.train.tokenizer import Tokens, encode, train_tokenizer

WORTH_COMPILING = 1e11  # parameters × tokens; below, compiling takes longer than it saves


def run(
    text_folder: Path,
    out: Path,
    models: Mapping[str, Settings],
    command: str,
    device: str | None = None,
    selection: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train each of the models, and write each to a folder of its name below `out`.

    A run that was interrupted goes on when the same command is given again.

    Args:
        command: As it was typed, for the record.
        device: "cpu" or "cuda"; None for what there is.
        selection: Hold out the last tenth of the training text instead, to choose settings by.

    Returns:
        For each model, its held-out bits per byte: "float32" as trained, "8-bit" as written.

    Raises:
        CorpusError: If the text cannot be used.
        ValueError: If the settings cannot be, or an unfinished run has others.
    """
    for settings in models.values():
        checked(settings)
    texts = read_corpus(text_folder)
    if selection:
        texts = for_selection(texts)
    results = {}
    for name, settings in models.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        record = folder / "provenance.json"
        if record.exists():
            finished = json.loads(record.read_text(encoding="utf-8"))
            if finished["settings"] != asdict(settings):
                raise ValueError(f"{folder} holds a model with other settings; give another folder")
            say(f"{name}: {folder} holds it already")
            results[name] = finished["held_out"]
            continue
        tokens = tokenizer_for(texts, settings.vocabulary_size)
        data = data_for(texts, tokens, settings)
        n_tokens = sum(len(text) for text in data.training)
        machine = machine_for(device, settings.epochs * n_tokens * parameter_count(settings))
        say(
            f"{name}: {parameter_count(settings):,} parameters, {n_tokens:,} tokens of training "
            f"text, {settings.epochs:g} epochs, on {machine.device}"
        )
        origin = provenance(settings, texts, command, machine.device)
        parameters = loop.train(data, settings, machine, folder, Progress(name))
        weights = export.rounded(parameters)
        export.write_model(folder, weights, settings, tokens)
        log = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        origin["seconds"] = json.loads(log[-1])["seconds"]
        origin["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
        origin["held_out"] = results[name] = measured(parameters, weights, data, settings, machine)
        origin["held_out_bytes"] = {text.name: text.n_bytes for text in data.held_out}
        origin["parameters"] = parameter_count(settings)
        origin["bytes_8bit"] = len(pack_8bit(weights))
        text = json.dumps(origin, indent=1, ensure_ascii=False) + "\n"
        (folder / "README.md").write_text(card.card(name, origin, text_folder), encoding="utf-8")
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        record.write_text(text, encoding="utf-8")
        say(
            f"{name}: {results[name]['8-bit']:.4f} bits per byte held out in 8 bits, "
            f"{results[name]['float32']:.4f} before rounding; written to {folder}"
        )
    return results


def machine_for(device: str | None, work: float) -> Machine:
    """A GPU if there is one, else all cores; products in bfloat16 where the hardware has them.

    Args:
        work: Of the whole run, in parameters × tokens.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ValueError("no CUDA device was found; leave --device out to train on the CPU")
        return Machine(device, torch.bfloat16, compiled=True)
    narrow = torch.backends.cpu.get_cpu_capability() == "AMX"
    dtype = torch.bfloat16 if narrow else torch.float32
    compiled = work > WORTH_COMPILING and shutil.which("g++") is not None
    return Machine(device, dtype, compiled, workers=os.cpu_count() or 1)


def tokenizer_for(texts: list[Text], vocabulary_size: int) -> Tokens:
    """Learned from the training parts alone."""
    return train_tokenizer([text.training for text in texts], vocabulary_size)


def data_for(texts: list[Text], tokens: Tokens, settings: Settings) -> loop.Data:
    """The texts in tokens.

    Raises:
        CorpusError: If they do not fill a single batch.
    """
    training = [encode(tokens, text.training) for text in texts]
    least = settings.windows * settings.context
    if (total := sum(map(len, training))) < 2 * least:
        raise CorpusError(
            f"the text is too short: {total} tokens to learn from, and one batch takes {least}; "
            "give more text, or --set windows=1 and a smaller context"
        )
    held_out = [
        evaluate.HeldOut(
            text.name,
            before[-settings.context :],
            encode(tokens, text.held_out),
            len(text.held_out.encode()),
        )
        for text, before in zip(texts, training, strict=True)
    ]
    return loop.Data(training, tokens.parts, tokens.end_of_text, held_out)


def parameter_count(settings: Settings) -> int:
    """Of the whole model, the shared embedding once."""
    return sum(value.numel() for value in model.new_parameters(settings).values())


def measured(
    parameters: model.Parameters,
    weights: Mapping[str, Array],
    data: loop.Data,
    settings: Settings,
    machine: Machine,
) -> dict[str, Any]:
    """Held-out bits per byte in float32 arithmetic, before and after rounding, and by text."""
    exact = machine._replace(dtype=torch.float32)
    as_trained = loop.held_out_bits(parameters, data, settings, exact)
    as_written: dict[str, Tensor] = {
        name: torch.from_numpy(value).float().to(machine.device) for name, value in weights.items()
    }
    totals = loop.held_out_bits(as_written, data, settings, exact)
    return {
        "float32": evaluate.bits_per_byte(as_trained, data.held_out),
        "8-bit": evaluate.bits_per_byte(totals, data.held_out),
        "stride": settings.context // 2,
        "8-bit by text": {
            text.name: total / text.n_bytes
            for text, total in zip(data.held_out, totals, strict=True)
        },
    }
