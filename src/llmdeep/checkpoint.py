"""A published model: a folder of config.json, *.safetensors and tokenizer.json, ready to run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from llmdeep.model_config import Config
from llmdeep.published_config import read_config
from llmdeep.published_names import Piece, is_left_over, pieces
from llmdeep.quantization import multiplied_out
from llmdeep.safetensors_file import read_safetensors
from llmdeep.shapes import Array
from llmdeep.tokenization import Tokenizer
from llmdeep.tokenizer_file import read_tokenizer

INDEX = "model.safetensors.index.json"
T = TypeVar("T")


class Checkpoint(NamedTuple):
    """All that is needed to continue a text; `tokenizer` is None if the folder has none."""

    config: Config
    weights: dict[str, Array]
    tokenizer: Tokenizer | None


class Stored(NamedTuple):
    """A published tensor, and the file that it is in."""

    tensor: Array
    file: str


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a folder as `transformers` writes it and as models are published.

    GPT-2, Llama 2 and 3, Mistral, Qwen2 and Qwen3 (dense). The weights are in one file,
    model.safetensors, or in several with an index that says which tensor is where. Matrices may be
    codes and scales, as `llmdeep.quantization` packs them.

    Returns:
        Weights by the names of `llmdeep.model_config.weight_shapes`, float32, not to
        be written to. What the files have in float32 is not copied: it is read from the disk when
        it is first used.

    Raises:
        ValueError: If a file is missing or damaged, an option is not supported, or a tensor is
            missing, unknown or of the wrong shape or kind. It names the file.
    """
    architecture, config = _parsed(folder / "config.json", read_config)
    stored = _stored(folder)
    weights = _weights(stored, config, gpt2=architecture == "GPT2LMHeadModel")
    file = folder / "tokenizer.json"
    return Checkpoint(config, weights, _parsed(file, read_tokenizer) if file.exists() else None)


def _stored(folder: Path) -> dict[str, Stored]:
    """Every tensor of the folder, by its published name."""
    if (folder / "model.safetensors").exists():
        return _of_file(folder / "model.safetensors")
    if not (folder / INDEX).exists():
        raise ValueError(
            f"{folder} has neither model.safetensors nor {INDEX}; weights in other formats "
            "(.bin, .pt, .gguf) are not read"
        )
    place = _parsed(folder / INDEX, _weight_map)
    stored: dict[str, Stored] = {}
    for file in sorted(set(place.values())):
        in_file = _of_file(folder / file)
        listed = {name for name, where in place.items() if where == file}
        if wrong := sorted(listed ^ in_file.keys()):
            problem = "lacks" if wrong[0] in listed else "does not list"
            subject = file if wrong[0] in listed else INDEX
            raise ValueError(f"{INDEX} and {file} disagree: {subject} {problem} {wrong[0]!r}")
        stored |= in_file
    return stored


def _of_file(path: Path) -> dict[str, Stored]:
    if not path.exists():
        raise ValueError(f"{path.name} is missing from {path.parent}")
    try:
        tensors = multiplied_out(read_safetensors(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return {name: Stored(tensor, path.name) for name, tensor in tensors.items()}


def _weight_map(text: str) -> dict[str, str]:
    place = json.loads(text)
    place = place.get("weight_map") if isinstance(place, dict) else None
    if not isinstance(place, dict) or not place:
        raise ValueError("it has no weight_map, which says in which file each tensor is")
    for name, file in place.items():
        if not isinstance(file, str) or "/" in file or "\\" in file or file.startswith("."):
            raise ValueError(f"weight_map: {name!r} is in {file!r}, which is no file name")
    return place


def _weights(stored: dict[str, Stored], config: Config, gpt2: bool) -> dict[str, Array]:
    if gpt2:  # newer files name the part of the model in front
        stored = {name.removeprefix("transformer."): here for name, here in stored.items()}
    wanted = pieces(config, gpt2)
    _check_names(stored, {piece.tensor for piece in wanted.values()}, config.tied)
    wide = {piece.tensor: _float32(piece, stored[piece.tensor]) for piece in wanted.values()}
    if config.tied and "lm_head.weight" in stored:
        _check_tied(stored["lm_head.weight"], wide[wanted["token_embedding"].tensor])
    return {name: piece.of(wide[piece.tensor]) for name, piece in wanted.items()}


def _check_names(stored: dict[str, Stored], wanted: set[str], tied: bool) -> None:
    files = ", ".join(sorted({here.file for here in stored.values()}))
    if missing := sorted(wanted - stored.keys()):
        raise ValueError(
            f"{files} lacks {len(missing)} tensors of this model, first {missing[0]!r}"
        )
    known = wanted | ({"lm_head.weight"} if tied else set())
    unknown = sorted(name for name in stored.keys() - known if not is_left_over(name))
    if unknown:
        raise ValueError(
            f"{stored[unknown[0]].file} holds {unknown[0]!r}, which this model does not have"
        )


def _float32(piece: Piece, stored: Stored) -> Array:
    tensor = stored.tensor
    if tensor.shape != piece.shape:
        raise ValueError(
            f"{stored.file}: {piece.tensor!r} has shape {tensor.shape}; config.json makes it "
            f"{piece.shape}"
        )
    if tensor.dtype.kind != "f":
        raise ValueError(f"{stored.file}: {piece.tensor!r} holds {tensor.dtype}, not weights")
    wide = tensor.astype(np.float32, copy=False)
    wide.setflags(write=False)
    return wide


def _check_tied(stored: Stored, embedding: Array) -> None:
    if not np.array_equal(stored.tensor, embedding):
        raise ValueError(
            f"{stored.file}: 'lm_head.weight' differs from the embedding, but config.json says "
            "tie_word_embeddings: true"
        )


def _parsed(path: Path, parse: Callable[[str], T]) -> T:
    """Parse a text file; an error names the file."""
    if not path.exists():
        raise ValueError(f"{path.name} is missing from {path.parent}")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise ValueError(f"{path}: its JSON is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
