"""The machine that measures, for whoever compares two reports."""

import datetime
import os
import platform
import subprocess
from pathlib import Path


def description(chromium: str) -> dict[str, object]:
    """Processor, memory, systems and versions, the date, and how busy the machine is."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "browser": subprocess.run(
            [chromium, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        "load": load(),
    }


def load() -> float | None:
    """Processes that ran or waited to run, on average over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _field(path: str, name: str) -> str:
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
