"""Speculative verification: which drafted tokens stay, and what comes after them.

oracle   llmdeep.speculative_decoding.residual
memory   of each drafted token two numbers are read, of the place that is drawn anew two rows
limit    probabilities in float32
source   Leviathan, Kalman & Matias 2023, arXiv:2211.17192, algorithm 1
"""

from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from llmdeep.gpu import peers
from llmdeep.gpu.calls import check, expect
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.spec import Case, Config, Kernel, Limits
from llmdeep.kernels._sampling import centred, drawn
from llmdeep.shapes import Array
from llmdeep.speculative_decoding import residual


@triton.jit
def accept_kernel(
    target_ptr, draft_ptr, drafted_ptr, uniforms_ptr, accepted_ptr, n_draft, vocab,
    BLOCK: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(0).to(tl.int64)
    place = tl.arange(0, BLOCK)
    inside = place < n_draft
    token = tl.load(drafted_ptr + sequence * n_draft + place, mask=inside, other=0)
    p = tl.load(
        target_ptr + (sequence * (n_draft + 1) + place) * vocab + token, mask=inside, other=0.0
    )
    q = tl.load(draft_ptr + (sequence * n_draft + place) * vocab + token, mask=inside, other=0.0)
    uniform = tl.load(uniforms_ptr + sequence * (n_draft + 1) + place, mask=inside, other=0.0)
    # kept with probability p / q; those from the first that is not kept on are lost
    lost = tl.where(inside & (uniform * q >= p), place, n_draft)
    tl.store(accepted_ptr + sequence, tl.min(lost, axis=0).to(tl.int64))


@triton.jit
def lacking(target_ptr, draft_ptr, sequence, accepted, token, n_draft, vocab, end):
    """What the draft lacks of the target's law; all of it behind the last drafted token."""
    inside = token < end
    p = tl.load(
        target_ptr + (sequence * (n_draft + 1) + accepted) * vocab + token, mask=inside, other=0.0
    )
    q = tl.load(
        draft_ptr + (sequence * n_draft + accepted) * vocab + token,
        mask=inside & (accepted < n_draft), other=0.0,
    )  # fmt: skip
    return tl.maximum(p - q, 0.0)


@triton.jit
def lack_kernel(
    target_ptr, draft_ptr, accepted_ptr, sums_ptr, n_draft, vocab, part, BLOCK: tl.constexpr
):
    sequence = tl.program_id(0).to(tl.int64)
    accepted = tl.load(accepted_ptr + sequence)
    first = tl.program_id(1) * part
    end = tl.minimum(first + part, vocab)
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(first, end, BLOCK):
        token = start + tl.arange(0, BLOCK)
        total += lacking(target_ptr, draft_ptr, sequence, accepted, token, n_draft, vocab, end)
    tl.store(sums_ptr + sequence * tl.num_programs(1) + tl.program_id(1), tl.sum(total, axis=0))


@triton.jit
def draw_kernel(
    target_ptr, draft_ptr, uniforms_ptr, accepted_ptr, sums_ptr, tokens_ptr,
    n_draft, vocab, part, n_parts, PARTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    sequence = tl.program_id(0).to(tl.int64)
    accepted = tl.load(accepted_ptr + sequence)
    index = tl.arange(0, PARTS)
    sums = tl.load(sums_ptr + sequence * n_parts + index, mask=index < n_parts, other=0.0)
    cumulative = tl.cumsum(sums, axis=0)
    goal = tl.load(uniforms_ptr + sequence * (n_draft + 1) + n_draft) * tl.sum(sums, axis=0)

    # the part that the goal falls in, then the token
    chosen = tl.sum((cumulative <= goal).to(tl.int32), axis=0)
    chosen = tl.minimum(chosen, n_parts - 1)
    passed = tl.sum(tl.where(index < chosen, sums, 0.0), axis=0)
    first = chosen * part
    end = tl.minimum(first + part, vocab)
    count = tl.zeros([1], tl.int64)
    final = tl.zeros([1], tl.int64) + first
    for start in range(first, end, BLOCK):
        token = start + tl.arange(0, BLOCK)
        mass = lacking(target_ptr, draft_ptr, sequence, accepted, token, n_draft, vocab, end)
        reached = passed + tl.cumsum(mass, axis=0)
        count += tl.sum(((reached <= goal) & (token < end)).to(tl.int64), axis=0)
        final = tl.maximum(final, tl.max(tl.where(mass > 0.0, token, 0), axis=0).to(tl.int64))
        passed += tl.sum(mass, axis=0)
    # rounding may leave the goal unreached: then the last token that can be drawn
    tl.store(tokens_ptr + sequence + tl.arange(0, 1), tl.minimum(first + count, final))


def launch(
    target: Tensor, draft: Tensor, drafted: Tensor, uniforms: Tensor, config: Config | None = None
) -> tuple[Tensor, Tensor]:
    """How many drafted tokens of each sequence stay, and the token that follows them.

    Args:
        target: float32 [batch, n_draft + 1, vocab], the target's law at each place and one behind.
        draft: float32 [batch, n_draft, vocab], the law that each token was drafted from.
        drafted: int64 [batch, n_draft].
        uniforms: float32 [batch, n_draft + 1], random numbers: one a drafted token, one to draw.
    """
    check(dtypes=(torch.float32,), target=target, draft=draft, uniforms=uniforms)
    check(dtypes=(torch.int64,), drafted=drafted)
    batch, n_draft, vocab = draft.shape
    expect(n_draft >= 1, "there must be a drafted token")
    expect(target.shape == (batch, n_draft + 1, vocab), "target needs one place more than draft")
    expect(drafted.shape == (batch, n_draft), "there must be one drafted token a place")
    expect(uniforms.shape == (batch, n_draft + 1), "one random number a place, and one more")
    config = config or {"PART": 8192, "BLOCK": 2048, "num_warps": 8}
    n_parts = triton.cdiv(vocab, config["PART"])
    accepted = torch.empty(batch, dtype=torch.int64, device=target.device)
    tokens = torch.empty_like(accepted)
    sums = torch.empty(batch, n_parts, dtype=torch.float32, device=target.device)
    accept_kernel[(batch,)](
        target, draft, drafted, uniforms, accepted, n_draft, vocab,
        BLOCK=triton.next_power_of_2(n_draft), num_warps=1,
    )  # fmt: skip
    lack_kernel[(batch, n_parts)](
        target, draft, accepted, sums, n_draft, vocab, config["PART"],
        BLOCK=config["BLOCK"], num_warps=config["num_warps"],
    )  # fmt: skip
    draw_kernel[(batch,)](
        target, draft, uniforms, accepted, sums, tokens, n_draft, vocab, config["PART"], n_parts,
        PARTS=triton.next_power_of_2(n_parts), BLOCK=config["BLOCK"], num_warps=config["num_warps"],
    )  # fmt: skip
    return accepted, tokens


def inputs(draw: Draw, batch: int, n_draft: int, vocab: int) -> dict[str, Any]:
    logits = draw.normal(batch, n_draft + 1, vocab, scale=2.0)
    near = logits[:, :-1] + draw.normal(batch, n_draft, vocab)
    target, draft, drafted = torch.softmax(logits, -1), torch.softmax(near, -1), near.argmax(-1)
    uniforms = draw.uniform(batch, n_draft + 1)
    if draw.device != "meta":
        _, law = verdict(target, draft, drafted, uniforms)
        uniforms[:, -1] = centred(law, uniforms[:, -1])
    return {"target": target, "draft": draft, "drafted": drafted, "uniforms": uniforms}


def oracle(target: Array, draft: Array, drafted: Array, uniforms: Array) -> tuple[Array, Array]:
    accepted, tokens = [], []
    for p, q, token, uniform in zip(target, draft, drafted, uniforms, strict=True):
        place = np.arange(len(token))
        lost = uniform[:-1] * q[place, token] >= p[place, token]
        n = int(np.argmax([*lost, True]))
        law = residual(p[n], q[n]) if n < len(token) else p[n]
        cumulative = np.cumsum(law)
        accepted.append(n)
        tokens.append((cumulative <= uniform[-1] * cumulative[-1]).sum())
    return np.array(accepted), np.array(tokens)


def reference(
    target: Tensor, draft: Tensor, drafted: Tensor, uniforms: Tensor
) -> tuple[Tensor, Tensor]:
    accepted, law = verdict(target, draft, drafted, uniforms)
    return accepted, drawn(law, uniforms[:, -1])


def verdict(
    target: Tensor, draft: Tensor, drafted: Tensor, uniforms: Tensor
) -> tuple[Tensor, Tensor]:
    """How many drafted tokens are accepted, and the law that the next one is drawn from."""
    p = target[:, :-1].gather(2, drafted[..., None])[..., 0]
    q = draft.gather(2, drafted[..., None])[..., 0]
    kept = (uniforms[:, :-1] * q < p).long().cumprod(dim=1)
    accepted = kept.sum(dim=1)
    sequence = torch.arange(len(target), device=target.device)
    n_draft = drafted.shape[1]
    rival = draft[sequence, accepted.clamp(max=n_draft - 1)]
    rival = torch.where((accepted < n_draft)[:, None], rival, 0)  # none behind the drafted tokens
    return accepted, (target[sequence, accepted] - rival).clamp(min=0)


def wrong(
    target: Tensor, draft: Tensor, drafted: Tensor, uniforms: Tensor
) -> tuple[Tensor, Tensor]:
    """Draws from the target's law after a rejection, and not from what the draft lacks of it."""
    accepted, _ = launch(target, draft, drafted, uniforms)
    return accepted, drawn(target[torch.arange(len(target)), accepted], uniforms[:, -1])


SHAPE = {"batch": 6, "n_draft": 5, "vocab": 300}
KERNEL = Kernel(
    launch=launch,
    inputs=inputs,
    oracle=oracle,
    reference=reference,
    wrong=wrong,
    sizes=[
        *({**SHAPE, "n_draft": n} for n in (1, 4, 5)),
        *({**SHAPE, "vocab": n} for n in (2, 2047, 2048, 2049)),
        {"batch": 3, "n_draft": 2, "vocab": 8193},  # two parts
    ],
    cases={
        "128k": Case(
            {"batch": 32, "n_draft": 5, "vocab": 128256},
            "float32",
            {"batch": 64, "n_draft": 5, "vocab": 1000},
        ),
    },
    flops=lambda batch, n_draft, vocab: 3.0 * batch * vocab,
    bytes_moved=lambda itemsize, batch, n_draft, vocab: (
        batch * (8.0 * vocab + 20.0 * n_draft + 24.0)
    ),
    formula="2 · batch · vocab · 4 bytes: only the rows of the place that is drawn anew",
    limits=Limits(registers=128, shared=8192),
    family="sampling",
    peers={"torch": reference, "torch.compile": peers.compiled(reference)},
    configs=[
        {"PART": 8192, "BLOCK": 2048, "num_warps": 8},
        {"PART": 4096, "BLOCK": 2048, "num_warps": 8},
        {"PART": 16384, "BLOCK": 4096, "num_warps": 16},
    ],
    dtypes=("float32",),
)
