"""The gated delta rule in chunks: what a chunk's tokens change in one another is solved first.

oracle   llmdeep.gated_delta_rule.gated_delta_rule
memory   queries, keys and values are read once, and a small triangular inverse a chunk is written
limit    d_head a power of two from 16 to 128; d_value a multiple of 16
source   Yang, Kautz & Hatamizadeh 2024, arXiv:2412.06464; the chunks are Yang et al. 2024,
         arXiv:2406.06484
"""

import math
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep import gated_delta_rule
from llmdeep.gpu.calls import architecture, check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def inverse_kernel(
    keys_ptr, log_gate_ptr, strength_ptr, inverse_ptr, positions, heads, group,
    D_HEAD: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """(1 + L)^-1, where L says how much of token j's change token i finds and takes off."""
    chunk = tl.program_id(0)
    head = tl.program_id(1)
    sequence = tl.program_id(2).to(tl.int64)
    lane = tl.arange(0, CHUNK)
    time = chunk * CHUNK + lane
    is_time = time < positions
    of_time = sequence * positions + time
    k = tl.load(
        keys_ptr + (of_time[:, None] * (heads // group) + head // group) * D_HEAD
        + tl.arange(0, D_HEAD)[None, :], mask=is_time[:, None], other=0.0,
    )  # [CHUNK, D_HEAD] # fmt: skip
    gate = tl.load(log_gate_ptr + of_time * heads + head, mask=is_time, other=0.0).to(tl.float32)
    strength = tl.load(strength_ptr + of_time * heads + head, mask=is_time, other=0.0)
    total = tl.cumsum(gate * LOG2_E, axis=0)

    below = lane[:, None] > lane[None, :]
    between = tl.where(below, total[:, None] - total[None, :], 0.0)
    found = tl.dot(k, k.trans(), input_precision="ieee") * tl.exp2(between)
    found = tl.where(below, found * strength.to(tl.float32)[:, None], 0.0)

    # row by row: each from the finished rows above it
    inverse = tl.where(lane[:, None] == lane[None, :], 1.0, 0.0)
    for i in range(1, CHUNK):
        row = tl.sum(tl.where(lane[:, None] == i, found, 0.0), axis=0)
        change = tl.sum(row[:, None] * inverse, axis=0)
        inverse -= tl.where(lane[:, None] == i, change[None, :], 0.0)

    of_chunk = (sequence * heads + head) * tl.num_programs(0) + chunk
    tl.store(
        inverse_ptr + of_chunk * CHUNK * CHUNK + lane[:, None] * CHUNK + lane[None, :],
        inverse.to(inverse_ptr.dtype.element_ty),
    )


@triton.jit
def memory_kernel(
    queries_ptr, keys_ptr, values_ptr, log_gate_ptr, strength_ptr, inverse_ptr, y_ptr,
    positions, heads, group, d_value, scale,
    D_HEAD: tl.constexpr, VALUES: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """One chunk after another, for some channels of the values; the memory stays in registers."""
    value_channel = tl.program_id(0) * VALUES + tl.arange(0, VALUES)[None, :]
    head = tl.program_id(1)
    sequence = tl.program_id(2).to(tl.int64)
    lane = tl.arange(0, CHUNK)
    channel = tl.arange(0, D_HEAD)[None, :]
    n_chunks = tl.cdiv(positions, CHUNK)
    is_value = value_channel < d_value

    memory = tl.zeros([D_HEAD, VALUES], tl.float32)
    for chunk in range(n_chunks):
        time = chunk * CHUNK + lane
        is_time = time < positions
        of_time = sequence * positions + time
        of_key = (of_time[:, None] * (heads // group) + head // group) * D_HEAD + channel
        of_value = (of_time[:, None] * heads + head) * d_value + value_channel
        inside = is_time[:, None] & is_value
        q = tl.load(queries_ptr + of_key, mask=is_time[:, None], other=0.0)  # [CHUNK, D_HEAD]
        k = tl.load(keys_ptr + of_key, mask=is_time[:, None], other=0.0)
        v = tl.load(values_ptr + of_value, mask=inside, other=0.0)  # [CHUNK, VALUES]
        gate = tl.load(log_gate_ptr + of_time * heads + head, mask=is_time, other=0.0)
        strength = tl.load(strength_ptr + of_time * heads + head, mask=is_time, other=0.0)
        of_chunk = (sequence * heads + head) * n_chunks + chunk
        inverse = tl.load(
            inverse_ptr + of_chunk * CHUNK * CHUNK + lane[:, None] * CHUNK + lane[None, :]
        )

        bits = gate.to(tl.float32) * LOG2_E
        total = tl.cumsum(bits, axis=0)
        whole = tl.sum(bits, axis=0)
        faded = tl.exp2(total)[:, None]
        narrow = memory.to(k.dtype)
        # what the memory lacks to answer each key with its value, then what each token changes
        answer = tl.dot(k, narrow, input_precision="ieee") * faded
        lack = (v.to(tl.float32) - answer) * strength.to(tl.float32)[:, None]
        change = tl.dot(inverse, lack.to(k.dtype), input_precision="ieee")

        seen = lane[:, None] >= lane[None, :]
        between = tl.where(seen, total[:, None] - total[None, :], 0.0)
        weights = tl.dot(q, k.trans(), input_precision="ieee")
        weights = tl.where(seen, weights * tl.exp2(between), 0.0)
        y = tl.dot(q, narrow, input_precision="ieee") * faded
        y = tl.dot(weights.to(k.dtype), change.to(k.dtype), y, input_precision="ieee")

        left = (change * tl.exp2(whole - total)[:, None]).to(k.dtype)
        memory = tl.dot(k.trans(), left, memory * tl.exp2(whole), input_precision="ieee")

        tl.store(y_ptr + of_value, (y * scale).to(y_ptr.dtype.element_ty), mask=inside)


def launch(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    log_gate: Tensor,
    strength: Tensor,
    config: Config | None = None,
) -> Tensor:
    """The rule over [batch, positions, heads, channels]; several heads of values may share one key.

    Args:
        keys: Of length 1.
        log_gate, strength: [batch, positions, heads of values].
    """
    check(queries=queries, keys=keys, values=values, log_gate=log_gate, strength=strength)
    batch, positions, key_heads, d_head = keys.shape
    heads, d_value = values.shape[2:]
    expect(d_head in (16, 32, 64, 128), f"d_head is {d_head}, not 16, 32, 64 or 128")
    expect(queries.shape == keys.shape, "queries and keys must have the same shape")
    expect(heads % key_heads == 0, f"{heads} heads of values do not share {key_heads} evenly")
    expect(log_gate.shape == strength.shape == values.shape[:3], "one gate a head of values")
    config = config or default_config(architecture(keys), keys.element_size())
    chunk, block = config["CHUNK"], config["VALUES"]
    chunks = triton.cdiv(positions, chunk)
    inverse = torch.empty(batch, heads, chunks, chunk, chunk, dtype=keys.dtype, device=keys.device)
    y = torch.empty_like(values)
    inverse_kernel[(chunks, heads, batch)](
        keys, log_gate, strength, inverse, positions, heads, heads // key_heads,
        D_HEAD=d_head, CHUNK=chunk, num_warps=4,
    )  # fmt: skip
    memory_kernel[(triton.cdiv(d_value, block), heads, batch)](
        queries, keys, values, log_gate, strength, inverse, y,
        positions, heads, heads // key_heads, d_value, 1 / math.sqrt(d_head),
        D_HEAD=d_head, VALUES=block, CHUNK=chunk,
        num_warps=config["num_warps"], num_stages=config["num_stages"],
    )  # fmt: skip
    return y


def default_config(target: int, itemsize: int) -> Config:
    if itemsize == 4:
        return {"CHUNK": 16, "VALUES": 32, "num_warps": 4, "num_stages": 2}
    warps = 4 if target >= 90 else 8
    return {"CHUNK": 64, "VALUES": 32, "num_warps": warps, "num_stages": 2}


def inputs(
    draw: Draw, batch: int, positions: int, key_heads: int, heads: int, d_head: int, d_value: int
) -> dict[str, Any]:
    keys = draw.normal(batch, positions, key_heads, d_head)
    return {
        "queries": draw.normal(batch, positions, key_heads, d_head),
        "keys": torch.nn.functional.normalize(keys.float(), dim=-1).to(keys.dtype),
        "values": draw.normal(batch, positions, heads, d_value),
        "log_gate": draw.uniform(batch, positions, heads, low=-0.3, high=0.0),
        "strength": draw.uniform(batch, positions, heads, low=0.1, high=1.0),
    }


def oracle(queries: Array, keys: Array, values: Array, log_gate: Array, strength: Array) -> Array:
    group = values.shape[2] // keys.shape[2]
    queries, keys = (np.repeat(x, group, axis=2) for x in (queries, keys))
    return gated_delta_rule.gated_delta_rule(queries, keys, values, log_gate, strength)


def reference(
    queries: Tensor, keys: Tensor, values: Tensor, log_gate: Tensor, strength: Tensor
) -> Tensor:
    """One position after another."""
    group = values.shape[2] // keys.shape[2]
    queries, keys = (x.repeat_interleave(group, dim=2) for x in (queries, keys))
    batch, positions, heads, d_head = keys.shape
    state = keys.new_zeros(batch, heads, values.shape[-1], d_head)
    y = torch.empty_like(values)
    for t in range(positions):
        state = torch.exp(log_gate[:, t])[..., None, None] * state
        answer = (state * keys[:, t, :, None]).sum(-1)
        change = strength[:, t, :, None] * (values[:, t] - answer)
        state = state + change[..., None] * keys[:, t, :, None]
        y[:, t] = (state * queries[:, t, :, None]).sum(-1)
    return y * d_head**-0.5


def wrong(
    queries: Tensor, keys: Tensor, values: Tensor, log_gate: Tensor, strength: Tensor
) -> Tensor:
    """Adds without correcting, as gated linear attention does."""
    group = values.shape[2] // keys.shape[2]
    queries, keys = (x.repeat_interleave(group, dim=2) for x in (queries, keys))
    total = log_gate.float().cumsum(dim=1).transpose(1, 2)
    decay = torch.exp(total[..., :, None] - total[..., None, :]).tril()
    products = torch.einsum("bihd,bjhd->bhij", queries.float(), keys.float())
    added = values.float() * strength.float()[..., None]
    y = torch.einsum("bhij,bjhv->bihv", products * decay, added)
    return (y * keys.shape[3] ** -0.5).to(values.dtype)


SHAPE = {"batch": 1, "positions": 70, "key_heads": 1, "heads": 2, "d_head": 16, "d_value": 16}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "positions": n} for n in (1, 16, 17, 63, 64, 65)),
        {**SHAPE, "batch": 2, "positions": 20, "d_head": 64, "d_value": 48},
        {**SHAPE, "positions": 20, "key_heads": 2, "d_value": 33},
    ],
    cases={
        "8k": Case(
            {
                "batch": 1, "positions": 8192, "key_heads": 16, "heads": 64,
                "d_head": 128, "d_value": 128,
            },
            check={
                "batch": 1, "positions": 512, "key_heads": 4, "heads": 16,
                "d_head": 128, "d_value": 128,
            },
        ),
    },
    flops=lambda batch, positions, key_heads, heads, d_head, d_value: (
        6.0 * batch * positions * heads * d_head * d_value
    ),
    bytes_moved=lambda itemsize, batch, positions, key_heads, heads, d_head, d_value: (
        2.0 * itemsize * batch * positions * (key_heads * d_head + heads * (d_value + 1))
    ),
    formula="2 · positions · (key_heads · d_head + heads · d_value) · itemsize bytes",
    limits=Limits(registers=255, shared=232448),
    family="recurrences",
    tolerance={"float32": 3e-7},  # to solve a chunk rounds more often than to step through it
    configs=[
        {},
        {"CHUNK": 64, "VALUES": 64, "num_warps": 4, "num_stages": 2},
        {"CHUNK": 64, "VALUES": 64, "num_warps": 8, "num_stages": 2},
        {"CHUNK": 32, "VALUES": 64, "num_warps": 4, "num_stages": 3},
        {"CHUNK": 64, "VALUES": 128, "num_warps": 8, "num_stages": 2},
    ],
)  # fmt: skip
