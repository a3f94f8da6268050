"""Held-out loss in bits per byte, a unit that does not depend on the tokenizer."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from llmdeep.shapes import Array, Int


class HeldOut(NamedTuple):
    """A held-out part, what precedes it in its text, and its length in bytes."""

    name: str
    before: Int[Array, "positions"]
    tokens: Int[Array, "positions"]
    n_bytes: int


@torch.no_grad()
def bits(
    logits_of: Callable[[Tensor], Tensor],
    texts: Sequence[HeldOut],
    context: int,
    stride: int,
    windows: int = 16,
) -> list[float]:
    """The negative log2-likelihood of each held-out part, in bits.

    A window of `context` tokens slides over the end of the training part and the held-out part,
    `stride` tokens at a time, and each token is scored once: so it is predicted from at least
    context - stride tokens before it (fewer only where the text itself has no more), and the first
    one from the end of the training part, as a compressor would that is given the rest.

    Args:
        logits_of: (batch, context) tokens -> (batch, context, vocabulary) scores.
        windows: How many are scored at once.
    """
    if not 0 < stride <= context:
        raise ValueError(f"the stride must be between 1 and the context, {context}: {stride}")
    rows, targets, owners = [], [], []
    for owner, text in enumerate(texts):
        whole = np.concatenate([text.before, text.tokens])
        first = len(text.before)
        for start in range(first, len(whole), stride):
            end = min(start + stride, len(whole))
            begin = max(0, end - 1 - context)
            known, wanted = whole[begin : end - 1], whole[begin + 1 : end].copy()
            wanted[: start - begin - 1] = -100  # scored in an earlier window
            padding = (0, context - len(known))
            rows.append(np.pad(known, padding))
            targets.append(np.pad(wanted, padding, constant_values=-100))
            owners.append(owner)
    nats = np.zeros(len(texts))
    for at in range(0, len(rows), windows):
        batch = torch.from_numpy(np.stack(rows[at : at + windows]))
        missing = windows - len(batch)  # every batch has one shape, for compiled models
        batch = functional.pad(batch, (0, 0, 0, missing))
        scores = logits_of(batch)[: windows - missing]
        for row, target, owner in zip(
            scores, targets[at : at + windows], owners[at : at + windows], strict=True
        ):
            wanted_here = torch.from_numpy(target).to(row.device)
            nats[owner] += functional.cross_entropy(row, wanted_here, reduction="sum").item()
    return [float(total) / math.log(2) for total in nats]


def bits_per_byte(totals: Sequence[float], texts: Sequence[HeldOut]) -> float:
    """Over all texts together: bits in all, bytes in all."""
    return sum(totals) / sum(text.n_bytes for text in texts)
