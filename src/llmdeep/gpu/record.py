"""What is known of a kernel without a GPU, kept for the pages: its cases, errors and compilation.

The pages are built where there is neither torch nor Triton. So what the interpreter and the
compiler said is a file for each kernel, written by `llmdeep gpu record` and held to the kernel by
the tests. Nothing in it is a time.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypedDict

from llmdeep.gpu.artifact import FOLDER
from llmdeep.gpu.closure import closure_hash
from llmdeep.gpu.discovery import load
from llmdeep.site.cache import write

RECORDS = FOLDER / "without-gpu"


class Comparison(TypedDict):
    """One output beside float64: the nearest to its bound, or of a mistake one that is beyond it.

    `error` is ‖output − exact‖ / ‖exact‖, `torch` that of the same computation in plain torch at
    the same precision, and None stands for NaN. `of` says how many outputs were compared.
    """

    dtype: str
    of: int
    error: float | None
    torch: float
    bound: float


class CaseRecord(TypedDict):
    """A case as the kernel file declares it, with the work that follows from its size."""

    name: str
    shape: dict[str, Any]
    dtype: str
    flops: float
    bytes: float


class CompiledRecord(TypedDict):
    """What the compiler made of a case for an architecture: `compiler.compiled`."""

    case: str
    architecture: int
    reports: list[dict[str, Any]]


class Interpreted(TypedDict):
    """For each dtype the kernel at its worst, and its declared mistake where it was rejected."""

    right: list[Comparison]
    mistake: list[Comparison]


class Declared(TypedDict):
    """What the kernel file declares and what its compilation gives: the same on every machine."""

    family: str
    formula: str
    peers: list[str]
    cases: list[CaseRecord]
    triton: str
    compiled: list[CompiledRecord]


class Record(Declared, Interpreted):
    """Everything in a file of `gpu_runs/without-gpu/`."""

    kernel: str
    closure_sha256: str


def path_of_record(name: str, folder: Path = RECORDS) -> Path:
    """Where the record of a kernel is kept."""
    return folder / f"{name}.json"


def read_record(name: str, folder: Path = RECORDS) -> Record | None:
    """The record of a kernel; None if there is none."""
    path = path_of_record(name, folder)
    if not path.exists():
        return None
    found: Record = json.loads(path.read_text(encoding="utf-8"))
    return found


def record(name: str, folder: Path = RECORDS) -> Record:
    """Interpret and compile a kernel, and write what was found. Takes up to a minute."""
    found = Record(
        kernel=name,
        closure_sha256=closure_hash(name),
        **interpreted(name),
        **declared(name),
    )
    write(path_of_record(name, folder), json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found


def declared(name: str) -> Declared:
    """What a kernel file declares, and its first configuration compiled for every architecture."""
    import torch
    import triton

    from llmdeep.gpu.compiler import compiled

    kernel = load(name)
    return {
        "family": kernel.family,
        "formula": kernel.formula,
        "peers": list(kernel.peers),
        "cases": [
            {
                "name": case_name,
                "shape": dict(case.size),
                "dtype": case.dtype,
                "flops": kernel.flops(**case.size),
                "bytes": kernel.bytes_moved(
                    itemsize=getattr(torch, case.dtype).itemsize, **case.size
                ),
            }
            for case_name, case in kernel.cases.items()
        ],
        "triton": str(triton.__version__),
        "compiled": [
            {
                "case": case_name,
                "architecture": architecture,
                "reports": compiled(kernel, case, architecture, kernel.configs[0]),
            }
            for case_name, case in kernel.cases.items()
            for architecture in case.architectures
        ],
    }


def interpreted(name: str) -> Interpreted:
    """Run a kernel and its declared mistake through the interpreter."""
    from llmdeep.gpu.interpret import Interpreter

    kernel, process = load(name), Interpreter()

    def compared(call: str, dtype: str, sizes: Iterable[int]) -> Iterator[list[float]]:
        for size in sizes:
            yield from process.errors(name, call, dtype, size)

    found = Interpreted(right=[], mistake=[])
    sizes = range(len(kernel.sizes))
    try:
        for dtype in kernel.dtypes:
            every = list(compared("launch", dtype, sizes))
            found["right"].append(_comparison(dtype, max(every, key=_excess), len(every)))
            rejected = (
                one for one in compared("wrong", dtype, reversed(sizes)) if _excess(one) > 1
            )
            found["mistake"].append(_comparison(dtype, next(rejected), 1))
    finally:
        process.close()
    return found


def _excess(compared: list[float]) -> float:
    """The error over its bound; above 1 it is rejected."""
    _, error, _, bound = compared
    if math.isnan(error) or (error and not bound):
        return math.inf
    return error / bound if bound else 0.0


def _comparison(dtype: str, compared: list[float], of: int) -> Comparison:
    _, error, in_torch, bound = compared
    known = None if math.isnan(error) else error
    return {"dtype": dtype, "of": of, "error": known, "torch": in_torch, "bound": bound}
