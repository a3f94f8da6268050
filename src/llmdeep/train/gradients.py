"""The gradients of one batch, computed in shares by several threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from llmdeep.train import batches, model
from llmdeep.train.settings import Settings

SHARE = 8  # windows that a CPU computes at once: what they need stays in its cache


class Machine(NamedTuple):
    """Where a run computes."""

    device: str
    dtype: torch.dtype  # of matrix products
    compiled: bool
    workers: int = 1  # threads, each with a share of the batch


def gradients(
    settings: Settings, machine: Machine
) -> Callable[[model.Parameters, Tensor, int], tuple[float, model.Parameters]]:
    """The function from (weights, windows, step) to the mean loss and its gradients.

    The batch is computed in shares, at once where there are several workers. A thread that computes
    a share alone waits for nobody, unlike threads that divide every single product among them; and
    the shares are added up in their order, so that the sum does not depend on who was first.
    """

    def loss(weights: list[Tensor], names: list[str], tokens: Tensor, noise: Tensor) -> Tensor:
        kept = noise if settings.dropout else None
        parameters = dict(zip(names, weights, strict=True))
        scores = model.logits(parameters, tokens[:, :-1], settings, kept, machine.dtype)
        return functional.cross_entropy(scores.flatten(0, 1), tokens[:, 1:].flatten())

    compiled = torch.compile(loss) if machine.compiled else loss
    pool = ThreadPoolExecutor(machine.workers, initializer=_alone)
    size = settings.windows if machine.device != "cpu" else min(SHARE, settings.windows)
    places = 1 + 2 * settings.n_layers if settings.dropout else 0
    warm = False

    def of_batch(
        parameters: model.Parameters, batch: Tensor, step: int
    ) -> tuple[float, model.Parameters]:
        nonlocal warm
        names = list(parameters)
        weights = [value.detach().requires_grad_(True) for value in parameters.values()]

        def of_share(start: int) -> tuple[float, list[Tensor]]:
            tokens = batch[start : start + size]
            shape = (places, len(tokens), settings.context, settings.d_model)
            noise = batches.dropout_noise(shape, (settings.seed, 2, step, start))
            mean = compiled(weights, names, tokens, torch.from_numpy(noise).to(machine.device))
            own = mean * (len(tokens) / len(batch))
            return own.item(), list(torch.autograd.grad(own, weights))

        starts = range(0, len(batch), size)
        if warm or not machine.compiled:
            shares = list(pool.map(of_share, starts))
        else:  # the compiler serves one thread at a time
            shares, warm = [pool.submit(of_share, start).result() for start in starts], True
        total, sums = shares[0]
        for value, terms in shares[1:]:
            total += value
            for so_far, term in zip(sums, terms, strict=True):
                so_far += term
        return total, dict(zip(names, sums, strict=True))

    return of_batch


def _alone() -> None:
    """Each of the pool's threads computes for itself."""
    torch.set_num_threads(1)
