"""The safetensors format: named arrays in a file that can be read without running anything.

Files of weights used to be pickles, and a pickle is a program. This is data: everything that it
says can be checked before it is believed, and is, in `llmdeep.safetensors_header`.
"""

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from llmdeep.narrow_floats import from_bfloat16, from_float8_e4m3, from_float8_e5m2
from llmdeep.safetensors_header import Entry, Header, Read, read_header
from llmdeep.shapes import Array

__all__ = [
    "Entry",
    "Header",
    "read_array",
    "read_header",
    "read_numbers",
    "read_safetensors",
    "write_safetensors",
]

NUMPY_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
DECODERS = {  # the type of the codes, and what turns them into float32
    "BF16": ("<u2", from_bfloat16),
    "F8_E4M3": ("u1", from_float8_e4m3),
    "F8_E5M2": ("u1", from_float8_e5m2),
}


def read_safetensors(source: Path | bytes) -> dict[str, Array]:
    """All arrays of a file, by name, in the order of their bytes.

    Args:
        source: A path, which is mapped into memory: what is not looked at is not read. Or the bytes
            of a file.

    Returns:
        As `read_array`: views of the file, wherever that is possible.

    Raises:
        ValueError: If the file is damaged, or holds a type that is not read; it says what and
            where.

    Examples:
        >>> file = write_safetensors({"gain": np.array([1.0, 0.5], np.float32)})
        >>> read_safetensors(file)
        {'gain': array([1. , 0.5], dtype=float32)}
        >>> read_safetensors(file[:-1])
        Traceback (most recent call last):
        ValueError: array 'gain' ends at byte 8 of the data, but there are 7: the file is cut off
    """
    data = _mapped(source) if isinstance(source, Path) else memoryview(source)

    def read(start: int, length: int) -> memoryview:
        return data[start : start + length]

    header = read_header(read, len(data))
    return {name: read_array(read, header, name) for name in header.entries}


def read_array(read: Read, header: Header, name: str) -> Array:
    """One array of a file.

    Returns:
        A view of what `read` gives, which cannot be written to. A copy only where NumPy has no such
        type (BF16, F8_E4M3 and F8_E5M2 become float32, exactly), and where numbers do not start at
        a multiple of their size.

    Raises:
        ValueError: For the types of less than 8 bits, and the rarer ones of 8, which are not read.
    """
    dtype, shape, start, stop = header.entries[name]
    raw = read(header.data_start + start, stop - start)
    if dtype in NUMPY_DTYPES:
        array = np.frombuffer(raw, NUMPY_DTYPES[dtype]).reshape(shape)
        return np.require(array, requirements="A")
    if dtype in DECODERS:
        code, decode = DECODERS[dtype]
        return decode(np.frombuffer(raw, code)).reshape(shape)
    raise ValueError(f"array {name!r} is {dtype}, which this reader does not decode")


def read_numbers(read: Read, header: Header, name: str, start: int, stop: int) -> Array:
    """Some of an array's numbers, flat, counted row by row; no other byte of it is read.

    As with a slice, what lies past the array's end is left out.

    Raises:
        ValueError: As `read_array`.

    Examples:
        >>> file = write_safetensors({"square": np.arange(9.0).reshape(3, 3)})
        >>> read = lambda start, length: file[start : start + length]
        >>> read_numbers(read, read_header(read, len(file)), "square", 3, 6)
        array([3., 4., 5.])
    """
    dtype, shape, begin, end = header.entries[name]
    count = math.prod(shape)
    start, stop, _ = slice(start, stop).indices(count)
    width = (end - begin) // max(count, 1)
    part = Entry(dtype, (stop - start,), begin + start * width, begin + stop * width)
    return read_array(read, header._replace(entries={name: part}), name)


def write_safetensors(
    tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a file with these arrays: the widest types first, so that all are aligned.

    Raises:
        ValueError: If an array has a type that the format does not have.
    """
    codes = {np.dtype(code): name for name, code in NUMPY_DTYPES.items()}
    for name, array in tensors.items():
        if array.dtype.newbyteorder("<") not in codes:
            raise ValueError(f"array {name!r} is {array.dtype}, which safetensors does not have")
    ordered = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts, start = [], 0
    for name in ordered:
        little = tensors[name].astype(tensors[name].dtype.newbyteorder("<"), copy=False)
        parts.append(little.tobytes())
        stop = start + len(parts[-1])
        header[name] = {
            "dtype": codes[little.dtype],
            "shape": list(little.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that the data begin at a multiple of 8
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def _mapped(path: Path) -> memoryview:
    if not path.stat().st_size:  # an empty file cannot be mapped
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
