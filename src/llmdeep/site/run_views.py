"""What is known of a kernel, as views: times on a GPU, errors, what the compiler made of it.

Every number is one of an artifact or of a record (`llmdeep.gpu.record`), or follows from such by
the division that its column names.
"""

import math
from collections.abc import Sequence
from typing import Any

from llmdeep.gpu.artifact import Artifact
from llmdeep.gpu.record import Comparison, Record
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet, floor
from llmdeep.widgets._views import Axis, Bar, Chart, Note, Rule, Table, View

THIS = "this kernel"
TARGET = "NVIDIA H200"  # whose datasheet gives the roofs of what nobody has measured yet

Result = dict[str, Any]


def measured(artifact: Artifact) -> list[View]:
    """Times against the roofs and the peers, what was measured, and how right it was."""
    results: list[Result] = artifact["results"]
    notes = [Note(text) for text in _notes(results)]
    tables = [_times(results), _cases(results), _conditions(results), _errors(results)]
    return [_shares(artifact), *tables, *notes]


def to_measure(record: Record) -> list[View]:
    """The cases of a kernel that was never measured, with the least time that physics allows."""
    device = datasheet(TARGET)
    rows: list[list[float | str]] = []
    for case in record["cases"]:
        rate = device.peak(RATE_OF_DTYPE[case["dtype"]])
        assert rate
        least = floor(case["flops"], case["bytes"], rate / 1e12, device.bandwidth / 1e12)
        rows.append(
            [
                case["name"],
                sizes(case["shape"]),
                case["dtype"],
                case["bytes"] / 1e9,
                case["flops"] / 1e9,
                least.bound,
                least.milliseconds,
            ]
        )
    columns = ["Case", "Size", "Type", "10⁹ bytes", "10⁹ operations", "Bound by", "Floor (ms)"]
    return [
        Table(columns, rows, title="What will be measured"),
        Note(
            "The floor is not a measurement. It is the larger of bytes / bandwidth and operations "
            f"/ rate by the datasheet of the {device.name}, as the book's catalog of accelerators "
            f"has it: {device.bandwidth_gbs / 1e3:g}·10¹² bytes a second, and in bfloat16 "
            f"{device.bf16:g}·10¹² operations a second."
        ),
    ]


def without_gpu(record: Record) -> list[View]:
    """The errors of the kernel and of its mistake in the interpreter; the compiler's report."""
    errors: list[list[float | int | str]] = [
        [
            right["dtype"],
            right["of"],
            _known(right["error"]),
            right["torch"],
            right["bound"],
            _known(wrong["error"]),
            wrong["bound"],
        ]
        for right, wrong in _pairs(record)
    ]
    reports = [
        [
            one["case"],
            f"sm_{one['architecture']}",
            report["name"],
            report["registers"],
            report["spills"],
            report["shared"],
            report["warps"],
            ", ".join(f"{count} {kind}" for kind, count in report["instructions"].items() if count),
        ]
        for one in record["compiled"]
        for report in one["reports"]
    ]
    columns = ["Case", "For", "Function", "Registers", "Spilled (bytes)"]
    return [
        Table(
            ["Type", "Comparisons", "Error", "Torch's", "Bound", "With the mistake", "Its bound"],
            errors,
            title="Relative error against float64, in Triton's interpreter",
            digits=2,
        ),
        Table(
            [*columns, "Shared (bytes)", "Warps", "Instructions"],
            reports,
            title=f"Compiled by Triton {record['triton']}",
        ),
    ]


def share_of_roof(artifact: Artifact) -> float:
    """The largest share of the measured roof that a kernel reached in any case, in percent."""
    return max(float(one["derived"]["pct_floor_measured"]) for one in artifact["results"])


def sizes(shape: dict[str, Any]) -> str:
    """A size in words: "rows 32768, columns 8192, causal"."""
    words = []
    for name, value in shape.items():
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words.append(f"{name} {value}")
    return ", ".join(words)


def _shares(artifact: Artifact) -> Chart:
    """Bars for each case: the floor's time over the kernel's, and over each peer's."""
    results = artifact["results"]
    cases = [one["case"] for one in results]
    names = [THIS, *dict.fromkeys(peer["name"] for one in results for peer in _timed(one))]
    bars = []
    for name in names:
        times = [dict(_contenders(one)).get(name, math.nan) for one in results]
        shares = [
            100 * one["floor_ms"]["measured"] / time
            for one, time in zip(results, times, strict=True)
        ]
        bars.append(Bar(cases, shares, label=name))
    return Chart(
        [*bars, Rule(y=100.0, label="measured roof")],
        x=Axis("case", scale="category"),
        y=Axis("share of the roof", unit="%"),
        title=f"{artifact['kernel']['name']} on {artifact['device']['name']}",
    )


def _times(results: Sequence[Result]) -> Table:
    """Medians and their spread, and the rates that matter: those of what binds some case."""
    rates = {"memory": ("TB/s", "bytes"), "compute": ("TFLOP/s", "flops")}
    shown = [rate for bound, rate in rates.items() if any(one["bound"] == bound for one in results)]
    rows = []
    for one in results:
        spread = {THIS: one["timing"], **{peer["name"]: peer for peer in _timed(one)}}
        for name, median in _contenders(one):
            rows.append(
                [
                    one["case"],
                    name,
                    median,
                    spread[name]["p20_ms"],
                    spread[name]["p80_ms"],
                    *(one[amount] / median / 1e9 for _, amount in shown),
                    100 * one["floor_ms"]["measured"] / median,
                    100 * one["floor_ms"]["datasheet"] / median,
                    median / one["timing"]["median_ms"],
                ]
            )
    columns = ["Case", "Computed by", "Median (ms)", "20 % (ms)", "80 % (ms)"]
    roofs = ["Of measured roof (%)", "Of datasheet (%)", "Time / kernel's"]
    return Table([*columns, *(unit for unit, _ in shown), *roofs], rows, title="Times")


def _cases(results: Sequence[Result]) -> Table:
    rows = [
        [one["case"], sizes(one["shape"]), one["dtype"], sizes(one["config"]) or "the default"]
        for one in results
    ]
    columns = ["Case", "Size", "Type", "Fastest configuration"]
    return Table(columns, rows, title="What was measured")


def _conditions(results: Sequence[Result]) -> Table:
    rows = [
        [
            one["case"],
            one["bound"],
            one["floor_ms"]["datasheet"],
            one["floor_ms"]["measured"],
            one["timing"]["graph_ms"],
            one["timing"]["n"],
            one["memory"]["peak_bytes"] / 1e6,
        ]
        for one in results
    ]
    columns = ["Case", "Bound by", "Datasheet's floor (ms)", "Measured floor (ms)"]
    more = ["In a graph (ms)", "Runs", "New memory (10⁶ bytes)"]
    return Table([*columns, *more], rows, title="Floors and conditions")


def _errors(results: Sequence[Result]) -> Table:
    rows = []
    for one in results:
        error = one["error"]
        trios = zip(error["rel_l2"], error["peer_rel_l2"], error["bound"], strict=True)
        for output, trio in enumerate(trios, 1):
            same = "yes" if error["deterministic"] else "no"
            rows.append([one["case"], output, *trio, same])
    columns = ["Case", "Output", "Error", "Torch's", "Bound", "Same bits twice"]
    return Table(columns, rows, title="Relative error against float64, on the GPU", digits=2)


def _notes(results: Sequence[Result]) -> list[str]:
    notes = [f"{one['case']}: {one['notes']}." for one in results if one["notes"]]
    without = [
        f"{one['case']}: {peer['name']} was not timed ({peer['status']}: {peer['reason']})."
        for one in results
        for peer in one["peers"]
        if peer["status"] != "ok"
    ]
    return notes + without


def _contenders(result: Result) -> list[tuple[str, float]]:
    """Names and medians: the kernel first."""
    peers = [(peer["name"], peer["median_ms"]) for peer in _timed(result)]
    return [(THIS, result["timing"]["median_ms"]), *peers]


def _timed(result: Result) -> list[dict[str, Any]]:
    return [peer for peer in result["peers"] if peer["status"] == "ok"]


def _pairs(record: Record) -> list[tuple[Comparison, Comparison]]:
    return list(zip(record["right"], record["mistake"], strict=True))


def _known(error: float | None) -> float | str:
    return "NaN" if error is None else error
