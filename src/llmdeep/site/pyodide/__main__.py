"""`python -m llmdeep.site.pyodide`: make the bundle, and say what is in it."""

import json

from llmdeep.site.paths import ASSETS
from llmdeep.site.pyodide.bundle import MANIFEST, prepare

print(prepare())
for part, file in json.loads((ASSETS / "python" / MANIFEST).read_text())["files"].items():
    print(f"  {part:8} {file['size']:>10,} bytes  {file['name']}")
