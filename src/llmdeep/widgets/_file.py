"""A file that the reader chose: what `render` gets for a `File` control."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OpenFile:
    """A file to read from. Nothing of it is read before `read` asks for it.

    `size` is in bytes; `source(start, length)` fetches that part.
    """

    name: str
    size: int
    source: Callable[[int, int], bytes]

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `start` on, or all there are from there; fewer at the file's end.

        Raises:
            ValueError: If `start` or `length` is negative.
            OSError: If the file has been changed or removed since it was chosen.
        """
        if start < 0 or (length is not None and length < 0):
            raise ValueError(f"a file has no part of {length} bytes at {start}")
        rest = max(self.size - start, 0)
        wanted = rest if length is None else min(length, rest)
        return self.source(start, wanted) if wanted else b""

    @classmethod
    def of(cls, path: Path) -> "OpenFile":
        """A file on disk."""

        def source(start: int, length: int) -> bytes:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length)

        return cls(path.name, path.stat().st_size, source)
