"""Weights in 8 bits: a row of whole numbers from -127 to 127, times the row's scale.

The scales have 4 significant bits. A code has 7, so each product has at most 11, just what a
float16 holds: the numbers that such a model is published with are exactly those that its 8-bit file
stands for, and nothing is lost between the two, either way.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from llmdeep.safetensors_file import read_safetensors, write_safetensors
from llmdeep.shapes import Array, Float, Int

LARGEST = 127  # of a code; -128 is not used, so that codes are symmetric
SCALE_BITS = 4
SCALES = ".scales"  # follows a matrix's name in the name of its scales
FINEST = 2.0**-24  # the smallest float16 above 0, of which all others are multiples


class Quantized(NamedTuple):
    """A matrix as codes (int8) and a scale for each row (float16)."""

    codes: Int[Array, "rows columns"]
    scales: Float[Array, "rows"]


def quantize(matrix: Float[Array, "rows columns"]) -> Quantized:
    """The nearest codes, under the smallest scale of 4 bits that fits the row's largest number.

    Raises:
        ValueError: If a number is not finite, or too large or a row too small for float16.

    Examples:
        >>> codes, scales = quantize(np.array([[1.0, -0.5, 0.126]]))
        >>> codes.tolist(), scales.tolist() == [9 / 1024]
        ([[114, -57, 14]], True)
    """
    if not np.isfinite(matrix).all():
        raise ValueError("only finite numbers can be quantized")
    needed = np.abs(matrix).max(axis=1, initial=0.0).astype(np.float64) / LARGEST
    mantissas, exponents = np.frexp(needed)
    steps = 2.0**SCALE_BITS
    rounded = np.ldexp(np.ceil(mantissas * steps) / steps, exponents)
    # Below this, the scale's own bits would fall off the end of float16.
    scales = np.where(needed > 0, np.maximum(rounded, FINEST * steps), 1.0)
    if (scales * LARGEST > np.finfo(np.float16).max).any():
        raise ValueError(f"the largest number is {np.abs(matrix).max()}, too large for float16")
    codes = np.rint(matrix / scales[:, None])
    return Quantized(codes.astype(np.int8), scales.astype(np.float16))


def dequantize(
    codes: Int[Array, "rows columns"], scales: Float[Array, "rows"]
) -> Float[Array, "rows columns"]:
    """code × scale in float32, exactly.

    Examples:
        >>> dequantize(*quantize(np.array([[1.0, -0.5, 0.126]])))
        array([[ 1.0019531 , -0.50097656,  0.12304688]], dtype=float32)
    """
    return codes.astype(np.float32) * scales.astype(np.float32)[:, None]


def recover(matrix: Float[Array, "rows columns"]) -> Quantized:
    """Codes and scales of a matrix whose rows already are codes times a scale.

    Every float16 is a whole multiple of 2**-24, so each row is a row of whole numbers, and its
    scale is their greatest common divisor.

    Raises:
        ValueError: If a row is not of this kind.

    Examples:
        >>> recover(np.array([[0.75, -0.5, 0.0]]))
        Quantized(codes=array([[ 3, -2,  0]], dtype=int8), scales=array([0.25], dtype=float16))
    """
    multiples = np.asarray(matrix, np.float64) / FINEST
    whole = multiples.astype(np.int64)
    divisors = np.maximum(np.gcd.reduce(whole, axis=1), 1)
    codes = whole // divisors[:, None]
    exact = (whole == multiples).all() and (np.abs(codes) <= LARGEST).all()
    if not exact:
        raise ValueError("the rows are not multiples, from -127 to 127, of one float16 each")
    scales = np.where(whole.any(axis=1), divisors * FINEST, 1.0)
    return Quantized(codes.astype(np.int8), scales.astype(np.float16))


def pack_8bit(weights: Mapping[str, Array]) -> bytes:
    """A safetensors file of a quantized model: codes and scales for matrices, float16 for the rest.

    Args:
        weights: As they are in the published file; the rows of each matrix codes times a scale.

    Raises:
        ValueError: If they are not, or a vector is not what float16 can hold.
    """
    packed: dict[str, Array] = {}
    for name, values in weights.items():
        if values.ndim == 2:
            try:
                packed[name], packed[name + SCALES] = recover(values)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            continue
        packed[name] = values.astype(np.float16)
        if not np.array_equal(packed[name], values):
            raise ValueError(f"{name} is not what float16 can hold")
    return write_safetensors(packed)


def unpack_8bit(file: bytes) -> dict[str, Array]:
    """The weights of a file made by `pack_8bit`, in float32, bit for bit the published numbers."""
    found = multiplied_out(read_safetensors(file))
    return {name: values.astype(np.float32, copy=False) for name, values in found.items()}


def multiplied_out(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of a file, with each matrix in place of its codes and scales, if it has any."""
    return {
        name: dequantize(values, tensors[name + SCALES]) if name + SCALES in tensors else values
        for name, values in tensors.items()
        if name.removesuffix(SCALES) == name or name.removesuffix(SCALES) not in tensors
    }
