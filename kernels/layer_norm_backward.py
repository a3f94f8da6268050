"""Layer normalisation, backward: a few programs walk over all rows and sum as they go.

oracle   llmdeep.norms.layer_norm_gradient
chapter  docs/foundations/block.md
memory   upstream and x are read once, dx is written once; mean and size are computed again
limit    one row must fit one block: channels <= 16384
source   Ba, Kiros & Hinton 2016, arXiv:1607.06450
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from llmdeep import norms
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect, processors
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels.column_sums import column_sums
from llmdeep.shapes import Array

LONGEST_ROW = 16384
PROGRAMS_A_PROCESSOR = 2  # each sums its rows by itself, so the order is fixed: no atomics


@triton.jit
def layer_norm_backward_kernel(
    upstream_ptr, x_ptr, gain_ptr, dx_ptr, partial_ptr, rows, channels, eps, BLOCK: tl.constexpr
):
    program = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, BLOCK)
    inside = channel < channels
    gain = tl.load(gain_ptr + channel, mask=inside, other=0.0).to(tl.float32)
    dgain = tl.zeros([BLOCK], tl.float32)
    dshift = tl.zeros([BLOCK], tl.float32)

    for row in range(program, rows, tl.num_programs(0)):
        place = row * channels + channel
        x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [BLOCK]
        upstream = tl.load(upstream_ptr + place, mask=inside, other=0.0).to(tl.float32)

        centred = tl.where(inside, x - tl.sum(x) / channels, 0.0)
        scale = 1.0 / tl.sqrt_rn(tl.sum(centred * centred) / channels + eps)
        normed = centred * scale
        g = gain * upstream
        # what would only move the mean or the size of x is taken out: neither matters
        along = tl.sum(g * normed) / channels
        dx = (g - tl.sum(g) / channels - normed * along) * scale
        dgain += upstream * normed
        dshift += upstream

        tl.store(dx_ptr + place, dx.to(dx_ptr.dtype.element_ty), mask=inside)

    # a row of the partial sums is the gain's, then the shift's
    partial_row = partial_ptr + program * 2 * channels
    tl.store(partial_row + channel, dgain, mask=inside)
    tl.store(partial_row + channels + channel, dshift, mask=inside)


def launch(
    upstream: Tensor, x: Tensor, gain: Tensor, eps: float = 1e-5, config: Config | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the loss at x, gain and shift, from the gradient at the result."""
    check(upstream=upstream, x=x, gain=gain)
    channels = x.shape[-1]
    expect(channels <= LONGEST_ROW, f"rows have {channels} channels, and at most {LONGEST_ROW} fit")
    expect(upstream.shape == x.shape, "upstream and x must have the same shape")
    rows = x.numel() // channels
    dx = torch.empty_like(x)
    programs = min(rows, PROGRAMS_A_PROCESSOR * processors(x))
    partial = torch.empty(programs, 2 * channels, dtype=torch.float32, device=x.device)
    block = triton.next_power_of_2(channels)
    warps = (config or {}).get("num_warps") or min(max(block // 512, 4), 16)
    layer_norm_backward_kernel[(programs,)](
        upstream, x, gain, dx, partial, rows, channels, eps, BLOCK=block, num_warps=warps
    )
    sums = column_sums(partial, gain.dtype)
    return dx, sums[:channels], sums[channels:]


def inputs(draw: Draw, rows: int, channels: int) -> dict[str, Any]:
    return {
        "upstream": draw.normal(rows, channels),
        "x": draw.uniform(rows, channels, low=3.0, high=5.0),
        "gain": draw.normal(channels),
    }


def oracle(upstream: Array, x: Array, gain: Array) -> tuple[Array, Array, Array]:
    return norms.layer_norm_gradient(upstream, x, gain)


def forward(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    return functional.layer_norm(x, gain.shape, gain, shift)


def reference(upstream: Tensor, x: Tensor, gain: Tensor) -> tuple[Tensor, ...]:
    return IN_TORCH(upstream, x=x, gain=gain, shift=torch.zeros_like(gain))


def peer(upstream: Tensor, x: Tensor, gain: Tensor) -> tuple[Tensor, ...]:
    return TIMED(upstream, x=x, gain=gain, shift=gain)


def wrong(upstream: Tensor, x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Leaves the change of the mean in."""
    g = upstream.float() * gain.float()
    kept = (g.mean(-1, keepdim=True) / x.float().std(-1, keepdim=True, correction=0)).to(x.dtype)
    dx, dgain, dshift = launch(upstream, x, gain)
    return dx + kept, dgain, dshift


IN_TORCH = peers.gradients(forward, ["x", "gain", "shift"])
TIMED = peers.backward(forward, ["x", "gain", "shift"])
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": 3, "channels": n} for n in (3, 63, 64, 65, 511, 512, 513)),
        *({"rows": n, "channels": 40} for n in (1, 5, 6, 7, 13)),  # six programs share the rows
    ],
    cases={
        "4k": Case({"rows": 32768, "channels": 4096}),
        "8k": Case({"rows": 16384, "channels": 8192}),
    },
    flops=lambda rows, channels: 14.0 * rows * channels,
    bytes_moved=lambda itemsize, rows, channels: itemsize * (3.0 * rows + 3) * channels,
    formula="3 · rows · channels · itemsize bytes, the gain and two gradients",
    limits=Limits(registers=160, shared=16384),
    family="backward",
    peers={"torch": peer},
    configs=[{}, {"num_warps": 4}, {"num_warps": 8}, {"num_warps": 16}],
)
