"""Four-bit weights: sixteen levels, with a scale for each group of channels."""

import numpy as np

from llmdeep.shapes import Array, Float, Int


def quantize_groups(
    weights: Float[Array, "rows columns"], group: int = 128
) -> tuple[Int[Array, "rows columns"], Float[Array, "rows groups"]]:
    """Round each group of neighbouring columns to whole multiples of a scale of its own.

    Returns:
        Codes from -8 to 7, int8, and the scales, in the unit of the weights: a group's largest
        magnitude over 7. A group of zeros has scale 1.

    Raises:
        ValueError: If the columns do not divide into groups.

    Source:
        Frantar et al. 2022, arXiv:2210.17323, for the groups; plain rounding, not their method.

    Examples:
        >>> codes, scales = quantize_groups(np.array([[1.0, -7.0, 0.5, 0.0]]), group=2)
        >>> codes, scales.round(4)
        (array([[ 1, -7,  7,  0]], dtype=int8), array([[1.    , 0.0714]]))
    """
    rows, columns = weights.shape
    if group < 1 or columns % group:
        raise ValueError(f"{columns} columns do not divide into groups of {group}")
    grouped = weights.reshape(rows, -1, group)
    largest = np.abs(grouped).max(axis=-1)
    scales = np.where(largest > 0, largest / 7, 1)
    codes = np.clip(np.round(grouped / scales[..., None]), -8, 7)
    return codes.reshape(rows, columns).astype(np.int8), scales


def dequantize_groups(
    codes: Int[Array, "rows columns"], scales: Float[Array, "rows groups"]
) -> Float[Array, "rows columns"]:
    """The weights that the codes stand for: code times the scale of its group."""
    group = codes.shape[1] // scales.shape[1]
    return codes * np.repeat(scales, group, axis=1)


def pack_nibbles(codes: Int[Array, "rows columns"], group: int = 128) -> Int[Array, "rows bytes"]:
    """Two codes a byte: of each group the first half in the low bits, the second in the high ones.

    A kernel that has fetched a group's bytes then has both halves in order, without shuffling.

    Returns:
        int8, half as many columns; the codes are stored with 8 added, so as 0 to 15.

    Examples:
        >>> pack_nibbles(np.array([[-8, 1, 7, -7]], dtype=np.int8), group=4)
        array([[-16,  25]], dtype=int8)
    """
    halves = (codes.reshape(len(codes), -1, 2, group // 2) + 8).astype(np.uint8)
    packed = halves[:, :, 0] | (halves[:, :, 1] << 4)
    return packed.reshape(len(codes), -1).view(np.int8)


def unpack_nibbles(
    packed: Int[Array, "rows bytes"], group: int = 128
) -> Int[Array, "rows columns"]:
    """The inverse of `pack_nibbles`."""
    grouped = packed.view(np.uint8).reshape(len(packed), -1, group // 2)
    halves = np.stack([grouped & 15, grouped >> 4], axis=2).astype(np.int8) - np.int8(8)
    return halves.reshape(len(packed), -1)
