"""How long one copy of a model takes for a prompt and for a step, and how many texts it holds.

Times are a roofline's, divided by what programs reach of a device's peaks. Nobody knows that part
exactly, so it stands here three times, and every answer can be had three times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from llmdeep.catalog import Experts, ModelDescription
from llmdeep.parallel_layout import Layout, Passing, passing, sequence_bytes
from llmdeep.roofline import Operation, experts_read, operations
from llmdeep.terms import Term, Terms
from llmdeep.weight_bytes import FORMATS, weight_bytes


class Machine(NamedTuple):
    """One device: FLOP/s on 16-bit numbers and on the weights' own, bytes/s, bytes.

    `link` and `between` are bytes a second in one direction, inside a node and between nodes.
    """

    peak: float
    matrix_peak: float
    bandwidth: float
    link: float
    between: float
    memory: float
    per_node: int = 8


class Assumed(NamedTuple):
    """What is reached of the peaks, as shares; seconds an exchange and a pass cost in any case."""

    compute: float
    bandwidth: float
    link: float
    exchange: float
    launch: float
    memory: float


ASSUMED = {
    "low": Assumed(0.35, 0.5, 0.3, 40e-6, 5e-3, 0.8),
    "typical": Assumed(0.6, 0.7, 0.6, 15e-6, 1.5e-3, 0.9),
    "high": Assumed(0.8, 0.92, 0.82, 5e-6, 0.2e-3, 0.95),
}


@dataclass(frozen=True)
class Service:
    """A model on some kind of machine, for prompts and answers of a typical length.

    `cache_number` is bytes a cached number. Every answer has n_output tokens, two or more: the
    first comes with the prompt.
    """

    description: ModelDescription
    machine: Machine
    weights: str
    cache_number: float
    n_prompt: int
    n_output: int

    @cached_property
    def weight_bytes(self) -> float:
        return weight_bytes(self.description, self.weights).total

    @cached_property
    def reading(self) -> list[Operation]:
        """The operations for one prompt."""
        return self._operations(self.n_prompt, 0)

    @cached_property
    def writing(self) -> list[Operation]:
        """The operations for one token of one text, which is half written."""
        return self._operations(1, self.n_prompt + self.n_output // 2 - 1)

    def writing_at_once(self, batch: int) -> Iterator[Operation]:
        """A step's for `batch` texts: everything grows with them, but a weight is read once."""
        more = self._experts_read(batch) / (self._experts_read_by_one or 1)
        for name, flops, weights, cache, moved in self.writing:
            read = weights * more if name == "experts" else weights
            yield Operation(name, batch * flops, read, batch * cache, batch * moved)

    def _experts_read(self, batch: int) -> float:
        """Weights of experts that a step reads, but for a constant factor."""
        return sum(width * experts_read(experts, batch) for width, experts in self._mixtures)

    @cached_property
    def _experts_read_by_one(self) -> float:
        return self._experts_read(1)

    @cached_property
    def _mixtures(self) -> list[tuple[int, Experts]]:
        """Each kind of mixture, and its expert's width in all layers that have it."""
        found = ((layer.feed_forward, count) for layer, count in self.description.groups)
        return [(count * feed.d_ff, feed) for feed, count in found if isinstance(feed, Experts)]

    def _operations(self, n_new: int, n_cached: int) -> list[Operation]:
        bits = FORMATS[self.weights].bits_per_weight
        found = operations(self.description, 1, n_new, n_cached, bits, self.cache_number)
        head = found[-1]  # stays in 16 bits, as `weight_bytes` counts it
        return [*found[:-1], head._replace(weight_bytes=head.weight_bytes * max(16, bits) / bits)]


@dataclass(frozen=True)
class Copy:
    """One copy of the model: a service in a layout, under assumptions."""

    service: Service
    layout: Layout
    assumed: Assumed

    @cached_property
    def fits(self) -> int:
        """Texts of full length that there is room for, 0 if not even the weights fit."""
        of, layout = self.service, self.layout
        room = self.assumed.memory * of.machine.memory - of.weight_bytes / layout.group
        length = of.n_prompt + of.n_output
        each = sequence_bytes(of.description, length, of.cache_number, layout.tensor)
        return max(0, int(room * layout.pipeline // each))

    @cached_property
    def prompt(self) -> Terms:
        """Seconds to read one prompt, through all stages: arithmetic, memory, links, fixed."""
        return self._seconds(self.service.reading, self.service.n_prompt)

    def step(self, batch: int) -> Terms:
        """Seconds of a step for `batch` texts, through all stages."""
        return self._seconds(self.service.writing_at_once(batch), batch)

    def _seconds(self, found: Iterable[Operation], n_tokens: int) -> Terms:
        machine, assumed, layout = self.service.machine, self.assumed, self.layout
        bandwidth, share = machine.bandwidth * assumed.bandwidth, self._cache_share
        shared = layout.tensor * assumed.compute
        rate, matrix_rate = shared * machine.peak, shared * machine.matrix_peak
        arithmetic = memory = 0.0
        for _, flops, weights, cache, moved in found:
            compute = flops / (matrix_rate if weights else rate)
            waiting = ((weights + moved) / layout.tensor + cache * share) / bandwidth
            if compute >= waiting:
                arithmetic += compute
            else:
                memory += waiting
        onward = machine.between if layout.group > machine.per_node else machine.link
        sent = self._passing.within / machine.link + self._passing.onward / onward
        links = n_tokens * sent / assumed.link + self._passing.exchanges * assumed.exchange
        parts = {"arithmetic": arithmetic, "memory bandwidth": memory, "links": links}
        parts["fixed"] = assumed.launch
        return Terms("s", tuple(Term(name, value) for name, value in parts.items()))

    @cached_property
    def _cache_share(self) -> float:
        """The part of a text's cache that each device reads."""
        one = self.service.description, 1, 1
        return sequence_bytes(*one, self.layout.tensor) / sequence_bytes(*one)

    @cached_property
    def _passing(self) -> Passing:
        return passing(self.service.description, 1, self.layout)


def waits_for(seconds: Terms) -> str:
    """The largest part of a time."""
    return max(seconds, key=lambda term: term.value).name
