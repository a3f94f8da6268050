"""Zips that are the same to the byte whenever their contents are, and compress well as a whole."""

import io
import zipfile
from collections.abc import Iterable


def zipped(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of stored, undated entries, path and content, in the order of their paths.

    Stored, since the host's Brotli or gzip squeezes them all together, and better.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(entries):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, also where this runs on Windows
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return file.getvalue()
