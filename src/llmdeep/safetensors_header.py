"""What a safetensors file says about itself, and whether it can be believed.

8 bytes      length of the header, little-endian
header       JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...},
             where "__metadata__" may hold texts of any meaning
the rest     the arrays' bytes, in order, without gaps; offsets count from here
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

LONGEST_HEADER = 100_000_000  # bytes; the limit of the format's own library

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "F32": 32, "F64": 64, "C64": 64, "BF16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip


Read = Callable[[int, int], bytes | memoryview]  # of a start and a length: so many bytes from there


class Entry(NamedTuple):
    """One array of a file: its bytes are those from `start` to `stop` of the data."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class Header(NamedTuple):
    """What a file says about itself; its data begin at byte `data_start`."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int


def read_header(read: Read, size: int) -> Header:
    """What a file holds, checked against its size; the arrays' bytes are not read.

    Args:
        read: Gives bytes of the file.
        size: Length of the file in bytes.

    Raises:
        ValueError: If they disagree, with each other or with the size; it says what and where.

    Examples:
        >>> text = b'{"gain": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}'
        >>> file = len(text).to_bytes(8, "little") + text + bytes(4)
        >>> read_header(lambda start, length: file[start : start + length], len(file))
        Header(entries={'gain': Entry(dtype='F16', shape=(2,), start=0, stop=4)}, metadata={}, \
data_start=72)
    """
    if size < 8:
        raise ValueError(f"a safetensors file begins with 8 bytes of length; here are {size}")
    length = int.from_bytes(read(0, 8), "little")
    if length > LONGEST_HEADER:
        raise ValueError(
            f"the header would be {length} bytes long, more than {LONGEST_HEADER}: this is no "
            "safetensors file, or its first 8 bytes are damaged"
        )
    if 8 + length > size:
        raise ValueError(
            f"the header would end at byte {8 + length}, but the file has {size}: it is cut off, "
            "or its first 8 bytes are damaged"
        )
    fields = _json(bytes(read(8, length)))
    metadata = _metadata(fields.pop("__metadata__", {}))
    entries = {name: _entry(name, value) for name, value in fields.items()}
    in_order = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
    _check_layout(in_order, size - 8 - length)
    return Header(in_order, metadata, 8 + length)


def _json(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the header is not UTF-8 at byte {8 + error.start}") from None
    try:
        fields = json.loads(text, object_pairs_hook=_named_once, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"the header is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise ValueError("the header is not JSON of this format: it is nested too deep") from None
    if re.search(r"[\ud800-\udfff]", json.dumps(fields, ensure_ascii=False)):
        raise ValueError("the header holds half of a pair of escapes, so a text that is no text")
    if not isinstance(fields, dict):
        raise ValueError(f"the header must be a JSON object, not {type(fields).__name__}")
    return fields


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"the header names {name!r} twice")
        fields[name] = value
    return fields


def _whole(digits: str) -> int:
    if len(digits) > 20:  # 2**64 has 20
        raise ValueError(f"the header holds a number of {len(digits)} digits")
    return int(digits)


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("the header's __metadata__ must hold texts by name, and nothing else")
    return value


def _entry(name: str, value: Any) -> Entry:
    keys = {"dtype", "shape", "data_offsets"}
    if not isinstance(value, dict) or value.keys() != keys:
        raise ValueError(f"array {name!r} must have {', '.join(sorted(keys))}, and nothing else")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ValueError(f"array {name!r} has the unknown dtype {dtype!r}")
    if not _are_sizes(shape):
        raise ValueError(f"array {name!r} has the shape {shape!r}; sizes are whole, 0 or more")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"array {name!r} has data_offsets {offsets!r}, not a start and a stop")
    bits = math.prod(shape) * BITS[dtype]
    start, stop = offsets
    if bits != 8 * (stop - start):
        raise ValueError(
            f"array {name!r}, {dtype} of shape {shape}, takes {bits / 8:g} bytes; its data_offsets "
            f"{offsets} hold {stop - start}"
        )
    return Entry(dtype, tuple(shape), start, stop)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _check_layout(in_order: Mapping[str, Entry], n_bytes: int) -> None:
    """Array follows array, from the first byte of the data to the last."""
    end = 0
    for name, entry in in_order.items():
        if entry.start != end:
            what = "overlaps the one before it" if entry.start < end else "leaves a gap before it"
            raise ValueError(
                f"array {name!r} begins at byte {entry.start} of the data, not {end}: it {what}"
            )
        end = entry.stop
        if end > n_bytes:
            raise ValueError(
                f"array {name!r} ends at byte {end} of the data, but there are {n_bytes}: the file "
                "is cut off"
            )
    if end < n_bytes:
        raise ValueError(f"{n_bytes - end} bytes follow the last array, and belong to none")
