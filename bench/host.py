"""Serves a folder as the site's own server does, if asked at the speed of a slow connection."""

import io
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from llmdeep.site.server import Handler, Hosting

PIECE = 16 * 1024  # bytes that travel at once
BURST = 0.05  # seconds that a thread may wake too late without the line standing still


@dataclass
class Line:
    """A connection to the reader that all requests share: bits a second, seconds of delay."""

    bits: float
    delay: float
    free: float = 0.0  # when the last byte sent so far will have arrived
    lock: threading.Lock = field(default_factory=threading.Lock)

    def carry(self, size: int) -> None:
        """Take as long as `size` bytes take."""
        with self.lock:
            self.free = max(self.free, time.monotonic() - BURST) + size * 8 / self.bits
            wait = self.free - time.monotonic()
        time.sleep(max(wait, 0))


MOBILE = (10e6, 0.040)  # 10 Mbit/s, 40 ms


@contextmanager
def hosting(
    folder: Path,
    port: int = 0,
    headers: Mapping[str, str] | None = None,
    speed: tuple[float, float] | None = None,
) -> Iterator[str]:
    """Serve `folder` while the block runs, at `speed` (see Line) if given; gives its address."""

    class Host(Handler):
        served = Hosting(folder, headers=headers or {})
        line = Line(*speed) if speed else None

        def setup(self) -> None:
            super().setup()
            if self.line:
                self.wfile = Slow(self.wfile, self.line)

        def answer(self, *, body: bool) -> None:
            time.sleep(self.line.delay if self.line else 0)
            super().answer(body=body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A browser that leaves while it is being served is no error here."""

    server = Server(("127.0.0.1", port), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class Slow(io.BufferedIOBase):
    """A stream to the browser, behind a line."""

    def __init__(self, stream: Any, line: Line) -> None:
        self.stream, self.line = stream, line

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self.line.carry(len(piece))
            self.stream.write(piece)
        return len(data)

    def flush(self) -> None:
        self.stream.flush()
