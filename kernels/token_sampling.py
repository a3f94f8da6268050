"""Sampling with temperature, top-k and top-p, without sorting: both edges are found by counting.

oracle   llmdeep.sampling.probabilities
memory   logits are read twice: once for the largest of each group of 64, once to copy the few that
         can still be drawn; all searching is done on the copy
limit    logits in float32; tokens as likely as the last one kept are kept too
source   Qrita, arXiv:2602.01518, for searching in few passes instead of sorting
"""

import math
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels._sampling import centred, drawn
from llmdeep.sampling import Sampling, probabilities
from llmdeep.shapes import Array


@triton.jit
def ordered(x):
    """Whole numbers in the order of the floats, so that a search ends after so many bits."""
    bits = x.to(tl.int32, bitcast=True)
    return tl.where(bits >= 0, bits, bits ^ 0x7FFFFFFF).to(tl.int64)


@triton.jit
def highest_threshold(
    row_ptr, length, low, high, needed, floor, largest, inverse_temperature,
    MASS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The highest threshold that `needed` values, or that much mass, reach; `low` if none is.

    Counts only what reaches `floor`; of mass, exp((value - largest) / temperature) each.
    """
    lane = tl.arange(0, BLOCK)
    while low < high:
        # sixteen parts: fifteen thresholds above low
        width = (high - low) // 16 + 1
        threshold = low + width * (1 + tl.arange(0, 16))
        reached = tl.zeros([16, BLOCK], tl.float32)
        for start in range(0, length, BLOCK):
            place = start + lane
            z = tl.load(row_ptr + place, mask=place < length, other=-float("inf"))
            key = ordered(z)
            one = tl.where((key >= floor) & (place < length), 1.0, 0.0)
            if MASS:
                one = one * tl.exp((z - largest) * inverse_temperature)
            above = key[None, :] >= threshold[:, None]  # [16, BLOCK]
            reached += tl.where(above, one[None, :], 0.0)
        steps = tl.sum((tl.sum(reached, axis=1) >= needed).to(tl.int64))
        low = low + width * steps
        high = tl.minimum(high, low + width - 1)
    return low


@triton.jit
def mass_above(row_ptr, length, floor, largest, inverse_temperature, BLOCK: tl.constexpr):
    lane = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, length, BLOCK):
        place = start + lane
        z = tl.load(row_ptr + place, mask=place < length, other=-float("inf"))
        kept = (ordered(z) >= floor) & (place < length)
        total += tl.where(kept, tl.exp((z - largest) * inverse_temperature), 0.0)
    return tl.sum(total, axis=0)


@triton.jit
def survey_kernel(
    logits_ptr, maxima_ptr, masses_ptr, vocab, inverse_temperature,
    CHUNK: tl.constexpr, GROUPS: tl.constexpr,
):  # fmt: skip
    """The largest logit of each group of a chunk, and the chunk's mass beside its largest."""
    row, chunk, n_chunks = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.num_programs(1)
    token = chunk * CHUNK + tl.arange(0, CHUNK)
    z = tl.load(logits_ptr + row * vocab + token, mask=token < vocab, other=-float("inf"))
    # which tokens make up a group does not matter
    maxima = tl.max(tl.reshape(z, [CHUNK // GROUPS, GROUPS], can_reorder=True), axis=0)
    place = (row * n_chunks + chunk) * GROUPS + tl.arange(0, GROUPS)
    tl.store(maxima_ptr + place, maxima)
    largest = tl.max(maxima, axis=0)
    safe = tl.where(largest == -float("inf"), 0.0, largest)
    mass = tl.sum(tl.exp((z - safe) * inverse_temperature), axis=0)
    tl.store(masses_ptr + row * n_chunks + chunk, mass)


@triton.jit
def copy_kernel(
    logits_ptr, maxima_ptr, masses_ptr, values_ptr, ids_ptr, counts_ptr, totals_ptr,
    vocab, n_chunks, inverse_temperature, top_p,
    TOP_K: tl.constexpr, CHUNK: tl.constexpr, CHUNKS: tl.constexpr, GROUPS: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Copy the tokens that can still be drawn, in their order."""
    row = tl.program_id(0).to(tl.int64)
    chunk = tl.arange(0, CHUNKS)
    maxima_row = maxima_ptr + row * n_chunks * GROUPS
    maxima = tl.load(
        maxima_row + chunk[:, None] * GROUPS + tl.arange(0, GROUPS)[None, :],
        mask=chunk[:, None] < n_chunks, other=-float("inf"),
    )  # fmt: skip
    of_chunk = tl.max(maxima, axis=1)
    largest = tl.max(of_chunk, axis=0)
    masses = tl.load(masses_ptr + row * n_chunks + chunk, mask=chunk < n_chunks, other=0.0)
    total = tl.sum(masses * tl.exp((of_chunk - largest) * inverse_temperature), axis=0)
    tl.store(totals_ptr + row, total)

    if TOP_K > 0:
        # Each of the k groups with the largest maxima has a token that reaches the k-th maximum.
        lowest = key_of(-float("inf"))
        floor = highest_threshold(
            maxima_row, n_chunks * GROUPS, lowest, key_of(largest), TOP_K * 1.0, lowest, largest,
            inverse_temperature, False, BLOCK,
        )  # fmt: skip
    else:
        # Tokens of less than (1 - top_p) / vocab weigh less than 1 - top_p even all together.
        share = tl.log((1 - top_p) * total / vocab) - 0.001  # more than rounding
        floor = key_of(largest + share / inverse_temperature)

    lane = tl.arange(0, CHUNK)
    count = tl.zeros([1], tl.int32)
    for start in range(0, vocab, CHUNK):
        token = start + lane
        z = tl.load(logits_ptr + row * vocab + token, mask=token < vocab, other=-float("inf"))
        can = (ordered(z) >= floor) & (token < vocab)
        place = row * vocab + count + tl.cumsum(can.to(tl.int32), axis=0) - 1
        tl.store(values_ptr + place, z, mask=can)
        tl.store(ids_ptr + place, token, mask=can)
        count += tl.sum(can.to(tl.int32), axis=0)
    tl.store(counts_ptr + row + tl.arange(0, 1), count)


@triton.jit
def draw_kernel(
    values_ptr, ids_ptr, counts_ptr, totals_ptr, uniforms_ptr, tokens_ptr,
    vocab, inverse_temperature, top_p,
    TOP_K: tl.constexpr, TOP_P: tl.constexpr, COPIED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    row_ptr = values_ptr + row * vocab
    length = vocab
    if COPIED:
        length = tl.load(counts_ptr + row)
    lane = tl.arange(0, BLOCK)

    tops = tl.full([BLOCK], -float("inf"), tl.float32)
    for start in range(0, length, BLOCK):
        place = start + lane
        z = tl.load(row_ptr + place, mask=place < length, other=-float("inf"))
        tops = tl.maximum(tops, z)
    largest = tl.max(tops, axis=0)
    floor, high = key_of(-float("inf")), key_of(largest)

    if TOP_K > 0:
        floor = highest_threshold(
            row_ptr, length, floor, high, TOP_K * 1.0, floor, largest, inverse_temperature,
            False, BLOCK,
        )  # fmt: skip
    if TOP_P:
        if TOP_K > 0:
            total = mass_above(row_ptr, length, floor, largest, inverse_temperature, BLOCK)
        else:
            total = tl.load(totals_ptr + row)
        floor = highest_threshold(
            row_ptr, length, floor, high, top_p * total, floor, largest, inverse_temperature,
            True, BLOCK,
        )  # fmt: skip

    # the first token whose cumulative mass passes the random number
    total = mass_above(row_ptr, length, floor, largest, inverse_temperature, BLOCK)
    goal = tl.load(uniforms_ptr + row) * total
    passed = 0.0
    chosen = tl.zeros([1], tl.int64)
    final = tl.zeros([1], tl.int64)  # the last token kept, should rounding leave the goal unreached
    for start in range(0, length, BLOCK):
        place = start + lane
        z = tl.load(row_ptr + place, mask=place < length, other=-float("inf"))
        kept = (ordered(z) >= floor) & (place < length)
        mass = tl.where(kept, tl.exp((z - largest) * inverse_temperature), 0.0)
        cumulative = passed + tl.cumsum(mass, axis=0)
        chosen += tl.sum(((cumulative <= goal) & (place < length)).to(tl.int64), axis=0)
        final = tl.maximum(final, tl.max(tl.where(kept, place, 0), axis=0).to(tl.int64))
        passed += tl.sum(mass, axis=0)
    token = tl.minimum(chosen, final)
    if COPIED:
        token = tl.load(ids_ptr + row * vocab + token).to(tl.int64)
    tl.store(tokens_ptr + row + tl.arange(0, 1), token)


@triton.jit
def key_of(x):
    """`ordered` of a scalar."""
    return tl.sum(ordered(tl.zeros([1], tl.float32) + x))


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
    top_k = top_k if top_k < vocab else 0
    config = config or CONFIGS[0]
    chunk = min(config["CHUNK"], triton.next_power_of_2(vocab))
    block = min(config["BLOCK"], triton.next_power_of_2(vocab))
    groups, n_chunks = triton.cdiv(chunk, 64), triton.cdiv(vocab, chunk)
    warps, device = config["num_warps"], logits.device

    tokens = torch.empty(rows, dtype=torch.int64, device=device)
    values = ids = counts = totals = logits
    copied = top_k > 0 or top_p < 1
    if copied:
        maxima = torch.empty(rows, n_chunks * groups, device=device)
        masses = torch.empty(rows, n_chunks, device=device)
        totals = torch.empty(rows, device=device)
        # as long as the logits, for all of them may have to be copied
        values = torch.empty_like(logits)
        ids = torch.empty(rows, vocab, dtype=torch.int32, device=device)
        counts = torch.empty(rows, dtype=torch.int32, device=device)
        survey_kernel[(rows, n_chunks)](
            logits, maxima, masses, vocab, 1 / temperature,
            CHUNK=chunk, GROUPS=groups, num_warps=warps,
        )  # fmt: skip
        copy_kernel[(rows,)](
            logits, maxima, masses, values, ids, counts, totals, vocab, n_chunks,
            1 / temperature, top_p, TOP_K=top_k, CHUNK=chunk,
            CHUNKS=triton.next_power_of_2(n_chunks), GROUPS=groups, BLOCK=block, num_warps=warps,
        )  # fmt: skip
    draw_kernel[(rows,)](
        values, ids, counts, totals, uniforms, tokens, vocab, 1 / temperature, top_p,
        TOP_K=top_k, TOP_P=top_p < 1, COPIED=copied, BLOCK=block, num_warps=warps,
    )  # fmt: skip
    return tokens


def inputs(draw: Draw, rows: int, vocab: int, banned: int = 0, **settings: Any) -> dict[str, Any]:
    """Logits as sure of the next one of 128,256 tokens as some language model: perplexity 200."""
    logits, uniforms = draw.normal(rows, vocab, scale=4.0), draw.uniform(rows)
    if draw.device != "meta":
        logits[:, :banned] = -math.inf
        uniforms = centred(law(logits.double(), **settings), uniforms)
    return {"logits": logits, "uniforms": uniforms, **settings}


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


def reference(logits: Tensor, uniforms: Tensor, **settings: Any) -> Tensor:
    """Sorts, cuts, and sums up."""
    return drawn(law(logits, **settings), uniforms)


def law(logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """The share of each token that is kept, of all that was left before top-p."""
    shares = torch.softmax(logits / temperature, dim=-1)
    ordered_shares, order = shares.sort(dim=-1, descending=True, stable=True)
    if 0 < top_k < logits.shape[1]:
        ordered_shares[:, top_k:] = 0
        ordered_shares /= ordered_shares.sum(-1, keepdim=True)
    before = ordered_shares.cumsum(-1) - ordered_shares
    kept = torch.where(before < top_p, ordered_shares, 0)
    return torch.zeros_like(shares).scatter_(1, order, kept)


def library(
    logits: Tensor,
    uniforms: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Tensor:
    """The k largest by torch.topk, cut, and sorted by token."""
    if not top_k:
        raise ValueError("torch.topk wants to know how many")
    values, order = torch.topk(logits, min(top_k, logits.shape[1]), dim=-1)
    shares = torch.softmax(values / temperature, dim=-1)
    kept = torch.where(shares.cumsum(-1) - shares < top_p, shares, 0)
    tokens, back = order.sort(dim=-1)
    return tokens.gather(1, drawn(kept.gather(1, back), uniforms)[:, None])[:, 0]


def wrong(temperature: float = 1.0, **given: Any) -> Tensor:
    """Multiplies by the temperature."""
    return launch(temperature=1 / (temperature + 0.5), **given)


CONFIGS: list[Config] = [
    {"CHUNK": 4096, "BLOCK": 512, "num_warps": 8},
    {"CHUNK": 4096, "BLOCK": 512, "num_warps": 16},
    {"CHUNK": 4096, "BLOCK": 1024, "num_warps": 16},
    {"CHUNK": 2048, "BLOCK": 512, "num_warps": 8},
    {"CHUNK": 8192, "BLOCK": 1024, "num_warps": 16},
]
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
        {"rows": 2, "vocab": 4097, "top_k": 40, "top_p": 0.9},  # two chunks
        {"rows": 2, "vocab": 8200, "top_k": 300},  # more than groups
        {"rows": 2, "vocab": 4200, "top_p": 0.999, "temperature": 3.0},
        {"rows": 2, "vocab": 4200, "top_p": 0.9, "top_k": 5, "banned": 4000},
        {"rows": 2, "vocab": 300, "top_p": 0.9, "banned": 299},
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
    limits=Limits(registers=168, shared=16384),
    family="sampling",
    peers={"torch.sort": reference, "torch.topk": library},
    configs=CONFIGS,
    dtypes=("float32",),
)
