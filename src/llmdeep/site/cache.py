"""Results kept on disk under a hash of everything they depend on."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llmdeep.site.paths import CACHE


def key(*parts: object) -> str:
    """A short hash of `parts`: text, numbers, or anything JSON can hold."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_hash(paths: Iterable[Path]) -> str:
    """A hash of the names and contents of files, whatever order they come in."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:20]


def remember(kind: str, name: str, compute: Callable[[], Any]) -> Any:
    """The JSON value stored as `name`, or computed now and stored."""
    path = CACHE / kind / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        value = compute()
        write(path, json.dumps(value, ensure_ascii=False))
        return value


def write(path: Path, text: str) -> None:
    """Write a file so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
