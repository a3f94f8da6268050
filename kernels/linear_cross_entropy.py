"""Unembedding and cross-entropy together, forward and backward, without ever storing the logits.

oracle   llmdeep.next_token.cross_entropy, cross_entropy_gradient
chapter  docs/foundations/next-token.md
memory   the logits of one chunk of tokens at a time, which become their own gradient
limit    none
source   Wijmans et al. 2024, arXiv:2411.09009, who recompute what is stored here chunk by chunk
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmdeep import next_token
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels.cross_entropy import row_losses
from llmdeep.shapes import Array


def launch(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    chunk: int = 1024,
    config: Config | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The mean loss of hidden @ weight.T, and its gradients at hidden and weight.

    The matrix products are the library's; what is between them is `cross_entropy`'s kernel, which
    writes the gradient over the logits.

    Args:
        hidden: [tokens, d_model].
        weight: [vocab, d_model].
        targets: int64, one a token; negative where the token does not count.
        chunk: Tokens whose logits exist at one time.
    """
    check(hidden=hidden, weight=weight)
    expect(hidden.shape[1] == weight.shape[1], "hidden and weight differ in their channels")
    expect(len(targets) == len(hidden), "there must be one target for each token")
    chunk = (config or {}).get("chunk", chunk)
    counted = (targets >= 0).sum().float()
    d_hidden = torch.empty_like(hidden)
    d_weight = torch.zeros_like(weight)
    losses = []
    for start in range(0, len(hidden), chunk):
        part = slice(start, start + chunk)
        logits = hidden[part] @ weight.t()
        losses.append(row_losses(logits, targets[part], counted, logits))
        torch.mm(logits, weight, out=d_hidden[part])
        d_weight.addmm_(logits.t(), hidden[part])
    return torch.cat(losses).sum() / counted, d_hidden, d_weight


def inputs(draw: Draw, tokens: int, d_model: int, vocab: int, **rest: int) -> dict[str, Any]:
    targets = draw.integers(tokens, low=0, high=vocab)
    if tokens > 2:
        targets[1] = -100
    return {
        "hidden": draw.normal(tokens, d_model),
        "weight": draw.normal(vocab, d_model, scale=2 / d_model**0.5),
        "targets": targets,
        **rest,
    }


def oracle(
    hidden: Array, weight: Array, targets: Array, chunk: int = 0
) -> tuple[float, Array, Array]:
    counted = targets >= 0
    logits = hidden @ weight.T
    gradient = next_token.cross_entropy_gradient(logits, targets, counted)
    loss = next_token.cross_entropy(logits, targets, counted)
    return loss, gradient @ weight, gradient.T @ hidden


def reference(
    hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int = 0
) -> tuple[Tensor, ...]:
    hidden, weight = hidden.detach().requires_grad_(), weight.detach().requires_grad_()
    loss = functional.cross_entropy(hidden @ weight.t(), targets)
    return loss.detach(), *torch.autograd.grad(loss, (hidden, weight))


def wrong(
    hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Forgets the gradient of all chunks but the last."""
    loss, d_hidden, _ = launch(hidden, weight, targets, chunk)
    return loss, d_hidden, launch(hidden[-1:], weight, targets[-1:])[2] / len(hidden)


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        {"tokens": tokens, "d_model": 16, "vocab": 33, "chunk": 8} for tokens in (1, 7, 8, 9, 17)
    ],
    cases={
        "128k": Case(
            {"tokens": 8192, "d_model": 4096, "vocab": 131072},
            check={"tokens": 8192, "d_model": 1024, "vocab": 32768},  # as many chunks
        ),
    },
    flops=lambda tokens, d_model, vocab: 6.0 * tokens * d_model * vocab,
    bytes_moved=lambda itemsize, tokens, d_model, vocab: (
        2.0 * itemsize * (tokens + vocab) * d_model + 8.0 * tokens
    ),
    formula="6 · tokens · d_model · vocab operations",
    limits=Limits(registers=64, shared=1024),
    family="losses",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[{"chunk": 1024}, {"chunk": 512}, {"chunk": 2048}],
)
