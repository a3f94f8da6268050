"""The commands `llmdeep train`, `llmdeep train-copier` and `llmdeep compressors`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from llmdeep.train.settings import PRESETS, Settings, with_changes

NEEDED = "pip install -r requirements/test.txt"


def add_parsers(commands: "argparse._SubParsersAction[Any]") -> None:
    """All of them, with their arguments."""
    trainer = commands.add_parser(
        "train", help="train a tokenizer, a small model and its draft on a folder of .txt files"
    )
    trainer.add_argument("text_folder", type=Path, help="the folder")
    trainer.add_argument("--out", type=Path, required=True, help="folder to write")
    trainer.add_argument(
        "--preset", choices=list(PRESETS), default="quick", help="quick: minutes on two CPU cores"
    )
    trainer.add_argument("--only", help="one of the preset's models: model or draft")
    trainer.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting"
    )
    trainer.add_argument("--device", choices=["cpu", "cuda"], help="default: a GPU if there is one")
    trainer.add_argument(
        "--selection",
        action="store_true",
        help="hold out the last tenth of the training text instead, to choose settings by",
    )
    trainer.set_defaults(run=train)

    copier = commands.add_parser(
        "train-copier", help="train a small model to copy, on random bytes that repeat"
    )
    copier.add_argument("--out", type=Path, required=True, help="folder to write")
    copier.add_argument("--steps", type=int, default=1000, help="how long; default: 1000")
    copier.set_defaults(run=train_copier)

    compressors = commands.add_parser(
        "compressors", help="what general compressors make of the held-out text"
    )
    compressors.add_argument("text_folder", type=Path, help="a folder of .txt files")
    compressors.add_argument("--out", type=Path, help="JSON file to write; else it is printed")
    compressors.set_defaults(run=compare)


def train(given: argparse.Namespace) -> int:
    """Train what the preset says."""
    if not _has_torch():
        return 1
    from llmdeep.train.run import run

    try:
        run(
            given.text_folder,
            given.out,
            chosen(given.preset, given.only, given.set),
            command_line(given),
            given.device,
            given.selection,
        )
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def train_copier(given: argparse.Namespace) -> int:
    """Train the model that copies."""
    if not _has_torch():
        return 1
    from llmdeep.train.copying import run

    if given.steps < 1:
        print(f"--steps must be at least 1: {given.steps}", file=sys.stderr)
        return 1
    run(
        given.out, f"llmdeep train-copier --out {given.out.name} --steps {given.steps}", given.steps
    )
    return 0


def compare(given: argparse.Namespace) -> int:
    """Measure the compressors."""
    try:
        from llmdeep.train.compressors import table
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: {NEEDED}", file=sys.stderr)
        return 1
    from llmdeep.train.corpus import CorpusError, read_corpus

    try:
        texts = read_corpus(given.text_folder)
    except CorpusError as error:
        print(error, file=sys.stderr)
        return 1
    content = json.dumps(table(texts), indent=1, ensure_ascii=False)
    if given.out is None:
        print(content)
    else:
        given.out.write_text(content + "\n", encoding="utf-8")
    return 0


def chosen(preset: str, only: str | None, changes: list[str]) -> dict[str, Settings]:
    """The models to train, by name.

    Raises:
        ValueError: If there is no such model, or a change is not NAME=VALUE or not possible.
    """
    models = PRESETS[preset]
    if only is not None and only not in models:
        raise ValueError(f"--only takes {' or '.join(models)}, got {only!r}")
    pairs = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, such as epochs=3, got {change!r}")
        pairs[name] = value
    return {
        name: with_changes(settings, pairs)
        for name, settings in models.items()
        if only in (None, name)
    }


def command_line(given: argparse.Namespace) -> str:
    """The command as anyone could give it: folders by their names, without where they are."""
    parts = ["llmdeep train", given.text_folder.name, "--out", given.out.name]
    parts += ["--preset", given.preset]
    if given.only:
        parts += ["--only", given.only]
    for change in given.set:
        parts += ["--set", change]
    if given.device:
        parts += ["--device", given.device]
    return " ".join(parts + ["--selection"] * given.selection)


def _has_torch() -> bool:
    """Asked for before anything that needs it, so that its absence is one sentence."""
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        print("Training needs torch: make test sets it up", file=sys.stderr)
        return False
    return True
