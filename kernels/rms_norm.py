"""RMS normalisation, with the residual added on the way: one program a row, held in registers.

oracle   llmdeep.norms.rms_norm
chapter  docs/foundations/block.md
memory   x is read once and y written once; with a residual, two are read and two written
limit    one row must fit one block: channels <= 32768
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
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

LONGEST_ROW = 32768


@triton.jit
def rms_norm_kernel(
    x_ptr, residual_ptr, gain_ptr, sum_ptr, y_ptr, rows, channels, eps,
    ADD: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    channel = tl.arange(0, BLOCK)[None, :]
    inside = (row < rows) & (channel < channels)
    place = row * channels + channel

    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [ROWS, BLOCK]
    gain = tl.load(gain_ptr + channel, mask=channel < channels, other=0.0).to(tl.float32)
    if ADD:
        x += tl.load(residual_ptr + place, mask=inside, other=0.0).to(tl.float32)
        tl.store(sum_ptr + place, x.to(sum_ptr.dtype.element_ty), mask=inside)

    # masked lanes are 0 and add nothing; divide by the channels there are, not by BLOCK
    mean_square = tl.sum(x * x, axis=1, keep_dims=True) / channels
    y = x * (1.0 / tl.sqrt_rn(mean_square + eps)) * gain

    tl.store(y_ptr + place, y.to(y_ptr.dtype.element_ty), mask=inside)


def launch(
    x: Tensor,
    gain: Tensor,
    residual: Tensor | None = None,
    eps: float = 1e-6,
    config: Config | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """rms_norm(x) * gain over the last axis; with a residual also x + residual, which is normed."""
    check(x=x, gain=gain, residual=x if residual is None else residual)
    channels = x.shape[-1]
    expect(channels <= LONGEST_ROW, f"rows have {channels} channels, and at most {LONGEST_ROW} fit")
    expect(gain.shape == (channels,), f"gain has shape {tuple(gain.shape)}, not ({channels},)")
    y = torch.empty_like(x)
    total = y if residual is None else torch.empty_like(x)
    rows = x.numel() // channels
    block = triton.next_power_of_2(channels)
    together = max(1, 1024 // block)
    warps = (config or {}).get("num_warps") or min(max(block * together // 512, 4), 16)
    rms_norm_kernel[(triton.cdiv(rows, together),)](
        x, x if residual is None else residual, gain, total, y, rows, channels, eps,
        ADD=residual is not None, ROWS=together, BLOCK=block, num_warps=warps,
    )  # fmt: skip
    return y if residual is None else (y, total)


def inputs(draw: Draw, rows: int, channels: int, add: bool = False) -> dict[str, Any]:
    return {
        "x": draw.normal(rows, channels),
        "gain": draw.normal(channels),
        "residual": draw.normal(rows, channels) if add else None,
    }


def oracle(x: Array, gain: Array, residual: Array | None) -> Array | tuple[Array, Array]:
    if residual is None:
        return norms.rms_norm(x, gain)
    return norms.rms_norm(x + residual, gain), x + residual


def reference(x: Tensor, gain: Tensor, residual: Tensor | None) -> Tensor | tuple[Tensor, Tensor]:
    if residual is None:
        return functional.rms_norm(x, gain.shape, gain, eps=1e-6)
    total = x + residual
    return functional.rms_norm(total, gain.shape, gain, eps=1e-6), total


def wrong(x: Tensor, gain: Tensor, residual: Tensor | None) -> Tensor | tuple[Tensor, Tensor]:
    """Adds ten thousand times the eps that was asked for."""
    return launch(x, gain, residual, eps=1e-2)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": 3, "channels": n} for n in (1, 2, 63, 64, 65, 1023, 1024, 1025)),
        *({"rows": n, "channels": 256} for n in (1, 4, 5)),  # four rows share a program
        *({"rows": 5, "channels": n, "add": True} for n in (255, 256, 257)),
    ],
    cases={
        "4k": Case({"rows": 32768, "channels": 4096}),
        "16k": Case({"rows": 8192, "channels": 16384}),
        "4k_add": Case({"rows": 32768, "channels": 4096, "add": True}),
    },
    flops=lambda rows, channels, add=False: (4.0 + add) * rows * channels,
    bytes_moved=lambda itemsize, rows, channels, add=False: (
        itemsize * (2.0 + 2 * add) * rows * channels + itemsize * channels
    ),
    formula="2 · rows · channels · itemsize bytes, 4 with a residual, and the gain",
    limits=Limits(registers=128, shared=1024),
    family="norms",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[{}, {"num_warps": 4}, {"num_warps": 8}, {"num_warps": 16}],
)
