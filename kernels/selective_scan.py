"""Mamba's recurrence: stretches of time in parallel by an associative scan, one after another.

oracle   llmdeep.selective_scan.selective_scan
memory   x and step are read once, write and read once for each block of channels; the state never
         leaves the registers
limit    d_state a power of two; bound by one exponential a position, channel and state
source   Gu & Dao 2023, arXiv:2312.00752
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep import selective_scan
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit
def then(decay_1, add_1, decay_2, add_2):
    """One step after another is a step: h * d1 + a1, that * d2 + a2."""
    return decay_1 * decay_2, add_1 * decay_2 + add_2


@triton.jit
def selective_scan_kernel(
    x_ptr, step_ptr, rates_ptr, write_ptr, read_ptr, skip_ptr, y_ptr, positions, channels,
    D_STATE: tl.constexpr, TIMES: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    number = tl.arange(0, D_STATE)
    is_channel = channel < channels
    rates = tl.load(
        rates_ptr + channel[:, None] * D_STATE + number[None, :],
        mask=is_channel[:, None], other=0.0,
    ).to(tl.float32) * LOG2_E  # fmt: skip
    skip = tl.load(skip_ptr + channel, mask=is_channel, other=0.0).to(tl.float32)
    last = (tl.arange(0, TIMES) == TIMES - 1)[:, None, None]

    state = tl.zeros([CHANNELS, D_STATE], tl.float32)
    for start in range(0, positions, TIMES):
        time = start + tl.arange(0, TIMES)
        of_x = (sequence * positions + time[:, None]) * channels + channel[None, :]
        inside = (time[:, None] < positions) & is_channel[None, :]
        # behind the end a step of 0 changes nothing: decay 1, add 0
        x = tl.load(x_ptr + of_x, mask=inside, other=0.0).to(tl.float32)  # [TIMES, CHANNELS]
        step = tl.load(step_ptr + of_x, mask=inside, other=0.0).to(tl.float32)
        of_state = (sequence * positions + time[:, None]) * D_STATE + number[None, :]
        is_time = time[:, None] < positions
        write = tl.load(write_ptr + of_state, mask=is_time, other=0.0).to(tl.float32)
        read = tl.load(read_ptr + of_state, mask=is_time, other=0.0).to(tl.float32)

        decay = tl.exp2(step[:, :, None] * rates[None, :, :])  # [TIMES, CHANNELS, D_STATE]
        add = (step * x)[:, :, None] * write[:, None, :]
        decays, sums = tl.associative_scan((decay, add), 0, then)
        states = decays * state[None, :, :] + sums
        y = tl.sum(states * read[:, None, :], axis=2) + skip[None, :] * x
        state = tl.sum(tl.where(last, states, 0.0), axis=0)

        tl.store(y_ptr + of_x, y.to(y_ptr.dtype.element_ty), mask=inside)


def launch(
    x: Tensor,
    step: Tensor,
    rates: Tensor,
    write: Tensor,
    read: Tensor,
    skip: Tensor,
    config: Config | None = None,
) -> Tensor:
    """The scan of x [batch, positions, channels]; the others as in the oracle."""
    check(x=x, step=step, rates=rates, write=write, read=read, skip=skip)
    batch, positions, channels = x.shape
    d_state = rates.shape[1]
    expect(d_state & (d_state - 1) == 0, f"d_state is {d_state}, no power of two")
    expect(step.shape == x.shape, "step must have the shape of x")
    expect(write.shape == read.shape == (batch, positions, d_state), "write and read: (b, p, s)")
    config = config or {"TIMES": 32, "CHANNELS": 8, "num_warps": 4}
    y = torch.empty_like(x)
    selective_scan_kernel[(batch, triton.cdiv(channels, config["CHANNELS"]))](
        x, step, rates, write, read, skip, y, positions, channels, D_STATE=d_state, **config
    )
    return y


def inputs(draw: Draw, batch: int, positions: int, channels: int, d_state: int) -> dict[str, Any]:
    return {
        "x": draw.normal(batch, positions, channels),
        "step": draw.uniform(batch, positions, channels, low=0.01, high=0.5),
        "rates": draw.uniform(channels, d_state, low=-4.0, high=-0.1),
        "write": draw.normal(batch, positions, d_state),
        "read": draw.normal(batch, positions, d_state),
        "skip": draw.normal(channels),
    }


def oracle(**given: Array) -> Array:
    return selective_scan.selective_scan(**given)


def reference(
    x: Tensor, step: Tensor, rates: Tensor, write: Tensor, read: Tensor, skip: Tensor
) -> Tensor:
    """One position after another."""
    state = torch.zeros(len(x), x.shape[2], rates.shape[1], dtype=x.dtype, device=x.device)
    y = torch.empty_like(x)
    for t in range(x.shape[1]):
        decay = torch.exp(step[:, t, :, None] * rates)
        state = decay * state + (step[:, t] * x[:, t])[..., None] * write[:, t, None]
        y[:, t] = (state * read[:, t, None]).sum(-1)
    return y + skip * x


def wrong(**given: Any) -> Tensor:
    """Reads the state before the token has been written into it."""
    x, step, write, read = (given[name] for name in ("x", "step", "write", "read"))
    newest = step * x * (write * read).sum(-1, keepdim=True)
    return launch(**given) - newest


SHAPE = {"batch": 1, "positions": 33, "channels": 9, "d_state": 4}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "positions": n} for n in (1, 31, 32, 65)),
        {**SHAPE, "batch": 2, "channels": 8},
        {**SHAPE, "channels": 1, "d_state": 16},
    ],
    cases={
        "32k": Case(
            {"batch": 1, "positions": 32768, "channels": 4096, "d_state": 16},
            check={"batch": 1, "positions": 512, "channels": 512, "d_state": 16},
        ),
    },
    flops=lambda batch, positions, channels, d_state: 9.0 * batch * positions * channels * d_state,
    bytes_moved=lambda itemsize, batch, positions, channels, d_state: (
        1.0 * itemsize * batch * positions * (3 * channels + 2 * d_state)
    ),
    formula="3 · positions · channels · itemsize bytes; "
    "positions · channels · d_state exponentials bind before that",
    limits=Limits(registers=255, shared=65536),
    family="recurrences",
    configs=[
        {"TIMES": 32, "CHANNELS": 8, "num_warps": 4},
        {"TIMES": 64, "CHANNELS": 8, "num_warps": 4},
        {"TIMES": 32, "CHANNELS": 4, "num_warps": 2},
        {"TIMES": 16, "CHANNELS": 16, "num_warps": 4},
        {"TIMES": 128, "CHANNELS": 4, "num_warps": 4},
    ],
)
