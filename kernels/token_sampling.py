"""Sampling with temperature, top-k and top-p, without sorting: both edges are found by counting.

oracle   llmdeep.sampling.probabilities
memory   logits are read once from memory and some twenty times from the L2 cache: each search
         step counts above fifteen candidate thresholds at once
limit    logits in float32; tokens as likely as the last one kept are kept too
source   Qrita, arXiv:2602.01518, for searching instead of sorting
"""

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.sampling import Sampling, probabilities
from llmdeep.shapes import Array


@triton.jit
def ordered(x):
    """Whole numbers in the order of the floats, so that a search ends after so many bits."""
    bits = x.to(tl.int32, bitcast=True)
    return tl.where(bits >= 0, bits, bits ^ 0x7FFFFFFF).to(tl.int64)


@triton.jit
def highest_threshold(
    row_ptr, vocab, low, high, needed, floor, largest, inverse_temperature,
    MASS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The highest threshold that `needed` tokens, or that much mass, reach.

    Counts only what reaches `floor`; of mass, exp((logit - largest) / temperature) each.
    """
    lane = tl.arange(0, BLOCK)
    while low < high:
        # sixteen parts: fifteen thresholds above low
        width = (high - low) // 16 + 1
        threshold = low + width * (1 + tl.arange(0, 16))
        reached = tl.zeros([16], tl.float32)
        for start in range(0, vocab, BLOCK):
            token = start + lane
            z = tl.load(row_ptr + token, mask=token < vocab, other=-float("inf"))
            key = ordered(z)
            one = tl.where((key >= floor) & (token < vocab), 1.0, 0.0)
            if MASS:
                one = one * tl.exp((z - largest) * inverse_temperature)
            above = key[None, :] >= threshold[:, None]  # [16, BLOCK]
            reached += tl.sum(tl.where(above, one[None, :], 0.0), axis=1)
        steps = tl.sum((reached >= needed).to(tl.int64))
        low = low + width * steps
        high = tl.minimum(high, low + width - 1)
    return low


@triton.jit
def token_sampling_kernel(
    logits_ptr, uniforms_ptr, tokens_ptr, vocab, inverse_temperature, top_p,
    TOP_K: tl.constexpr, TOP_P: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    row_ptr = logits_ptr + row * vocab
    lane = tl.arange(0, BLOCK)

    largest = tl.full([BLOCK], -float("inf"), tl.float32)
    for start in range(0, vocab, BLOCK):
        token = start + lane
        largest = tl.maximum(
            largest, tl.load(row_ptr + token, mask=token < vocab, other=-float("inf"))
        )
    top = tl.max(largest, axis=0)
    lowest = ordered(tl.full([1], -float("inf"), tl.float32))
    floor = tl.sum(lowest)
    high = tl.sum(ordered(tl.zeros([1], tl.float32) + top))

    if TOP_K > 0:
        floor = highest_threshold(
            row_ptr, vocab, floor, high, TOP_K * 1.0, floor, top, inverse_temperature, False, BLOCK
        )
    if TOP_P:
        total = mass_above(row_ptr, vocab, floor, top, inverse_temperature, BLOCK)
        floor = highest_threshold(
            row_ptr, vocab, floor, high, top_p * total, floor, top, inverse_temperature, True, BLOCK
        )

    # the first token whose cumulative mass passes the random number
    goal = tl.load(uniforms_ptr + row) * mass_above(
        row_ptr, vocab, floor, top, inverse_temperature, BLOCK
    )
    passed = 0.0
    chosen = tl.zeros([1], tl.int64)
    final = tl.zeros([1], tl.int64)  # the last token kept, should rounding leave the goal unreached
    for start in range(0, vocab, BLOCK):
        token = start + lane
        z = tl.load(row_ptr + token, mask=token < vocab, other=-float("inf"))
        kept = (ordered(z) >= floor) & (token < vocab)
        mass = tl.where(kept, tl.exp((z - top) * inverse_temperature), 0.0)
        cumulative = passed + tl.cumsum(mass, axis=0)
        chosen += tl.sum(((cumulative <= goal) & (token < vocab)).to(tl.int64), axis=0)
        final = tl.maximum(final, tl.max(tl.where(kept, token, 0), axis=0).to(tl.int64))
        passed += tl.sum(mass, axis=0)
    tl.store(tokens_ptr + row + tl.arange(0, 1), tl.minimum(chosen, final))


@triton.jit
def mass_above(row_ptr, vocab, floor, largest, inverse_temperature, BLOCK: tl.constexpr):
    lane = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocab, BLOCK):
        token = start + lane
        z = tl.load(row_ptr + token, mask=token < vocab, other=-float("inf"))
        kept = (ordered(z) >= floor) & (token < vocab)
        total += tl.where(kept, tl.exp((z - largest) * inverse_temperature), 0.0)
    return tl.sum(total, axis=0)


def launch(
    logits: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    config: Config | None = None,
) -> Tensor:
    """Draw a token for each row of logits.

    Args:
        uniforms: float32, one random number a row, from 0 up to 1.
        temperature: Above 0.
        top_k: How many of the likeliest tokens are left; 0 for all.
        top_p: Then, how much of the probability the likeliest must reach; 1 for all.
    """
    check(dtypes=(torch.float32,), logits=logits, uniforms=uniforms)
    rows, vocab = logits.shape
    expect(uniforms.shape == (rows,), f"there must be one random number for each of {rows} rows")
    expect(temperature > 0, f"temperature must be above 0, not {temperature}")
    expect(top_k >= 0 and 0 < top_p <= 1, f"top_k {top_k} and top_p {top_p} are out of range")
    tokens = torch.empty(rows, dtype=torch.int64, device=logits.device)
    config = config or {"BLOCK": 2048, "num_warps": 16}
    block = min(config["BLOCK"], triton.next_power_of_2(vocab))
    token_sampling_kernel[(rows,)](
        logits, uniforms, tokens, vocab, 1 / temperature, top_p,
        TOP_K=top_k if top_k < vocab else 0, TOP_P=top_p < 1, BLOCK=block,
        num_warps=config["num_warps"],
    )  # fmt: skip
    return tokens


def inputs(draw: Draw, rows: int, vocab: int, **settings: Any) -> dict[str, Any]:
    return {
        "logits": draw.normal(rows, vocab, scale=2.0),
        "uniforms": draw.uniform(rows),
        **settings,
    }


def oracle(
    logits: Array,
    uniforms: Array,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Array:
    laws = probabilities(logits, Sampling(temperature, top_k or None, top_p))
    cumulative = np.cumsum(laws, axis=1)
    return (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(axis=1)


def reference(
    logits: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Tensor:
    """Sorts, cuts, and sums up."""
    shares = torch.softmax(logits / temperature, dim=-1)
    ordered_shares, order = shares.sort(dim=-1, descending=True, stable=True)
    if 0 < top_k < logits.shape[1]:
        ordered_shares[:, top_k:] = 0
        ordered_shares /= ordered_shares.sum(-1, keepdim=True)
    before = ordered_shares.cumsum(-1) - ordered_shares
    kept = torch.where(before < top_p, ordered_shares, 0)
    cumulative = torch.zeros_like(shares).scatter_(1, order, kept).cumsum(-1)
    return (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(-1)


def wrong(temperature: float = 1.0, **given: Any) -> Tensor:
    """Multiplies by the temperature."""
    return launch(temperature=1 / (temperature + 0.5), **given)


SHAPE: dict[str, Any] = {"rows": 4, "vocab": 130}
BIG = {"rows": 256, "vocab": 128256}
LITTLE = {"rows": 256, "vocab": 1000}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "vocab": n} for n in (1, 2, 127, 128, 129)),
        *({**SHAPE, "top_k": n} for n in (1, 2, 50, 129, 130, 500)),
        *({**SHAPE, "top_p": n, "temperature": 0.7} for n in (0.1, 0.5, 0.95)),
        {**SHAPE, "top_k": 20, "top_p": 0.8, "temperature": 1.5},
        {"rows": 2, "vocab": 2049, "top_k": 40, "top_p": 0.9},  # two blocks
    ],
    cases={
        "top_k_top_p": Case(
            {**BIG, "top_k": 50, "top_p": 0.9}, "float32", {**LITTLE, "top_k": 50, "top_p": 0.9}
        ),
        "top_p": Case({**BIG, "top_p": 0.9}, "float32", {**LITTLE, "top_p": 0.9}, (90,)),
    },
    flops=lambda rows, vocab, **_: 3.0 * rows * vocab,
    bytes_moved=lambda itemsize, rows, vocab, **_: 4.0 * rows * vocab + 12.0 * rows,
    formula="rows · vocab · 4 bytes",
    limits=Limits(registers=255, shared=8192),
    family="sampling",
    peers={"torch.sort": reference},
    configs=[
        {"BLOCK": 2048, "num_warps": 16},
        {"BLOCK": 4096, "num_warps": 16},
        {"BLOCK": 2048, "num_warps": 8},
        {"BLOCK": 8192, "num_warps": 32},
    ],
    dtypes=("float32",),
)
