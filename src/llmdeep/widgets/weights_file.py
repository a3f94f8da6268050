"""A safetensors file, opened: first bytes, tensors, layout, and the numbers of one tensor.

Notice: the header tells everything but the numbers. To look at one tensor of a file of many
gigabytes, a few kilobytes are read. Your own file stays on your machine.
"""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

import numpy as np

from llmdeep.book_model import downloaded_file, published_file
from llmdeep.file_contents import KINDS, OTHER, families, stretches
from llmdeep.quantization import SCALES
from llmdeep.safetensors_file import Header, read_header, read_numbers
from llmdeep.shapes import Array
from llmdeep.widgets import (
    Area,
    Axis,
    Chart,
    Choice,
    ControlError,
    File,
    Matrix,
    Metric,
    Metrics,
    Note,
    Number,
    OpenFile,
    Table,
    Text,
    View,
)
from llmdeep.widgets._models import size
from llmdeep.widgets._numbers import statistics

PUBLISHED, DOWNLOADED = "float16, as published", "8 bits, as a page downloads it"
MOST_FAMILIES, MOST_STRETCHES, MOST_LISTED = 30, 1000, 8
CORNER = 12  # rows and columns
MOST_NUMBERS = 2**20  # of a tensor, for its statistics
LARGEST = 1e100  # whose square is still finite
BEGINNINGS = {  # what else carries the ending by mistake
    b"PK\x03\x04": "a zip archive, as torch.save writes it, with a pickle inside",
    b"\x80\x02\x8a\x0a": "a pickle, as older versions of torch.save wrote it",
    b"GGUF": "a GGUF file",
    b"version https://git-lfs": "a Git LFS pointer, which stands for a file not downloaded yet",
}

Read = Callable[[int, int], bytes | memoryview]


def render(
    file: Annotated[OpenFile | None, File(".safetensors", label="a file of your own")] = None,
    model: Annotated[str, Choice(PUBLISHED, DOWNLOADED, label="or the book’s model")] = PUBLISHED,
    tensor: Annotated[str, Text(200, min_length=0, label="tensor: number, or part of name")] = "",
    row: Annotated[int, Number(0, 10**9, label="corner: first row")] = 0,
    column: Annotated[int, Number(0, 10**9, label="first column")] = 0,
) -> list[View]:
    name, n_bytes, read = opened(file, model)
    try:
        header = read_header(read, n_bytes)
    except ValueError as error:
        return damaged(name, n_bytes, read, str(error))
    if not header.entries:
        return [first_bytes(read, header), Note(f"{name} is whole, and holds no tensor.")]
    listed = found(header, tensor)
    return [
        totals(name, n_bytes, header),
        first_bytes(read, header),
        *contents(header),
        layout(header),
        chosen(header, listed),
        *look(read, header, listed[0], row, column),
    ]


def opened(file: OpenFile | None, model: str) -> tuple[str, int, Read]:
    if file is not None:
        return file.name, file.size, file.read
    whole = published_file() if model == PUBLISHED else downloaded_file()
    return "model.safetensors", len(whole), lambda start, length: whole[start : start + length]


def damaged(name: str, n_bytes: int, read: Read, problem: str) -> list[View]:
    start = bytes(read(0, 32))
    likely = next((what for magic, what in BEGINNINGS.items() if start.startswith(magic)), "")
    hint = f" It begins like {likely}." if likely else ""
    text = f"{name} can’t be read: {problem}.{hint}"
    rows = [
        (f"{at}–{at + len(part) - 1}", part.hex(" "), printable(part))
        for at in range(0, len(start), 8)
        if (part := start[at : at + 8])
    ]
    return [
        Note(text, tone="warning", title="Not a whole safetensors file"),
        Table(
            ("bytes", "in hexadecimal", "as text"), rows, title=f"How its {n_bytes:,} bytes begin"
        ),
    ]


def first_bytes(read: Read, header: Header) -> Table:
    begin, text = bytes(read(0, 8)), bytes(read(8, min(56, header.data_start - 8)))
    first = bytes(read(header.data_start, 8))
    end = header.data_start
    rows = [
        ("0–7", begin.hex(" "), f"length of the header: {int.from_bytes(begin, 'little'):,}"),
        (f"8–{end - 1:,}", text[:8].hex(" ") + " …", printable(text) + " …"),
    ]
    if first:
        rows.append(
            (f"{end:,} …", first.hex(" ") + " …", f"data, of “{next(iter(header.entries))}”")
        )
    return Table(("bytes", "in hexadecimal", "what they say"), rows, title="The first bytes")


def totals(name: str, n_bytes: int, header: Header) -> Metrics:
    entries = header.entries.values()
    notes = ", ".join(f"{key}: {text}" for key, text in header.metadata.items())
    return Metrics(
        name,
        file=Metric(size(n_bytes), note=f"{n_bytes:,} bytes"),
        header=Metric(size(header.data_start - 8), note=notes[:120]),
        tensors=len(entries),
        numbers=sum(math.prod(entry.shape) for entry in entries),
        types=", ".join(sorted({entry.dtype for entry in entries})),
    )


def contents(header: Header) -> Iterator[Table]:
    groups = families(header.entries)
    rows = [
        (f.pattern, f.n_tensors, f.dtype, shaped(f.shape), f.numbers, size(f.n_bytes))
        for f in groups[:MOST_FAMILIES]
    ]
    if rest := groups[MOST_FAMILIES:]:
        n_bytes = size(sum(f.n_bytes for f in rest))
        counts = sum(f.n_tensors for f in rest), sum(f.numbers for f in rest)
        rows.append((f"{len(rest):,} more forms", counts[0], "", "", counts[1], n_bytes))
    columns = ("name, with * for a number", "tensors", "type", "shape of each", "numbers", "bytes")
    yield Table(columns, rows, title="What it holds", digits=12)
    types = sorted({f.dtype for f in groups})
    if len(types) > 1:
        by_type = [[f for f in groups if f.dtype == dtype] for dtype in types]
        rows_of_types = [
            (
                dtype,
                sum(f.n_tensors for f in of_type),
                sum(f.numbers for f in of_type),
                size(sum(f.n_bytes for f in of_type)),
            )
            for dtype, of_type in zip(types, by_type, strict=True)
        ]
        yield Table(("type", "tensors", "numbers", "bytes"), rows_of_types, "By type", digits=12)


def layout(header: Header) -> Chart:
    """A bar from its first byte to its last for each stretch, at the height of its layer."""
    parts = list(islice(stretches(header.entries), MOST_STRETCHES))
    unit = max((part.stop for part in parts), default=1) / 1e6
    factor, name = (1e9, "GB") if unit >= 1000 else (1e6, "MB") if unit >= 1 else (1e3, "kB")
    marks = []
    for kind in (*KINDS, OTHER):
        own = [part for part in parts if part.kind == kind]
        ends = np.array([[part.start, part.stop, np.nan] for part in own]) / factor
        heights = np.array([[part.layer, part.layer, np.nan] for part in own], dtype=float)
        if own:
            marks.append(Area(ends.ravel(), heights.ravel() + 0.4, heights.ravel() - 0.4, kind))
    return Chart(
        marks,
        x=Axis("place in the data", unit=name),
        y=Axis("layer (−1: outside the layers)"),
        title="Where each layer’s tensors are",
    )


def found(header: Header, wanted: str) -> list[str]:
    """The tensors that the reader asks for, the first of them to be looked at."""
    names, wanted = list(header.entries), wanted.strip()
    if not wanted:
        matrices = [name for name in names if len(header.entries[name].shape) > 1]
        first = (matrices or names)[0]
        return [first, *(name for name in names if name != first)]
    if wanted.isdecimal() and wanted not in header.entries:
        if not 1 <= int(wanted) <= len(names):
            raise ControlError(f"There is no tensor {wanted}; they are numbered 1 to {len(names)}.")
        return [names[int(wanted) - 1]]
    matching = [name for name in names if wanted.lower() in name.lower()]
    if not matching:
        raise ControlError(
            f"No tensor has “{wanted[:40]}” in its name; one is called “{names[0]}”."
        )
    return sorted(matching, key=lambda name: (name != wanted, name.endswith(SCALES)))


def chosen(header: Header, listed: list[str]) -> Table:
    number = {name: n for n, name in enumerate(header.entries, 1)}
    rows = []
    for name in listed[:MOST_LISTED]:
        dtype, shape, start, stop = header.entries[name]
        rows.append((number[name], name, dtype, shaped(shape), f"{start:,}–{stop:,}"))
    title = "The tensor below, and others that match" if len(rows) > 1 else "The tensor below"
    if len(listed) > len(rows):
        title += f" ({len(rows)} of {len(listed):,})"
    return Table(("number", "name", "type", "shape", "bytes of the data"), rows, title=title)


@np.errstate(over="ignore", invalid="ignore")  # a file may hold NaN and 1e300
def look(read: Read, header: Header, name: str, row: int, column: int) -> list[View]:
    shape = header.entries[name].shape
    width = shape[-1] if shape else 1
    n_rows = math.prod(shape) // width if width else 0
    if not n_rows:
        return [Note(f"{name} has the shape {shaped(shape)}: it holds no number.")]
    if row >= n_rows or column >= width:
        raise ControlError(
            f"{name} has rows 0 to {n_rows - 1:,} and columns 0 to {width - 1:,}; row {row:,}, "
            f"column {column:,} is outside."
        )
    rows = range(row, min(row + CORNER, n_rows))
    columns = range(column, min(column + CORNER, width))
    sample = min(max(MOST_NUMBERS // width, 1) * width, MOST_NUMBERS, n_rows * width)
    try:
        corner = [
            values(read, header, name, width, at * width + column, len(columns)) for at in rows
        ]
        seen = values(read, header, name, width, 0, sample)
    except ValueError as error:
        return [Note(f"{error}.", tone="warning", title="Its numbers")]
    scaled = ", codes × scales" if name + SCALES in header.entries else ""
    return [
        Matrix(
            corner,
            rows=[str(at) for at in rows],
            columns=[str(at) for at in columns],
            title=f"{name}: a corner{scaled}",
            row_label="row",
            column_label="column",
            diverging=bool(np.min(corner) < 0),
            digits=3,
        ),
        *statistics(name, seen, width, n_rows * width),
    ]


def values(read: Read, header: Header, name: str, width: int, start: int, count: int) -> Array:
    """Some numbers of a tensor in float64; 8-bit codes with scales beside them multiplied out."""
    raw = read_numbers(read, header, name, start, start + count)
    if raw.dtype.kind == "c":
        raise ValueError(f"array {name!r} is C64; complex numbers are not drawn here")
    wide = raw.astype(np.float64)
    if name + SCALES in header.entries:
        last = (start + count - 1) // width
        scales = read_numbers(read, header, name + SCALES, start // width, last + 1)
        wide *= scales.astype(np.float64)[np.arange(start, start + count) // width - start // width]
    if (np.abs(wide[np.isfinite(wide)]) > LARGEST).any():
        raise ValueError(f"array {name!r} holds numbers beyond {LARGEST:g}, too large to draw")
    return wide


def shaped(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{length:,}" for length in shape) or "a single number"


def printable(raw: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in raw)
