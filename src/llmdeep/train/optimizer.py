"""AdamW for vectors and the embedding, Muon for matrices, and the schedule of the learning rate."""

import torch
from torch import Tensor

from llmdeep.train.model import Parameters
from llmdeep.train.settings import Settings

State = dict[str, Tensor]

BETAS = (0.9, 0.95)
EPS = 1e-10
MOMENTUM = 0.95
MATCHED_RMS = 0.2  # size of an AdamW update's entries, which Muon's are scaled to
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # drives singular values of (0, 1] to about 1


def learning_rate(step: int, n_steps: int, settings: Settings) -> float:
    """Up along a straight line for the warm-up, then down to 0 along another."""
    warmup = max(1, round(settings.warmup * n_steps))
    return settings.learning_rate * min(
        (step + 1) / warmup, (n_steps - step) / (n_steps - warmup + 1)
    )


def new_state(parameters: Parameters, settings: Settings) -> State:
    """Zeros: a momentum for each parameter, and a second moment where AdamW serves it."""
    state = {f"{name}.momentum": torch.zeros_like(value) for name, value in parameters.items()}
    return state | {
        f"{name}.square": torch.zeros_like(value)
        for name, value in parameters.items()
        if not _by_muon(name, settings)
    }


@torch.no_grad()
def update(
    parameters: Parameters,
    gradients: Parameters,
    state: State,
    step: int,
    rate: float,
    settings: Settings,
    dtype: torch.dtype,
) -> None:
    """One step, in place. Weight decay acts on matrices and the embedding, not on gains.

    Source:
        Loshchilov & Hutter 2019, arXiv:1711.05101 (AdamW); Jordan et al. 2024 (Muon, with these
        coefficients); Liu et al. 2025, arXiv:2502.16982 (its scale and weight decay).
    """
    by_shape: dict[torch.Size, list[str]] = {}
    for name, gradient in gradients.items():
        momentum = state[f"{name}.momentum"]
        if _by_muon(name, settings):
            momentum.lerp_(gradient, 1 - MOMENTUM)
            by_shape.setdefault(gradient.shape, []).append(name)
            continue
        square = state[f"{name}.square"]
        momentum.lerp_(gradient, 1 - BETAS[0])
        square.lerp_(gradient.square(), 1 - BETAS[1])
        mean = momentum / (1 - BETAS[0] ** (step + 1))
        root = (square / (1 - BETAS[1] ** (step + 1))).sqrt()
        if gradient.ndim == 2:
            parameters[name].mul_(1 - rate * settings.weight_decay)
        parameters[name].sub_(rate * mean / (root + EPS))
    for shape, names in by_shape.items():
        ahead = torch.stack(
            [gradients[name].lerp(state[f"{name}.momentum"], MOMENTUM) for name in names]
        )
        steps = orthogonalized(ahead, dtype) * (MATCHED_RMS * max(shape) ** 0.5)
        for name, change in zip(names, steps, strict=True):
            parameters[name].mul_(1 - rate * settings.weight_decay).sub_(rate * change)


def orthogonalized(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each matrix with its singular values brought near 1: (batch, d_out, d_in), float32."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = (x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)).to(dtype)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


def _by_muon(name: str, settings: Settings) -> bool:
    return settings.optimizer == "muon" and "_proj." in name
