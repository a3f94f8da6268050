"""One number in every floating-point format: its bits, what is stored of it, and the next one.

Notice: bf16 has float32's range and hardly three digits; fp16 has more digits, and ends at 65,504.
Each bit of mantissa halves the steps, each bit of exponent squares the range.
"""

import math
from typing import Annotated

import numpy as np

from llmdeep.number_formats import FORMATS, FloatFormat, decode, encode, spacing
from llmdeep.widgets import (
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Number,
    Rule,
    Table,
    Tokens,
    View,
)

DRAWN = ("fp32", "bf16", "fp16", "fp8 E5M2", "fp8 E4M3", "fp4 E2M1")
SIZES = np.geomspace(1e-9, 1e6, 301)
FIELDS = {"sign": 1.0, "exponent": 0.6, "mantissa": 0.2}


def render(
    number: Annotated[float, Number(-1e300, 1e300)] = 0.1,
    format: Annotated[str, Choice(*FORMATS, label="its bits in")] = "bf16",
) -> list[View]:
    rows = [row(number, f) for f in FORMATS.values()]
    here = [Rule(x=abs(number))] if SIZES[0] <= abs(number) <= SIZES[-1] else []
    return [
        *bits_of(number, FORMATS[format]),
        Table(
            (
                "format",
                "bits",
                "stored",
                "error, %",
                "smallest",
                "smallest normal",
                "largest",
                "step after 1",
            ),
            rows,
            title=f"{number:g} in every format",
            digits=6,
        ),
        Chart(
            [*(Line(*steps(FORMATS[name]), name) for name in DRAWN), *here],
            x=Axis("size of the number", "log"),
            y=Axis("step to the next, relative", "log", unit="%"),
            title="How fine each format is, and where it ends",
        ),
    ]


def bits_of(value: float, f: FloatFormat) -> list[View]:
    """Each bit with the field it belongs to, and what the fields say."""
    code = encode(value, f)
    digits = f"{code:0{f.bits}b}"
    names = ["sign", *["exponent"] * f.exponent_bits, *["mantissa"] * f.mantissa_bits]
    weights = ["±", *[2**k for k in reversed(range(f.exponent_bits))]]
    weights += [power(-k) for k in range(1, f.mantissa_bits + 1)]
    exponent = int(digits[1 : 1 + f.exponent_bits], 2)
    stored = decode(code, f)
    normal = "1" if exponent else "0"
    meaning = (
        f"{normal}.{digits[1 + f.exponent_bits :]} (binary) × {power(max(exponent, 1) - f.bias)}"
    )
    step = float(spacing(np.array([stored if math.isfinite(stored) else 0.0]), f)[0])
    return [
        Tokens(
            list(digits),
            values=[FIELDS[name] for name in names],
            notes=[str(weight) for weight in weights],
            title=f"{f.name}: sign, {f.exponent_bits} bits of exponent, {f.mantissa_bits} mantissa",
        ),
        Metrics(
            stored=Metric(shown(stored), note=meaning if math.isfinite(stored) else ""),
            code=Metric(f"0x{code:0{-(-f.bits // 4)}X}"),
            step_there=Metric(step),
        ),
    ]


def power(exponent: int) -> str:
    """A power of two as one writes it: 2⁻⁷."""
    return "2" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def shown(value: float) -> str:
    """Ten digits of a stored number."""
    return f"{value:.10g}" if math.isfinite(value) else str(value).replace("inf", "∞")


def row(value: float, f: FloatFormat) -> list[float | int | str | None]:
    stored = decode(encode(value, f), f)
    error = 100 * abs(stored - value) / abs(value) if value and math.isfinite(stored) else None
    return [
        f.name,
        f.bits,
        shown(stored),
        error,
        f.smallest,
        f.smallest_normal,
        f.largest,
        f.epsilon,
    ]


def steps(f: FloatFormat) -> tuple[list[float], list[float]]:
    """The step over the number, in percent, between the smallest and the largest number."""
    inside = SIZES[(f.smallest <= SIZES) & (f.largest >= SIZES)]
    return inside.tolist(), (100 * spacing(inside, f) / inside).tolist()
