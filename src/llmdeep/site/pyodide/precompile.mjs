// Compiles zips of Python sources with Pyodide's own Python, so that the reader's browser need not.
// Usage: node precompile.mjs PYODIDE_FOLDER PRECOMPILE_PY SOURCE.zip TARGET.zip [SOURCE TARGET …]

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, script, ...zips] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: folder });
pyodide.runPython(readFileSync(script, "utf8"));
const precompile = pyodide.globals.get("precompile");
for (let i = 0; i < zips.length; i += 2) {
  pyodide.FS.writeFile("/source.zip", readFileSync(zips[i]));
  precompile("/source.zip", "/target.zip");
  writeFileSync(zips[i + 1], pyodide.FS.readFile("/target.zip"));
}
process.exit(0);
