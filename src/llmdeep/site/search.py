"""Search that costs nothing until somebody searches.

The theme fetches `search/search_index.json`, all the texts of the book, with every page, and starts
its search worker. Here a stub takes the place of the index, and `browser/search/worker.ts` that of
the worker: it fetches the texts and the theme's worker with the first word typed.
"""

import json
import re
from hashlib import sha256
from pathlib import Path

_WORKER = re.compile(r'("search": "[^"]*?)(assets/javascripts/workers/search\.\w+\.min\.js)"')
_OURS = "assets/llmdeep/search.js"


def defer(site: Path) -> str:
    """Take the texts out of the way of readers who do not search; say how many there are.

    Raises:
        ValueError: If a page does not name the theme's worker.
    """
    engines = {_replace_worker(path) for path in sorted(site.rglob("*.html"))}
    (engine,) = engines
    stub = site / "search" / "search_index.json"
    index = json.loads(stub.read_text(encoding="utf-8"))
    texts = json.dumps({"docs": index["docs"]}, ensure_ascii=False, separators=(",", ":"))
    name = f"texts.{sha256(texts.encode()).hexdigest()[:12]}.json"
    stub.with_name(name).write_text(texts, encoding="utf-8")
    config = {**index["config"], "texts": f"search/{name}", "engine": engine}
    stub.write_text(json.dumps({"config": config, "docs": []}), encoding="utf-8")
    return f"{len(index['docs'])} sections"


def _replace_worker(path: Path) -> str:
    page = path.read_text(encoding="utf-8")
    found = _WORKER.search(page)
    if not found:
        raise ValueError(
            f"{path} does not name the theme's search worker, which ours would replace"
        )
    path.write_text(page.replace(found[0], f'{found[1]}{_OURS}"'), encoding="utf-8")
    return found[2]
