"""Figures of kernels say what was measured and nothing else, and every kernel has its page."""

import copy
import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import DEVICE, answers, artifact

from llmdeep.gpu import artifact as artifacts
from llmdeep.gpu import measure, run
from llmdeep.gpu.discovery import names
from llmdeep.gpu.record import RECORDS, Record, read_record, record
from llmdeep.site import gallery, node, runs
from llmdeep.site.paths import BROWSER, KERNEL_PAGES, ROOT
from llmdeep.site.sources import source

NAME = "softmax"
SCRIPT = '<script>alert("1")</script><img src=x onerror=alert(2)>'


@pytest.fixture(scope="module", autouse=True)
def renderer() -> None:
    """The Node program that draws, built from the sources as they are."""
    build = node.command(BROWSER / "build.mjs", "--only=prerender")
    subprocess.run(build, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def measured() -> artifacts.Artifact:
    return artifact(NAME)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where figures look for what was measured: empty."""
    monkeypatch.setattr(artifacts, "FOLDER", tmp_path)
    return tmp_path


def keep(found: artifacts.Artifact, folder: Path) -> None:
    path = artifacts.path_of(found["kernel"]["name"], found["device"]["name"], folder)
    path.write_text(json.dumps(found))


def figure(name: str = NAME) -> str:
    return runs.run_figure(name, "figure-1", "A caption")


def provenance(markup: str) -> list[str]:
    return re.findall(r'<llmdeep-run name="softmax" data-provenance="(\w+)">', markup)


def text(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", markup))


def test_what_was_never_measured_says_so_and_shows_no_time(folder: Path) -> None:
    markup = figure()
    assert provenance(markup) == ["missing"]
    assert "Not measured yet." in markup
    assert "<code>make gpu GPU=softmax</code>" in markup
    assert "The floor is not a measurement" in markup
    assert not re.search(r"median|TB/s|TFLOP/s|%|speed", text(markup).lower())


def test_what_will_be_measured_is_bytes_operations_and_a_floor_by_the_datasheet(
    folder: Path,
) -> None:
    known = read_record(NAME)
    assert known
    case = known["cases"][1]
    assert case["shape"] == {"rows": 32768, "columns": 8192}
    assert case["bytes"] == 32768 * 8192 * 2 * 2
    assert f"{case['bytes'] / 4.8e12 * 1e3:.4f}" in figure()


def test_a_measurement_is_shown_with_its_provenance(
    folder: Path, measured: artifacts.Artifact
) -> None:
    found = copy.deepcopy(measured)
    found["git"]["sha"] = "c0ffee"
    found["git"]["dirty"] = True
    found["device"]["driver"] = "580.1"
    found["run"]["utc"] = "2026-01-02T03:04:05+00:00"
    keep(found, folder)
    markup = figure()
    assert provenance(markup) == ["measured"]
    said = text(markup)
    for fact in (
        f"Measured on {DEVICE}, 2026-01-02",
        "softmax.nvidia-h200.json",
        "c0ffee, with changes that are not committed",
        "580.1",
        "1980 MHz, memory 3201 MHz, 40 °C",
        "Triton 3.6.0",
        "copying 4.3 TB/s",
        found["kernel"]["closure_sha256"],
    ):
        assert fact in said, fact
    assert "run-warning" not in markup


def test_each_number_of_a_measurement_follows_from_its_file(
    folder: Path, measured: artifacts.Artifact
) -> None:
    found = copy.deepcopy(measured)
    one = found["results"][1]
    one["peers"][0].update(median_ms=0.6, p20_ms=0.59, p80_ms=0.61)
    one["peers"][0]["speedup"] = 0.6 / one["timing"]["median_ms"]
    keep(found, folder)
    rows = [text(row).split() for row in re.findall(r"<tr>.*?</tr>", figure(), re.DOTALL)]
    (peer,) = (row for row in rows if row[:2] == ["8k", "torch.softmax"] and "0.6000" in row)
    floor, median = one["floor_ms"], one["timing"]["median_ms"]
    right = [0.6, 0.59, 0.61, one["bytes"] / 0.6 / 1e9]
    right += [100 * floor["measured"] / 0.6, 100 * floor["datasheet"] / 0.6, 0.6 / median]
    assert [float(cell) for cell in peer[2:]] == pytest.approx(right, rel=1e-3)


def test_a_changed_kernel_makes_its_figure_stale(
    folder: Path,
    measured: artifacts.Artifact,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(measured, folder)
    changed = tmp_path_factory.mktemp("kernels") / "softmax.py"
    code = (ROOT / "kernels" / "softmax.py").read_text(encoding="utf-8")
    monkeypatch.setattr("llmdeep.gpu.closure.source", lambda name: changed)
    changed.write_text(code + "\n# a remark\n", encoding="utf-8")
    assert provenance(figure()) == ["measured"]
    changed.write_text(code.replace("tl.max(x, axis=1", "tl.min(x, axis=1"), encoding="utf-8")
    markup = figure()
    assert provenance(markup) == ["stale"]
    assert "has changed since this was measured (kernels/softmax.py; its hash was" in markup
    assert measured["kernel"]["closure_sha256"][:12] in markup
    assert "this kernel" in text(markup), "what was measured of the older version is still shown"
    assert "The kernel has changed since this was recorded" in runs.record_figure(NAME, "f-1", "c")


def test_one_device_may_be_stale_and_another_not(
    folder: Path, measured: artifacts.Artifact
) -> None:
    older = copy.deepcopy(measured)
    older["kernel"]["closure_sha256"] = "0" * 64
    older["device"]["name"] = "NVIDIA H100 80GB HBM3"
    for one in older["results"]:  # as fast as a slower memory can be
        for times in (one["timing"], *one["peers"]):
            for key in ("median_ms", "p20_ms", "p80_ms", "min_ms"):
                times[key] = times.get(key, 0) * 2
        one["timing"]["repeat_medians_ms"] = [one["timing"]["median_ms"]]
        one["derived"] = {key: value / 2 for key, value in one["derived"].items()}
        one["floor_ms"]["datasheet"] = one["bytes"] / 3.35e9
        one["derived"]["pct_peak_datasheet"] = (
            100 * one["floor_ms"]["datasheet"] / one["timing"]["median_ms"]
        )
        for peer in one["peers"]:
            del peer["min_ms"]
    keep(older, folder)
    keep(measured, folder)
    markup = figure()
    assert provenance(markup) == ["measured"]
    assert markup.count("run-warning") == 1
    assert "softmax on NVIDIA H100 80GB HBM3" in markup
    assert "softmax on NVIDIA H200" in markup
    ids = re.findall(r' id="([^"]+)"', markup)
    assert len(ids) == len(set(ids))


def test_what_an_artifact_says_is_text_and_never_markup(
    folder: Path, measured: artifacts.Artifact
) -> None:
    found = copy.deepcopy(measured)

    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poison(one) for key, one in value.items()}
        if isinstance(value, list):
            return [poison(one) for one in value]
        return value + SCRIPT if isinstance(value, str) else value

    kept = {"name": DEVICE, "cc": "9.0", "accelerator": found["device"]["accelerator"]}
    for part in ("run", "git", "device", "software"):
        found[part] = poison(found[part])
    found["device"].update(kept)
    found["kernel"]["closure_sha256"] += SCRIPT
    found["kernel"]["files"] = {SCRIPT: SCRIPT}
    for one in found["results"]:
        one["notes"] = SCRIPT
        one["case"] += SCRIPT
        one["shape"] = {SCRIPT: SCRIPT}
        one["config"] = {SCRIPT: SCRIPT}
        one["timing"]["method"] = SCRIPT
        one["peers"][0]["name"] = SCRIPT
        one["peers"].append({"name": SCRIPT, "status": "failed", "reason": SCRIPT})
    keep(found, folder)
    for markup in (figure(), runs.kernels_figure("kernels/", "caption")):
        assert "<script" not in markup
        assert "<img" not in markup
    assert "alert(" in text(figure())


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda found: found["results"][0]["timing"].update(graph_ms=1e-6), "physical floor"),
        (lambda found: found["results"][0]["derived"].update(gbs=9e9), "gbs is"),
        (lambda found: found["device"].pop("driver"), "device.driver is missing"),
    ],
)
def test_a_measurement_that_cannot_be_stops_the_build(
    spoil: Any, complaint: str, folder: Path, measured: artifacts.Artifact
) -> None:
    found = copy.deepcopy(measured)
    spoil(found)
    keep(found, folder)
    with pytest.raises(ValueError, match=f"softmax.nvidia-h200.json: .*{complaint}"):
        figure()


def test_a_picture_has_its_words_and_its_numbers(
    folder: Path, measured: artifacts.Artifact
) -> None:
    keep(measured, folder)
    markup = figure()
    (label,) = re.findall(r'role="img"[^>]*aria-label="([^"]*)"', markup) or re.findall(
        r'aria-label="(softmax on NVIDIA H200[^"]*)"', markup
    )
    assert "this kernel" in html.unescape(label)
    assert "torch.softmax" in html.unescape(label)
    assert re.search(r"<details[^>]*view-data", markup)


def test_the_list_of_kernels_counts_and_links_them(
    folder: Path, measured: artifacts.Artifact
) -> None:
    keep(measured, folder)
    markup = runs.kernels_figure("kernels/", "caption")
    assert re.findall(r'href="kernels/(\w+)/"', markup) == runs.by_family()
    assert sorted(runs.by_family()) == names()
    assert f"{len(names())} kernels: 1 measured, {len(names()) - 1} not measured yet" in markup
    share = max(one["derived"]["pct_floor_measured"] for one in measured["results"])
    assert f"Measured; {share:.0f} % of the measured roof on {DEVICE}" in markup


@pytest.mark.parametrize("name", names())
def test_every_kernel_has_a_page_of_its_own_words(name: str) -> None:
    page = gallery.page(name).removeprefix(gallery.CHAPTERS_FIRST)
    assert page.startswith(f"# `{name}`\n")
    assert f"](run:{name})" in page
    assert f"](record:{name})" in page
    for kind, target in re.findall(r"\]\((source|run|record):([\w.]+)\)", page):
        if kind == "source":
            assert source(target)["code"], target
    for link in re.findall(r"\]\(([\w./-]+\.md)\)", page):
        at = (KERNEL_PAGES / link).resolve()
        assert at.exists() or at.parent == KERNEL_PAGES, link
    words = re.sub(r"\]\([^)]*\)|`[^`]*`|```.*?```", "", page, flags=re.DOTALL)
    known = (
        (ROOT / "kernels" / f"{name}.py").read_text(encoding="utf-8")
        + "100 % 3.6 float64"
        + gallery.RECORDED
    )
    for number in re.findall(r"\d+(?:[.,]\d+)*", words):
        assert number in known, f"where does {number} come from?"


def test_pages_follow_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("# gone\n")
    gallery.write_pages(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == names()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    gallery.write_pages(tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", names())
def test_what_is_recorded_is_of_the_kernel_as_it_is(name: str) -> None:
    """The interpreter's errors are compared in test_kernels.py, where they are computed."""
    from llmdeep.gpu.closure import closure_hash
    from llmdeep.gpu.record import declared

    known = read_record(name)
    renew = f"run: llmdeep gpu record {name}"
    assert known, renew
    assert known["closure_sha256"] == closure_hash(name), renew
    now = json.loads(json.dumps(declared(name)))
    assert {key: known[key] for key in now} == now, renew  # type: ignore[literal-required]
    for right, wrong in zip(known["right"], known["mistake"], strict=True):
        assert right["error"] is not None
        assert right["error"] <= right["bound"]
        assert wrong["error"] is None or wrong["error"] > wrong["bound"]


def test_a_record_is_written_as_it_is_read(tmp_path: Path) -> None:
    found: Record = record("column_sums", tmp_path)
    kept = read_record("column_sums", RECORDS)
    assert read_record("column_sums", tmp_path) == json.loads(json.dumps(found))
    assert kept
    for then, now in zip(
        kept["right"] + kept["mistake"], found["right"] + found["mistake"], strict=True
    ):
        assert then["error"] == pytest.approx(now["error"], rel=0.5)
    assert read_record("softmax", tmp_path) is None


def test_a_kernel_without_a_record_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECORDS", tmp_path)
    assert "llmdeep gpu record softmax" in runs.record_figure(NAME, "f-1", "c")
    assert runs.family(NAME) == ""
    assert "make gpu GPU=softmax" in figure()


def test_a_run_fills_the_page_without_another_hand(
    folder: Path,
    measured: artifacts.Artifact,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of a run but the measuring itself, which takes a GPU."""
    monkeypatch.setattr(run, "ask", answers(measured))
    assert provenance(figure()) == ["missing"]
    assert run.run([NAME], minutes=1, again=False, folder=folder) == 0
    assert "measured softmax 8k: 0.2983 ms, 3600 GB/s" in capsys.readouterr().out
    markup = figure()
    assert provenance(markup) == ["measured"]
    assert "Command</dt><dd>llmdeep gpu run softmax" in markup
    assert run.run([NAME], minutes=1, again=False, folder=folder) == 0
    assert "0 kernels" in capsys.readouterr().out, "what is measured is left alone"
    other = {**measured, "device": {**measured["device"], "name": "GeForce"}}
    monkeypatch.setattr(run, "ask", answers(other))
    with pytest.raises(LookupError, match="no datasheet is known for 'GeForce'"):
        run.run([NAME], minutes=1, again=False, folder=folder)


def test_a_sensor_that_says_nothing_is_unknown_and_not_zero(
    folder: Path, measured: artifacts.Artifact
) -> None:
    found = copy.deepcopy(measured)
    found["device"]["before"]["sm_mhz"] = measure._sensor("[N/A]")
    found["device"]["before"]["temp_c"] = measure._sensor("41")
    keep(found, folder)
    assert "MHz unknown, memory 3201 MHz, 41 °C" in text(figure())
