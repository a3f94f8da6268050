"""Every page works in Firefox and WebKitGTK too: its widgets follow their sliders, a cell runs."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from llmdeep.site.node import command

HERE = Path(__file__).parent / "engines"
VISIT = HERE / "visit.js"
SMALL = HERE / "small.js"
REPORT = "visit().then(arguments[0], (error) => arguments[0]({problems: [String(error)]}))"


def test_every_page_works_in_firefox(book_url: str, page_paths: list[str]) -> None:
    firefox = program("firefox-esr", "firefox")
    done = subprocess.run(
        command(HERE / "firefox.mjs", firefox, VISIT, *urls(book_url, page_paths)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    visits = [json.loads(line) for line in done.stdout.splitlines()]
    assert [visit["url"] for visit in visits] == urls(book_url, page_paths)
    expect_working(visits)


def test_every_page_works_in_webkit(book_url: str, page_paths: list[str], webkit: Any) -> None:
    visits = []
    for url in urls(book_url, page_paths):
        open_fully(webkit, url)
        visits.append(
            {
                "url": url,
                "problems": [],
                **webkit.execute_async_script(f"{VISIT.read_text()};{REPORT}"),
            }
        )
    expect_working(visits)


def test_data_streams_and_files_work_in_firefox(small_url: str) -> None:
    done = subprocess.run(
        command(HERE / "firefox.mjs", program("firefox-esr", "firefox"), SMALL, small_url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expect_small(json.loads(done.stdout))


def test_data_streams_and_files_work_in_webkit(small_url: str, webkit: Any) -> None:
    open_fully(webkit, small_url)
    expect_small({"problems": [], **webkit.execute_async_script(f"{SMALL.read_text()};{REPORT}")})


def expect_small(visit: dict[str, Any]) -> None:
    assert visit["problems"] == []
    assert "own.safetensors begins with" in visit["file"]
    assert re.search(r"sum\s*[1-9]", visit["sum"])


def expect_working(visits: list[dict[str, Any]]) -> None:
    assert {visit["url"]: visit["problems"] for visit in visits if visit["problems"]} == {}
    assert sum(len(visit["moved"]) for visit in visits) > 0
    assert any(visit["cell"] for visit in visits)


def urls(book_url: str, page_paths: list[str]) -> list[str]:
    return [book_url + path for path in page_paths]


@pytest.fixture(scope="module")
def webkit() -> Iterator[webdriver.WebKitGTK]:
    """WebKitGTK's own little browser, on a virtual screen where there is none."""
    options = Options()
    options.binary_location = str(mini_browser())
    options.add_argument("--automation")
    screen = None if os.environ.get("DISPLAY") else virtual_screen()
    driver = webdriver.WebKitGTK(options=options, service=Service(program("WebKitWebDriver")))
    driver.set_script_timeout(180)
    yield driver
    driver.quit()
    if screen is not None:
        screen.terminate()
        del os.environ["DISPLAY"]


def open_fully(webkit: webdriver.WebKitGTK, url: str) -> None:
    """Open a page. The driver alone may return before it is there, or before its scripts ran."""
    webkit.get(url)
    there = "return location.href === arguments[0] && document.readyState === 'complete'"
    WebDriverWait(webkit, 90).until(lambda driver: driver.execute_script(there, url))


def virtual_screen() -> subprocess.Popen[str]:
    screen = subprocess.Popen(
        [program("Xvfb"), "-displayfd", "1", "-screen", "0", "1440x1000x24"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert screen.stdout is not None
    os.environ["DISPLAY"] = ":" + screen.stdout.readline().strip()
    return screen


def mini_browser() -> Path:
    found = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
    assert found, "WebKitGTK's MiniBrowser is missing; install webkit2gtk-driver"
    return found[-1]


def program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise AssertionError(
        f"{' or '.join(names)} is missing; install it with the system's package manager"
    )
