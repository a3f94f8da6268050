"""Random tensors of a given dtype and device: the same function makes the inputs of every check."""

import math
from typing import Any

import torch
from torch import Tensor


class Draw:
    """Draws tensors from one seed.

    On the device "meta" nothing is drawn and no memory is used: the tensors have a shape and a
    dtype, which is all that a compiler wants to know.
    """

    def __init__(self, device: str, dtype: str, seed: int = 0) -> None:
        self.device = device
        self.dtype: torch.dtype = getattr(torch, dtype)
        on_device = "cpu" if device == "meta" else device
        self.generator = torch.Generator(on_device).manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0, dtype: torch.dtype | None = None) -> Tensor:
        """Normal numbers of standard deviation `scale`, in the dtype of this draw."""
        dtype = dtype or self.dtype
        if self.device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta")
        wide = torch.randn(shape, generator=self.generator, device=self.device)
        return (wide * scale).to(dtype)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype | None = None
    ) -> Tensor:
        """Numbers between two bounds, each as likely as any other."""
        dtype = dtype or self.dtype
        if self.device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta")
        wide = torch.rand(shape, generator=self.generator, device=self.device)
        return (wide * (high - low) + low).to(dtype)

    def integers(
        self, *shape: int, low: int, high: int, dtype: torch.dtype = torch.int64
    ) -> Tensor:
        """Whole numbers from `low` to `high` - 1."""
        if self.device == "meta":
            return torch.empty(shape, dtype=dtype, device="meta")
        return torch.randint(
            low, high, shape, generator=self.generator, device=self.device, dtype=dtype
        )

    def permutation(self, n: int, dtype: torch.dtype = torch.int64) -> Tensor:
        """The numbers from 0 to n - 1 in random order."""
        if self.device == "meta":
            return torch.empty(n, dtype=dtype, device="meta")
        return torch.randperm(n, generator=self.generator, device=self.device, dtype=dtype)

    def weight(self, d_input: int, d_output: int) -> Tensor:
        """A matrix that keeps the size of what it is multiplied with."""
        return self.normal(d_input, d_output, scale=1 / math.sqrt(d_input))


def widened(inputs: dict[str, Any]) -> dict[str, Any]:
    """The same numbers in float64; integers and flags as they are."""
    return {
        name: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
        for name, value in inputs.items()
    }


def as_numpy(inputs: dict[str, Any]) -> dict[str, Any]:
    """The same numbers as NumPy arrays in float64; integers and flags as they are."""
    return {
        name: value.cpu().numpy() if isinstance(value, Tensor) else value
        for name, value in widened(inputs).items()
    }


def copied(inputs: dict[str, Any]) -> dict[str, Any]:
    """A copy, for a kernel that writes into what it was given."""
    return {
        name: value.clone() if isinstance(value, Tensor) else value
        for name, value in inputs.items()
    }
