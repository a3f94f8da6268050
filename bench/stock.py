"""Pyodide as it is shipped, with the same NumPy, on a page with one cell: what we compare with.

The files are those of the npm package: sources as library, the whole lock file, loaded the way its
documentation has it, in a worker. The NumPy is the very wheel our own bundle is made of. The book's
code is unpacked from the same zip, so that the same cell runs.
"""

import html
import json
import shutil
from pathlib import Path

from llmdeep.site import compress
from llmdeep.site.pyodide.numpy_wheel import Wheel
from llmdeep.site.pyodide.official import CORE

RUNTIME_FILES = (
    "pyodide.mjs",
    "pyodide.asm.js",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)

PAGE = """<!doctype html><meta charset="utf-8"><title>Stock Pyodide</title>
<div id="cell"><pre><code>{code}</code></pre><button data-action="run">Run</button>
<div data-output></div></div>
<script type="module" src="page.js"></script>"""

PAGE_SCRIPT = """const cell = document.querySelector("#cell");
const output = cell.querySelector("[data-output]");
const show = (text) => {
  const block = output.appendChild(document.createElement("pre"));
  block.textContent = text;
};
cell.querySelector("button").addEventListener("click", () => {
  output.replaceChildren();
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => show(data);
  worker.onerror = (event) => show(`failed: ${event.message}`);
  worker.postMessage(cell.querySelector("code").textContent);
});
"""

WORKER = """import { loadPyodide } from "./pyodide.mjs";
self.onmessage = async ({ data: code }) => {
  try {
    const book = fetch("llmdeep.zip").then((response) => response.arrayBuffer());
    const stdout = (text) => self.postMessage(text);
    const pyodide = await loadPyodide({ packages: ["numpy"], stdout });
    pyodide.unpackArchive(await book, "zip");
    const value = await pyodide.runPythonAsync(code);
    if (value !== undefined) self.postMessage(String(value));
  } catch (error) {
    self.postMessage(`failed: ${error}`);
  }
};
"""


def write(folder: Path, wheel: Wheel, book: Path) -> Path:
    """Write the page into `folder`, with compressed copies as the site has them.

    `book` is the site's zip of llmdeep.
    """
    folder.mkdir(parents=True)
    for name in RUNTIME_FILES:
        shutil.copyfile(CORE / name, folder / name)
    lock = json.loads((CORE / "pyodide-lock.json").read_text(encoding="utf-8"))
    lock["packages"]["numpy"]["sha256"] = wheel.sha256  # Pyodide refuses any other file
    (folder / "pyodide-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    shutil.copyfile(wheel.path, folder / lock["packages"]["numpy"]["file_name"])
    shutil.copyfile(book, folder / "llmdeep.zip")
    (folder / "page.js").write_text(PAGE_SCRIPT)
    (folder / "worker.mjs").write_text(WORKER)
    (folder / "index.html").write_text(PAGE.format(code=""))
    compress.compress(folder)
    return folder


def give_cell(folder: Path, code: str) -> None:
    """Put the code of a cell on the page."""
    (folder / "index.html").write_text(PAGE.format(code=html.escape(code)), encoding="utf-8")
    for copy in folder.glob("index.html.*"):
        copy.unlink()
