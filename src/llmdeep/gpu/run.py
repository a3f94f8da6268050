"""Check and measure kernels on a GPU, and write what was found after each of them.

Right first: all are checked, many at a time, and one whose error is beyond its bound is not timed.
Then each is timed alone. A run that is cut off is taken up where it ended: what is measured
already, on this device and with this code, is left alone.
"""

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from llmdeep.gpu.artifact import FOLDER, Artifact, is_current, path_of, problems, read
from llmdeep.gpu.case_result import cases_on
from llmdeep.gpu.closure import closure_hash, files
from llmdeep.gpu.discovery import load, names
from llmdeep.gpu.process import NoAnswerError, ask_once
from llmdeep.gpu.roofs import datasheet
from llmdeep.gpu.spec import FAMILIES
from llmdeep.site.cache import file_hash, write
from llmdeep.site.paths import ROOT

# What was measured a moment ago is no change of what is being measured.
POINTS = ":!src/llmdeep/catalog/measured_kernels.json"
CHANGES = ("status", "--porcelain", "--", ".", ":!gpu_runs", POINTS)

AT_ONCE = 8  # kernels that are checked side by side: most of that time goes into compiling
# For one kernel, beyond which a launch is taken to be one that never ends.
SECONDS = {"device": 60, "roofs": 120, "check": 240, "try": 120, "time": 600}

Comparisons = list[dict[str, Any]]


class NotMeasuredError(RuntimeError):
    """A measurement that cannot be what happened."""


def run(chosen: Sequence[str], minutes: float, again: bool, folder: Path = FOLDER) -> int:
    """Check kernels, then measure those that are right, the sure ones first.

    Args:
        chosen: Their names; all if there are none.
        minutes: No kernel's timing is begun after that.
        again: Measure also what is measured already.

    Returns:
        How many failed.

    Raises:
        LookupError: If no datasheet of this device is known.
        NoAnswerError: If the device does not say what it is, or its roofs cannot be measured.
    """
    begun = time.monotonic()
    facts = ask("device")
    datasheet(facts["name"])  # without one there are no floors: better said now than after an hour
    todo = [name for name in in_order(chosen) if again or not _is_done(name, facts, folder)]
    print(f"{facts['name']}: {len(todo)} kernels", flush=True)
    if not todo:
        return 0
    common = {**ask("roofs", facts["name"]), "git": _commit()}
    checked = {name: found for name, found in _checked(todo) if found is not None}
    failed = len(todo) - len(checked)
    for index, name in enumerate(checked):
        if time.monotonic() - begun > 60 * minutes:
            left = ", ".join(list(checked)[index:])
            print(f"time is up; the same command goes on with {left}")
            break
        try:
            comparisons, broken = checked[name]
            timed = ask("time", name, facts, common["ceilings"], broken)
            artifact = _artifact(name, comparisons, timed, facts, common)
            if wrong := problems(artifact):
                raise NotMeasuredError("; ".join(wrong))
            write(path_of(name, facts["name"], folder), json.dumps(artifact, indent=1) + "\n")
            for one in artifact["results"]:
                print(_line(name, one), flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED   {name}: {error}", file=sys.stderr, flush=True)
    return failed


def check(chosen: Sequence[str]) -> int:
    """Only compare kernels with float64 on this device; returns how many are wrong."""
    return sum(found is None for _, found in _checked(in_order(chosen)))


def ask(work: str, *about: Any) -> Any:
    """What a process of its own answers to a question about some `work`.

    Raises:
        NoAnswerError: As `process.ask_once`.
    """
    return ask_once("llmdeep.gpu.work", [work, *about], SECONDS[work])


def in_order(chosen: Sequence[str]) -> list[str]:
    """Kernels by family, and by name in a family; all if none are chosen."""
    return sorted(chosen or names(), key=lambda name: (FAMILIES.index(load(name).family), name))


def _checked(todo: Sequence[str]) -> Iterator[tuple[str, tuple[Comparisons, list[int]] | None]]:
    """Each kernel's comparisons and broken configurations, in this order; what is wrong is said.

    None for a kernel that is wrong itself.
    """

    def checked(name: str) -> tuple[Comparisons, list[int]]:
        return ask("check", name), _broken(name)

    pool = ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1))
    try:
        for name, future in [(name, pool.submit(checked, name)) for name in todo]:
            try:
                comparisons, broken = future.result()
                without = f", without its configurations {broken}" if broken else ""
                print(f"right    {name}, {len(comparisons)} comparisons{without}", flush=True)
                yield name, (comparisons, broken)
            except Exception as error:
                print(f"WRONG    {name}: {error}", file=sys.stderr, flush=True)
                yield name, None
    finally:
        pool.shutdown(cancel_futures=True)


def _broken(name: str) -> list[int]:
    """The places in `KERNEL.configs` of those that end their process, or never end."""
    try:
        ask("try", name)
    except NoAnswerError:
        return [index for index in range(len(load(name).configs)) if not _works(name, index)]
    return []


def _works(name: str, index: int) -> bool:
    try:
        ask("try", name, [index])
    except NoAnswerError as error:
        print(f"BROKEN   {name}, configuration {index}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _artifact(
    name: str,
    checked: Comparisons,
    timed: dict[str, Any],
    facts: dict[str, Any],
    common: dict[str, Any],
) -> Artifact:
    return {
        "schema": "llmdeep.gpu_run/1",
        "run": {
            "utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": f"llmdeep gpu run {name}",
            "harness_sha256": file_hash(Path(__file__).parent.glob("*.py")),
            "seed": 0,
            "wall_s": timed["wall_s"],
        },
        "device": {
            **facts,
            "accelerator": datasheet(facts["name"]).name,
            "before": timed["before"],
            "after": timed["after"],
        },
        **common,
        "kernel": {
            "name": name,
            "entry": f"kernels/{name}.py:launch",
            "files": files(name),
            "closure_sha256": closure_hash(name),
        },
        "checked": checked,
        "results": timed["results"],
    }


def _is_done(name: str, facts: dict[str, Any], folder: Path) -> bool:
    """Whether these cases were measured on such a device, with the code as it is."""
    path = path_of(name, facts["name"], folder)
    if not path.exists():
        return False
    artifact = read(path)
    cases = {
        case_name: (dict(case.size), case.dtype)
        for case_name, case in cases_on(load(name), facts).items()
    }
    known = {one["case"]: (one["shape"], one["dtype"]) for one in artifact["results"]}
    return is_current(artifact) and cases == known


def _commit() -> dict[str, Any]:
    """Of this tree; what is no repository counts as changed."""
    sha = _git("rev-parse", "HEAD")
    return {"sha": sha, "dirty": not sha or bool(_git(*CHANGES))}


def _git(*words: str) -> str:
    """What git says; nothing outside a repository, and without git."""
    try:
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


def _line(name: str, one: dict[str, Any]) -> str:
    peers = ", ".join(
        f"{peer['speedup']:.2f} x {peer['name']}" for peer in one["peers"] if peer["status"] == "ok"
    )
    rates = {"compute": f"{one['derived']['tflops']:.0f} TFLOP/s"}
    rate = rates.get(one["bound"], f"{one['derived']['gbs']:.0f} GB/s")
    return (
        f"measured {name} {one['case']}: {one['timing']['median_ms']:.4f} ms, {rate}, "
        f"{one['derived']['pct_floor_measured']:.0f} % of the measured roof; {peers}"
    )
