"""The pages of the book: every Python fence is run by somebody, and none is misspelt."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from llmdeep.site.fences import FenceError, exercises, python_fences

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def counted_by_eye(text: str) -> int:
    """Fences that a reader would call Python, by a rule of this test's own."""
    fence = r"^[ \t]*(?:```+|~~~+)[ \t]*\{?\.?(?:py|python|pycon)"
    return len(re.findall(fence, text, re.MULTILINE | re.IGNORECASE))


def collected() -> Counter[str]:
    """How many examples pytest collects on each page."""
    listing = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return Counter(line.split("::")[0] for line in listing.splitlines() if "::" in line)


def test_pytest_runs_as_many_examples_as_there_are_fences() -> None:
    fences = {
        str(page.relative_to(ROOT)): count
        for page in PAGES
        if (count := counted_by_eye(page.read_text(encoding="utf-8")))
    }
    assert fences, "there are no Python fences: are the pages where this test looks?"
    assert collected() == fences


@pytest.mark.parametrize(
    "fence",
    [
        "```py\nx = 1\n```",
        "``` python\nx = 1\n```",
        '```python title="x"\nx = 1\n```',
        "```Python\nx = 1\n```",
        "```{.python}\nx = 1\n```",
        "~~~python\nx = 1\n~~~",
        "````python\nx = 1\n````",
        "    ```python\n    x = 1\n    ```",
        "```python3\nx = 1\n```",
        "```python\nx = 1\n",
        '```python no-browser=""\nx = 1\n```',
    ],
)
def test_a_fence_that_nobody_would_run_is_refused(fence: str) -> None:
    with pytest.raises(FenceError):
        python_fences(fence.split("\n"))


def test_a_fence_inside_another_is_text() -> None:
    page = "````text\n```python\nx = 1\n```\n````\n\n```python\ny = 2\n```"
    assert [fence.code for fence in python_fences(page.split("\n"))] == ["y = 2\n"]


def test_the_reason_for_staying_out_of_the_browser_is_kept() -> None:
    (fence,) = python_fences(['```python no-browser="needs torch"', "import torch", "```"])
    assert (fence.role, fence.no_browser) == ("cell", "needs torch")


@pytest.mark.parametrize(
    "roles",
    [
        ["starter"],
        ["check"],
        ["solution"],
        ["starter", "solution"],
        ["starter", "solution", "check"],
        ["check", "solution"],
        ["starter", "check"],
        ["starter", "check", "starter", "check", "solution"],
    ],
)
def test_an_incomplete_exercise_is_refused(roles: list[str]) -> None:
    page = "\n".join(f"```python {role}\nx = 1\n```" for role in roles)
    with pytest.raises(FenceError):
        exercises(python_fences(page.split("\n")))


def test_every_chapter_has_three_exercises_and_its_sources() -> None:
    for page in PAGES:
        if page.parent.name == "foundations":
            text = page.read_text(encoding="utf-8")
            assert len(exercises(python_fences(text.split("\n")))) >= 3, page.name
            assert re.search(r"^## Sources", text, re.M), page.name
