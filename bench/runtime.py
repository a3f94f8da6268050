"""Runs Python in a page as one of its cells would, for measurements made by Python itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from bench.chromium import LONG

# Runs code as a cell does. `arrived`: when the last byte of the data was there.
RUN = """async ([awake, code]) => {
  const { runtime } = await import(awake);
  await runtime.start();
  let output = "", arrived = 0;
  const fetching = ({ loaded, total }) => loaded === total && (arrived = performance.now());
  const print = (_, text) => (output += text);
  const outcome = await runtime.run("bench", code, print, false, { fetching });
  return { outcome, output, seconds: (performance.now() - arrived) / 1000 };
}"""


@contextmanager
def fresh_page(browser: Browser, url: str) -> Iterator[Page]:
    """A page as a new visitor has it, with patience for what Python takes."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(LONG)
    page.goto(url)
    yield page
    context.close()


def run(page: Page, folder: Path, code: str) -> dict[str, Any]:
    """Run `code` on a page of the site; it must not fail."""
    awake = next((folder / "assets" / "llmdeep").glob("awake-*.js"))
    found: dict[str, Any] = page.evaluate(RUN, [f"/assets/llmdeep/{awake.name}", code])
    if not found["outcome"]["ok"]:
        raise RuntimeError(f"this could not be measured: {found['outcome']}")
    return found
