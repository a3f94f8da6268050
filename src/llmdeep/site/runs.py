"""Figures of kernels: what a GPU measured, with its provenance, or that it has not done so yet.

    ![caption](run:softmax)        times and errors on each GPU: measured, stale, or missing
    ![caption](record:softmax)     what is known without one: the interpreter's errors, the compiler
    ![caption](kernels:)           every kernel with its state

Nothing of an artifact is markup: what it says is escaped, wherever it is shown.
"""

import html
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from llmdeep.gpu import artifact as artifacts
from llmdeep.gpu.artifact import Artifact
from llmdeep.gpu.closure import closure_hash, files
from llmdeep.gpu.discovery import header, names, source
from llmdeep.gpu.record import RECORDS, Record, read_record
from llmdeep.gpu.spec import FAMILIES
from llmdeep.site import node, run_views
from llmdeep.site.paths import ROOT
from llmdeep.widgets._views import View
from llmdeep.widgets._wire import pack

FIGURE = '<figure class="widget run" data-search-exclude>'
STATES = {"measured": "Measured", "stale": "Stale", "missing": "Not measured yet"}


class UnsoundError(ValueError):
    """A measurement that cannot be: nothing of it may be shown."""


def run_figure(name: str, id: str, caption: str) -> str:
    """What GPUs measured of a kernel, as a `<llmdeep-run>`; `caption` is markup.

    Raises:
        ValueError: If there is no such kernel, or what was measured of it cannot be.
    """
    source(name)
    found = artifacts.of(name, artifacts.FOLDER)
    for path, artifact in found.items():
        if wrong := artifacts.unsound(artifact):
            raise UnsoundError(f"{path.name}: {wrong[0]}; see llmdeep gpu check")
    state = artifacts.state(name, artifacts.FOLDER)
    blocks = [_measured(path, one, f"{id}-{i}") for i, (path, one) in enumerate(found.items())]
    return (
        f'<llmdeep-run name="{name}" data-provenance="{state}">{FIGURE}'
        f"{''.join(blocks) or _missing(name, id)}"
        f"<figcaption>{caption}</figcaption></figure></llmdeep-run>"
    )


def record_figure(name: str, id: str, caption: str) -> str:
    """What is known of a kernel without a GPU; `caption` is markup.

    Raises:
        ValueError: If there is no such kernel.
    """
    source(name)
    record = read_record(name, RECORDS)
    if record is None:
        body = _state(f"Nothing is recorded yet. <code>llmdeep gpu record {name}</code> does it.")
    else:
        body = _outdated(record) + _drawn(run_views.without_gpu(record), id)
    return f"{FIGURE}{body}<figcaption>{caption}</figcaption></figure>"


def kernels_figure(to_pages: str, caption: str) -> str:
    """Every kernel by family, with its state; `to_pages` is the way from this page to theirs."""
    states = artifacts.states(artifacts.FOLDER)
    counts = [
        f"{count} {words.lower()}"
        for state, words in STATES.items()
        if (count := list(states.values()).count(state))
    ]
    groups = "".join(
        '<tbody><tr><th scope="rowgroup" colspan="2" class="run-family">'
        f"{html.escape(of)}</th></tr>"
        + "".join(_row(name, states[name], to_pages) for name in members)
        + "</tbody>"
        for of, members in groupby(by_family(), family)
    )
    return (
        f'{FIGURE}<p class="run-state">{len(states)} kernels: '
        f'{", ".join(counts)}.</p><div class="view"><div class="table-scroll" tabindex="0" '
        'role="group" aria-label="Kernels"><table class="data-table run-kernels"><thead><tr>'
        '<th scope="col">Kernel</th><th scope="col">State</th></tr>'
        f"</thead>{groups}</table></div></div><figcaption>{caption}</figcaption></figure>"
    )


def by_family() -> list[str]:
    """All kernels in the order of `FAMILIES`, then of the alphabet."""
    families = {name: family(name) for name in names()}
    return sorted(families, key=lambda name: ([*FAMILIES, ""].index(families[name]), name))


def family(name: str) -> str:
    """The family of a kernel; "" if it has no record yet."""
    record = read_record(name, RECORDS)
    return record["family"] if record else ""


def _measured(path: Path, artifact: Artifact, id: str) -> str:
    note = "" if artifacts.is_current(artifact) else _stale(artifact)
    return note + _drawn(run_views.measured(artifact), id) + _provenance(path, artifact)


def _missing(name: str, id: str) -> str:
    record = read_record(name, RECORDS)
    said = _state(
        "<strong>Not measured yet.</strong> No GPU has run this kernel: there is no file "
        f"<code>gpu_runs/{name}.*.json</code>. On a machine with an NVIDIA GPU, "
        f"<code>make gpu GPU={name}</code> checks it, times it{_beside(record)} and writes that "
        "file; the next build shows it here."
    )
    return said + (_drawn(run_views.to_measure(record), id) if record else "")


def _beside(record: Record | None) -> str:
    peers = record["peers"] if record else []
    return f" beside {html.escape(', '.join(peers))}" if peers else ""


def _stale(artifact: Artifact) -> str:
    name = artifact["kernel"]["name"]
    then, now = artifact["kernel"]["files"], files(name)
    changed = sorted(path for path in then.keys() | now.keys() if then.get(path) != now.get(path))
    hashes = (artifact["kernel"]["closure_sha256"], closure_hash(name))
    was, today = (html.escape(str(one)[:12]) for one in hashes)
    return _state(
        "<strong>Stale.</strong> The code that a launch runs has changed since this was measured"
        f" ({html.escape(', '.join(changed)) or 'no file of its own'}; its hash was "
        f"<code>{was}</code> and is <code>{today}</code>). The numbers are those of the older "
        f"version. <code>make gpu GPU={name}</code> measures the new one."
    )


def _outdated(record: Record) -> str:
    name = record["kernel"]
    if record["closure_sha256"] == closure_hash(name):
        return ""
    return _state(
        "<strong>Stale.</strong> The kernel has changed since this was recorded. "
        f"<code>llmdeep gpu record {html.escape(name)}</code> renews it."
    )


def _state(markup: str) -> str:
    return f'<p class="run-state run-warning">{markup}</p>'


def _drawn(views: list[View], id: str) -> str:
    text, arrays = pack(views)
    drawn = node.render_packed(text, [node.encoded(array) for array in arrays], id)
    return f'<div class="widget-views">{drawn}</div>'


def _provenance(path: Path, artifact: Artifact) -> str:
    facts = list(_facts(path, artifact))
    rows = "".join(
        f"<dt>{term}</dt><dd>{html.escape(str(fact))}</dd>" for term, fact in facts if fact
    )
    device, run = artifact["device"]["name"], artifact["run"]["utc"][:10]
    return (
        '<details class="widget-more run-facts"><summary>'
        f"Measured on {html.escape(device)}{html.escape(f', {run}' if run else '')}: "
        f"where, when, with what</summary><dl>{rows}</dl></details>"
    )


def _facts(path: Path, artifact: Artifact) -> Iterator[tuple[str, str]]:
    device, software, git = artifact["device"], artifact["software"], artifact["git"]
    ceilings, run = artifact["ceilings"], artifact["run"]
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    yield "File", str(inside)
    yield "When", run["utc"]
    yield "Command", run["command"]
    yield "Commit", git["sha"] + (", with changes that are not committed" if git["dirty"] else "")
    yield "GPU", f"{device['name']}, {device['sm']} multiprocessors, {device['mem_bytes']:,} bytes"
    yield "Driver", device["driver"]
    yield "Power limit", _sensor(device["power_limit_w"], "W")
    yield "Before", _moment(device["before"])
    yield "After", _moment(device["after"])
    yield (
        "Versions",
        f"torch {software['torch']}, CUDA {software['cuda']}, cuDNN {software['cudnn']}, "
        f"Triton {software['triton']}, Python {software['python']}, NumPy {software['numpy']}",
    )
    fp8 = ceilings["fp8_tflops_8192"]
    yield (
        "Roofs measured before it",
        f"copying {ceilings['copy_tbs']:.3g} TB/s; a product of random 8192 by 8192 matrices in "
        f"bfloat16 {ceilings['bf16_tflops_8192_random']:.4g} TFLOP/s"
        + (f", in 8 bits {fp8:.4g}" if fp8 else "")
        + f"; a launch that does nothing {ceilings['empty_launch_us']:.3g} µs",
    )
    timing = artifact["results"][0]["timing"]
    yield "Timing", f"{timing['method']}, cache {timing['l2']}, in turns {timing['order']}"
    yield "Code", f"SHA-256 {artifact['kernel']['closure_sha256']}"


def _moment(state: dict[str, Any]) -> str:
    sensors = (
        _sensor(state["sm_mhz"], "MHz"),
        f"memory {_sensor(state['mem_mhz'], 'MHz')}",
        _sensor(state["temp_c"], "°C"),
        _sensor(state["power_w"], "W"),
        f"throttle reasons {state['throttle']}",
    )
    return ", ".join(sensors)


def _sensor(value: float | None, unit: str) -> str:
    return f"{unit} unknown" if value is None else f"{value:g} {unit}"


def _row(name: str, state: str, to_pages: str) -> str:
    best = [
        f"{run_views.share_of_roof(one):.0f} % of the measured roof on {one['device']['name']}"
        for one in artifacts.of(name, artifacts.FOLDER).values()
    ]
    words = html.escape("; ".join([STATES[state], *best]))
    return (
        f'<tr data-provenance="{state}"><th scope="row">'
        f'<a href="{to_pages}{name}/"><code>{name}</code></a>'
        f'<span class="run-what">{html.escape(header(name)["title"])}</span></th>'
        f"<td>{words}</td></tr>"
    )
