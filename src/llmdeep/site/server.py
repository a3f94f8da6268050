"""A static server for previews and tests that behaves like a good host.

It sends the Brotli or gzip copy beside a file where the client accepts it, the types browsers
insist on for WebAssembly and modules, the 404 page, and on request the policy headers. The site
may hang below any path.
"""

import argparse
import http.server
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from llmdeep.site.hashed import is_hashed

TYPES = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".safetensors": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@dataclass(frozen=True)
class Hosting:
    """How a folder is served: below which path, with which extra headers."""

    folder: Path
    prefix: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def serving(hosting: Hosting, port: int = 0) -> Iterator[str]:
    """Serve from a thread for as long as the block runs; gives the URL of the home page."""
    server = listen(hosting, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{hosting.prefix}"
    finally:
        server.shutdown()
        server.server_close()


def listen(hosting: Hosting, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server bound to a local port (any free one if 0), not yet serving.

    Raises:
        OSError: If the port is taken.
    """

    class BoundHandler(Handler):
        served = hosting

    return http.server.ThreadingHTTPServer(("127.0.0.1", port), BoundHandler)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD from `served`."""

    served: Hosting
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, *, body: bool) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        prefix = self.served.prefix
        if not path.startswith(prefix):
            self.send_bytes(HTTPStatus.NOT_FOUND, "text/plain", b"not below " + prefix.encode())
            return
        file = self.served.folder / path.removeprefix(prefix)
        if file.is_dir():
            if not path.endswith("/"):
                self.send_response(HTTPStatus.MOVED_PERMANENTLY)
                self.send_header("Location", urllib.parse.quote(path) + "/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            file = file / "index.html"
        if not file.is_file() or not file.resolve().is_relative_to(self.served.folder.resolve()):
            missing = self.served.folder / "404.html"
            page = self.page(missing) if missing.is_file() else b"not found"
            self.send_bytes(HTTPStatus.NOT_FOUND, TYPES[".html"], page, body=body)
            return
        self.send_file(file, body=body)

    def send_file(self, file: Path, *, body: bool) -> None:
        kind = TYPES.get(file.suffix, "application/octet-stream")
        if file.suffix == ".html" and (page := self.page(file)) != file.read_bytes():
            self.send_bytes(HTTPStatus.OK, kind, page, body=body)
            return
        accepted = self.headers.get("Accept-Encoding", "")
        for encoding, suffix in (("br", ".br"), ("gzip", ".gz")):
            copy = file.with_name(file.name + suffix)
            if encoding in accepted and copy.is_file():
                self.send_bytes(HTTPStatus.OK, kind, copy.read_bytes(), encoding, body=body)
                return
        self.send_bytes(HTTPStatus.OK, kind, file.read_bytes(), body=body)

    def page(self, file: Path) -> bytes:
        """The bytes of an HTML page; a development server adds to them."""
        return file.read_bytes()

    def send_bytes(
        self,
        status: HTTPStatus,
        kind: str,
        data: bytes,
        encoding: str = "",
        *,
        body: bool = True,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Vary", "Accept-Encoding")
        forever = status is HTTPStatus.OK and is_hashed(urllib.parse.urlsplit(self.path).path)
        self.send_header("Cache-Control", "max-age=31536000, immutable" if forever else "no-cache")
        if encoding:
            self.send_header("Content-Encoding", encoding)
        for name, value in self.served.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the build."""


def policy_headers(folder: Path) -> dict[str, str]:
    """The headers that the site's own `_headers` file asks for on every path."""
    lines = (folder / "_headers").read_text(encoding="utf-8").splitlines()[1:]
    pairs = (line.strip().split(": ", 1) for line in lines if line.startswith("  "))
    return dict(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a built site.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("site"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--prefix", default="/", help="path the site hangs below, as in /book/")
    parser.add_argument("--policy", action="store_true", help="send the headers of _headers")
    parser.add_argument("--isolated", action="store_true", help="make pages cross-origin isolated")
    given = parser.parse_args()
    headers = policy_headers(given.folder) if given.policy else {}
    headers |= ISOLATION if given.isolated else {}
    server = listen(Hosting(given.folder, given.prefix, headers), given.port)
    print(f"http://127.0.0.1:{server.server_port}{given.prefix}")
    server.serve_forever()


if __name__ == "__main__":
    main()
