"""Questions to a process of their own, since a kernel that goes wrong can end the one it runs in.

A question and its answer are a line of JSON each.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any


class NoAnswerError(RuntimeError):
    """A process that ended, or had to be ended, or that says what went wrong."""


def started(module: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start `module`, whose main program is `serve`."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


def ask_once(module: str, question: list[Any], seconds: float) -> Any:
    """What a new process answers to one question.

    Raises:
        NoAnswerError: If it gives none within this time, or with what it says went wrong.
    """
    process = started(module)
    try:
        answer, _ = process.communicate(json.dumps(question) + "\n", timeout=seconds)
    except subprocess.TimeoutExpired as late:
        process.kill()
        answer, _ = process.communicate()
        if not answer:  # else it has answered, and could not end
            said = f"no answer after {seconds:.0f} s: a launch may never end"
            raise NoAnswerError(said) from late
    finally:
        process.kill()
    return read(answer, process.returncode)


def read(answer: str, status: int | None) -> Any:
    """What a line says, of a process that ended with `status` if the line is empty.

    Raises:
        NoAnswerError: As `ask_once`.
    """
    if not answer:
        raise NoAnswerError(f"the process ended with status {status} (-11: outside a tensor)")
    found = json.loads(answer)
    if "failed" in found:
        raise NoAnswerError(found["failed"])
    return found["answer"]


def serve(answer: Callable[..., Any]) -> None:
    """Answer the questions on standard input; each is the list of arguments of `answer`."""
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a kernel prints is no answer
    for question in sys.stdin:
        try:
            said = {"answer": answer(*json.loads(question))}
        except Exception as error:
            said = {"failed": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}
        print(json.dumps(said), file=lines, flush=True)
