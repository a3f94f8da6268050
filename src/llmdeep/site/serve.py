"""`make serve`: the book on a local address, built again whenever a file changes.

Each build runs in a process of its own, so that it sees the code as it is now. Browsers are told
over server-sent events: to reload after a build, and what went wrong after a failed one.
"""

import json
import queue
import re
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

import watchfiles

from llmdeep.site.paths import ASSETS, CACHE, DOCS, KERNEL_PAGES, ROOT
from llmdeep.site.server import Handler, Hosting

PREVIEW = CACHE / "preview"
WATCHED = (DOCS, ROOT / "src", ROOT / "kernels", ROOT / "gpu_runs", ROOT / "mkdocs.yml")

_CLIENT = """\
const events = new EventSource("/_serve/events");
events.onmessage = ({ data }) => {
  const { error } = JSON.parse(data);
  document.querySelector("#serve-error")?.remove();
  if (!error) return location.reload();
  const box = document.createElement("dialog");
  box.id = "serve-error";
  const title = document.createElement("h2");
  title.textContent = "The build stopped";
  const text = document.createElement("pre");
  text.textContent = error;
  const close = document.createElement("button");
  close.textContent = "Close";
  close.onclick = () => box.close();
  box.append(title, text, close);
  document.body.append(box);
  box.showModal();
};
"""


@dataclass
class Browsers:
    """The pages that listen for builds."""

    waiting: set["queue.Queue[str]"] = field(default_factory=set)
    error: str = ""

    def tell(self, error: str) -> None:
        """Reload every page, or show `error` on it."""
        self.error = error
        for listener in list(self.waiting):
            listener.put(json.dumps({"error": error}))


def serve(port: int = 8000) -> None:
    """Build, serve and watch until interrupted."""
    browsers = Browsers()
    server = _listen(port, browsers)
    url = f"http://127.0.0.1:{server.server_port}/"
    error = build(url)
    if error and not (PREVIEW / "index.html").is_file():
        server.server_close()
        raise SystemExit(1)
    browsers.error = error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    watched = ", ".join(path.name for path in WATCHED)
    print(f"\n  The book is at {url}\n  Watching {watched}. Ctrl+C stops.\n")
    try:
        for changes in watchfiles.watch(*WATCHED, watch_filter=_matters, debounce=300):
            names = sorted({Path(path).name for _, path in changes})
            print(f"changed: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}", flush=True)
            browsers.tell(build(url))
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()


def build(url: str) -> str:
    """Build the preview in a fresh process; returns what it complained of, "" if nothing."""
    command = [sys.executable, "-m", "llmdeep.cli", "build", "--preview"]
    process = subprocess.Popen(
        [*command, "--output", str(PREVIEW), "--url", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
    return "" if process.wait() == 0 else "".join(lines[-30:])


def _matters(change: watchfiles.Change, path: str) -> bool:
    """Whether a changed file is a source: not something the build itself wrote."""
    file = Path(path)
    ours = file.is_relative_to(ASSETS) or file.is_relative_to(KERNEL_PAGES)
    built = ours or "__pycache__" in file.parts
    hidden = file.name.startswith(".") or file.name.endswith(("~", ".swp", ".egg-info"))
    return not built and not hidden and ".egg-info" not in path


def _listen(port: int, browsers: Browsers) -> ThreadingHTTPServer:
    """A server on `port`, or on the next free one."""

    class Preview(PreviewHandler):
        served = Hosting(PREVIEW)
        listeners = browsers

    for candidate in range(port, port + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", candidate)) == 0:
                continue
        try:
            server = ThreadingHTTPServer(("127.0.0.1", candidate), Preview)
        except OSError:
            continue
        if candidate != port:
            print(f"Port {port} is taken; using {candidate}.")
        return server
    raise SystemExit(f"No free port from {port} to {port + 49}.")


class PreviewHandler(Handler):
    """Serves the preview, and adds to each page the script that listens for builds."""

    listeners: Browsers

    def do_GET(self) -> None:  # noqa: N802  (the standard library's name)
        if self.path == "/_serve/events":
            self.stream_events()
        elif self.path == "/_serve/client.js":
            self.send_bytes(HTTPStatus.OK, "text/javascript", _CLIENT.encode())
        else:
            super().do_GET()

    def page(self, file: Path) -> bytes:
        script = b'<script type="module" src="/_serve/client.js"></script></head>'
        return file.read_bytes().replace(b"</head>", script, 1)

    def stream_events(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        listener: queue.Queue[str] = queue.Queue()
        self.listeners.waiting.add(listener)
        try:
            if self.listeners.error:
                listener.put(json.dumps({"error": self.listeners.error}))
            while True:
                try:
                    message = f"data: {listener.get(timeout=15)}\n\n"
                except queue.Empty:
                    message = ": still here\n\n"  # finds out whether the page has gone
                self.wfile.write(message.encode())
                self.wfile.flush()
        except OSError:
            pass
        finally:
            self.listeners.waiting.discard(listener)
