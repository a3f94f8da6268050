"""A book of one page, for what no widget of the real book is small or slow enough to show.

It has widgets and data of its own, the real Python, the real browser code and the real service
worker.
"""

import json
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import llmdeep.widgets
from llmdeep import data_files
from llmdeep.safetensors_file import write_safetensors
from llmdeep.site import data, node, policy, service_worker
from llmdeep.site.cells import cell_markup
from llmdeep.site.node import command
from llmdeep.site.paths import BROWSER, ROOT, SOURCES
from llmdeep.site.pyodide import bundle
from llmdeep.site.states import write_widget_file

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A small book</title>
<link rel="icon" href="data:,"><script type="module" src="assets/llmdeep/main.js"></script>
<main class="md-typeset">{body}</main></html>"""


WIDGETS = Path(__file__).parent / "small_widgets"
CODES = np.random.default_rng(0).integers(-127, 128, (2000, 1000)).astype(np.float16)
PARROT = {
    "config.json": b"{}",
    "model.safetensors": write_safetensors({"weights": CODES / 64}),
    "tokenizer.json": b"[]",
    "README.md": b"not for the page",
}
DATA = {
    **{f"models/parrot/{name}": content for name, content in PARROT.items()},
    "vocabularies/greek.txt": "αβγδεζηθικλμνξοπρστυφχψω".encode(),
    "vocabularies/latin.txt": string.ascii_letters.encode(),
}
READ = "from llmdeep.data_files import path\n"
CELLS = {
    "asking": READ
    + """print("begin")
seen = ["once"]
greek = path("vocabularies/greek.txt").read_text(encoding="utf-8")
seen.append(len(greek))
print("end"); latin = 0
seen.append(len(path("vocabularies/latin.txt").read_text()))
seen""",
    "looping": READ
    + """for _ in range(2):
    print(len(path("vocabularies/greek.txt").read_text(encoding="utf-8")))""",
    "missing": READ + 'path("vocabularies/klingon.txt")',
    "keep": 'kept = ["kept"]',
    "kept": "kept",
    "loop": 'print("began")\nwhile True: pass',
}


def write(folder: Path) -> Path:
    """Write the book: a figure for each of WIDGETS, then CELLS. Returns the folder to be served."""
    package = folder / "src" / "llmdeep"
    unused = shutil.ignore_patterns("browser", "__pycache__", "models", "vocabularies", "gpu")
    shutil.copytree(SOURCES / "llmdeep", package, ignore=unused)
    names = sorted(widget.stem for widget in WIDGETS.glob("*.py"))
    for name in names:
        shutil.copy(WIDGETS / f"{name}.py", package / "widgets")
    for name, content in DATA.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(content)
    site = folder / "site"
    with _package(package):
        bundle.prepare(site / "assets" / "python")
        figures = "".join(_figure(name, site) for name in names)
    data.prepare(site / "assets" / "data", package)
    blocks = "".join(_cell(id, code) for id, code in CELLS.items())
    (site / "index.html").write_text(PAGE.format(body=figures + blocks))
    _browser_code(site / "assets" / "llmdeep")
    policy.apply(site)
    service_worker.write(site, keep=True)
    return site


@contextmanager
def _package(package: Path) -> Iterator[None]:
    """While it lasts, the book's own code finds the widgets and data of `package`, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "SOURCES", package.parent)
        patch.setattr(data_files, "FOLDER", package)
        patch.setattr(llmdeep.widgets, "__path__", [str(package / "widgets")])
        known = set(sys.modules)
        yield
    for name in set(sys.modules) - known:
        del sys.modules[name]


def _figure(name: str, site: Path) -> str:
    file = write_widget_file(name, site / "assets" / "widgets")
    return node.widget(
        json.loads(file.read_text()),
        id=name,
        url=f"assets/widgets/{file.name}",
        params={},
        caption=name,
    )


def _cell(id: str, code: str) -> str:
    fence = SimpleNamespace(code=code, no_browser="")
    return cell_markup(fence, {"stdout": "", "stderr": ""}, id)  # type: ignore[arg-type]


def _browser_code(folder: Path) -> None:
    esbuild = ROOT / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--target=es2022", "--log-level=warning"]
    scripts = [BROWSER / "main.ts", BROWSER / "runtime" / "worker.ts"]
    for script in scripts:
        built = command(esbuild, *options, "--splitting", f"--outdir={folder}", script)
        subprocess.run(built, check=True)
