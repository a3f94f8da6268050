"""Run kernels on a machine without a GPU, through Triton's interpreter, in another process.

The interpreter is chosen when a kernel file is imported, so one process cannot both interpret and
compile. And an access outside a tensor ends the process, as it may on a GPU: then this one says
so, and the next question gets a new process.
"""

import json
import os
import subprocess
import sys
import traceback
from typing import Any, cast


class Interpreter:
    """A process that interprets kernels, started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def errors(self, name: str, call: str, dtype: str, size: int) -> list[list[float]]:
        """Compare one call with float64.

        Args:
            call: "launch" or "wrong".
            size: Index in `KERNEL.sizes`.

        Returns:
            For each output its number, its error, torch's, and the bound.

        Raises:
            RuntimeError: With the traceback, or the signal that ended the process.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "llmdeep.gpu.interpret"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
            )
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([name, call, dtype, size]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            status = self._process.wait()
            self._process = None
            raise RuntimeError(
                f"the interpreter ended with status {status} (-11: an access outside a tensor)"
            )
        found = json.loads(answer)
        if "failed" in found:
            raise RuntimeError(found["failed"])
        return cast("list[list[float]]", found["errors"])

    @property
    def pid(self) -> int:
        """Of the process; 0 if there is none."""
        return self._process.pid if self._process else 0

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin
            self._process.stdin.close()
            self._process.wait()
            self._process = None


def _answer(name: str, call: str, dtype: str, size: int) -> dict[str, Any]:
    from llmdeep.gpu.agreement import agreement
    from llmdeep.gpu.discovery import load

    try:
        kernel = load(name)
        chosen = kernel.launch if call == "launch" else kernel.wrong
        found = agreement(kernel, kernel.sizes[size], dtype, "cpu", seed=size, call=chosen)
    except Exception:
        return {"failed": traceback.format_exc()}
    return {"errors": [list(error) for error in found]}


def _serve() -> None:
    import warnings

    warnings.simplefilter("ignore")  # NumPy's, about NaN that a mask hides
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a kernel prints is no answer
    for line in sys.stdin:
        print(json.dumps(_answer(*json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
