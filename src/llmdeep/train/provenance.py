"""Where a model comes from: code, text, machine, command, time."""

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llmdeep.train.corpus import Text
from llmdeep.train.settings import Settings

PACKAGE = Path(__file__).parent.parent
SOURCES = (
    "byte_pair_encoding.py", "pretokenization.py", "quantization.py", "unicode_runs.py",
    "train/batches.py", "train/copying.py", "train/corpus.py", "train/evaluate.py",
    "train/export.py", "train/gradients.py", "train/loop.py", "train/model.py",
    "train/optimizer.py", "train/tokenizer.py",
)  # fmt: skip


def provenance(
    settings: Settings, texts: Sequence[Text], command: str, device: str
) -> dict[str, Any]:
    """What is known when a run starts."""
    return {
        "command": command,
        "settings": asdict(settings),
        "source_sha256": source_sha256(),
        "revision": _revision(),
        "texts": {text.name: text.sha256 for text in texts},
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else _processor(),
    }


def source_sha256() -> str:
    """A hash of the code that decides what a run computes."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(f"{name}\n".encode())
        digest.update((PACKAGE / name).read_bytes())
    return digest.hexdigest()


def _revision() -> str | None:
    """The commit, with "+" if files differ from it; None outside a repository."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=PACKAGE, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return run.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.machine()
