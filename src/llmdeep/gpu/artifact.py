"""What was measured on a GPU: one file a kernel and device, and what such a file may say.

A file is data and never edited by hand. `unsound` holds it to its form, to arithmetic and to
physics, `problems` to the kernel and the compiler too; `states` says whether it still speaks of
the kernel as it is.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmdeep.gpu.closure import closure_hash
from llmdeep.gpu.discovery import names
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet, floor
from llmdeep.gpu.shape import misfits
from llmdeep.site.paths import ROOT

FOLDER = ROOT / "gpu_runs"
SPREAD = 0.05  # of repeated medians, beyond which a note must say why

Artifact = dict[str, Any]


def path_of(kernel: str, device: str, folder: Path = FOLDER) -> Path:
    """Where the measurements of a kernel on a device are kept."""
    return folder / f"{kernel}.{device.lower().replace(' ', '-')}.json"


def read(path: Path) -> Artifact:
    """An artifact from its file."""
    found: Artifact = json.loads(path.read_text(encoding="utf-8"))
    return found


def of(kernel: str, folder: Path = FOLDER) -> dict[Path, Artifact]:
    """What was measured of a kernel, by file: one for each device."""
    return {path: read(path) for path in sorted(folder.glob(f"{kernel}.*.json"))}


def is_current(artifact: Artifact) -> bool:
    """Whether the code that was measured is the kernel's code now."""
    kernel = artifact["kernel"]
    return bool(kernel["closure_sha256"] == closure_hash(kernel["name"]))


def states(folder: Path = FOLDER) -> dict[str, str]:
    """The state of each kernel."""
    return {name: state(name, folder) for name in names()}


def state(kernel: str, folder: Path = FOLDER) -> str:
    """Of one kernel: measured, stale (its code has changed since), or missing."""
    artifacts = of(kernel, folder).values()
    if not artifacts:
        return "missing"
    return "measured" if any(map(is_current, artifacts)) else "stale"


def problems(artifact: Artifact) -> list[str]:
    """What an artifact says that cannot be; empty for a sound one. Needs torch and Triton."""
    found = unsound(artifact)
    if not found and is_current(artifact):
        found += _against_the_kernel(artifact)
    return found


def unsound(artifact: Artifact) -> list[str]:
    """What is wrong with an artifact by itself: its form, its arithmetic, its physics."""
    found = list(misfits(artifact))
    if found:
        return found
    name = artifact["kernel"]["name"]
    if name not in names():
        return [f"there is no kernel {name!r}"]
    if not artifact["results"]:
        return ["there are no results"]
    for result in artifact["results"]:
        found += [f"{result['case']}: {what}" for what in _result_problems(artifact, result)]
    return found


def _result_problems(artifact: Artifact, result: dict[str, Any]) -> Iterator[str]:
    timing, derived, error = result["timing"], result["derived"], result["error"]
    median = timing["median_ms"]
    if not 0 < timing["min_ms"] <= timing["p20_ms"] <= median <= timing["p80_ms"]:
        yield "the order must be 0 < min ≤ p20 ≤ median ≤ p80"
        return
    repeats = timing["repeat_medians_ms"]
    if not repeats or not min(repeats) <= median <= max(repeats):
        yield "the median is not among the repeats' medians"
    elif (max(repeats) - min(repeats)) / median > SPREAD and not result["notes"]:
        yield f"repeats differ by more than {SPREAD:.0%}, and no note says why"

    device, ceilings = datasheet(artifact["device"]["name"]), artifact["ceilings"]
    rate = device.peak(RATE_OF_DTYPE[result["dtype"]])
    if rate is None:
        yield f"the device has no rate for {result['dtype']}"
        return
    physics = floor(result["flops"], result["bytes"], rate / 1e12, device.bandwidth / 1e12)
    fastest = min(median, timing["graph_ms"] or median)
    if fastest < physics.milliseconds:
        yield f"{fastest} ms is below the physical floor of {physics.milliseconds:.4g} ms"
    if result["bound"] != physics.bound:
        yield f"it is bound by {physics.bound}, not by {result['bound']}"
    measured = floor(
        result["flops"],
        result["bytes"],
        ceilings["bf16_tflops_8192_random"] * rate / (device.peak("bf16") or rate),
        ceilings["copy_tbs"],
    )
    seconds = median / 1e3
    for said, value, right in (
        ("floor_ms.datasheet", result["floor_ms"]["datasheet"], physics.milliseconds),
        ("floor_ms.measured", result["floor_ms"]["measured"], measured.milliseconds),
        ("tflops", derived["tflops"], result["flops"] / seconds / 1e12),
        ("gbs", derived["gbs"], result["bytes"] / seconds / 1e9),
        (
            "pct_floor_measured",
            derived["pct_floor_measured"],
            100 * measured.milliseconds / median,
        ),
        (
            "pct_peak_datasheet",
            derived["pct_peak_datasheet"],
            100 * physics.milliseconds / median,
        ),
        *(
            (f"speedup over {peer['name']}", peer["speedup"], peer["median_ms"] / median)
            for peer in result["peers"]
            if peer["status"] == "ok"
        ),
    ):
        if abs(value - right) > 1e-3 * abs(right):
            yield f"{said} is {value}, and follows as {right:.6g}"

    within = all(one <= most for one, most in zip(error["rel_l2"], error["bound"], strict=True))
    if not (error["pass"] and error["poisoned"] and within):
        yield "its error is not within the bound, on poisoned memory"
    if "zero" in result["input"]:
        yield "zeros are no inputs: they hide mistakes and run faster than numbers do"
    if not result["peers"] and not result["notes"]:
        yield "there is no peer, and no note says why"


def _against_the_kernel(artifact: Artifact) -> Iterator[str]:
    """What does not follow from the kernel as it is now, whose code is the measured one."""
    from llmdeep.gpu.discovery import load

    kernel = load(artifact["kernel"]["name"])
    for result in artifact["results"]:
        case = kernel.cases.get(result["case"])
        if case is None or dict(case.size) != result["shape"] or case.dtype != result["dtype"]:
            yield f"{result['case']} is no case of the kernel"
            continue
        itemsize = {"float8_e4m3fn": 1, "float8_e5m2": 1, "int8": 1, "float32": 4}.get(
            case.dtype, 2
        )
        if result["flops"] != kernel.flops(**case.size):
            yield f"{result['case']}: its operations are {kernel.flops(**case.size)}"
        if result["bytes"] != kernel.bytes_moved(itemsize=itemsize, **case.size):
            yield f"{result['case']}: its bytes do not follow from its formula"
    if artifact["software"]["triton"] != _triton():
        return
    from llmdeep.gpu.compiler import compiled

    architecture = int(artifact["device"]["cc"].replace(".", ""))
    for result in artifact["results"]:
        if result["case"] in kernel.cases:
            again = compiled(kernel, kernel.cases[result["case"]], architecture, result["config"])
            for then, now in zip(result["compile"], again, strict=True):
                for what in ("registers", "spills", "shared"):
                    if then[what] != now[what]:
                        yield (
                            f"{result['case']}: {then['name']} had {then[what]} {what}, "
                            f"and now the compiler says {now[what]}"
                        )


def _triton() -> str:
    import triton

    return str(triton.__version__)
