"""What general compressors make of the held-out text, in the unit of the model: bits per byte.

A compressor that knows what comes before needs size(whole) - size(before) bytes for the rest. Each
is measured twice: with the training part of the same text before a held-out part, and with those of
all texts before all held-out parts, which the model learned from too.
"""

import bz2
import lzma
import platform
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import brotli
import pyppmd
import zstandard

from llmdeep.train.corpus import Text

PPMD_MEMORY = 1 << 28  # bytes; more than these texts fill
PPMD_ORDERS = range(3, 9)  # characters that it looks back on, at most


def table(texts: Sequence[Text]) -> dict[str, Any]:
    """Bits per byte of the held-out parts under each compressor, and what computed them."""
    each = [(text.training.encode(), text.held_out.encode()) for text in texts]
    together = [b"".join(parts) for parts in zip(*each, strict=True)]
    n_bytes = len(together[1])
    rows = []
    for name, (version, size) in _compressors().items():
        rows.append(
            {
                "name": name,
                "version": version,
                "given the text": 8 * sum(_needed(size, *parts) for parts in each) / n_bytes,
                "given all texts": 8 * _needed(size, together[0], together[1]) / n_bytes,
            }
        )
    return {
        "unit": "bits per byte of the held-out parts",
        "held_out_bytes": n_bytes,
        "compressors": sorted(rows, key=lambda row: row["given the text"]),
        "texts": {text.name: text.sha256 for text in texts},
        "python": platform.python_version(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _compressors() -> dict[str, tuple[str, Callable[[bytes], int]]]:
    """By name: the version with its settings, and the function from bytes to compressed size."""
    return {
        **{
            f"PPMd, order {order}": (f"pyppmd {pyppmd.__version__}, variant H", _ppmd(order))
            for order in PPMD_ORDERS
        },
        "bzip2": ("level 9", lambda data: len(bz2.compress(data, 9))),
        "xz": (
            "preset 9, extreme",
            lambda data: len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        ),
        "brotli": (
            f"brotli {brotli.__version__}, quality 11, window of 16 MB",
            lambda data: len(brotli.compress(data, quality=11, lgwin=24)),
        ),
        "zstd": (f"zstandard {zstandard.__version__}, level 22", _zstd),
        "gzip": (f"zlib {zlib.ZLIB_VERSION}, level 9", lambda data: len(zlib.compress(data, 9))),
    }


def _needed(size: Callable[[bytes], int], before: bytes, rest: bytes) -> int:
    return size(before + rest) - size(before)


def _zstd(data: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=22).compress(data))


def _ppmd(order: int) -> Callable[[bytes], int]:
    def size(data: bytes) -> int:
        encoder = pyppmd.Ppmd7Encoder(order, PPMD_MEMORY)
        return len(encoder.encode(data)) + len(encoder.flush())

    return size
