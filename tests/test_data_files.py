"""The data of the book: what lies in the package, and what pages are served of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from llmdeep import data_files
from llmdeep.checkpoint import read_checkpoint
from llmdeep.site import data
from llmdeep.site.hashed import is_hashed

MODELS = {  # bytes to download, at most
    "storybook": 4_000_000,
    "storybook-draft": 1_000_000,
    "copier": 200_000,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    data.prepare(folder)
    return folder


def manifest(folder: Path) -> dict[str, dict[str, object]]:
    listed: dict[str, dict[str, object]] = json.loads((folder / "manifest.json").read_text())
    return listed["files"]  # type: ignore[return-value]


def arrived(served: Path, name: str, folder: Path) -> Path:
    """What a page makes of the served files: the folder as the worker has it."""
    for path, file in manifest(served).items():
        if path.startswith(f"{name}/"):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((served / str(file["name"])).read_bytes())
    return folder / name


@pytest.mark.parametrize("name", MODELS)
def test_the_page_has_the_very_numbers_of_the_published_model(
    served: Path, tmp_path: Path, name: str
) -> None:
    published = read_checkpoint(data_files.path(f"models/{name}"))
    in_page = read_checkpoint(arrived(served, f"models/{name}", tmp_path))
    assert in_page.config == published.config
    text = "Once upon a time 🦊"
    assert in_page.tokenizer.encode(text) == published.tokenizer.encode(text)
    assert list(in_page.weights) == list(published.weights)
    for key, values in published.weights.items():
        np.testing.assert_array_equal(in_page.weights[key], values, key)


@pytest.mark.parametrize(("name", "most"), MODELS.items())
def test_a_model_is_small_enough_to_be_downloaded(served: Path, name: str, most: int) -> None:
    files = [file for path, file in manifest(served).items() if path.startswith(f"models/{name}/")]
    assert 0 < sum(int(str(file["size"])) for file in files) <= most


def test_every_file_is_named_by_its_content_and_made_the_same_again(
    served: Path, tmp_path: Path
) -> None:
    assert all(is_hashed(str(file["name"])) for file in manifest(served).values())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "old.0123456789ab.json").write_text("from an earlier build")
    data.prepare(tmp_path)
    assert contents(tmp_path) == contents(served)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(FileNotFoundError, match="no file or folder called 'models/parrot'"):
        data_files.path("models/parrot")
