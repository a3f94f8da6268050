"""Check and measure kernels on a GPU, and write what was found after each of them.

Right first: a kernel whose error is beyond its bound is not timed, and nothing is written. A run
that is cut off is taken up where it ended: what is measured already, on this device and with this
code, is left alone.
"""

import datetime
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmdeep.gpu import measure
from llmdeep.gpu.agreement import agreement
from llmdeep.gpu.artifact import FOLDER, Artifact, path_of, problems, read
from llmdeep.gpu.case_result import WrongError, architecture, demand, result
from llmdeep.gpu.closure import closure_hash, files
from llmdeep.gpu.discovery import load, names
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet
from llmdeep.gpu.spec import FAMILIES, Kernel
from llmdeep.site.cache import file_hash, write
from llmdeep.site.paths import ROOT

# What was measured a moment ago is no change of what is being measured.
POINTS = ":!src/llmdeep/catalog/measured_kernels.json"
CHANGES = ("status", "--porcelain", "--", ".", ":!gpu_runs", POINTS)


def run(chosen: Sequence[str], minutes: float, again: bool, folder: Path = FOLDER) -> int:
    """Measure kernels, those that are sure first; returns how many failed.

    Args:
        chosen: Their names; all if there are none.
        minutes: No kernel is begun after that.
        again: Measure also what is measured already.

    Raises:
        LookupError: If no datasheet of this device is known.
    """
    begun = time.monotonic()
    facts = measure.device_facts()
    datasheet(facts["name"])  # without one there are no floors: better said now than after an hour
    todo = [
        (name, kernel)
        for name, kernel in in_order(chosen)
        if again or not _is_done(name, facts["name"], folder)
    ]
    print(f"{facts['name']}: {len(todo)} kernels", flush=True)
    common: dict[str, Any] = {}
    failed = 0
    for index, (name, kernel) in enumerate(todo):
        if time.monotonic() - begun > 60 * minutes:
            left = ", ".join(one for one, _ in todo[index:])
            print(f"time is up; the same command goes on with {left}")
            break
        try:
            checked = _checked(kernel)
            common = common or _common(facts["name"])
            artifact = _measured(name, kernel, checked, facts, common)
            if wrong := problems(artifact):
                raise WrongError("; ".join(wrong))
            write(path_of(name, facts["name"], folder), json.dumps(artifact, indent=1) + "\n")
            for one in artifact["results"]:
                print(_line(name, one), flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED   {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return failed


def check(chosen: Sequence[str]) -> int:
    """Only compare kernels with float64 on this device; returns how many are wrong."""
    failed = 0
    for name, kernel in in_order(chosen):
        try:
            print(f"right    {name}, {len(_checked(kernel))} comparisons", flush=True)
        except Exception as error:
            failed += 1
            print(f"WRONG    {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return failed


def in_order(chosen: Sequence[str]) -> list[tuple[str, Kernel]]:
    """Kernels by family, and by name in a family; all if none are chosen."""
    return sorted(
        ((name, load(name)) for name in chosen or names()),
        key=lambda pair: (FAMILIES.index(pair[1].family), pair[0]),
    )


def _is_done(name: str, device: str, folder: Path) -> bool:
    path = path_of(name, device, folder)
    return path.exists() and read(path)["kernel"]["closure_sha256"] == closure_hash(name)


def _checked(kernel: Kernel) -> list[dict[str, Any]]:
    """Every size of the interpreter's, on this device, with bfloat16 too, against the oracle."""
    dtypes = list(kernel.dtypes)
    if "float16" in dtypes:
        dtypes.append("bfloat16")
    found = []
    for index, size in enumerate(kernel.sizes):
        for dtype in dtypes:
            errors = agreement(kernel, size, dtype, "cuda", seed=1000 + index)
            demand(errors, f"{dict(size)} in {dtype}")
            found.append(
                {
                    "shape": dict(size),
                    "dtype": dtype,
                    "rel_l2": [one.error for one in errors],
                    "bound": [one.bound for one in errors],
                }
            )
    return found


def _common(device: str) -> dict[str, Any]:
    """What all artifacts of a run share, the measured ceilings among it."""
    sheet = datasheet(device)
    rates = {rate: sheet.peak(rate) for rate in sorted(set(RATE_OF_DTYPE.values()))}
    return {
        "software": measure.software(),
        "ceilings": measure.ceilings(
            {
                "hbm_tbs": sheet.bandwidth / 1e12,
                "tflops": {name: peak / 1e12 for name, peak in rates.items() if peak},
            }
        ),
        "git": {"sha": _git("rev-parse", "HEAD"), "dirty": bool(_git(*CHANGES))},
    }


def _measured(
    name: str,
    kernel: Kernel,
    checked: list[dict[str, Any]],
    facts: dict[str, Any],
    common: dict[str, Any],
) -> Artifact:
    begun, before = time.monotonic(), measure.state()
    results = [
        result(kernel, case_name, case, facts, common["ceilings"])
        for case_name, case in kernel.cases.items()
        if architecture(facts) in case.architectures
    ]
    return {
        "schema": "llmdeep.gpu_run/1",
        "run": {
            "utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "command": f"llmdeep gpu run {name}",
            "harness_sha256": file_hash(Path(__file__).parent.glob("*.py")),
            "seed": 0,
            "wall_s": round(time.monotonic() - begun, 1),
        },
        "device": {
            **facts,
            "accelerator": datasheet(facts["name"]).name,
            "before": before,
            "after": measure.state(),
        },
        **common,
        "kernel": {
            "name": name,
            "entry": f"kernels/{name}.py:launch",
            "files": files(name),
            "closure_sha256": closure_hash(name),
        },
        "checked": checked,
        "results": results,
    }


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
