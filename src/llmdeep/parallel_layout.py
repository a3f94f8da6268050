"""How a model is spread over devices to be used: what each holds, and what passes between them.

`tensor` devices share every layer, `pipeline` such groups have a part of the layers each, and
`replicas` of all that work side by side without talking to one another.

Experts of a mixture are spread over the same `tensor` devices, whole if their number allows it.
Each device sees all tokens, so that the sums after the experts are those of tensor parallelism.

Source:
    Shoeybi et al. 2019, arXiv:1909.08053; Pope et al. 2022, arXiv:2211.05102, for inference.
"""

from typing import NamedTuple

from llmdeep.cache_bytes import cached_numbers, held
from llmdeep.catalog import (
    Attention,
    Experts,
    LatentAttention,
    LinearAttention,
    Mixer,
    ModelDescription,
)
from llmdeep.link_bytes import pipeline_parallel, tensor_parallel


class Layout(NamedTuple):
    """So many devices share a layer, so many stages share the layers, so many copies of all."""

    tensor: int
    pipeline: int = 1
    replicas: int = 1

    @property
    def group(self) -> int:
        """Devices that hold one copy of the model."""
        return self.tensor * self.pipeline


class Passing(NamedTuple):
    """What must be sent one after another in a forward pass, and in how many exchanges.

    `within` are bytes that a device sends to those it shares a layer with, `onward` those that go
    from stage to stage.
    """

    within: float
    onward: float
    exchanges: int


def layouts(description: ModelDescription, devices: int, per_node: int) -> list[Layout]:
    """Every way to use at most `devices`, in powers of two, `per_node` of them joined by links.

    Layers are shared within a node only, and only where heads and channels divide evenly.
    """
    if devices < 1 or per_node < 1:
        raise ValueError(f"devices and per_node must be at least 1, got {devices} and {per_node}")
    found = []
    tensor = 1
    while tensor <= min(devices, per_node) and divides(description, tensor):
        pipeline = 1
        while tensor * pipeline <= devices and pipeline <= len(description.layers):
            found.append(Layout(tensor, pipeline, devices // (tensor * pipeline)))
            pipeline *= 2
        tensor *= 2
    return found


def divides(description: ModelDescription, tensor: int) -> bool:
    """Whether every layer splits evenly over so many devices: whole heads, or whole channels."""
    return all(_parts(layer.mixer) % tensor == 0 for layer, _ in description.groups)


def sequence_bytes(
    description: ModelDescription, n_tokens: int, each: float, tensor: int = 1
) -> float:
    """Cache of one text on each of `tensor` devices, all layers together.

    Key-value heads are split; where there are fewer heads than devices, several devices keep the
    same one. The latent vector of MLA serves all heads, so that each device keeps all of it.

    Examples:
        >>> from llmdeep.catalog import model
        >>> llama = model("Llama 3.1 70B").description
        >>> [sequence_bytes(llama, 1, 2, tensor) for tensor in (1, 8, 16)]
        [327680.0, 40960.0, 40960.0]
    """
    total = 0.0
    for layer, count in description.groups:
        numbers = cached_numbers(layer.mixer) * held(layer.mixer, n_tokens)
        total += count * numbers / min(tensor, _kept_apart(layer.mixer))
    return each * total


def passing(description: ModelDescription, n_tokens: int, layout: Layout) -> Passing:
    """What is sent while `n_tokens` tokens pass through all stages, in 16-bit numbers."""
    within = tensor_parallel(description, n_tokens, layout.tensor)["forward"]
    hops = layout.pipeline - 1
    onward = hops * pipeline_parallel(description, n_tokens, layout.pipeline)["forward"]
    reductions = 2 * len(description.layers) if layout.tensor > 1 else 0
    return Passing(within, onward, reductions + hops)


def experts_on_each(description: ModelDescription, tensor: int) -> float:
    """Routed experts of a layer that one device holds; below 1 if each is cut; 0 without any."""
    counts = [
        layer.feed_forward.n_experts
        for layer, _ in description.groups
        if isinstance(layer.feed_forward, Experts)
    ]
    return max(counts, default=0) / tensor


def _parts(mixer: Mixer) -> int:
    """What is dealt out to devices, one by one: heads, or channels of a state space."""
    if isinstance(mixer, Attention | LatentAttention):
        return mixer.n_heads
    return mixer.n_value_heads if isinstance(mixer, LinearAttention) else mixer.d_inner


def _kept_apart(mixer: Mixer) -> int:
    """On how many devices at most what is kept of a text differs."""
    if isinstance(mixer, Attention):
        return mixer.n_kv_heads
    return 1 if isinstance(mixer, LatentAttention) else _parts(mixer)
