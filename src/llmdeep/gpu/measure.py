"""Time calls on a GPU, and read off the device what a time depends on."""

import statistics
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import torch
import triton
from torch import Tensor
from triton.runtime import driver
from triton.testing import do_bench

ROUNDS = 4  # each call is timed this often, in an order that turns round: A B, B A, A B, B A
ROUND_MS = 60
WARM_MS = 300  # of work before the first round, for the clock has fallen while peers were compiled
SHORT_MS = 0.15  # below this a call is also timed inside a graph, without launch gaps
SETTINGS = ("sm_mhz", "mem_mhz", "temp_c", "power_w", "throttle")


def interleaved(calls: Mapping[str, Callable[[], Any]]) -> dict[str, list[list[float]]]:
    """Time several calls in turns, so that a drifting clock meets all of them alike.

    The L2 cache is flushed before each run.

    Returns:
        For each call its times in milliseconds, a list for each round.
    """
    times: dict[str, list[list[float]]] = {name: [] for name in calls}
    do_bench(next(iter(calls.values())), warmup=WARM_MS, rep=1)
    for turn in range(ROUNDS):
        for name in list(calls) if turn % 2 == 0 else reversed(list(calls)):
            times[name].append(do_bench(calls[name], warmup=10, rep=ROUND_MS, return_mode="all"))
    return times


def timing(rounds: list[list[float]]) -> dict[str, Any]:
    """The statistics of one call's rounds."""
    every = sorted(time for one in rounds for time in one)
    deciles = statistics.quantiles(every, n=10, method="inclusive")
    return {
        "method": "events around each run",
        "l2": "flushed",
        "n": len(every),
        "median_ms": statistics.median(every),
        "p20_ms": deciles[1],
        "p80_ms": deciles[7],
        "min_ms": every[0],
        "repeat_medians_ms": [statistics.median(one) for one in rounds],
        "graph_ms": None,
        "order": "ABBA",
    }


def in_a_graph(calls: list[Callable[[], Any]], replays: int = 50) -> float:
    """Milliseconds of one call, replayed from a graph that holds all of `calls` in a row.

    Give it the same call on several inputs, together larger than the L2 cache.
    """
    for call in calls:
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    graph.replay()
    start.record()
    for _ in range(replays):
        graph.replay()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / replays / len(calls)


def quick(call: Callable[[], Any]) -> float:
    """A median from few runs, to choose among configurations."""
    return float(do_bench(call, warmup=5, rep=25, return_mode="median"))


def ceilings(datasheet: dict[str, Any]) -> dict[str, Any]:
    """What this device reaches today: a copy, a product of random matrices, no work at all."""
    source = torch.randn(2**31, device="cuda", dtype=torch.bfloat16)
    target = torch.empty_like(source)
    copy = quick(lambda: target.copy_(source))
    size = 2 * source.numel() * source.element_size()
    del source, target
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product = quick(lambda: a @ b)
    flops = 2 * 8192**3
    return {
        "copy_tbs": size / copy / 1e9,
        "bf16_tflops_8192_random": flops / product / 1e9,
        "fp8_tflops_8192": _fp8(a, b, flops),
        "empty_launch_us": 1e3 * quick(lambda: torch.cuda._sleep(0)),
        "datasheet": datasheet,
    }


def _fp8(a: Tensor, b: Tensor, flops: float) -> float | None:
    if torch.cuda.get_device_capability() < (8, 9):
        return None
    one = torch.ones((), device="cuda")
    left, right = (m.to(torch.float8_e4m3fn) for m in (a, b.t().contiguous()))
    time = quick(
        lambda: torch._scaled_mm(
            left, right.t(), one, one, out_dtype=torch.bfloat16, use_fast_accum=True
        )
    )
    return flops / time / 1e9


def device_facts() -> dict[str, Any]:
    """What the device is, as the driver says it."""
    facts = torch.cuda.get_device_properties(0)
    major, minor = torch.cuda.get_device_capability(0)
    version, power = _smi("driver_version,power.limit")
    return {
        "name": facts.name,
        "cc": f"{major}.{minor}",
        "sm": facts.multi_processor_count,
        "l2_bytes": facts.L2_cache_size,
        "mem_bytes": facts.total_memory,
        "smem_optin_bytes": driver.active.utils.get_device_properties(0)["max_shared_mem"],
        "driver": version,
        "power_limit_w": _sensor(power),
    }


def state() -> dict[str, Any]:
    """Clocks, heat and power at this moment."""
    *numbers, throttle = _smi(
        "clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_event_reasons.active"
    )
    return dict(zip(SETTINGS, [*map(_sensor, numbers), throttle], strict=True))


def software() -> dict[str, Any]:
    """The versions that a time depends on."""
    import platform

    import numpy as np

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "cudnn": torch.backends.cudnn.version() or 0,
        "triton": triton.__version__,
        "numpy": np.__version__,
    }


def _smi(query: str) -> list[str]:
    """What nvidia-smi answers, without units.

    Raises:
        LookupError: If it is not there, or has no answer.
    """
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", "--id=0"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LookupError(f"nvidia-smi must say what the GPU is: {error}") from error
    return [one.strip() for one in answer.stdout.strip().split(",")]


def _sensor(text: str) -> float | None:
    """A number; None for what a driver shows instead of one, such as [N/A] or [Not Supported]."""
    return None if text.startswith("[") else float(text)
