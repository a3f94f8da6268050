"""SwiGLU and GeGLU: an activation of the gate times the other half, in one pass.

oracle   llmdeep.feed_forward.silu, gelu_tanh
chapter  docs/foundations/block.md
memory   gate and up are read once and y written once; the activation alone is never stored
limit    none
source   Shazeer 2020, arXiv:2002.05202
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from llmdeep import feed_forward
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array

ACTIVATIONS = ("silu", "gelu_tanh")


@triton.jit
def gated_activation_kernel(
    gate_ptr, up_ptr, y_ptr, numbers, GELU: tl.constexpr, BLOCK: tl.constexpr
):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < numbers

    gate = tl.load(gate_ptr + place, mask=inside, other=0.0).to(tl.float32)  # [BLOCK]
    up = tl.load(up_ptr + place, mask=inside, other=0.0).to(tl.float32)

    y = gate * opening(gate, GELU) * up

    tl.store(y_ptr + place, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def opening(gate, GELU: tl.constexpr):
    """What the gate is multiplied by: sigmoid(gate), or of GELU's argument, as
    (1 + tanh(a)) / 2 = sigmoid(2a)."""
    if GELU:
        return tl.sigmoid(1.5957691216057308 * (gate + 0.044715 * gate * gate * gate))
    return tl.sigmoid(gate)


def launch(
    gate: Tensor, up: Tensor, activation: str = "silu", config: Config | None = None
) -> Tensor:
    """activation(gate) * up, for "silu" (SwiGLU) or "gelu_tanh" (GeGLU)."""
    check(gate=gate, up=up)
    expect(gate.shape == up.shape, "gate and up must have the same shape")
    expect(activation in ACTIVATIONS, f"activation must be one of {ACTIVATIONS}, not {activation}")
    y = torch.empty_like(gate)
    config = config or {"BLOCK": 2048, "num_warps": 8}
    gated_activation_kernel[(triton.cdiv(gate.numel(), config["BLOCK"]),)](
        gate, up, y, gate.numel(), GELU=activation == "gelu_tanh", **config
    )
    return y


def inputs(draw: Draw, tokens: int, d_ff: int, activation: str = "silu") -> dict[str, Any]:
    return {
        "gate": draw.normal(tokens, d_ff, scale=2.0),
        "up": draw.normal(tokens, d_ff),
        "activation": activation,
    }


def oracle(gate: Array, up: Array, activation: str) -> Array:
    curve = feed_forward.silu if activation == "silu" else feed_forward.gelu_tanh
    return curve(gate) * up


def reference(gate: Tensor, up: Tensor, activation: str) -> Tensor:
    if activation == "silu":
        return functional.silu(gate) * up
    return functional.gelu(gate, approximate="tanh") * up


def wrong(gate: Tensor, up: Tensor, activation: str) -> Tensor:
    """Takes the halves for one another."""
    return launch(up, gate, activation)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        {"tokens": 1, "d_ff": n, "activation": activation}
        for n in (1, 2047, 2048, 2049, 4097)
        for activation in ACTIVATIONS
    ],
    cases={
        "swiglu": Case({"tokens": 16384, "d_ff": 14336}),
        "geglu": Case({"tokens": 16384, "d_ff": 14336, "activation": "gelu_tanh"}),
    },
    flops=lambda tokens, d_ff, activation="silu": 5.0 * tokens * d_ff,
    bytes_moved=lambda itemsize, tokens, d_ff, activation="silu": 3.0 * itemsize * tokens * d_ff,
    formula="3 · tokens · d_ff · itemsize bytes",
    limits=Limits(registers=48, shared=0),
    family="norms",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[
        {"BLOCK": 2048, "num_warps": 8},
        {"BLOCK": 1024, "num_warps": 4},
        {"BLOCK": 4096, "num_warps": 8},
        {"BLOCK": 2048, "num_warps": 4},
    ],
)
