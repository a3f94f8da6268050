"""Layer normalisation, with the residual added on the way: one program a row, held in registers.

oracle   llmdeep.norms.layer_norm
chapter  docs/foundations/block.md
memory   x is read once and y written once; with a residual, two are read and two written
limit    one row must fit one block: channels <= 32768
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
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LONGEST_ROW = 32768


@triton.jit
def layer_norm_kernel(
    x_ptr, residual_ptr, gain_ptr, shift_ptr, sum_ptr, y_ptr, rows, channels, eps,
    ADD: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    channel = tl.arange(0, BLOCK)[None, :]
    inside = (row < rows) & (channel < channels)
    place = row * channels + channel

    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [ROWS, BLOCK]
    gain = tl.load(gain_ptr + channel, mask=channel < channels, other=0.0).to(tl.float32)
    shift = tl.load(shift_ptr + channel, mask=channel < channels, other=0.0).to(tl.float32)
    if ADD:
        x += tl.load(residual_ptr + place, mask=inside, other=0.0).to(tl.float32)
        tl.store(sum_ptr + place, x.to(sum_ptr.dtype.element_ty), mask=inside)

    # the mean goes first: mean(x²) - mean(x)² would cancel to nothing for a large mean
    centred = tl.where(inside, x - tl.sum(x, axis=1, keep_dims=True) / channels, 0.0)
    # a second time, since the first mean was rounded
    centred = tl.where(inside, centred - tl.sum(centred, axis=1, keep_dims=True) / channels, 0.0)
    variance = tl.sum(centred * centred, axis=1, keep_dims=True) / channels
    y = centred * (1.0 / tl.sqrt_rn(variance + eps)) * gain + shift

    tl.store(y_ptr + place, y.to(y_ptr.dtype.element_ty), mask=inside)


def launch(
    x: Tensor,
    gain: Tensor,
    shift: Tensor,
    residual: Tensor | None = None,
    eps: float = 1e-5,
    config: Config | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """layer_norm(x) over the last axis; with a residual also x + residual, which is normed."""
    check(x=x, gain=gain, shift=shift, residual=x if residual is None else residual)
    channels = x.shape[-1]
    expect(channels <= LONGEST_ROW, f"rows have {channels} channels, and at most {LONGEST_ROW} fit")
    expect(gain.shape == shift.shape == (channels,), f"gain and shift must have {channels} numbers")
    y = torch.empty_like(x)
    total = y if residual is None else torch.empty_like(x)
    rows = x.numel() // channels
    block = triton.next_power_of_2(channels)
    together = max(1, 1024 // block)
    warps = (config or {}).get("num_warps") or min(max(block * together // 512, 4), 16)
    layer_norm_kernel[(triton.cdiv(rows, together),)](
        x, x if residual is None else residual, gain, shift, total, y, rows, channels, eps,
        ADD=residual is not None, ROWS=together, BLOCK=block, num_warps=warps,
    )  # fmt: skip
    return y if residual is None else (y, total)


def inputs(draw: Draw, rows: int, channels: int, add: bool = False) -> dict[str, Any]:
    return {
        # a mean of several deviations, which a careless variance would not survive
        "x": draw.uniform(rows, channels, low=3.0, high=5.0),
        "gain": draw.normal(channels),
        "shift": draw.normal(channels),
        "residual": draw.normal(rows, channels) if add else None,
    }


def oracle(
    x: Array, gain: Array, shift: Array, residual: Array | None
) -> Array | tuple[Array, Array]:
    if residual is None:
        return norms.layer_norm(x, gain, shift)
    return norms.layer_norm(x + residual, gain, shift), x + residual


def reference(
    x: Tensor, gain: Tensor, shift: Tensor, residual: Tensor | None
) -> Tensor | tuple[Tensor, Tensor]:
    if residual is None:
        return functional.layer_norm(x, gain.shape, gain, shift)
    total = x + residual
    return functional.layer_norm(total, gain.shape, gain, shift), total


def wrong(
    x: Tensor, gain: Tensor, shift: Tensor, residual: Tensor | None
) -> Tensor | tuple[Tensor, Tensor]:
    """Divides by channels - 1, as a statistician would."""
    channels = x.shape[-1]
    smaller = gain * ((channels - 1) / channels) ** 0.5
    return launch(x, smaller, shift, residual)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": 3, "channels": n} for n in (2, 63, 64, 65, 1023, 1024, 1025)),
        *({"rows": n, "channels": 256} for n in (1, 4, 5)),  # four rows share a program
        *({"rows": 5, "channels": n, "add": True} for n in (255, 256, 257)),
    ],
    cases={
        "4k": Case({"rows": 32768, "channels": 4096}),
        "4k_add": Case({"rows": 32768, "channels": 4096, "add": True}),
    },
    flops=lambda rows, channels, add=False: (7.0 + add) * rows * channels,
    bytes_moved=lambda itemsize, rows, channels, add=False: (
        itemsize * (2.0 + 2 * add) * rows * channels + 2 * itemsize * channels
    ),
    formula="2 · rows · channels · itemsize bytes, 4 with a residual, gain and shift",
    limits=Limits(registers=96, shared=1024),
    family="norms",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[{}, {"num_warps": 4}, {"num_warps": 8}, {"num_warps": 16}],
)
