"""Brotli and gzip copies beside every file worth compressing, for hosts that serve them."""

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli

from llmdeep.site import cache
from llmdeep.site.paths import CACHE

COMPRESSIBLE = (
    *(".css", ".html", ".js", ".json", ".mjs", ".safetensors", ".svg", ".txt", ".wasm", ".xml"),
    ".zip",
)
SMALLEST = 512  # bytes; below this a compressed copy saves less than a header costs


def compress(site: Path) -> int:
    """Write FILE.br and FILE.gz beside each compressible file of `site`; return how many.

    The same bytes give the same copies on every machine. They are kept in the cache, since
    Brotli at its best takes seconds on the Python runtime.
    """
    paths = [
        path
        for path in sorted(site.rglob("*"))
        if path.is_file() and path.suffix in COMPRESSIBLE and path.stat().st_size >= SMALLEST
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_copies, paths))
    return len(paths)


def _copies(path: Path) -> None:
    data = path.read_bytes()
    name = cache.file_hash([path])
    for suffix, squeeze in ((".br", _brotli), (".gz", _gzip)):
        target = path.with_name(path.name + suffix)
        if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
            continue
        kept = CACHE / "compressed" / f"{name}{suffix}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_name(f"{kept.name}.{os.getpid()}")
            part.write_bytes(squeeze(data))
            part.replace(kept)
        target.write_bytes(kept.read_bytes())


def _brotli(data: bytes) -> bytes:
    return brotli.compress(data, quality=11, lgwin=24)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)
