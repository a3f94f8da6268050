"""A model at work for many readers: the best way to use some devices, and what it costs.

Every layout is tried, its batch made as large as memory and the latencies allow, and the layout
chosen that then serves most requests. What stopped the batch from growing is what binds.
"""

import math
from typing import NamedTuple

from llmdeep.parallel_layout import Layout, layouts
from llmdeep.serving_time import Assumed, Copy, Service
from llmdeep.shared_steps import inter_token_latency, requests_per_second, time_to_first_token
from llmdeep.terms import Terms

LARGEST_BATCH = 4096  # texts on one copy; programs set a limit too


class Load(NamedTuple):
    """One copy of the model with `batch` texts at once.

    `step` and `prompt` are the seconds of a pass, `rate` the requests a second of this copy, `itl`
    and `ttft` the mean seconds between two tokens and to the first.
    """

    batch: int
    step: Terms
    prompt: Terms
    rate: float
    itl: float
    ttft: float


class Plan(NamedTuple):
    """The best load of a copy, what keeps it from being larger, and whether it is quick enough."""

    copy: Copy
    load: Load
    limit: str
    meets: bool

    @property
    def layout(self) -> Layout:
        return self.copy.layout

    @property
    def rate(self) -> float:
        """Requests a second, of all copies."""
        return self.load.rate * self.layout.replicas


def plans(service: Service, devices: int, ttft: float, itl: float, assumed: Assumed) -> list[Plan]:
    """The best load of each layout worth trying, best layout first; empty if nothing fits.

    For every way to share layers: as few stages as have room for the weights and a text, and twice
    as many. Best is what keeps the latencies and serves most requests with all devices together; if
    nothing keeps them, what comes closest. Of equals, the one that needs fewer devices a copy.
    """
    found: list[Plan] = []
    tried: dict[int, int] = {}  # by devices that share a layer
    for layout in layouts(service.description, devices, service.machine.per_node):
        copy = Copy(service, layout, assumed)
        if tried.get(layout.tensor, 0) < 2 and copy.fits:
            tried[layout.tensor] = tried.get(layout.tensor, 0) + 1
            found.append(plan(copy, ttft, itl))

    def order(p: Plan) -> tuple[float, ...]:
        if p.meets:
            return 0, -round(p.rate, 9), p.layout.group
        return 1, max(p.load.ttft / ttft, p.load.itl / itl), p.layout.group

    return sorted(found, key=order)


def plan(copy: Copy, ttft: float, itl: float) -> Plan:
    """The largest batch that fits and keeps both latencies, in seconds; 1 if none keeps them.

    Raises:
        ValueError: If there is no room for a single text.
    """
    if copy.fits < 1:
        raise ValueError("the weights and one text do not fit")
    most, limit = min((copy.fits, "memory capacity"), (LARGEST_BATCH, "the largest batch tried"))

    def broken(at: Load) -> str:
        return "time between tokens" * (at.itl > itl) or "time to first token" * (at.ttft > ttft)

    best = load(copy, most)
    if not broken(best):
        return Plan(copy, best, limit, True)
    low, over = 0, best  # both latencies grow with the batch
    while over.batch - low > 1:
        tried = load(copy, (low + over.batch) // 2)
        if broken(tried):
            over = tried
        else:
            low, best = tried.batch, tried
    return Plan(copy, best if low else over, broken(over), low > 0)


def load(copy: Copy, batch: int) -> Load:
    """How a copy does with `batch` texts at once, all the time.

    Stages of a pipeline work at the same time, each on its part of the texts, or on another prompt.
    """
    stages, n_steps = copy.layout.pipeline, copy.service.n_output - 1
    step, prompt = copy.step(math.ceil(batch / stages)), copy.prompt
    seconds, busy = step.total, prompt.total / stages  # a prompt keeps each stage so long
    rate = requests_per_second(batch, seconds, busy, n_steps)
    itl = inter_token_latency(batch, seconds, busy, n_steps)
    ttft = time_to_first_token(rate, seconds / stages, busy) - busy + prompt.total
    return Load(batch, step, prompt, rate, itl, ttft)


def load_at(copy: Copy, rate: float, most: int) -> Load | None:
    """The smallest batch, up to `most`, that serves `rate` requests a second; None if none does."""
    low, best = 0, load(copy, most)
    if best.rate < rate:
        return None
    while best.batch - low > 1:
        tried = load(copy, (low + best.batch) // 2)
        if tried.rate < rate:
            low = tried.batch
        else:
            best = tried
    return best


def devices_needed(service: Service, assumed: Assumed, most: int) -> int | None:
    """The fewest devices that hold the weights and one text; None if more than `most` would."""
    fitting = (
        layout.group
        for layout in layouts(service.description, most, service.machine.per_node)
        if Copy(service, layout, assumed).fits
    )
    return min(fitting, default=None)


def dollars_per_million(price: float, devices: int, tokens_per_second: float) -> float:
    """What a million tokens cost, if a device costs `price` an hour, busy or not.

    Examples:
        >>> round(dollars_per_million(price=2, devices=8, tokens_per_second=14_800), 2)
        0.3
    """
    return price * devices / 3600 / tokens_per_second * 1e6
