"""Reading without a network: the service worker of the built site.

Pages come from the network while it answers; files named by their hash come from the cache. Python
and the models are kept once they have been used. A preview, and any copy built with offline reading
off, gets a worker that removes whatever an earlier one left behind.
"""

import subprocess
from pathlib import Path

from llmdeep.site.node import command
from llmdeep.site.paths import BROWSER, ROOT


def write(site: Path, *, keep: bool) -> None:
    """Write `service-worker.js` into `site`.

    Raises:
        RuntimeError: With what the bundler said.
    """
    mode = "on" if keep else "off"
    done = subprocess.run(
        command(BROWSER / "offline" / "build.mjs", site, mode),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the service worker could not be built:\n{done.stderr}")
