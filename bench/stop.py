"""How soon Stop stops, and how soon Python is there again."""

from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.chromium import LONG
from bench.host import hosting
from bench.report import Figure, Section, median
from bench.site import first_cells
from llmdeep.site.server import ISOLATION

LOOP = "print('begun')\nwhile True: pass"
SLEEP = "print('begun')\n__import__('time').sleep(1e6)"

STOP = """(id) => new Promise((resolve) => {
  const cell = document.getElementById(id);
  const output = cell.querySelector("[data-output]");
  const page = document.documentElement;
  const before = output.firstElementChild;
  new MutationObserver((_, observer) => {
    if (output.firstElementChild === before || !output.textContent.includes("begun")) return;
    observer.disconnect();
    press();
  }).observe(output, {childList: true, subtree: true});
  cell.querySelector("[data-action=run]").click();

  function press() {
    const start = performance.now();
    let stopped;
    new MutationObserver((_, observer) => {
      const running = ["busy", "booting"].includes(cell.dataset.state);
      if (!running) stopped ??= performance.now() - start;
      if (stopped === undefined || page.dataset.llmdeepRuntime !== "ready") return;
      observer.disconnect();
      resolve([stopped, (performance.now() - start) / 1000]);
    }).observe(page, {subtree: true, attributeFilter: ["data-state", "data-llmdeep-runtime"]});
    cell.querySelector("[data-action=stop]").click();
  }
})"""


def stop(browser: Browser, folder: Path, runs: int) -> Section:
    """Softly, where the page may share memory with Python; hard elsewhere, or if Python is deaf."""
    figures: list[Figure] = []
    for how, code, isolated, budget in (
        ("softly (isolated page), endless loop", LOOP, True, 100),
        ("hard, endless loop", LOOP, False, 600),
        ("hard (isolated page), time.sleep", SLEEP, True, 600),
    ):
        samples = _stopped(browser, folder, code, isolated, runs)
        figures.append(median(f"{how}: stopped", [ms for ms, _ in samples], "ms", budget))
        figures.append(median(f"{how}: Python is ready", [s for _, s in samples], "s", 3.6))
    return Section(
        "Stop",
        "From the click on Stop to the end of the cell, and to Python being ready for the next "
        "one: at once after a soft stop; after a hard one it has started anew, 3 s allowed for it "
        "besides the 600 ms.",
        figures,
    )


def _stopped(
    browser: Browser, folder: Path, code: str, isolated: bool, runs: int
) -> list[tuple[float, float]]:
    """Milliseconds until the cell ended, and seconds until Python is ready again."""
    cell = first_cells(folder)[0]
    with hosting(folder, headers=ISOLATION if isolated else None) as url:
        context = browser.new_context()
        context.set_default_timeout(LONG)
        page = context.new_page()
        page.goto(url + cell.page.path, wait_until="networkidle")
        _write(page, cell.id, code)
        samples = []
        for _ in range(runs):
            milliseconds, seconds = page.evaluate(STOP, cell.id)
            samples.append((milliseconds, seconds))
        context.close()
    return samples


def _write(page: Page, cell: str, code: str) -> None:
    page.locator(f"#{cell} [data-action=edit]").click()
    page.locator(f"#{cell} .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
