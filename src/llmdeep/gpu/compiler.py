"""Compile what a launch would compile, for any GPU, on a machine without one.

A launch is recorded instead of run: its tensors are on the device "meta", which have a shape and
a dtype and no memory. Triton then compiles the form for those very arguments, alignment included,
down to the machine code of one architecture, and its assembler says what it uses.
"""

import contextlib
import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend
from triton.runtime.jit import JITFunction, create_function_from_signature

from llmdeep.gpu import calls
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel
from llmdeep.site.cache import key, remember

INSTRUCTIONS = {  # what shows in machine code which units a kernel uses
    "HMMA": r"\b[HI]MMA\.",  # tensor core, one warp
    "HGMMA": r"\b[HQI]GMMA\.",  # tensor core, four warps, Hopper
    "UTCMMA": r"\bUTC[A-Z]*MMA\b",  # tensor core of Blackwell
    "UTMALDG": r"\bUTMALDG",  # bulk tensor copy to shared memory
    "LDG128": r"\bLDG\.E(?:\.\w+)*\.128",  # 16 bytes a thread from device memory
    "LDGSTS128": r"\bLDGSTS\.E(?:\.\w+)*\.128",  # the same, straight to shared memory
    "EX2": r"\bMUFU\.EX2",
    "STL": r"\bSTL\b",  # store outside the registers
}

Report = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """One kernel launch that was not run."""

    function: JITFunction
    arguments: tuple[Any, ...]
    named: dict[str, Any]


def compiled(kernel: Kernel, case: Case, architecture: int, config: Config) -> list[Report]:
    """What the compiler made of each form of a kernel that one call launches, in order.

    Returns:
        For each: its name, `registers` of a thread, `spills` and `stack` in bytes of a thread,
        `shared` bytes of a program, `warps` of a program, and how many `instructions` of each
        telling kind its machine code has.
    """
    with calls.compiled_for(architecture), recording() as launches:
        inputs = kernel.inputs(Draw("meta", case.dtype), **case.size)
        kernel.launch(**inputs, config=config or None)
    reports = [_report(launch, architecture) for launch in launches]
    return [one for index, one in enumerate(reports) if one not in reports[:index]]


@contextlib.contextmanager
def recording() -> Iterator[list[Recorded]]:
    """Kernels launched within are noted and not run."""
    launches: list[Recorded] = []

    def note(self: JITFunction, *arguments: Any, grid: Any, warmup: bool, **named: Any) -> None:
        launches.append(Recorded(self, arguments, named))

    run = JITFunction.run
    JITFunction.run = note  # what `kernel[grid](…)` calls
    try:
        yield launches
    finally:
        JITFunction.run = run


def _report(launch: Recorded, architecture: int) -> Report:
    target = GPUTarget("cuda", architecture, 32)
    backend = make_backend(target)
    function = launch.function
    bind = create_function_from_signature(function.signature, function.params, backend)
    named = {**launch.named, "debug": False}
    bound, specialization, options = bind(*launch.arguments, **named)
    options, signature, constants, attributes = function._pack_args(
        backend, named, bound, specialization, options
    )
    form = key(
        triton.__version__,
        INSTRUCTIONS,
        architecture,
        function.cache_key,
        signature,
        sorted((str(place), str(value)) for place, value in constants.items()),
        sorted((str(place), str(value)) for place, value in attributes.items()),
        vars(options),
    )

    def compile_now() -> Report:
        source = ASTSource(function, signature, constants, attributes)
        return _measured(function.__name__, source, target, vars(options))

    report: Report = remember("kernels", form, compile_now)
    return report


def _measured(name: str, source: Any, target: GPUTarget, options: dict[str, Any]) -> Report:
    log = io.StringIO()
    knobs = triton.knobs
    with (
        tempfile.TemporaryDirectory() as folder,
        knobs.nvidia.scope(),
        knobs.cache.scope(),
        contextlib.redirect_stdout(log),
    ):
        knobs.nvidia.dump_ptxas_log = True
        knobs.cache.dir = folder
        binary = triton.compile(source, target=target, options=options)
        said = log.getvalue()
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(binary.asm["cubin"])
        code = subprocess.run(
            [knobs.nvidia.nvdisasm.path, "-c", cubin], capture_output=True, text=True, check=True
        ).stdout
    return {
        "name": name,
        "registers": _number(r"Used (\d+) registers", said),
        "spills": _number(r"(\d+) bytes spill stores", said),
        "stack": _number(r"(\d+) bytes stack frame", said),
        "shared": binary.metadata.shared,
        # Warp specialisation adds warps to those asked for.
        "warps": _number(r"\.reqntid (\d+)", binary.asm["ptx"]) // 32,
        "instructions": {
            kind: len(re.findall(pattern, code)) for kind, pattern in INSTRUCTIONS.items()
        },
    }


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if not found:
        raise ValueError(f"the compiler did not say {pattern!r}:\n{text[-2000:]}")
    return int(found[1])
