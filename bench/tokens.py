"""Tokenizing in the page: each published vocabulary, beside tiktoken and JavaScript packages."""

import json
import random
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from bench.host import hosting
from bench.report import Figure, Section, Table, median
from bench.runtime import fresh_page, run
from llmdeep.site.node import executable
from llmdeep.site.paths import ROOT
from llmdeep.tokenization import well_formed
from tests.fuzzed_texts import fuzzed_texts
from tests.openai_encodings import OPENAI, tiktoken_encoding

NAMES = ("gpt2", "cl100k", "o200k", "llama2", "llama3")
BYTES = 10_000  # of each text
RUN_LENGTH = 100_000  # times one letter

CODE = """
import json
import time
from llmdeep.vocabularies import load

def timed(work):
    began = time.perf_counter()
    found = work()
    return [1000 * (time.perf_counter() - began), len(found)]

load("NAME")
began = time.perf_counter()
tokenizer = load.__wrapped__("NAME")
loading = 1000 * (time.perf_counter() - began)
texts = json.loads(TEXTS)
found = [timed(lambda: tokenizer.encode(text)) for text in texts]
letters = ["a" * n for n in (LONG // 2, LONG)]
runs = [min(timed(lambda: tokenizer.encode(run))[0] for _ in range(3)) for run in letters]
print(json.dumps([loading, found, runs]))
"""


def tokens(browser: Browser, folder: Path, runs: int) -> Section:
    """Each text is encoded once, so that no encoder has seen it before."""
    texts = [mixed(seed) for seed in range(2 * runs + 1)]
    theirs = _javascript(texts)
    figures: list[Figure] = []
    header = ["10 kB in", "ours", "JavaScript", "tiktoken", "ours ÷ JavaScript"]
    table: Table = [[*header, "a run twice as long, ×", "reading the file"]]
    with hosting(folder) as url:
        for name in NAMES:
            code = CODE.replace("NAME", name).replace("LONG", str(RUN_LENGTH))
            code = code.replace("TEXTS", repr(json.dumps(texts)))
            with fresh_page(browser, url) as page:
                loading, ours, (half, whole) = json.loads(run(page, folder, code)["output"])
            first, *later = [milliseconds for milliseconds, _ in ours]
            figures += [
                Figure(f"{name}, the first text", first, "ms", 200),
                median(f"{name}, texts after it", later, "ms", 200),
                Figure(f"{name}, 100,000 times one letter", whole, "ms", 2000),
            ]
            script = statistics.median([milliseconds for milliseconds, _ in theirs[name][1:]])
            rust = f"{_tiktoken(name, texts):.1f} ms" if name in OPENAI else ""
            middle = statistics.median(later)
            times = [f"{middle:.0f} ms", f"{script:.0f} ms", rust]
            ratios = [f"{middle / script:.1f}", f"{whole / half:.1f}"]
            table.append([name, *times, *ratios, f"{loading:.0f} ms"])
    return Section(
        "Tokenizing",
        f"Texts of {BYTES:,} bytes, a third each of the book's prose, code, and fuzzed Unicode; "
        "each encoded once. Ours in Python in the page; the JavaScript packages in Node; tiktoken, "
        "which is Rust, in CPython; medians without the first text.",
        figures,
        [table],
    )


def mixed(seed: int) -> str:
    """A text of about BYTES bytes of UTF-8."""
    rng = random.Random(seed)
    prose = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*/*.md")))
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("src/*/*.py")))
    fuzzed = " ".join(fuzzed_texts(2_000, seed, surrogates=False))
    parts: list[str] = []
    while sum(len(part.encode()) for part in parts) < BYTES:
        source = (prose, code, fuzzed)[len(parts) % 3]
        start = rng.randrange(len(source) - 100)
        parts.append(well_formed(source[start : start + 100]))
    return "".join(parts)


def _javascript(texts: list[str]) -> dict[str, list[list[float]]]:
    program = [str(executable()), str(ROOT / "bench" / "tokenizers.mjs")]
    answer = subprocess.run(
        program, input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _tiktoken(name: str, texts: list[str]) -> float:
    """Milliseconds a text, the median of all but the first."""
    encoding = tiktoken_encoding(name)
    found = []
    for text in texts:
        began = time.perf_counter()
        encoding.encode_ordinary(text)
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found[1:])
