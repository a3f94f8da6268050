"""What a process of a run does on the GPU: look at the device, check a kernel, or measure it.

Each gets a process of its own from `run`: one access outside a tensor ends all that a process may
do on a GPU, and a launch that never ends is ended with its process.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from llmdeep.gpu import measure
from llmdeep.gpu.agreement import agreement
from llmdeep.gpu.case_result import architecture, cases_on, demand, result, still_alive
from llmdeep.gpu.compiler import compiled
from llmdeep.gpu.discovery import load
from llmdeep.gpu.draw import Draw, copied
from llmdeep.gpu.process import serve
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet
from llmdeep.gpu.spec import Kernel


def roofs(name: str) -> dict[str, Any]:
    """What all artifacts of a run share: versions, and the roofs of the device called `name`."""
    sheet = datasheet(name)
    rates = {rate: sheet.peak(rate) for rate in sorted(set(RATE_OF_DTYPE.values()))}
    return {
        "software": measure.software(),
        "ceilings": measure.ceilings(
            {
                "hbm_tbs": sheet.bandwidth / 1e12,
                "tflops": {name: peak / 1e12 for name, peak in rates.items() if peak},
            }
        ),
    }


def check(name: str) -> list[dict[str, Any]]:
    """Every size of the interpreter's, on this device, with bfloat16 too, against the oracle.

    Raises:
        WrongError: If an error is beyond its bound.
    """
    kernel = load(name)
    found = []
    for index, size in enumerate(kernel.sizes):
        for dtype in _dtypes(kernel):
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


def try_configs(name: str, chosen: Sequence[int] | None = None) -> None:
    """Launch candidates on each case once: compiled beside others, they are not when timed.

    Args:
        chosen: Their places in `KERNEL.configs`; all if there are none.
    """
    kernel = load(name)
    for case in cases_on(kernel, measure.device_facts()).values():
        inputs = kernel.inputs(Draw("cuda", case.dtype), **case.size)
        for index, config in enumerate(kernel.configs):
            if chosen is not None and index not in chosen:
                continue
            try:
                kernel.launch(**copied(inputs), config=config or None)
                torch.cuda.synchronize()
            except Exception as error:  # it is tried again, and counted, when it would be timed
                still_alive(config, error)


def time_cases(
    name: str, facts: dict[str, Any], ceilings: dict[str, Any], broken: Sequence[int]
) -> dict[str, Any]:
    """An artifact's results, the state of the device around them, and the seconds they took.

    Args:
        broken: As for `case_result.result`.
    """
    kernel, begun, before = load(name), time.monotonic(), measure.state()
    results, after = [], before
    for case_name, case in cases_on(kernel, facts).items():
        found = result(kernel, case_name, case, facts, ceilings, broken)
        after = measure.state()  # now, while the clock is still what it was
        reports = compiled(kernel, case, architecture(facts), found["config"])
        results.append({**found, "compile": reports})
    return {
        "results": results,
        "before": before,
        "after": after,
        "wall_s": round(time.monotonic() - begun, 1),
    }


def _dtypes(kernel: Kernel) -> list[str]:
    return [*kernel.dtypes, *(["bfloat16"] if "float16" in kernel.dtypes else [])]


WORK: dict[str, Callable[..., Any]] = {
    "device": measure.device_facts,
    "roofs": roofs,
    "check": check,
    "try": try_configs,
    "time": time_cases,
}


def _answer(work: str, *arguments: Any) -> Any:
    return WORK[work](*arguments)


if __name__ == "__main__":
    serve(_answer)
