"""Blocks of numbers in 4, 6 or 8 bits that share a scale: MX, NVFP4, NF4, whole numbers.

Each row of a matrix is one block here, and is returned as numbers of the small format and a scale;
their product stands in the place of the row.

Source:
    MX: Rouhani et al. 2023, arXiv:2310.10537, section 3, and the OCP specification 1.0. NF4:
    Dettmers et al. 2023, arXiv:2305.14314. NVFP4: NVIDIA's Blackwell, an E4M3 scale for 16.
"""

import numpy as np

from llmdeep.number_formats import FORMATS, FloatFormat, normal_levels, round_to
from llmdeep.shapes import Array, Float

LARGEST_BLOCK = {"mxfp8": 32, "mxfp6": 32, "mxfp4": 32, "nvfp4": 16, "nf4": 64, "int4": 128}
ELEMENTS = {"mxfp8": "fp8 E4M3", "mxfp6": "fp6 E2M3", "mxfp4": "fp4 E2M1"}


def quantize_blocks(
    values: Float[Array, "rows columns"], name: str
) -> tuple[Float[Array, "rows columns"], Float[Array, "rows 1"]]:
    """Each row in small numbers, and its scale. A row of zeros has scale 1.

    Raises:
        ValueError: If there is no such format, or a number is not finite.

    Examples:
        >>> small, scale = quantize_blocks(np.array([[0.1, -0.7, 3.0]]), "mxfp4")
        >>> small.tolist(), scale.tolist()
        ([[0.0, -1.5, 6.0]], [[0.5]])
    """
    if name not in LARGEST_BLOCK:
        raise ValueError(f"{name!r} is not one of {', '.join(LARGEST_BLOCK)}")
    if not np.isfinite(values).all():
        raise ValueError("only finite numbers can be quantized")
    largest = np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    largest = np.where(largest > 0, largest, 1.0)
    if name == "nf4":
        levels = normal_levels()
        nearest = np.abs((values / largest)[..., None] - levels).argmin(axis=-1)
        return levels[nearest], largest
    if name == "int4":
        scales = largest / 7
        return np.clip(np.rint(values / scales), -8, 7), scales
    if name == "nvfp4":
        element = FORMATS["fp4 E2M1"]
        scales = e4m3_scales(largest / element.largest)
    else:
        element = FORMATS[ELEMENTS[name]]
        scales = power_of_two(largest, element)
    return round_to(values / scales, element, saturate=True), scales


def power_of_two(largest: Float[Array, "rows 1"], element: FloatFormat) -> Float[Array, "rows 1"]:
    """MX's scale: the power of two that puts the largest number into the format's top binade."""
    _, of_block = np.frexp(largest)
    _, of_format = np.frexp(element.largest)
    return np.ldexp(1.0, np.clip(of_block - of_format, -127, 127))


def e4m3_scales(wanted: Float[Array, "rows 1"]) -> Float[Array, "rows 1"]:
    """NVFP4's scales: in E4M3, under one float32 scale that puts the largest of them at 448."""
    e4m3 = FORMATS["fp8 E4M3"]
    of_tensor = float(np.float32(wanted.max() / e4m3.largest))
    scales = round_to(wanted / of_tensor, e4m3, saturate=True)
    return np.where(scales > 0, scales, e4m3.smallest) * of_tensor
