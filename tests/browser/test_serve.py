"""`llmdeep serve`: an open page follows what its author saves, and says what went wrong."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from llmdeep.site.paths import ROOT

BUILD = 120_000  # milliseconds that a build may take on a busy machine


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's sources, apart from it, with what is installed and cached linked in."""
    for folder in ("docs", "src", "kernels", "gpu_runs"):
        kept = shutil.ignore_patterns("__pycache__", "assets", "*.egg-info")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=kept)
    for file in ("mkdocs.yml", "package.json", "package-lock.json"):
        shutil.copy(ROOT / file, tmp_path)
    shutil.copytree(ROOT / ".cache" / "pyodide", tmp_path / ".cache" / "pyodide")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


@pytest.fixture
def served(copy: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "llmdeep.cli", "serve", "--port", "8400"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"The book is at (\S+)", line):
            yield found[1]
            break
    else:
        pytest.fail("it never served:\n" + "".join(said))
    process.terminate()
    process.communicate()


def test_an_open_page_follows_its_author(chromium: Browser, served: str, copy: Path) -> None:
    page = chromium.new_page()
    page.set_default_timeout(BUILD)
    with page.expect_request("**/_serve/events"):
        page.goto(served + "foundations/attention/")
    chapter = copy / "docs" / "foundations" / "attention.md"
    text = chapter.read_text()

    chapter.write_text(text + "\nA sentence that was not there before.\n")
    expect(page.get_by_text("A sentence that was not there before.")).to_be_visible(timeout=BUILD)

    chapter.write_text(text + "\n![Nobody](widget:nobody)\n")
    dialog = page.locator("#serve-error")
    expect(dialog).to_contain_text("nobody", timeout=BUILD)
    expect(dialog).to_contain_text("attention.md")

    chapter.write_text(text)
    expect(dialog).to_have_count(0, timeout=BUILD)
    page.close()
