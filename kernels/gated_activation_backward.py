"""SwiGLU and GeGLU, backward: both gradients in one pass, the activation computed again.

oracle   llmdeep.feed_forward.silu_slope, gelu_tanh_slope
chapter  docs/foundations/block.md
memory   upstream, gate and up are read once, two gradients are written once
limit    none
source   Shazeer 2020, arXiv:2002.05202
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep import feed_forward
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels import gated_activation
from llmdeep.kernels.gated_activation import ACTIVATIONS, opening
from llmdeep.shapes import Array


@triton.jit
def gated_activation_backward_kernel(
    upstream_ptr, gate_ptr, up_ptr, d_gate_ptr, d_up_ptr, numbers,
    GELU: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < numbers

    upstream = tl.load(upstream_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [BLOCK]
    gate = tl.load(gate_ptr + place, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(up_ptr + place, mask=inside, other=0.0).to(tl.float32)

    s = opening(gate, GELU)
    inner = 1.0  # slope of what stands inside the sigmoid
    if GELU:
        inner = 1.5957691216057308 * (1.0 + 3.0 * 0.044715 * gate * gate)
    d_gate = upstream * up * s * (1.0 + gate * (1.0 - s) * inner)
    d_up = upstream * gate * s

    tl.store(d_gate_ptr + place, d_gate.to(d_gate_ptr.dtype.element_ty), mask=inside)
    tl.store(d_up_ptr + place, d_up.to(d_up_ptr.dtype.element_ty), mask=inside)


def launch(
    upstream: Tensor,
    gate: Tensor,
    up: Tensor,
    activation: str = "silu",
    config: Config | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients of the loss at gate and up, from the gradient at activation(gate) * up."""
    check(upstream=upstream, gate=gate, up=up)
    expect(upstream.shape == gate.shape == up.shape, "all three must have the same shape")
    expect(activation in ACTIVATIONS, f"activation must be one of {ACTIVATIONS}, not {activation}")
    d_gate, d_up = torch.empty_like(gate), torch.empty_like(up)
    config = config or {"BLOCK": 1024, "num_warps": 4}
    gated_activation_backward_kernel[(triton.cdiv(gate.numel(), config["BLOCK"]),)](
        upstream, gate, up, d_gate, d_up, gate.numel(), GELU=activation == "gelu_tanh", **config
    )
    return d_gate, d_up


def inputs(draw: Draw, tokens: int, d_ff: int, activation: str = "silu") -> dict[str, Any]:
    forward = gated_activation.inputs(draw, tokens, d_ff, activation)
    return {"upstream": draw.normal(tokens, d_ff), **forward}


def oracle(upstream: Array, gate: Array, up: Array, activation: str) -> tuple[Array, Array]:
    curve = feed_forward.silu if activation == "silu" else feed_forward.gelu_tanh
    return upstream * up * feed_forward.SLOPES[curve](gate), upstream * curve(gate)


def wrong(upstream: Tensor, gate: Tensor, up: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    """Takes the slope of the other activation."""
    (other,) = set(ACTIVATIONS) - {activation}
    return launch(upstream, gate, up, other)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=peers.gradients(gated_activation.reference, ["gate", "up"]),
    wrong=wrong,
    sizes=[
        {"tokens": 1, "d_ff": n, "activation": activation}
        for n in (1, 1023, 1024, 1025, 2049)
        for activation in ACTIVATIONS
    ],
    cases={
        "swiglu": Case({"tokens": 16384, "d_ff": 14336}),
        "geglu": Case({"tokens": 16384, "d_ff": 14336, "activation": "gelu_tanh"}),
    },
    flops=lambda tokens, d_ff, activation="silu": 11.0 * tokens * d_ff,
    bytes_moved=lambda itemsize, tokens, d_ff, activation="silu": 5.0 * itemsize * tokens * d_ff,
    formula="5 · tokens · d_ff · itemsize bytes",
    limits=Limits(registers=56, shared=0),
    family="backward",
    peers={
        "torch": peers.backward(gated_activation.reference, ["gate", "up"]),
        "torch.compile": peers.backward(peers.compiled(gated_activation.reference), ["gate", "up"]),
    },
    configs=[
        {"BLOCK": 1024, "num_warps": 4},
        {"BLOCK": 2048, "num_warps": 8},
        {"BLOCK": 2048, "num_warps": 4},
    ],
)
