"""The router of a mixture of experts: the top k of each token's logits, softmax over these.

oracle   llmdeep.expert_routing.top_experts
memory   logits are read once; k weights and k numbers a token are written
limit    at most 1024 experts, k at most 16
source   Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024, arXiv:2401.04088
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.expert_routing import top_experts
from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.shapes import Array


@triton.jit
def expert_router_kernel(
    logits_ptr, weights_ptr, experts_ptr, tokens,
    EXPERTS: tl.constexpr, K: tl.constexpr, TOKENS: tl.constexpr, BLOCK: tl.constexpr,
    CHOSEN: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)[:, None]
    expert = tl.arange(0, BLOCK)[None, :]
    inside = (token < tokens) & (expert < EXPERTS)
    logits = tl.load(logits_ptr + token * EXPERTS + expert, mask=inside, other=-float("inf"))
    logits = logits.to(tl.float32)  # [TOKENS, BLOCK]

    place = tl.arange(0, CHOSEN)[None, :]
    chosen_logits = tl.full([TOKENS, CHOSEN], -float("inf"), tl.float32)
    chosen = tl.zeros([TOKENS, CHOSEN], tl.int32)
    for rank in tl.static_range(K):
        best = tl.argmax(logits, axis=1, tie_break_left=True)[:, None]  # [TOKENS, 1]
        largest = tl.max(logits, axis=1)[:, None]
        chosen_logits = tl.where(place == rank, largest, chosen_logits)
        chosen = tl.where(place == rank, best, chosen)
        logits = tl.where(expert == best, -float("inf"), logits)

    exponentials = tl.exp(chosen_logits - tl.max(chosen_logits, axis=1)[:, None])
    weights = exponentials / tl.sum(exponentials, axis=1)[:, None]

    inside = (token < tokens) & (place < K)
    tl.store(weights_ptr + token * K + place, weights.to(weights_ptr.dtype.element_ty), mask=inside)
    tl.store(experts_ptr + token * K + place, chosen, mask=inside)


def launch(logits: Tensor, k: int, config: Config | None = None) -> tuple[Tensor, Tensor]:
    """Of logits [tokens, experts] the k largest of each token: weights, and experts as int32."""
    check(logits=logits)
    tokens, n_experts = logits.shape
    expect(n_experts <= 1024, f"there are {n_experts} experts, and at most 1024 fit")
    expect(1 <= k <= min(16, n_experts), f"k is {k}, not from 1 to {min(16, n_experts)}")
    weights = torch.empty(tokens, k, dtype=logits.dtype, device=logits.device)
    experts = torch.empty(tokens, k, dtype=torch.int32, device=logits.device)
    config = config or {"TOKENS": 8, "num_warps": 4}
    expert_router_kernel[(triton.cdiv(tokens, config["TOKENS"]),)](
        logits, weights, experts, tokens, EXPERTS=n_experts, K=k,
        BLOCK=triton.next_power_of_2(n_experts), CHOSEN=triton.next_power_of_2(k), **config,
    )  # fmt: skip
    return weights, experts


def inputs(draw: Draw, tokens: int, n_experts: int, k: int) -> dict[str, Any]:
    return {"logits": draw.normal(tokens, n_experts), "k": k}


def oracle(logits: Array, k: int) -> tuple[Array, Array]:
    return top_experts(logits, k)


def reference(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    # a stable sort: topk leaves the order of equal logits open
    ordered, experts = logits.sort(dim=-1, descending=True, stable=True)
    return torch.softmax(ordered[:, :k], dim=-1), experts[:, :k]


def library(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    chosen, experts = torch.topk(logits, k)
    return torch.softmax(chosen, dim=-1), experts


def wrong(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Takes the softmax over all experts, so that the weights of the chosen do not sum to 1."""
    _, experts = launch(logits, k)
    return torch.softmax(logits, dim=-1).gather(1, experts.long()), experts


KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({"tokens": n, "n_experts": 8, "k": 2} for n in (1, 7, 8, 9)),
        *({"tokens": 5, "n_experts": n, "k": 3} for n in (4, 60, 64, 65)),
        *({"tokens": 5, "n_experts": 16, "k": n} for n in (1, 6, 8, 16)),
    ],
    cases={"e128_k8": Case({"tokens": 32768, "n_experts": 128, "k": 8})},
    flops=lambda tokens, n_experts, k: 2.0 * tokens * n_experts * k,
    bytes_moved=lambda itemsize, tokens, n_experts, k: (
        1.0 * tokens * (itemsize * (n_experts + k) + 4 * k)
    ),
    formula="tokens · (experts + k) · itemsize bytes and k numbers",
    limits=Limits(registers=128, shared=4096),
    family="experts",
    peers={"torch.topk": library, "torch.compile": peers.compiled(library)},
    configs=[
        {"TOKENS": 8, "num_warps": 4},
        {"TOKENS": 4, "num_warps": 4},
        {"TOKENS": 16, "num_warps": 4},
        {"TOKENS": 32, "num_warps": 8},
    ],
)
