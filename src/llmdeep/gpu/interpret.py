"""Run kernels on a machine without a GPU, through Triton's interpreter, in another process.

The interpreter is chosen when a kernel file is imported, so one process cannot both interpret and
compile. And an access outside a tensor ends the process, as it may on a GPU: then this one says
so, and the next question gets a new process.
"""

import contextlib
import json
import subprocess
import warnings

from llmdeep.gpu.process import read, serve, started


class Interpreter:
    """A process that interprets kernels, started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def errors(
        self, name: str, call: str, dtype: str, size: int, as_on: int | None = None
    ) -> list[list[float]]:
        """Compare one call with float64.

        Args:
            call: "launch" or "wrong".
            size: Index in `KERNEL.sizes`.
            as_on: Compute capability times ten of a GPU: take the form for that one, with
                functions as rough as its are (`rough`). Without one it is the simplest form, in
                NumPy's functions.

        Returns:
            For each output its number, its error, torch's, and the bound.

        Raises:
            RuntimeError: With the traceback, or the signal that ended the process.
        """
        if self._process is None:
            self._process = started(
                "llmdeep.gpu.interpret", {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
            )
        process = self._process
        assert process.stdin
        assert process.stdout
        print(json.dumps([name, call, dtype, size, as_on]), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        if not answer:
            self.close()
        found: list[list[float]] = read(answer, process.returncode)
        return found

    @property
    def pid(self) -> int:
        """Of the process; 0 if there is none."""
        return self._process.pid if self._process else 0

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _answer(name: str, call: str, dtype: str, size: int, as_on: int | None) -> list[list[float]]:
    from llmdeep.gpu.agreement import agreement
    from llmdeep.gpu.calls import compiled_for
    from llmdeep.gpu.discovery import load
    from llmdeep.gpu.rough import rough_functions

    kernel = load(name)
    chosen = kernel.launch if call == "launch" else kernel.wrong
    with contextlib.ExitStack() as stack:
        if as_on:
            stack.enter_context(compiled_for(as_on))
            stack.enter_context(rough_functions(seed=size))
        found = agreement(
            kernel, kernel.sizes[size], dtype, "cpu", size, chosen, fast_functions=bool(as_on)
        )
    return [list(error) for error in found]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # NumPy's, about NaN that a mask hides
    serve(_answer)
