"""Check one case of a kernel on a GPU, choose its configuration, and time it beside its peers."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from llmdeep.gpu import measure
from llmdeep.gpu.agreement import SEEDS, Error, agreement, poisoned_memory, relative_error
from llmdeep.gpu.artifact import SPREAD
from llmdeep.gpu.draw import Draw, copied
from llmdeep.gpu.roofs import RATE_OF_DTYPE, datasheet, floor
from llmdeep.gpu.spec import Call, Case, Config, Kernel, Size

SAME = 0.05  # of a peer's result: beyond it is another computation, not another rounding


class WrongError(RuntimeError):
    """A kernel whose result is not what it must be."""


def result(
    kernel: Kernel,
    name: str,
    case: Case,
    facts: dict[str, Any],
    ceilings: dict[str, Any],
    broken: Sequence[int],
) -> dict[str, Any]:
    """One entry of an artifact's `results`, but for what the compiler made of the kernel.

    Args:
        broken: Places in `kernel.configs` of those that end a process, or never end.

    Raises:
        WrongError: If no configuration gives the right result.
    """
    inputs = kernel.inputs(Draw("cuda", case.dtype, 7), **case.size)
    config, error, tried, failed = _best(kernel, case, inputs, broken)
    launch = partial(kernel.launch, config=config)
    memory = _peak_memory(partial(launch, **inputs))
    calls: dict[str, Callable[[], Any]] = {"kernel": partial(launch, **inputs)}
    own = _first_output(launch, inputs)
    peers: list[dict[str, Any]] = []
    for peer, call in kernel.peers.items():
        try:
            apart = relative_error(_first_output(call, inputs), own)
            if not apart <= SAME:
                raise ValueError(f"it computes something else: {apart:.2g} apart")
            calls[peer] = partial(call, **inputs)
        except Exception as reason:
            first_line = str(reason).split("\n")[0][:300]
            peers.append({"name": peer, "status": "failed", "reason": first_line})
    del own
    rounds = measure.interleaved(calls)
    timing = measure.timing(rounds.pop("kernel"))
    del calls, inputs
    if timing["median_ms"] < measure.SHORT_MS:
        timing["graph_ms"] = measure.in_a_graph(_rotated(kernel, case, config, facts["l2_bytes"]))
    median = timing["median_ms"]
    for peer, times in rounds.items():
        its = measure.timing(times)
        spread = {key: its[key] for key in ("median_ms", "p20_ms", "p80_ms")}
        speedup = its["median_ms"] / median
        peers.append({"name": peer, "status": "ok", **spread, "speedup": speedup})
    return {
        "case": name,
        "shape": dict(case.size),
        "dtype": case.dtype,
        "input": "random, as inputs() draws it",
        **_work(kernel, case, facts["name"], ceilings, median),
        "config": dict(config),
        "autotune": {"tried": tried, "failed": failed},
        "timing": timing,
        "error": error,
        "peers": peers,
        "memory": {"peak_bytes": memory},
        "notes": _notes(kernel, timing),
    }


def architecture(facts: dict[str, Any]) -> int:
    """Compute capability times ten, from the facts about a device."""
    return int(facts["cc"].replace(".", ""))


def cases_on(kernel: Kernel, facts: dict[str, Any]) -> dict[str, Case]:
    """The cases that can be compiled for a device."""
    capability = architecture(facts)
    return {name: case for name, case in kernel.cases.items() if capability in case.architectures}


def demand(errors: list[Error], what: str) -> None:
    """Raise WrongError unless every error is within its bound."""
    for one in errors:
        if not one.passes:
            raise WrongError(
                f"output {one.output} at {what}: error {one.error:.3g}, torch's {one.torch:.3g}"
            )


def _best(
    kernel: Kernel, case: Case, inputs: dict[str, Any], broken: Sequence[int]
) -> tuple[Config, dict[str, Any], int, int]:
    """The fastest configuration that is right, its error, how many were tried and how many failed.

    One fails that does not run here (too much shared memory, for one) or is wrong here.
    """
    times: dict[int, float] = dict.fromkeys(broken, math.inf)
    for index, config in enumerate(kernel.configs):
        if index in broken:
            continue
        try:
            times[index] = measure.quick(partial(kernel.launch, **inputs, config=config or None))
        except Exception as error:
            still_alive(config, error)
            times[index] = math.inf
    failed = sum(map(math.isinf, times.values()))
    reasons = []
    for index in sorted(times, key=lambda index: times[index]):
        if math.isinf(times[index]):
            break
        try:
            config = kernel.configs[index]
            return config, _error(kernel, case, config), len(times), failed
        except WrongError as reason:
            reasons.append(str(reason))
            failed += 1
    raise WrongError("no configuration is right: " + "; ".join(reasons or ["none runs"]))


def still_alive(config: Config, error: Exception) -> None:
    """Raise WrongError if a launch went so wrong that this process can use the GPU no more."""
    try:
        torch.cuda.synchronize()
    except RuntimeError as last:
        raise WrongError(f"{dict(config)} broke the GPU for this process: {error}") from last


def _error(kernel: Kernel, case: Case, config: Config) -> dict[str, Any]:
    """The worst of several draws, and whether two launches on one draw give the same bits."""
    size: Size = case.check or case.size
    chosen: dict[str, Any] = {"config": config or None}
    draws = [
        agreement(kernel, size, case.dtype, "cuda", seed=seed, exact="reference", **chosen)
        for seed in range(SEEDS)
    ]
    for errors in draws:
        demand(errors, f"{dict(size)} in {case.dtype} with {dict(config)}")
    inputs = kernel.inputs(Draw("cuda", case.dtype, 0), **size)
    with poisoned_memory():
        once, twice = (kernel.launch(**copied(inputs), **chosen) for _ in range(2))
    pairs = zip(once, twice, strict=True) if isinstance(once, tuple) else [(once, twice)]
    worst = [max(outputs, key=lambda one: one.error) for outputs in zip(*draws, strict=True)]
    return {
        "reference": "float64 torch on the device",
        "shape": dict(size),
        "rel_l2": [one.error for one in worst],
        "peer_rel_l2": [one.torch for one in worst],
        "bound": [one.bound for one in worst],
        "seeds": SEEDS,
        "poisoned": True,
        "deterministic": all(torch.equal(one, other) for one, other in pairs),
        "pass": True,
    }


def _first_output(call: Call, inputs: dict[str, Any]) -> torch.Tensor:
    """Of a call that may write into what it is given; in float64."""
    found = call(**copied(inputs))
    torch.cuda.synchronize()
    first: torch.Tensor = found[0] if isinstance(found, tuple) else found
    return first.double()


def _peak_memory(call: Callable[[], Any]) -> int:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    call()
    return torch.cuda.max_memory_allocated() - held


def _work(
    kernel: Kernel, case: Case, device: str, ceilings: dict[str, Any], median: float
) -> dict[str, Any]:
    """What there was to do, the least time for it, and what follows for the rate."""
    flops = kernel.flops(**case.size)
    moved = kernel.bytes_moved(itemsize=getattr(torch, case.dtype).itemsize, **case.size)
    sheet = datasheet(device)
    rate, bf16 = sheet.peak(RATE_OF_DTYPE[case.dtype]), sheet.peak("bf16")
    if not rate or not bf16:
        raise ValueError(f"the datasheet of {sheet.name} has no rate for {case.dtype}")
    physics = floor(flops, moved, rate / 1e12, sheet.bandwidth / 1e12)
    today = floor(
        flops, moved, ceilings["bf16_tflops_8192_random"] * rate / bf16, ceilings["copy_tbs"]
    )
    return {
        "flops": flops,
        "bytes": moved,
        "formula": kernel.formula,
        "bound": physics.bound,
        "floor_ms": {"datasheet": physics.milliseconds, "measured": today.milliseconds},
        "derived": {
            "tflops": flops / median / 1e9,
            "gbs": moved / median / 1e6,
            "pct_floor_measured": 100 * today.milliseconds / median,
            "pct_peak_datasheet": 100 * physics.milliseconds / median,
        },
    }


def _notes(kernel: Kernel, timing: dict[str, Any]) -> str:
    repeats = timing["repeat_medians_ms"]
    spread = (max(repeats) - min(repeats)) / timing["median_ms"]
    notes = [f"repeats differ by {spread:.1%}"] if spread > SPREAD else []
    return "; ".join(notes if kernel.peers else [*notes, "plain torch has no such function"])


def _rotated(kernel: Kernel, case: Case, config: Config, cache: int) -> list[Callable[[], Any]]:
    """The call on as many inputs as it takes to leave the cache, and twenty times at least."""
    size = kernel.bytes_moved(itemsize=getattr(torch, case.dtype).itemsize, **case.size)
    count = min(200, math.ceil(3 * cache / size))

    def calls() -> Iterator[Callable[[], Any]]:
        for seed in range(count):
            inputs = kernel.inputs(Draw("cuda", case.dtype, seed), **case.size)
            yield partial(kernel.launch, **inputs, config=config or None)

    return list(calls()) * math.ceil(20 / count)
