"""The reader's own file: read in the page, only as far as it is asked for, and never sent."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from reader import LIVE, figure

HEADER = b'{"a": {"dtype": "I8", "shape": [1], "data_offsets": [0, 1]}}'


@pytest.fixture
def page(open_page: Callable[..., Page], small_url: str) -> Page:
    page = open_page(service_workers="block")
    page.goto(small_url)
    return page


@pytest.fixture
def opener(page: Page) -> Locator:
    return figure(page, "opener")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of six gigabytes, of which a disk holds a few bytes."""
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(len(HEADER).to_bytes(8, "little") + HEADER)
        file.seek(6 * 10**9 - 1)
        file.write(b"\x07")
    return path


def test_of_a_file_larger_than_memory_the_parts_asked_for_are_read(
    opener: Locator, large: Path
) -> None:
    sent: list[str] = []
    opener.page.on("request", lambda request: request.post_data_buffer and sent.append(request.url))
    field(opener).set_input_files(large)
    views = opener.locator("[data-views]")
    expect(views).to_contain_text(f"large.safetensors begins with {HEADER.decode()}", timeout=LIVE)
    expect(views).to_contain_text(re.compile(r"size\s*6,000,000,000\s*last\s*7\s*past\s*0"))
    expect(opener.locator("[data-status]")).to_contain_text("own large.safetensors")
    assert sent == []


def test_it_is_left_out_of_links_and_named_in_data(opener: Locator, large: Path) -> None:
    field(opener).set_input_files(large)
    expect(opener).to_have_attribute("data-state", "live", timeout=LIVE)
    opener.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opener.locator("[data-action=link]").click()
    expect(opener.locator("[data-status]")).to_contain_text("Your file is left out")
    assert opener.page.url.endswith("#w=opener")
    with opener.page.expect_download() as download:
        opener.locator("[data-action=data]").click()
    saved = json.loads(Path(download.value.path()).read_text())
    assert saved["parameters"] == {"own": "large.safetensors"}


def test_it_can_be_removed(opener: Locator, large: Path) -> None:
    remove = opener.locator("[data-action=clear-file]")
    expect(remove).to_be_hidden()
    field(opener).set_input_files(large)
    expect(opener).to_have_attribute("data-state", "live", timeout=LIVE)
    remove.click()
    expect(opener.locator("[data-views]")).to_contain_text("No file is open.")
    expect(remove).to_be_hidden()
    assert field(opener).evaluate("(field) => field.files.length") == 0


def test_what_the_control_refuses_is_said_beside_it(opener: Locator, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("Once upon a time")
    field(opener).set_input_files(tmp_path / "story.txt")
    problem = opener.locator("[data-problem=own]")
    expect(problem).to_have_text("“story.txt” is not a .safetensors or .bin file.")
    expect(field(opener)).to_have_attribute("aria-invalid", "true")
    expect(opener.locator("[data-views]")).to_contain_text("No file is open.")


def test_a_file_that_changes_after_it_was_chosen_is_said_to_have(
    opener: Locator, tmp_path: Path
) -> None:
    own = tmp_path / "own.bin"
    own.write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + b"\x01")
    field(opener).set_input_files(own)
    expect(opener).to_have_attribute("data-state", "live", timeout=LIVE)
    own.write_bytes(b"something else altogether")
    opener.locator("[data-action=code]").click()
    opener.locator("[data-action=code-run]").click()
    expect(opener.locator("[data-message]")).to_contain_text("choose it again", timeout=LIVE)


def test_the_field_is_the_browsers_own_with_label_and_keyboard(opener: Locator) -> None:
    opener.page.on("filechooser", lambda _: None)  # the browser's dialogs are this test's early on
    own = opener.get_by_label("own")
    expect(own).to_have_attribute("accept", ".safetensors,.bin")
    expect(own).to_be_enabled()
    own.focus()
    expect(own).to_be_focused()
    with opener.page.expect_file_chooser() as chooser:
        opener.page.keyboard.press("Enter")
    assert not chooser.value.is_multiple()


def field(opener: Locator) -> Locator:
    return opener.locator("input[type=file]")
