"""The book's own models: one that tells stories, a smaller draft of it, and one that copies."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from llmdeep.checkpoint import read_checkpoint
from llmdeep.data_files import path
from llmdeep.model_config import Config
from llmdeep.quantization import SCALES, multiplied_out, pack_8bit
from llmdeep.safetensors_file import read_safetensors, write_safetensors
from llmdeep.shapes import Array
from llmdeep.tokenization import Tokenizer

NAMES = ("storybook", "storybook-draft", "copier")


class BookModel(NamedTuple):
    """A checkpoint that has a tokenizer."""

    config: Config
    weights: dict[str, Array]
    tokenizer: Tokenizer


def load(name: str = "storybook") -> BookModel:
    """One of the book's models. It is read once; in the page it is downloaded first.

    Its folder, src/llmdeep/models/NAME/, holds a card: what it has learned, what it cannot do.

    Raises:
        ValueError: If there is no such model.
    """
    _check(name)
    return _read(name)


def published_file(name: str = "storybook") -> bytes:
    """The model.safetensors of one of the book's models, byte for byte as it is published.

    A page has downloaded the 8-bit form, which is half as long, and makes this one from it.

    Raises:
        ValueError: If there is no such model.
    """
    _check(name)
    return _published(name)


def downloaded_file(name: str = "storybook") -> bytes:
    """The same numbers in the file that a page downloads: 8-bit codes and their scales.

    Raises:
        ValueError: If there is no such model.
    """
    _check(name)
    return _downloaded(name)


def _check(name: str) -> None:
    if name not in NAMES:
        raise ValueError(f"the book's models are {', '.join(NAMES)}; {name!r} is not among them")


@lru_cache
def _read(name: str) -> BookModel:
    config, weights, tokenizer = read_checkpoint(path(f"models/{name}"))
    if tokenizer is None:
        raise ValueError(f"models/{name} has no tokenizer.json")
    return BookModel(config, weights, tokenizer)


@lru_cache
def _published(name: str) -> bytes:
    here, tensors = _file(name)
    if not _is_packed(tensors):
        return here
    narrow = {key: values.astype(np.float16) for key, values in multiplied_out(tensors).items()}
    return write_safetensors(narrow, {"format": "pt"})


@lru_cache
def _downloaded(name: str) -> bytes:
    here, tensors = _file(name)
    return here if _is_packed(tensors) else pack_8bit(tensors)


def _file(name: str) -> tuple[bytes, dict[str, Array]]:
    """The file as it is here, in a page or not, and its arrays."""
    here = (path(f"models/{name}") / "model.safetensors").read_bytes()
    return here, read_safetensors(here)


def _is_packed(tensors: dict[str, Array]) -> bool:
    return any(key.endswith(SCALES) for key in tensors)
