"""Artifacts in the form that a run writes, of times that nobody measured: for tests only."""

from collections.abc import Callable
from typing import Any

import torch

from llmdeep.gpu.artifact import Artifact
from llmdeep.gpu.closure import closure_hash, files
from llmdeep.gpu.compiler import compiled
from llmdeep.gpu.discovery import load
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet, floor
from llmdeep.gpu.spec import Case, Kernel

DEVICE = "NVIDIA H200"
COPY, PRODUCT = 4.3, 780.0  # TB/s and TFLOP/s that the imagined device reached


def artifact(name: str, cases: tuple[str, ...] = ()) -> Artifact:
    """An artifact that nothing is wrong with; of all cases if none are named."""
    kernel = load(name)
    sheet = datasheet(DEVICE)
    state = {"sm_mhz": 1980, "mem_mhz": 3201, "temp_c": 40, "power_w": 300, "throttle": "0x0"}
    return {
        "schema": "llmdeep.gpu_run/1",
        "run": {"utc": "", "command": "", "harness_sha256": "", "seed": 0, "wall_s": 1},
        "git": {"sha": "", "dirty": False},
        "device": {
            "name": DEVICE,
            "accelerator": sheet.name,
            "cc": "9.0",
            "sm": 132,
            "l2_bytes": 62914560,
            "mem_bytes": 1,
            "smem_optin_bytes": 232448,
            "driver": "",
            "power_limit_w": 700,
            "before": state,
            "after": state,
        },
        "software": {
            "python": "",
            "torch": "",
            "cuda": "",
            "cudnn": 1,
            "triton": "3.6.0",
            "numpy": "",
        },
        "ceilings": {
            "copy_tbs": COPY,
            "bf16_tflops_8192_random": PRODUCT,
            "fp8_tflops_8192": None,
            "empty_launch_us": 2.0,
            "datasheet": {"hbm_tbs": 4.8, "tflops": {"bf16": 989.5}},
        },
        "kernel": {
            "name": name,
            "entry": f"kernels/{name}.py:launch",
            "files": files(name),
            "closure_sha256": closure_hash(name),
        },
        "checked": [],
        "results": [
            _result(kernel, case_name, case)
            for case_name, case in kernel.cases.items()
            if not cases or case_name in cases
        ],
    }


def answers(found: Artifact) -> Callable[..., Any]:
    """What the processes of a run would answer, had they measured an artifact."""
    device = found["device"]
    of_a_run = ("accelerator", "before", "after")  # what a run adds to the facts
    answer = {
        "device": {key: value for key, value in device.items() if key not in of_a_run},
        "roofs": {key: found[key] for key in ("software", "ceilings")},
        "check": [],
        "try": None,
        "time": {
            "results": found["results"],
            "wall_s": 1,
            "before": device["before"],
            "after": device["after"],
        },
    }
    return lambda work, *about: answer[work]


def _result(kernel: Kernel, name: str, case: Case) -> dict[str, Any]:
    """One case, at three quarters of the datasheet's roof; each peer takes the same time."""
    flops = kernel.flops(**case.size)
    moved = kernel.bytes_moved(itemsize=getattr(torch, case.dtype).itemsize, **case.size)
    sheet = datasheet(DEVICE)
    rate, bf16 = sheet.peak(RATE_OF_DTYPE[case.dtype]), sheet.peak("bf16")
    physics = floor(flops, moved, rate / 1e12, sheet.bandwidth / 1e12)
    today = floor(flops, moved, PRODUCT * rate / bf16, COPY)
    median = physics.milliseconds * 4 / 3
    times = {"median_ms": median, "p20_ms": 0.97 * median, "p80_ms": 1.03 * median}
    return {
        "case": name,
        "shape": dict(case.size),
        "dtype": case.dtype,
        "input": "random",
        "flops": flops,
        "bytes": moved,
        "formula": kernel.formula,
        "bound": physics.bound,
        "floor_ms": {"datasheet": physics.milliseconds, "measured": today.milliseconds},
        "config": {},
        "autotune": {"tried": 1, "failed": 0},
        "timing": {
            "method": "",
            "l2": "flushed",
            "n": 100,
            **times,
            "min_ms": 0.95 * median,
            "repeat_medians_ms": [median, 1.003 * median],
            "graph_ms": None,
            "order": "ABBA",
        },
        "derived": {
            "tflops": flops / median / 1e9,
            "gbs": moved / median / 1e6,
            "pct_floor_measured": 100 * today.milliseconds / median,
            "pct_peak_datasheet": 100 * physics.milliseconds / median,
        },
        "error": {
            "reference": "",
            "shape": dict(case.size),
            "rel_l2": [0.001],
            "peer_rel_l2": [0.001],
            "bound": [0.004],
            "seeds": 3,
            "poisoned": True,
            "deterministic": True,
            "pass": True,
        },
        "peers": [{"name": peer, "status": "ok", **times, "speedup": 1.0} for peer in kernel.peers],
        "memory": {"peak_bytes": 1},
        "compile": compiled(kernel, case, 90, {}),
        "notes": "" if kernel.peers else "plain torch has no such function",
    }
