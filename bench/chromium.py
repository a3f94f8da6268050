"""Chromium as the measurements use it: one browser for many pages, or a new process a page."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
LONG = 180_000  # milliseconds after which even a busy machine is not going to answer


def executable(playwright: Playwright) -> str:
    """The browser that CHROMIUM names, else one installed here, else Playwright's own."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    return found or playwright.chromium.executable_path


@contextmanager
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser; each context it opens starts with empty caches."""
    opened = playwright.chromium.launch(
        executable_path=executable(playwright), args=list(FLAGS), timeout=LONG
    )
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def process(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """A browser process of its own, with what `profile` remembers of those before it."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=executable(playwright), args=list(FLAGS), timeout=LONG
    )
    context.set_default_timeout(LONG)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def new_profile() -> Iterator[Path]:
    """An empty profile, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
