"""The form of a run artifact, and what is wrong with one that does not have it."""

from collections.abc import Iterator
from typing import Any

Form = Any  # a type, a list of one form, a dictionary of forms, or a tuple of alternatives

SCHEMA = "llmdeep.gpu_run/1"

NUMBER = (int, float)
SENSOR = (*NUMBER, None)  # None: the driver does not say
STATE = {"sm_mhz": SENSOR, "mem_mhz": SENSOR, "temp_c": SENSOR, "power_w": SENSOR, "throttle": str}
PEER_MEASURED = {
    "name": str,
    "status": "ok",
    "median_ms": NUMBER,
    "p20_ms": NUMBER,
    "p80_ms": NUMBER,
    "speedup": NUMBER,
}
PEER_WITHOUT = {"name": str, "status": ("failed", "skipped"), "reason": str}
RESULT = {
    "case": str,
    "shape": dict,
    "dtype": str,
    "input": str,
    "flops": NUMBER,
    "bytes": NUMBER,
    "formula": str,
    "bound": ("compute", "memory"),
    "floor_ms": {"datasheet": NUMBER, "measured": NUMBER},
    "config": dict,
    "autotune": {"tried": int, "failed": int},
    "timing": {
        "method": str,
        "l2": ("flushed", "rotated"),
        "n": int,
        "median_ms": NUMBER,
        "p20_ms": NUMBER,
        "p80_ms": NUMBER,
        "min_ms": NUMBER,
        "repeat_medians_ms": [NUMBER],
        "graph_ms": (*NUMBER, None),
        "order": str,
    },
    "derived": {
        "tflops": NUMBER,
        "gbs": NUMBER,
        "pct_floor_measured": NUMBER,
        "pct_peak_datasheet": NUMBER,
    },
    "error": {
        "reference": str,
        "shape": dict,
        "rel_l2": [NUMBER],
        "peer_rel_l2": [NUMBER],
        "bound": [NUMBER],
        "seeds": int,
        "poisoned": bool,
        "deterministic": bool,
        "pass": bool,
    },
    "peers": [(PEER_MEASURED, PEER_WITHOUT)],
    "memory": {"peak_bytes": int},
    "compile": [
        {
            "name": str,
            "registers": int,
            "spills": int,
            "stack": int,
            "shared": int,
            "warps": int,
            "instructions": dict,
        }
    ],
    "notes": str,
}
ARTIFACT = {
    "schema": SCHEMA,
    "run": {"utc": str, "command": str, "harness_sha256": str, "seed": int, "wall_s": NUMBER},
    "git": {"sha": str, "dirty": bool},
    "device": {
        "name": str,
        "accelerator": str,
        "cc": str,
        "sm": int,
        "l2_bytes": int,
        "mem_bytes": int,
        "smem_optin_bytes": int,
        "driver": str,
        "power_limit_w": SENSOR,
        "before": STATE,
        "after": STATE,
    },
    "software": {
        "python": str,
        "torch": str,
        "cuda": str,
        "cudnn": int,
        "triton": str,
        "numpy": str,
    },
    "ceilings": {
        "copy_tbs": NUMBER,
        "bf16_tflops_8192_random": NUMBER,
        "fp8_tflops_8192": (*NUMBER, None),
        "empty_launch_us": NUMBER,
        "datasheet": {"hbm_tbs": NUMBER, "tflops": dict},
    },
    "kernel": {"name": str, "entry": str, "files": dict, "closure_sha256": str},
    "checked": [{"shape": dict, "dtype": str, "rel_l2": [NUMBER], "bound": [NUMBER]}],
    "results": [RESULT],
}


def misfits(value: Any, form: Form = ARTIFACT, where: str = "") -> Iterator[str]:
    """Where a value does not have a form, in words."""
    if isinstance(form, dict):
        if not isinstance(value, dict):
            yield f"{where or 'the file'} is no object"
            return
        for name in sorted(form.keys() ^ value.keys()):
            yield f"{where}.{name} is {'missing' if name in form else 'unknown'}".lstrip(".")
        for name in form.keys() & value.keys():
            yield from misfits(value[name], form[name], f"{where}.{name}".lstrip("."))
    elif isinstance(form, list):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for index, one in enumerate(value):
            yield from misfits(one, form[0], f"{where}[{index}]")
    elif isinstance(form, tuple):
        if not any(next(misfits(value, one, where), None) is None for one in form):
            yield f"{where} is {value!r}, none of what it may be"
    elif isinstance(form, type):
        if not isinstance(value, form) or (isinstance(value, bool) and form is not bool):
            yield f"{where} is {value!r}, which is no {form.__name__}"
        elif value != value:
            yield f"{where} is not a number"
    elif value != form:
        yield f"{where} is {value!r}, not {form!r}"
