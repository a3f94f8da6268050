"""Floating-point formats from float32 to 4 bits, and blocks of small numbers that share a scale.

A code is a sign, an exponent field e and a mantissa field m of k bits. It stands for
(1 + m / 2**k) * 2**(e - bias), and for e = 0 for m / 2**k * 2**(1 - bias), the subnormal numbers.

Source:
    float16 and float32: IEEE 754. FP8: Micikevicius et al. 2022, arXiv:2209.05433. FP6, FP4 and
    blocks of 32 (MX): Rouhani et al. 2023, arXiv:2310.10537. NF4: Dettmers et al. 2023,
    arXiv:2305.14314. NVFP4: NVIDIA's Blackwell, blocks of 16 under an E4M3 scale.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from llmdeep.shapes import Array, Float


@dataclass(frozen=True)
class FloatFormat:
    """A format by its fields.

    `top` says what the largest exponent field means: "infinity" (and NaN, as in IEEE 754), one
    "NaN" a sign and otherwise numbers (E4M3), or "numbers" only.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    top: Literal["infinity", "NaN", "numbers"] = "infinity"

    @property
    def bits(self) -> int:
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def largest(self) -> float:
        """The largest finite number."""
        exponent = 2**self.exponent_bits - 1 - (self.top == "infinity") - self.bias
        mantissa = 2 ** (self.mantissa_bits + 1) - 1 - (self.top == "NaN")
        return math.ldexp(mantissa, exponent - self.mantissa_bits)

    @property
    def smallest_normal(self) -> float:
        return math.ldexp(1, 1 - self.bias)

    @property
    def smallest(self) -> float:
        """The smallest number above 0, a subnormal one."""
        return math.ldexp(1, 1 - self.bias - self.mantissa_bits)

    @property
    def epsilon(self) -> float:
        """The step from 1 to the next number."""
        return math.ldexp(1, -self.mantissa_bits)


FORMATS = {
    f.name: f
    for f in (
        FloatFormat("fp32", 8, 23, 127),
        FloatFormat("tf32", 8, 10, 127),
        FloatFormat("bf16", 8, 7, 127),
        FloatFormat("fp16", 5, 10, 15),
        FloatFormat("fp8 E5M2", 5, 2, 15),
        FloatFormat("fp8 E4M3", 4, 3, 7, "NaN"),
        FloatFormat("fp6 E3M2", 3, 2, 3, "numbers"),
        FloatFormat("fp6 E2M3", 2, 3, 1, "numbers"),
        FloatFormat("fp4 E2M1", 2, 1, 1, "numbers"),
    )
}


def spacing(values: Float[Array, "*shape"], f: FloatFormat) -> Float[Array, "*shape"]:
    """The step between neighbours at each value, as if the format went on for ever.

    Examples:
        >>> spacing(np.array([1.0, 1000.0, 0.0]), FORMATS["fp16"]).tolist()
        [0.0009765625, 0.5, 5.960464477539063e-08]
    """
    _, exponents = np.frexp(values)  # of numbers from 1/2 to 1, so one too large
    lowest = 1 - f.bias
    exponents = np.where(values == 0, lowest, np.maximum(exponents - 1, lowest))
    return np.ldexp(1.0, exponents - f.mantissa_bits)


def round_to(
    values: Float[Array, "*shape"], f: FloatFormat, saturate: bool = False
) -> Float[Array, "*shape"]:
    """Each value's nearest neighbour in the format, in float64; of two, the even one.

    What is too large becomes infinite or NaN, as the format has it, or, with `saturate` and in
    formats that have neither, the largest number.

    Examples:
        >>> round_to(np.array([0.1, 2.5, 448.0, 500.0]), FORMATS["fp8 E4M3"]).tolist()
        [0.1015625, 2.5, 448.0, nan]
        >>> round_to(np.array([2.5, 100.0]), FORMATS["fp4 E2M1"]).tolist()
        [2.0, 6.0]
    """
    exact = np.asarray(values, np.float64)
    steps = spacing(exact, f)
    rounded = np.rint(exact / steps) * steps
    beyond = {"infinity": math.inf, "NaN": math.nan, "numbers": f.largest}[f.top]
    limit = np.copysign(f.largest if saturate else beyond, exact)
    return np.where(np.abs(rounded) > f.largest, limit, rounded)


def encode(value: float, f: FloatFormat) -> int:
    """The code of the nearest number.

    Raises:
        ValueError: If the value is NaN and the format has none.

    Examples:
        >>> f"{encode(1.0, FORMATS['bf16']):016b}", f"{encode(-6.0, FORMATS['fp4 E2M1']):04b}"
        ('0011111110000000', '1111')
    """
    rounded = float(round_to(np.array([value], np.float64), f)[0])
    sign = int(math.copysign(1, value) < 0) << (f.bits - 1)
    all_ones = (1 << (f.bits - 1)) - 1
    if math.isnan(rounded):
        if f.top == "numbers":
            raise ValueError(f"{f.name} has no code for NaN")
        quiet = 1 << (f.mantissa_bits - 1)
        return sign | (all_ones - 2 * quiet + 1 | quiet if f.top == "infinity" else all_ones)
    if math.isinf(rounded):
        return sign | all_ones >> f.mantissa_bits << f.mantissa_bits
    step = float(spacing(np.array([rounded]), f)[0])
    significant = int(abs(rounded) / step)  # the mantissa with its leading 1, if it has one
    if significant < 1 << f.mantissa_bits:
        return sign | significant
    exponent = round(math.log2(step)) + f.mantissa_bits + f.bias
    return sign | exponent << f.mantissa_bits | significant - (1 << f.mantissa_bits)


def decode(code: int, f: FloatFormat) -> float:
    """The number that a code stands for.

    Examples:
        >>> decode(0b0_0000_001, FORMATS["fp8 E4M3"]) == 2**-9
        True
    """
    exponent = code >> f.mantissa_bits & (1 << f.exponent_bits) - 1
    mantissa = code & (1 << f.mantissa_bits) - 1
    sign = -1.0 if code >> (f.bits - 1) else 1.0
    if exponent == (1 << f.exponent_bits) - 1:
        if f.top == "infinity":
            return sign * (math.nan if mantissa else math.inf)
        if f.top == "NaN" and mantissa == (1 << f.mantissa_bits) - 1:
            return sign * math.nan
    leading = (1 << f.mantissa_bits) * (exponent > 0)
    return sign * math.ldexp(leading + mantissa, max(exponent, 1) - f.bias - f.mantissa_bits)


def normal_levels() -> Float[Array, "columns"]:
    """NF4's 16 levels: quantiles of a normal distribution, scaled so that they end at −1 and 1.

    Zero is one of them, so that eight levels lie above it and seven below.

    Examples:
        >>> normal_levels()[[0, 1, 7, 8, 15]].round(4).tolist()
        [-1.0, -0.6962, 0.0, 0.0796, 1.0]
    """
    inverse = NormalDist().inv_cdf
    outermost = 0.9677083  # as in the authors' code: the mean of 1 − 1/30 and 1 − 1/32
    above = [inverse(p) for p in np.linspace(outermost, 0.5, 9)[:-1].tolist()]
    below = [-inverse(p) for p in np.linspace(outermost, 0.5, 8)[:-1].tolist()]
    return np.array(sorted([*above, 0.0, *below])) / max(above)
