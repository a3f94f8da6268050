"""What plain torch offers beside a kernel, in the form that a kernel file wants."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llmdeep.gpu.spec import Call


def compiled(call: Call) -> Call:
    """`call` through torch.compile, from its first use on: importing it takes seconds."""
    made: list[Call] = []

    def run(**inputs: Any) -> Any:
        if not made:
            made.append(torch.compile(call, dynamic=False))
        return made[0](**inputs)

    return run


def gradients(forward: Call, of: Sequence[str]) -> Call:
    """What autograd makes of `forward`: gradients with respect to the arguments named in `of`.

    The result takes the arguments of `forward` and `upstream`, the gradient of what it returns.
    """

    def run(upstream: Tensor, **inputs: Any) -> tuple[Tensor, ...]:
        output, leaves = _graph(forward, of, inputs)
        return torch.autograd.grad(output, leaves, upstream)

    return run


def backward(forward: Call, of: Sequence[str]) -> Call:
    """As `gradients`, to be timed: on the same tensors the forward pass is run only once."""
    held: dict[str, Any] = {}

    def run(upstream: Tensor, **inputs: Any) -> tuple[Tensor, ...]:
        tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
        if [id(one) for one in tensors] != [id(one) for one in held.get("tensors", [])]:
            held["tensors"] = tensors  # kept alive, so that their ids stay theirs
            held["graph"] = _graph(forward, of, inputs)
        output, leaves = held["graph"]
        return torch.autograd.grad(output, leaves, upstream, retain_graph=True)

    return run


def _graph(forward: Call, of: Sequence[str], inputs: dict[str, Any]) -> tuple[Tensor, list[Tensor]]:
    leaves = {name: inputs[name].detach().requires_grad_() for name in of}
    return forward(**{**inputs, **leaves}), list(leaves.values())
