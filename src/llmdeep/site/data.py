"""What pages download when their code asks for it with `llmdeep.data_files.path`.

    docs/assets/data/manifest.json             {"files": {"models/storybook/config.json": …}}
    docs/assets/data/models/storybook/…        the files, each with its hash in its name

The weights of a model are served as `llmdeep.quantization.pack_8bit` packs them, which is half the
bytes of the published file and the very same numbers. The manifest gives for each file below the
package the `name` under which it is served, its `size` in bytes and its `sha256`. The same files
give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from llmdeep.data_files import FOLDER
from llmdeep.quantization import pack_8bit
from llmdeep.safetensors_file import read_safetensors
from llmdeep.site import cache
from llmdeep.site.paths import ASSETS

PUBLISHED = ("models", "vocabularies")  # folders of the package
READ = (  # below models; the rest is for people
    "config.json", "model.safetensors", "tokenizer.json", "provenance.json", "log.jsonl",
    "compressors.json",
)  # fmt: skip
MANIFEST = "manifest.json"


def files(package: Path = FOLDER) -> list[Path]:
    """The files that pages may ask for."""
    found = [path for folder in PUBLISHED for path in (package / folder).rglob("*.*")]
    return sorted(path for path in found if path.is_file() and _is_read(path, package))


def prepare(folder: Path = ASSETS / "data", package: Path = FOLDER) -> str:
    """Write what is served into `folder`, and nothing else; return in a few words what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = dict(_served(package, folder))
    text = json.dumps({"files": listed}, indent=2) + "\n"
    cache.write(folder / MANIFEST, text)
    names = {MANIFEST, *(str(file["name"]) for file in listed.values())}
    for path in list(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            path.unlink()
    size = sum(int(file["size"]) for file in listed.values()) / 1e6
    return f"{len(listed)} files, {size:.1f} MB"


def _is_read(path: Path, package: Path) -> bool:
    kind = path.relative_to(package).parts[0]
    return path.name in READ if kind == "models" else path.suffix != ".md"


def _content(path: Path) -> bytes:
    if path.suffix == ".safetensors":
        return pack_8bit(read_safetensors(path))
    return path.read_bytes()


def _served(package: Path, folder: Path) -> Iterator[tuple[str, dict[str, str | int]]]:
    for path in files(package):
        content = _content(path)
        sha256 = hashlib.sha256(content).hexdigest()
        place = path.relative_to(package)
        name = place.with_name(f"{place.stem}.{sha256[:12]}{place.suffix}").as_posix()
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            part.write_bytes(content)
            part.replace(target)
        yield place.as_posix(), {"name": name, "size": len(content), "sha256": sha256}
