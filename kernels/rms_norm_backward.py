"""RMS normalisation, backward: a few programs walk over all rows and sum the gain's gradient.

oracle   llmdeep.norms.rms_norm_gradient
chapter  docs/foundations/block.md
memory   upstream and x are read once, dx is written once; the row's size is computed again
limit    one row must fit one block: channels <= 16384
source   Zhang & Sennrich 2019, arXiv:1910.07467
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
def rms_norm_backward_kernel(
    upstream_ptr, x_ptr, gain_ptr, dx_ptr, partial_ptr, rows, channels, eps, BLOCK: tl.constexpr
):
    program = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, BLOCK)
    inside = channel < channels
    gain = tl.load(gain_ptr + channel, mask=inside, other=0.0).to(tl.float32)
    dgain = tl.zeros([BLOCK], tl.float32)

    for row in range(program, rows, tl.num_programs(0)):
        place = row * channels + channel
        x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [BLOCK]
        upstream = tl.load(upstream_ptr + place, mask=inside, other=0.0).to(tl.float32)

        scale = 1.0 / tl.sqrt_rn(tl.sum(x * x) / channels + eps)
        normed = x * scale
        g = gain * upstream
        # what points along x is taken out: the size of x does not matter
        dx = (g - normed * (tl.sum(g * normed) / channels)) * scale
        dgain += upstream * normed

        tl.store(dx_ptr + place, dx.to(dx_ptr.dtype.element_ty), mask=inside)

    tl.store(partial_ptr + program * channels + channel, dgain, mask=inside)


def launch(
    upstream: Tensor, x: Tensor, gain: Tensor, eps: float = 1e-6, config: Config | None = None
) -> tuple[Tensor, Tensor]:
    """Gradients of the loss at x and gain, from the gradient at the result."""
    check(upstream=upstream, x=x, gain=gain)
    channels = x.shape[-1]
    expect(channels <= LONGEST_ROW, f"rows have {channels} channels, and at most {LONGEST_ROW} fit")
    expect(upstream.shape == x.shape, "upstream and x must have the same shape")
    rows = x.numel() // channels
    dx = torch.empty_like(x)
    programs = min(rows, PROGRAMS_A_PROCESSOR * processors(x))
    partial = torch.empty(programs, channels, dtype=torch.float32, device=x.device)
    block = triton.next_power_of_2(channels)
    warps = (config or {}).get("num_warps") or min(max(block // 512, 4), 16)
    rms_norm_backward_kernel[(programs,)](
        upstream, x, gain, dx, partial, rows, channels, eps, BLOCK=block, num_warps=warps
    )
    return dx, column_sums(partial, gain.dtype)


def inputs(draw: Draw, rows: int, channels: int) -> dict[str, Any]:
    return {
        "upstream": draw.normal(rows, channels),
        "x": draw.normal(rows, channels),
        "gain": draw.normal(channels),
    }


def oracle(upstream: Array, x: Array, gain: Array) -> tuple[Array, Array]:
    return norms.rms_norm_gradient(upstream, x, gain)


def forward(x: Tensor, gain: Tensor) -> Tensor:
    return functional.rms_norm(x, gain.shape, gain, eps=1e-6)


def wrong(upstream: Tensor, x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Leaves the gain out of the gradient."""
    return launch(upstream, x, torch.ones_like(gain))


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=peers.gradients(forward, ["x", "gain"]),
    wrong=wrong,
    sizes=[
        *({"rows": 3, "channels": n} for n in (3, 63, 64, 65, 511, 512, 513)),
        *({"rows": n, "channels": 40} for n in (1, 5, 6, 7, 13)),  # six programs share the rows
    ],
    cases={
        "4k": Case({"rows": 32768, "channels": 4096}),
        "8k": Case({"rows": 16384, "channels": 8192}),
    },
    flops=lambda rows, channels: 11.0 * rows * channels,
    bytes_moved=lambda itemsize, rows, channels: itemsize * (3.0 * rows + 2) * channels,
    formula="3 · rows · channels · itemsize bytes, the gain and its gradient",
    limits=Limits(registers=128, shared=16384),
    family="backward",
    peers={
        "torch": peers.backward(forward, ["x", "gain"]),
        "torch.compile": peers.backward(peers.compiled(forward), ["x", "gain"]),
    },
    configs=[{}, {"num_warps": 4}, {"num_warps": 8}, {"num_warps": 16}],
)
