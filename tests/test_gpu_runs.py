"""What is in gpu_runs/ is sound, and `llmdeep gpu check` would notice if it were not."""

import copy
import json
from pathlib import Path

import pytest
import torch
from synthetic_runs import answers, artifact

from llmdeep import cli
from llmdeep.catalog import MeasuredKernel
from llmdeep.catalog.rows import read_rows
from llmdeep.gpu import artifact as artifacts
from llmdeep.gpu import run
from llmdeep.gpu.agreement import agreement, poisoned_memory, relative_error
from llmdeep.gpu.artifact import FOLDER, path_of, problems, read, states
from llmdeep.gpu.closure import closure, closure_hash, files
from llmdeep.gpu.discovery import NoSuchKernelError, header, load, names
from llmdeep.gpu.interpret import Interpreter
from llmdeep.gpu.points import are_written, points, write_points
from llmdeep.gpu.process import NoAnswerError, ask_once
from llmdeep.gpu.roofs import datasheet

CASE = "8k"


@pytest.fixture(scope="module")
def sound() -> artifacts.Artifact:
    return artifact("softmax", (CASE,))


def test_what_was_measured_is_sound():
    for path in FOLDER.glob("*.json"):
        assert problems(read(path)) == [], path.name


def test_a_sound_artifact_has_no_problems(sound):
    assert problems(sound) == []


FALSE = [  # where, what it says instead, and what the check answers
    ("timing.median_ms", 0.2, "order must be"),
    ("timing.repeat_medians_ms", [0.25, 0.3], "repeats differ"),
    ("timing.graph_ms", 0.1, "below the physical floor"),
    ("derived.gbs", 3000.0, "gbs is 3000.0, and follows as"),
    ("derived.tflops", 1.0, "tflops is 1.0"),
    ("floor_ms.measured", 0.3, "floor_ms.measured"),
    ("bound", "compute", "bound by memory"),
    ("error.rel_l2", [0.01], "not within the bound"),
    ("error.poisoned", False, "not within the bound, on poisoned memory"),
    ("input", "zeros", "zeros are no inputs"),
    ("peers", [], "there is no peer"),
    ("flops", 5.0, "tflops"),
    ("case", "9k", "no case of the kernel"),
    ("compile.0.registers", 20, "had 20 registers, and now"),
    ("dtype", 3, "which is no str"),
    ("shape", None, "which is no dict"),
]


@pytest.mark.parametrize(("where", "said", "answer"), FALSE, ids=[where for where, _, _ in FALSE])
def test_a_false_artifact_is_found_out(sound, where, said, answer):
    false = copy.deepcopy(sound)
    *path, last = where.split(".")
    at = false["results"][0]
    for step in path:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = said
    assert any(answer in problem for problem in problems(false)), problems(false)


def test_a_time_below_the_floor_is_found_out_even_if_all_else_agrees(sound):
    false = copy.deepcopy(sound)
    result = false["results"][0]
    factor = 0.5
    timing = result["timing"]
    for name in ("median_ms", "p20_ms", "p80_ms", "min_ms"):
        timing[name] *= factor
    timing["repeat_medians_ms"] = [one * factor for one in timing["repeat_medians_ms"]]
    result["derived"] = {name: value / factor for name, value in result["derived"].items()}
    result["peers"][0]["speedup"] /= factor
    (problem,) = problems(false)
    assert "below the physical floor" in problem


def test_what_is_missing_or_unknown_is_named(sound):
    false = copy.deepcopy(sound)
    del false["device"]["driver"]
    false["results"][0]["guess"] = 1
    assert set(problems(false)) == {"device.driver is missing", "results[0].guess is unknown"}


def test_a_kernel_is_missing_then_measured_then_stale(sound, tmp_path):
    assert states(tmp_path)["softmax"] == "missing"
    path = path_of("softmax", "NVIDIA H200", tmp_path)
    assert path.name == "softmax.nvidia-h200.json"
    path.write_text(json.dumps(sound))
    assert states(tmp_path)["softmax"] == "measured"
    older = copy.deepcopy(sound)
    older["kernel"]["closure_sha256"] = "0"
    older["results"][0]["compile"][0]["registers"] = 20  # of older code: nothing to compare
    path.write_text(json.dumps(older))
    assert states(tmp_path)["softmax"] == "stale"
    assert problems(older) == []


def test_the_catalog_has_what_was_measured_and_is_not_stale(sound, tmp_path):
    assert are_written()  # the file in the repository, of the artifacts in the repository
    file = tmp_path / "measured_kernels.json"
    path = path_of("softmax", "NVIDIA H200", tmp_path)
    path.write_text(json.dumps(sound))
    file.write_text("[]")
    assert not are_written(tmp_path, file)
    write_points(tmp_path, file)
    assert are_written(tmp_path, file)
    [row] = read_rows(file, MeasuredKernel)
    [result] = sound["results"]
    assert (row.kernel, row.accelerator, row.dtype) == ("softmax", "H200 SXM", result["dtype"])
    assert row.source == "gpu_runs/softmax.nvidia-h200.json"
    assert row.tflops == pytest.approx(result["derived"]["tflops"])
    assert row.intensity == result["flops"] / result["bytes"]
    path.write_text(json.dumps(sound | {"kernel": sound["kernel"] | {"closure_sha256": "0"}}))
    assert points(tmp_path) == []


def test_prose_leaves_a_measurement_valid_and_code_does_not(tmp_path, monkeypatch):
    path = tmp_path / "softmax.py"
    text = Path(load("softmax").launch.__code__.co_filename).read_text(encoding="utf-8")
    monkeypatch.setattr("llmdeep.gpu.closure.source", lambda name: path)
    path.write_text(text)
    before = closure_hash("softmax")
    path.write_text(text.replace('"""Softmax of each row', '"""Other words') + "\n# a remark\n")
    assert closure_hash("softmax") == before
    path.write_text(text.replace("LONGEST_ROW = 32768", "LONGEST_ROW = 16384"))
    assert closure_hash("softmax") != before
    path.write_text(text.replace("tl.max(x, axis=1", "tl.min(x, axis=1"))
    assert closure_hash("softmax") != before


def test_the_closure_is_what_a_launch_runs_and_no_more():
    code = closure("softmax")
    assert "def softmax_kernel" in code
    assert "LONGEST_ROW" in code
    assert "KERNEL" not in code
    assert "def reference" not in code


def test_the_closure_reaches_what_is_called_through_its_module():
    assert "def matmul_kernel" in closure("int8_matmul")
    assert list(files("int8_matmul")) == [
        "kernels/gated_activation.py",
        "kernels/int8_matmul.py",
        "kernels/matmul.py",
    ]


def test_poisoned_memory_shows_what_was_not_written():
    with poisoned_memory():
        assert torch.empty(3).isnan().all()
    assert relative_error(torch.tensor([1.0, float("nan")]), torch.ones(2)) != 0
    assert relative_error(torch.full((2,), torch.inf), torch.full((2,), torch.inf)) == 0


def test_the_commands(capsys, monkeypatch):
    assert cli.main(["gpu", "list"]) == 0
    assert capsys.readouterr().out.split() == names()
    assert cli.main(["gpu", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == names()
    assert listed[names().index("softmax")]["title"] == header("softmax")["title"]
    assert cli.main(["gpu", "check"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(names())
    monkeypatch.setattr("llmdeep.gpu.points.are_written", lambda: False)
    assert cli.main(["gpu", "check"]) == 1
    assert "measured_kernels.json does not say" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.main(["gpu", "run"]) == 1
    assert "There is no CUDA device here." in capsys.readouterr().err


ANSWERS = """
import os, threading
from llmdeep.gpu.process import serve

def answer(what):
    if what == "die":
        os._exit(7)
    if what == "hang":
        threading.Event().wait()
    print("what a kernel prints is no answer")
    return {"said": what} if what == "speak" else 1 / 0

serve(answer)
"""


def test_a_question_gets_an_answer_or_the_reason_why_there_is_none(tmp_path, monkeypatch):
    (tmp_path / "answers.py").write_text(ANSWERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert ask_once("answers", ["speak"], 60) == {"said": "speak"}
    for what, why in {
        "fail": "ZeroDivisionError: division by zero",
        "die": "the process ended with status 7",
    }.items():
        with pytest.raises(NoAnswerError, match=why):
            ask_once("answers", [what], 60)
    with pytest.raises(NoAnswerError, match="no answer after 1 s: a launch may never end"):
        ask_once("answers", ["hang"], 1)


def test_a_kernel_that_is_wrong_or_breaks_keeps_no_other_from_being_measured(
    sound, tmp_path, monkeypatch, capsys
):
    usual = answers(sound)

    def answer(work, *about):
        if [work, *about[:1]] in (["check", "rms_norm"], ["time", "layer_norm"]):
            raise NoAnswerError("no")
        return usual(work)

    monkeypatch.setattr(run, "ask", answer)
    assert run.run(["softmax", "rms_norm", "layer_norm"], 1, again=False, folder=tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["softmax.nvidia-h200.json"]
    said = capsys.readouterr()
    assert "WRONG    rms_norm: no" in said.err
    assert "FAILED   layer_norm: no" in said.err
    assert "measured softmax" in said.out
    assert run.run(["softmax"], 1, again=False, folder=tmp_path) == 0
    assert "NVIDIA H200: 1 kernels" in capsys.readouterr().out, "three of its cases are missing"


def test_a_configuration_that_ends_its_process_is_left_out(sound, tmp_path, monkeypatch, capsys):
    asked = []
    usual = answers(sound)

    def answer(work, *about):
        asked.append((work, *about))
        if work == "try" and about[1:] in ((), ([1],)):  # all of them, and the second
            raise NoAnswerError("the process ended with status -6")
        return usual(work)

    monkeypatch.setattr(run, "ask", answer)
    assert run.run(["softmax"], 1, again=False, folder=tmp_path) == 0
    (timed,) = (about for work, *about in asked if work == "time")
    assert timed[-1] == [1]
    said = capsys.readouterr()
    assert "BROKEN   softmax, configuration 1: the process ended with status -6" in said.err
    assert "right    softmax, 0 comparisons, without its configurations [1]" in said.out


def test_bad_calls_get_one_clear_sentence():
    launch = load("softmax").launch
    with pytest.raises(ValueError, match="x is on cpu, and the kernel runs on a GPU"):
        launch(torch.ones(2, 2))
    with pytest.raises(NoSuchKernelError, match="no kernel is called 'soft'; there are"):
        load("soft")
    with pytest.raises(LookupError, match="no datasheet is known for 'GeForce'"):
        datasheet("GeForce")


def test_the_interpreter_and_the_oracle_meet_in_one_place():
    """A kernel that returns too little is noticed before its numbers are."""
    kernel = load("softmax")
    with pytest.raises(ValueError, match="2 outputs, 1 of the reference"):
        agreement(kernel, kernel.sizes[0], "float32", "cpu", call=lambda x: (x, x))
    process = Interpreter()
    assert process.pid == 0
    process.close()
