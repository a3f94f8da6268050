"""The book's own model in the page: how soon it is there, and how fast it reads and writes."""

import json
from pathlib import Path

from playwright.sync_api import Browser

from bench.host import hosting
from bench.report import Figure, Section, median
from bench.runtime import fresh_page, run

FIRST = """
import numpy as np
from llmdeep.book_model import load
from llmdeep.transformer import forward
book = load()
prompt = np.array(book.tokenizer.encode("Once upon a time there was"))
print(forward(book.weights, book.config, prompt, last=1).shape)
"""

REST = """
import json
import time
import tracemalloc
from llmdeep.generation import cached_law, generate

def seconds(work, times):
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found

def write(n):
    room = book.config.max_positions - len(prompt)
    while n > 0:
        law = cached_law(book.weights, book.config)
        rng = np.random.default_rng(n)
        n -= len(list(generate(law, prompt.tolist(), min(n, room), rng)))

def maps():
    kept = []
    def visit(name, tensor):
        if name.endswith("attention.weights"):
            kept.append(tensor)
    forward(book.weights, book.config, text, last=1, visit=visit)
    assert len(kept) == book.config.n_layers

text = np.resize(prompt, 64)
embedding = book.weights["token_embedding"]
vector = np.ones(embedding.shape[1], np.float32)
products = lambda: [vector @ embedding.T for _ in range(100)]  # a page's clock is coarse
product = min(seconds(products, 20)) / 100
write(100)
found = {
    "writing": [200 / s for s in seconds(lambda: write(200), RUNS)],
    "maps": [1000 * s for s in seconds(maps, RUNS)],
    "bytes": sum(matrix.nbytes for matrix in book.weights.values()),
    "rate": embedding.nbytes / product,
}
tracemalloc.start()
write(200)
before = tracemalloc.get_traced_memory()[0]
write(2000)
found["grown"] = tracemalloc.get_traced_memory()[0] - before
tracemalloc.stop()
print(json.dumps(found))
"""


def model(browser: Browser, folder: Path, runs: int) -> Section:
    """Measured by Python itself, but for the first logits, which a reader waits for."""
    firsts = []
    with hosting(folder) as url:
        for _ in range(runs):
            with fresh_page(browser, url) as page:
                firsts.append(run(page, folder, FIRST)["seconds"])
                if len(firsts) == runs:
                    code = REST.replace("RUNS", str(2 * runs + 1))
                    found = json.loads(run(page, folder, code)["output"])
    bound = found["rate"] / found["bytes"]
    return Section(
        "The book's model",
        "First logits: from the last byte of the model to the distribution after a prompt, with "
        "Python running. Writing: 200 tokens, one at a time, with a cache. The bound: the bytes of "
        "all weights at the rate at which the largest matrix is multiplied by a vector here. "
        "Memory: what Python's allocations grew by over 2,000 tokens.",
        [
            median("first logits", firsts, "s", 3),
            median("writing", found["writing"], "tokens/s", 60, at_least=True),
            Figure("writing, at most (weights ÷ rate)", bound, "tokens/s"),
            Figure("weights in memory", found["bytes"] / 1e6, "MB"),
            Figure("rate of matrix · vector", found["rate"] / 1e9, "GB/s"),
            median("all attention maps of 64 tokens", found["maps"], "ms", 250),
            Figure("memory after 2,000 tokens, more by", found["grown"] / 1e3, "kB", 100),
        ],
    )
