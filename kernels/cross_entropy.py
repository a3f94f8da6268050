"""Cross-entropy and its gradient in one go: the gradient is written over the logits.

oracle   llmdeep.next_token.cross_entropy, cross_entropy_gradient
chapter  docs/foundations/next-token.md
memory   logits are read from memory once, a second time from the L2 cache, and written once
limit    none on the vocabulary; rows whose target is negative are not counted
source   the running sum of exponentials: Milakov & Gimelshein 2018, arXiv:1805.02867
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from llmdeep import next_token
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array


@triton.jit
def cross_entropy_kernel(
    logits_ptr, targets_ptr, counted_ptr, losses_ptr, gradient_ptr, vocab, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(targets_ptr + row)
    is_counted = target >= 0
    weight = tl.where(is_counted, 1.0 / tl.load(counted_ptr), 0.0)
    logits_row = logits_ptr + row * vocab
    gradient_row = gradient_ptr + row * vocab
    lane = tl.arange(0, BLOCK)

    # each lane keeps the maximum and the sum of the tokens it has seen
    largest = tl.full([BLOCK], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, vocab, BLOCK):
        token = start + lane
        # to be read again: keep it
        z = tl.load(
            logits_row + token, mask=token < vocab, other=-float("inf"),
            eviction_policy="evict_last",
        ).to(tl.float32)  # fmt: skip
        new_largest = tl.maximum(largest, z)
        shift = tl.where(new_largest == -float("inf"), 0.0, new_largest)
        total = total * tl.exp(largest - shift) + tl.exp(z - shift)
        largest = new_largest
    row_largest = tl.max(largest, axis=0)
    row_total = tl.sum(total * tl.exp(largest - row_largest), axis=0)

    chosen = tl.load(logits_row + tl.where(is_counted, target, 0)).to(tl.float32)
    loss = tl.log(row_total) - (chosen - row_largest)
    tl.store(losses_ptr + row, tl.where(is_counted, loss, 0.0))

    # the gradient may be written over the logits: the target's has been read
    tl.debug_barrier()
    for start in range(0, vocab, BLOCK):
        token = start + lane
        z = tl.load(
            logits_row + token, mask=token < vocab, other=-float("inf"),
            eviction_policy="evict_first",
        ).to(tl.float32)  # fmt: skip
        p = tl.exp(z - row_largest) / row_total
        gradient = (p - tl.where(token == target, 1.0, 0.0)) * weight
        tl.store(
            gradient_row + token, gradient.to(gradient_ptr.dtype.element_ty), mask=token < vocab
        )


def launch(
    logits: Tensor, targets: Tensor, in_place: bool = False, config: Config | None = None
) -> tuple[Tensor, Tensor]:
    """The mean loss over the counted rows, a float32 scalar, and its gradient at the logits.

    Args:
        targets: int64, one a row; negative where the row does not count.
        in_place: Whether the gradient is written over the logits.
    """
    expect(len(targets) == len(logits), "there must be one target for each row of logits")
    counted = (targets >= 0).sum().float()
    gradient = logits if in_place else torch.empty_like(logits)
    losses = row_losses(logits, targets, counted, gradient, config)
    return losses.sum() / counted, gradient


def row_losses(
    logits: Tensor, targets: Tensor, counted: Tensor, gradient: Tensor, config: Config | None = None
) -> Tensor:
    """Each row's loss, in float32; the gradient of their sum / counted goes into `gradient`."""
    check(logits=logits, gradient=gradient)
    check(dtypes=(torch.int64,), targets=targets)
    losses = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    config = config or {"BLOCK": 8192, "num_warps": 16}
    vocab = logits.shape[1]
    block = min(config["BLOCK"], triton.next_power_of_2(vocab))
    cross_entropy_kernel[(len(logits),)](
        logits, targets, counted, losses, gradient, vocab, **{**config, "BLOCK": block}
    )
    return losses


def inputs(draw: Draw, rows: int, vocab: int, **rest: bool) -> dict[str, Any]:
    targets = draw.integers(rows, low=0, high=vocab)
    if rows > 2:
        targets[1] = -100
    return {"logits": draw.normal(rows, vocab, scale=3.0), "targets": targets, **rest}


def oracle(logits: Array, targets: Array, in_place: bool = False) -> tuple[float, Array]:
    counted = targets >= 0
    return (
        next_token.cross_entropy(logits, targets, counted),
        next_token.cross_entropy_gradient(logits, targets, counted),
    )


def reference(logits: Tensor, targets: Tensor, in_place: bool = False) -> tuple[Tensor, Tensor]:
    logits = logits.detach().requires_grad_()
    loss = functional.cross_entropy(logits, targets)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def wrong(targets: Tensor, **given: Any) -> tuple[Tensor, Tensor]:
    """Counts the rows that do not count."""
    return launch(targets=targets.clamp(min=0), **given)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"rows": 3, "vocab": n} for n in (1, 2, 127, 128, 129)),
        *({"rows": 2, "vocab": n} for n in (8191, 8192, 8193, 16385)),  # more than one block
        {"rows": 1, "vocab": 50},
        {"rows": 3, "vocab": 8200, "in_place": True},
    ],
    cases={
        "128k": Case({"rows": 8192, "vocab": 131072}, check={"rows": 512, "vocab": 131072}),
        "32k": Case({"rows": 16384, "vocab": 32768}, check={"rows": 1024, "vocab": 32768}),
    },
    flops=lambda rows, vocab: 8.0 * rows * vocab,
    bytes_moved=lambda itemsize, rows, vocab: 2.0 * itemsize * rows * vocab + 12.0 * rows,
    formula="2 · rows · vocab · itemsize bytes, targets and losses",
    limits=Limits(registers=64, shared=1024),
    family="losses",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[
        {"BLOCK": 8192, "num_warps": 16},
        {"BLOCK": 4096, "num_warps": 8},
        {"BLOCK": 16384, "num_warps": 16},
        {"BLOCK": 8192, "num_warps": 32},
    ],
)
