"""Tiles of a matrix whose rows are contiguous, by the bulk copy engine or by ordinary loads."""

import triton
import triton.language as tl


@triton.jit
def tiles_of(matrix_ptr, rows, COLUMNS: tl.constexpr, ROWS: tl.constexpr, BULK: tl.constexpr):
    """What `fetch` takes tiles from: a descriptor for the copy engine, or the pointer itself."""
    if BULK:
        return tl.make_tensor_descriptor(matrix_ptr, [rows, COLUMNS], [COLUMNS, 1], [ROWS, COLUMNS])
    else:
        return matrix_ptr


@triton.jit
def fetch(tiles, start, rows, COLUMNS: tl.constexpr, ROWS: tl.constexpr, BULK: tl.constexpr):
    """Rows from `start` on, all columns of each; 0 where the matrix has ended."""
    if BULK:
        return tiles.load([start, 0])
    else:
        row = start + tl.arange(0, ROWS)[:, None]
        place = row * COLUMNS + tl.arange(0, COLUMNS)[None, :]
        return tl.load(tiles + place, mask=row < rows, other=0.0)
