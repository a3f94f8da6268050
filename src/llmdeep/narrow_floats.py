"""Floating-point numbers that NumPy does not have, decoded exactly to float32.

A code is a sign, an exponent e and a mantissa m of k bits: (1 + m / 2**k) * 2**(e - bias), and for
e = 0, without the leading 1, m / 2**k * 2**(1 - bias).
"""

import numpy as np

from llmdeep.shapes import Array, Float


def from_bfloat16(codes: Array) -> Float[Array, "*shape"]:
    """bfloat16 (8 bits of exponent, 7 of mantissa) is the upper half of a float32.

    Args:
        codes: uint16, of any shape.

    Examples:
        >>> from_bfloat16(np.array([0x3F80, 0xC049], np.uint16))
        array([ 1.      , -3.140625], dtype=float32)
    """
    return (codes.astype(np.uint32) << 16).view(np.float32)


def from_float8_e5m2(codes: Array) -> Float[Array, "*shape"]:
    """E5M2 (5 bits of exponent, 2 of mantissa) is the upper half of a float16.

    Args:
        codes: uint8, of any shape.

    Source:
        Micikevicius et al. 2022, arXiv:2209.05433.

    Examples:
        >>> from_float8_e5m2(np.array([0x3C, 0x7B, 0x7C], np.uint8))
        array([1.0000e+00, 5.7344e+04,        inf], dtype=float32)
    """
    return (codes.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def from_float8_e4m3(codes: Array) -> Float[Array, "*shape"]:
    """E4M3 (4 bits of exponent, bias 7; 3 of mantissa) has no infinity and one NaN for each sign.

    Args:
        codes: uint8, of any shape.

    Source:
        Micikevicius et al. 2022, arXiv:2209.05433, table 1; E4M3FN elsewhere.

    Examples:
        >>> from_float8_e4m3(np.array([0x01, 0x38, 0xFE], np.uint8))
        array([ 1.953125e-03,  1.000000e+00, -4.480000e+02], dtype=float32)
    """
    every = np.arange(128)
    exponent, mantissa = every >> 3, every & 7
    sizes = np.where(exponent > 0, 8 + mantissa, 2 * mantissa) * 2.0 ** (exponent - 10)
    sizes[127] = np.nan
    return np.concatenate([sizes, -sizes]).astype(np.float32)[codes]
