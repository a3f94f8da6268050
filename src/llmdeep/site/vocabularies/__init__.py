"""The vocabularies of published models, in the form that `llmdeep.vocabularies` reads.

They come with npm packages and lie, once converted, in src/llmdeep/vocabularies, outside git:
`python -m llmdeep.site.vocabularies`, which the build and the tests do where they are missing.
"""

import json
import subprocess
import tempfile
import zlib
from pathlib import Path

from llmdeep.data_files import FOLDER
from llmdeep.site import cache
from llmdeep.site.node import command
from llmdeep.site.paths import ROOT

NAMES = ("gpt2", "cl100k", "o200k", "llama2", "llama3")

_EXTRACT = Path(__file__).with_name("extract.mjs")
_BOOK = FOLDER / "models" / "storybook" / "tokenizer.json"


def prepare(folder: Path = FOLDER / "vocabularies") -> str:
    """Write the files where they are missing or old; return in a few words what there is.

    Raises:
        RuntimeError: If an npm package is missing, or is not what it was.
    """
    stamp, key = folder / "made-from", cache.file_hash([*_packages(), _EXTRACT, Path(__file__)])
    whole = all((folder / f"{name}.z").exists() for name in NAMES)
    if not whole or not stamp.exists() or stamp.read_text() != key:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            _extract(Path(scratch))
            for name in NAMES:
                _write(folder / f"{name}.z", zlib.compress((Path(scratch) / name).read_bytes(), 9))
        stamp.write_text(key)
    if _BOOK.exists():  # so that a page need not download the model to show its tokens
        _write(folder / "storybook.json", _BOOK.read_bytes())
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return f"{len(list(folder.glob('*.*')))} vocabularies, {size:.1f} MB"


def sources(folder: Path = FOLDER / "vocabularies") -> dict[str, str]:
    """The package and version that each vocabulary was taken from."""
    files = {name: zlib.decompress((folder / f"{name}.z").read_bytes()) for name in NAMES}
    return {name: json.loads(file.partition(b"\n")[0])["source"] for name, file in files.items()}


def _packages() -> list[Path]:
    """Files that say which versions they are."""
    names = ("js-tiktoken", "llama-tokenizer-js", "llama3-tokenizer-js")
    return [ROOT / "node_modules" / name / "package.json" for name in names]


def _extract(folder: Path) -> None:
    done = subprocess.run(
        command(_EXTRACT, folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the vocabularies could not be read:\n{done.stderr}")


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)
