"""Mamba-2: within a chunk as attention with a decay, between chunks as a recurrence.

oracle   llmdeep.state_space_dual.state_space_recurrence
memory   the sequence is cut into segments that run side by side: their inputs are read twice, once
         for the state they end in and once for the output, and only these states are stored
limit    d_value and d_state powers of two, at least 16
source   Dao & Gu 2024, arXiv:2405.21060, section 6
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep import state_space_dual
from llmdeep.gpu.calls import architecture, check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def segment_kernel(
    x_ptr, step_ptr, rates_ptr, write_ptr, read_ptr, states_ptr, decays_ptr, y_ptr,
    positions, heads, segment_length,
    OUTPUT: tl.constexpr, D_VALUE: tl.constexpr, D_STATE: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """One segment of one head: the state it ends in if it began with nothing, or its output."""
    segment = tl.program_id(0)
    head = tl.program_id(1)
    sequence = tl.program_id(2).to(tl.int64)
    of_segment = (sequence * heads + head) * tl.num_programs(0) + segment
    channel = tl.arange(0, D_VALUE)[None, :]
    number = tl.arange(0, D_STATE)[None, :]
    of_state = of_segment * D_VALUE * D_STATE + tl.arange(0, D_VALUE)[:, None] * D_STATE + number
    rate = tl.load(rates_ptr + head).to(tl.float32) * LOG2_E
    lane = tl.arange(0, CHUNK)

    state = tl.zeros([D_VALUE, D_STATE], tl.float32)
    if OUTPUT:
        state = tl.load(states_ptr + of_state)
    passed = 0.0  # logarithm of the segment's decay, in bits
    first = segment * segment_length
    for start in range(first, tl.minimum(first + segment_length, positions), CHUNK):
        time = start + lane
        is_time = time < positions
        of_time = sequence * positions + time
        # behind the end a step of 0 changes nothing
        step = tl.load(step_ptr + of_time * heads + head, mask=is_time, other=0.0).to(tl.float32)
        x = tl.load(
            x_ptr + (of_time[:, None] * heads + head) * D_VALUE + channel,
            mask=is_time[:, None], other=0.0,
        )  # [CHUNK, D_VALUE] # fmt: skip
        write = tl.load(
            write_ptr + of_time[:, None] * D_STATE + number, mask=is_time[:, None], other=0.0
        )

        total = tl.cumsum(step * rate, axis=0)  # [CHUNK], bits, falling
        whole = tl.sum(step * rate, axis=0)
        value = x.to(tl.float32) * step[:, None]
        if OUTPUT:
            read = tl.load(
                read_ptr + of_time[:, None] * D_STATE + number, mask=is_time[:, None], other=0.0
            )
            # within the chunk: queries are `read`, keys are `write`
            weights = tl.dot(read, write.trans(), input_precision="ieee")
            seen = lane[:, None] >= lane[None, :]
            between = tl.where(seen, total[:, None] - total[None, :], 0.0)
            weights = tl.where(seen, weights * tl.exp2(between), 0.0)
            y = tl.dot(weights.to(x.dtype), value.to(x.dtype), input_precision="ieee")
            # from before the chunk: what is left of the state
            before = tl.dot(read, state.to(x.dtype).trans(), input_precision="ieee")
            y += before * tl.exp2(total)[:, None]
            tl.store(
                y_ptr + (of_time[:, None] * heads + head) * D_VALUE + channel,
                y.to(y_ptr.dtype.element_ty), mask=is_time[:, None],
            )  # fmt: skip
        left = (value * tl.exp2(whole - total)[:, None]).to(x.dtype)
        state = tl.dot(left.trans(), write, state * tl.exp2(whole), input_precision="ieee")
        passed += whole

    if not OUTPUT:
        tl.store(states_ptr + of_state, state)
        tl.store(decays_ptr + of_segment, passed)


@triton.jit
def carry_kernel(states_ptr, decays_ptr, n_segments, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """From the state each segment adds to the state each segment begins with."""
    head = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    state = tl.zeros([BLOCK], tl.float32)
    for segment in range(n_segments):
        of_segment = states_ptr + (head * n_segments + segment) * SIZE + place
        added = tl.load(of_segment)
        decay = tl.load(decays_ptr + head * n_segments + segment)
        tl.store(of_segment, state)
        state = state * tl.exp2(decay) + added


def launch(
    x: Tensor,
    step: Tensor,
    rates: Tensor,
    write: Tensor,
    read: Tensor,
    config: Config | None = None,
) -> Tensor:
    """The recurrence of x [batch, positions, heads, d_value]; the others as in the oracle."""
    check(x=x, step=step, rates=rates, write=write, read=read)
    batch, positions, heads, d_value = x.shape
    d_state = write.shape[2]
    for name, width in (("d_value", d_value), ("d_state", d_state)):
        expect(width >= 16 and width & (width - 1) == 0, f"{name} is {width}, no power of two ≥ 16")
    expect(step.shape == x.shape[:3], "step must be [batch, positions, heads]")
    expect(write.shape == read.shape == (batch, positions, d_state), "write and read: (b, p, s)")
    config = config or {
        "CHUNK": 64 if architecture(x) >= 90 or x.element_size() == 4 else 32,
        "chunks": 32,
        "num_warps": 4,
        "num_stages": 2,
    }
    length = config["CHUNK"] * config["chunks"]
    n_segments = triton.cdiv(positions, length)
    states = torch.empty(
        batch, heads, n_segments, d_value, d_state, dtype=torch.float32, device=x.device
    )
    decays = torch.empty(batch, heads, n_segments, dtype=torch.float32, device=x.device)
    y = torch.empty_like(x)
    block = min(1024, d_value * d_state)
    for output in (False, True):
        segment_kernel[(n_segments, heads, batch)](
            x, step, rates, write, read, states, decays, y, positions, heads, length,
            OUTPUT=output, D_VALUE=d_value, D_STATE=d_state, CHUNK=config["CHUNK"],
            num_warps=config["num_warps"], num_stages=config["num_stages"],
        )  # fmt: skip
        if not output:
            carry_kernel[(batch * heads, d_value * d_state // block)](
                states, decays, n_segments, SIZE=d_value * d_state, BLOCK=block, num_warps=4
            )
    return y


def inputs(
    draw: Draw, batch: int, positions: int, heads: int, d_value: int, d_state: int
) -> dict[str, Any]:
    return {
        "x": draw.normal(batch, positions, heads, d_value),
        "step": draw.uniform(batch, positions, heads, low=0.01, high=0.2),
        "rates": draw.uniform(heads, low=-2.0, high=-0.1),
        "write": draw.normal(batch, positions, d_state, scale=d_state**-0.25),
        "read": draw.normal(batch, positions, d_state, scale=d_state**-0.25),
    }


def oracle(**given: Array) -> Array:
    return state_space_dual.state_space_recurrence(**given)


def reference(x: Tensor, step: Tensor, rates: Tensor, write: Tensor, read: Tensor) -> Tensor:
    """One position after another."""
    state = torch.zeros(*x.shape[::2], *x.shape[3:], write.shape[2], dtype=x.dtype, device=x.device)
    y = torch.empty_like(x)
    for t in range(x.shape[1]):
        decay = torch.exp(step[:, t] * rates)[..., None, None]
        new = (step[:, t, :, None] * x[:, t])[..., None] * write[:, t, None, None]
        state = decay * state + new
        y[:, t] = (state * read[:, t, None, None]).sum(-1)
    return y


def wrong(**given: Any) -> Tensor:
    """Begins every second half with nothing, as if no state were handed on."""
    half = -(-given["x"].shape[1] // 2)
    parts = [
        launch(**{
            name: value[:, part].contiguous() if value.ndim > 1 else value
            for name, value in given.items()
        })
        for part in (slice(half), slice(half, None))
        if given["x"][:, part].numel()
    ]  # fmt: skip
    return torch.cat(parts, dim=1)


SHAPE = {"batch": 1, "positions": 70, "heads": 2, "d_value": 16, "d_state": 16}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "positions": n} for n in (1, 63, 64, 65, 129)),
        {**SHAPE, "batch": 2, "heads": 1, "d_value": 32, "d_state": 64},
        {**SHAPE, "heads": 1, "positions": 2100},  # two segments
    ],
    cases={
        "32k": Case(
            {"batch": 1, "positions": 32768, "heads": 80, "d_value": 64, "d_state": 128},
            # several segments, of which the last is short
            check={"batch": 1, "positions": 8500, "heads": 16, "d_value": 64, "d_state": 128},
        ),
    },
    flops=lambda batch, positions, heads, d_value, d_state: (
        4.0 * batch * positions * heads * d_value * d_state
    ),
    bytes_moved=lambda itemsize, batch, positions, heads, d_value, d_state: (
        1.0 * itemsize * batch * positions * (heads * (2 * d_value + 1) + 2 * d_state)
    ),
    formula="2 · positions · heads · d_value · itemsize bytes",
    limits=Limits(registers=255, shared=166912),
    family="recurrences",
    configs=[
        {},
        {"CHUNK": 64, "chunks": 16, "num_warps": 4, "num_stages": 2},
        {"CHUNK": 64, "chunks": 64, "num_warps": 4, "num_stages": 3},
        {"CHUNK": 128, "chunks": 16, "num_warps": 8, "num_stages": 2},
    ],
)
