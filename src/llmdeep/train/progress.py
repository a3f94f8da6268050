"""A progress bar in plain text: rewritten in place on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import Any, TextIO

WIDTH = 24
EVERY = {True: 0.2, False: 10.0}  # seconds between two lines, on a terminal and elsewhere


class Progress:
    """Shows how far a run is; call it after every step."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self.label = label
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self.started = time.monotonic()
        self.first: int | None = None
        self.shown = 0.0

    def __call__(self, entry: dict[str, Any], step: int, n_steps: int) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = step - 1
        evaluated = "held_out" in entry
        if step < n_steps and not evaluated and now - self.shown < EVERY[self.terminal]:
            return
        self.shown = now
        left = (now - self.started) / (step - self.first) * (n_steps - step)
        bar = ("#" * (WIDTH * step // n_steps)).ljust(WIDTH, ".")
        line = f"{self.label} [{bar}] step {step} of {n_steps}, loss {entry['loss']:.3f} nats"
        if evaluated:
            line += f", held out {entry['held_out']:.4f} bits per byte"
        line += f", {left / 60:.0f} min left" if left >= 90 else f", {left:.0f} s left"
        keep = evaluated or step == n_steps or not self.terminal
        start = "\r\x1b[K" if self.terminal else ""
        print(start + line, end="\n" if keep else "", file=self.stream, flush=True)
