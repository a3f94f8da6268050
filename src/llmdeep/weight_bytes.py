"""Bytes of a model's weights in a number format, scales included.

Formats with shared scales store, for each block of weights, a scale besides: `bits_per_weight` is
bits + scale_bits / block.

Source:
    MX formats: OCP Microscaling specification 1.0. NF4 and double quantisation: Dettmers et al.
    2023, arXiv:2305.14314. K-quants: the gguf package. FP8 in tiles: DeepSeek-V3, arXiv:2412.19437.
"""

from dataclasses import dataclass

from llmdeep.catalog import ModelDescription
from llmdeep.parameter_counts import model_parameters
from llmdeep.terms import Term, Terms, product

KEPT = ("embedding", "positions", "norms", "router", "unembedding")  # usually not quantized


@dataclass(frozen=True)
class Format:
    """How weights are stored: bits each, and the bits of scales and minima a block of them has."""

    name: str
    bits: float
    block: int = 1
    scale_bits: float = 0
    note: str = ""

    @property
    def bits_per_weight(self) -> float:
        return self.bits + self.scale_bits / self.block


FORMATS = {
    f.name: f
    for f in (
        Format("fp32", 32),
        Format("bf16", 16),
        Format("fp16", 16),
        Format("fp8", 8, note="one scale a tensor, too few to count"),
        Format("fp8, 128×128 tiles", 8, 128 * 128, 32, "a float32 scale a tile"),
        Format("int8", 8, 4096, 16, "a 16-bit scale for each row of 4,096"),
        Format("mxfp8", 8, 32, 8, "a power-of-two scale for 32"),
        Format("mxfp6", 6, 32, 8, "a power-of-two scale for 32"),
        Format("mxfp4", 4, 32, 8, "a power-of-two scale for 32"),
        Format("nvfp4", 4, 16, 8, "an E4M3 scale for 16"),
        Format("nf4", 4, 64, 32, "a float32 maximum for 64"),
        Format("nf4, double", 4, 64, 8 + 32 / 256, "8-bit maxima, and a float32 for 256 of them"),
        Format("int4, groups of 128", 4, 128, 16, "a 16-bit scale for 128, symmetric"),
        Format("Q8_0", 8, 32, 16, "a 16-bit scale for 32"),
        Format("Q6_K", 6, 256, 16 * 8 + 16, "an 8-bit scale for 16, a 16-bit one for 256"),
        Format("Q5_K", 5, 256, 8 * 12 + 32, "6-bit scales and minima for 32, two 16-bit for 256"),
        Format("Q4_K", 4, 256, 8 * 12 + 32, "6-bit scales and minima for 32, two 16-bit for 256"),
        Format("Q3_K", 3, 256, 16 * 6 + 16, "6-bit scales for 16, a 16-bit one for 256"),
        Format("Q2_K", 2, 256, 16 * 8 + 32, "4-bit scales and minima for 16, two 16-bit for 256"),
    )
}


def weight_bytes(
    description: ModelDescription, number_format: str, kept: tuple[str, ...] = KEPT
) -> Terms:
    """Bytes of all weights, by part: the parts in `kept` in 16 bits, the others in the format.

    With a format of 16 bits or more every part is in it. fp8 and narrower formats are, as published
    models use them, for matrices inside the layers.

    Raises:
        ValueError: If there is no such format; the message lists those there are.

    Examples:
        >>> from llmdeep.catalog import model
        >>> llama = model("Llama 2 70B").description
        >>> round(weight_bytes(llama, "nf4, double").total / 1e9, 1)
        36.4
    """
    if number_format not in FORMATS:
        raise ValueError(f"{number_format!r} is not one of {', '.join(FORMATS)}")
    chosen = FORMATS[number_format]
    terms = []
    for term in model_parameters(description):
        bits = chosen.bits_per_weight
        if chosen.bits < 16 and term.name in kept:
            bits = 16
        working = product(f"{term.value:,}", f"{bits:g} bits")
        terms.append(Term(term.name, term.value * bits / 8, working))
    return Terms("bytes", tuple(terms))
