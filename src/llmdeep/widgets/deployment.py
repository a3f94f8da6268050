"""A model served to many: what fits, how fast it answers, what a million tokens cost, what binds.

Notice: a larger batch makes tokens cheap and slow; other people’s prompts stop everybody’s text;
and how little is known of a program’s efficiency moves each answer by a factor of two or more.
"""

import math
from collections.abc import Callable
from typing import Annotated

from llmdeep.catalog import Accelerator
from llmdeep.deployment import (
    Load,
    Plan,
    devices_needed,
    dollars_per_million,
    load,
    load_at,
    plan,
    plans,
)
from llmdeep.parallel_layout import experts_on_each, sequence_bytes
from llmdeep.serving_time import ASSUMED, Copy, Machine, Service, waits_for
from llmdeep.terms import Terms
from llmdeep.widgets import (
    Area,
    Axis,
    Chart,
    Choice,
    Line,
    Metric,
    Metrics,
    Note,
    Number,
    Rule,
    Slider,
    Table,
    View,
)
from llmdeep.widgets._models import (
    ACCELERATORS,
    MODELS,
    Config,
    described,
    device,
    duration,
    remarks,
    sixteen_bit_peak,
    size,
)

CACHES = {"16 bits": 2.0, "8 bits": 1.0}
WEIGHTS = ("bf16", "fp8", "int4, groups of 128", "mxfp4")
BETWEEN_NODES = 50e9  # bytes a second and device: a port of 400 Gbit/s
DRAWN = [1, 4, 16, 64, 256, 1024]
LARGEST = 4096
GROUNDS = (
    "Measured: 80% of arithmetic, by large products on an H100, and 35%, by attention written for "
    "another generation; 92% of bandwidth on a GB200; 82% of a link, by large sums in eight H200, "
    "where 32 KiB took 40 µs. 90% of memory is vLLM’s setting. All the others are assumed."
)


def render(
    model: Annotated[str, Choice(*MODELS, label="model", swept=False)] = "Llama 3.1 70B",
    weights: Annotated[str, Choice(*WEIGHTS, label="weights in")] = "bf16",
    cache: Annotated[str, Choice(*CACHES, label="cache in")] = "16 bits",
    accelerator: Annotated[str, Choice(*ACCELERATORS, swept=False)] = "H100 SXM5",
    devices: Annotated[int, Slider(1, LARGEST, log=True, count=5, label="how many of them")] = 8,
    per_node: Annotated[int, Number(1, 72, label="of these in a node, on one link")] = 8,
    traffic: Annotated[float, Number(0.001, 1e6)] = 5.0,
    counted_in: Annotated[
        str, Choice("requests a second", "texts at once", label="traffic counted in")
    ] = "requests a second",
    prompt: Annotated[int, Number(1, 2**20, unit="tokens", label="a prompt has")] = 1024,
    answer: Annotated[int, Number(2, 2**17, unit="tokens", label="an answer has")] = 256,
    first: Annotated[float, Number(1, 1e6, unit="ms", label="first token within")] = 1000.0,
    between: Annotated[
        float, Slider(5, 500, log=True, count=7, unit="ms", label="then one each")
    ] = 50.0,
    price: Annotated[float, Number(0.01, 1000, unit="$", label="an accelerator’s hour")] = 3.0,
    config: Config = "",
) -> list[View]:
    name, description = described(model, config)
    chosen = device(accelerator)
    machine = machine_of(chosen, weights, per_node)
    service = Service(description, machine, weights, CACHES[cache], prompt, answer)
    targets = first / 1e3, between / 1e3
    found = plans(service, devices, *targets, ASSUMED["typical"])
    length = prompt + answer
    if not found:
        return [too_small(service, chosen, devices), *remarks(model, config, description, length)]
    best = found[0]
    plans_of = {
        key: plan(copy, *targets) if (copy := Copy(service, best.layout, assumed)).fits else None
        for key, assumed in ASSUMED.items()
    }
    dollars = price * best.layout.group * best.layout.replicas
    return [
        headline(name, best, plans_of, first, answer, dollars),
        *([] if best.meets else [missed(best)]),
        tried(found, answer, price),
        demand(best, plans_of, traffic, counted_in == "texts at once", devices, answer, dollars),
        memory(best, chosen),
        parts(best),
        *curves(best, targets[1], answer, dollars),
        *uncertain(plans_of, answer, dollars),
        Note(GROUNDS, title="On what grounds"),
        Note(
            "Bounds for one request like another: dense peak rates, prompts read one at a time "
            "between two steps, requests at random times, experts chosen evenly, no prefix in "
            "common, no speculation. fp8 weights are multiplied at the fp8 rate where there is "
            "one; everything else at the 16-bit rate. Nodes are taken to be joined by 400 Gbit/s "
            "a device. An hour’s price is yours to set; it starts near the median asked for an "
            "H100 in May 2026."
        ),
        *remarks(model, config, description, length),
    ]


def machine_of(chosen: Accelerator, weights: str, per_node: int) -> Machine:
    peak = sixteen_bit_peak(chosen)
    matrix_peak = (weights == "fp8" and chosen.peak("fp8")) or peak
    link = (chosen.link_gbs or 0) * 1e9
    memory = chosen.memory_gb * 1e9
    return Machine(peak, matrix_peak, chosen.bandwidth, link, BETWEEN_NODES, memory, per_node)


def too_small(service: Service, chosen: Accelerator, devices: int) -> Note:
    needed = devices_needed(service, ASSUMED["typical"], LARGEST)
    enough = f"At least {needed:,} are needed" if needed else f"{LARGEST:,} are not enough either"
    text = service.n_prompt + service.n_output
    return Note(
        f"Capacity binds: the weights are {size(service.weight_bytes)}, and a text of {text:,} "
        f"tokens has to fit beside them; {devices:,} × {chosen.memory_gb:g} GB do not do. "
        f"{enough} if layers are shared in powers of two within a node. Or take fewer bits.",
        tone="warning",
    )


def missed(best: Plan) -> Note:
    slow = best.load.prompt if best.limit == "time to first token" else best.load.step
    return Note(
        f"No layout keeps both latencies, not even with one text at a time. Shown is what comes "
        f"closest; most of its {best.limit} goes to {waits_for(slow)}. Allow more time, fewer "
        "bits, a shorter prompt, or more devices in a node.",
        tone="warning",
    )


def headline(
    name: str, best: Plan, each: dict[str, Plan | None], first: float, answer: int, dollars: float
) -> Metrics:
    at, layout, of = best.load, best.layout, best.copy.service
    experts = experts_on_each(of.description, layout.tensor)
    held = f", {experts:g} experts of a layer on each" if experts else ""
    same = [load(Copy(of, layout, assumed), at.batch) for assumed in ASSUMED.values()]
    likely = known(each)
    millions = [dollars_per_million(dollars, 1, p.rate * answer) for p in likely]
    return Metrics(
        f"{name}, as busy as the latencies allow",
        layout=Metric(
            f"{layout.tensor} × {layout.pipeline} × {layout.replicas}",
            note=f"share a layer × stages × copies; {of.machine.per_node} in a node{held}",
        ),
        what_binds=Metric(
            f"latency: {best.limit}" if best.limit.startswith("time") else best.limit,
            note=f"a step waits for {waits_for(at.step)}, a prompt for {waits_for(at.prompt)}",
        ),
        texts_at_once=Metric(
            at.batch,
            note=f"on each copy; {span([p.load.batch for p in likely], str)}; "
            f"{best.copy.fits:,} would fit its memory",
        ),
        tokens_a_second=Metric(
            short(best.rate * answer),
            note=f"written, all copies; {span([p.rate * answer for p in likely], short)}",
        ),
        first_token=Metric(
            duration(at.ttft),
            note=f"with so many texts {span([x.ttft for x in same], duration)}; "
            f"{first:,g} ms allowed",
        ),
        each_next=Metric(
            duration(at.itl), note=f"with so many texts {span([x.itl for x in same], duration)}"
        ),
        a_million_tokens=Metric(
            money(dollars_per_million(dollars, 1, best.rate * answer)),
            note=f"written, their prompts read; {span(millions, money)}",
        ),
    )


def demand(
    best: Plan,
    each: dict[str, Plan | None],
    traffic: float,
    at_once: bool,
    devices: int,
    answer: int,
    dollars: float,
) -> Metrics:
    """What the traffic asks for: copies, and how they do when it is spread over those there are."""

    def needed(p: Plan) -> int:
        return p.layout.group * math.ceil(traffic / (p.load.batch if at_once else p.load.rate))

    wanted, share = needed(best), traffic / best.layout.replicas
    now: Load | None
    if at_once:
        batch = math.ceil(share)
        now = load(best.copy, batch) if batch <= best.load.batch else None
    else:
        now = load_at(best.copy, share, best.load.batch)
    rate = (now.rate if at_once and now else share) * best.layout.replicas
    cost = money(dollars_per_million(dollars, 1, rate * answer)) if now else "–"
    return Metrics(
        f"With {short(traffic)} {'texts' if at_once else 'requests a second'}"
        + (" at once" if at_once else ""),
        devices_needed=Metric(
            f"{wanted:,}", note=span([needed(p) for p in known(each)], lambda n: f"{n:,.0f}")
        ),
        you_have=Metric(
            f"{devices:,}",
            note=f"{best.layout.group * best.layout.replicas:,} of them in use"
            + ("" if now else "; too few"),
        ),
        texts_on_each_copy=Metric(now.batch if now else "more and more"),
        first_token=Metric(duration(now.ttft) if now else "a growing queue"),
        each_next=Metric(duration(now.itl) if now else "–"),
        a_million_tokens=Metric(cost, note="idle time paid too" if now else ""),
    )


def tried(found: list[Plan], answer: int, price: float) -> Table:
    """Every layout, and why it is not larger."""
    rows = []
    for p in found[:5]:
        copies = p.layout.replicas
        cost = dollars_per_million(price * p.layout.group * copies, 1, p.rate * answer)
        times = duration(p.load.ttft), duration(p.load.itl)
        end = p.limit if p.meets else f"{p.limit}, missed"
        shape = p.layout.tensor, p.layout.pipeline, copies
        rows.append((*shape, p.load.batch, *times, short(p.rate * answer), money(cost), end))
    return Table(
        (
            "share a layer",
            "stages",
            "copies",
            "texts on each",
            "first token",
            "each next",
            "tokens a second",
            "a million",
            "what ends it",
        ),
        rows,
        title=f"The best of {len(found)} layouts tried, by tokens within both latencies",
    )


def memory(best: Plan, chosen: Accelerator) -> Table:
    of, layout = best.copy.service, best.layout
    capacity = chosen.memory_gb * 1e9
    reserved = (1 - best.copy.assumed.memory) * capacity
    weights = of.weight_bytes / layout.group
    length = of.n_prompt + of.n_output
    text = sequence_bytes(of.description, length, of.cache_number, layout.tensor) / layout.pipeline
    caches = best.load.batch * text
    left = max(0.0, capacity - reserved - weights - caches)
    return Table(
        ("on each device", "bytes", "worked out"),
        [
            ("weights", size(weights), f"{size(of.weight_bytes)} / {layout.group}"),
            (
                "caches",
                size(caches),
                f"{best.load.batch:,} texts × {length:,} tokens, {size(text)} each",
            ),
            ("kept free", size(reserved), "for activations and buffers"),
            ("left", size(left), f"of {chosen.memory_gb:g} GB"),
        ],
        title="Memory",
    )


def parts(best: Plan) -> Table:
    step, prompt = best.load.step, best.load.prompt

    def row(name: str, seconds: Terms) -> tuple[str, ...]:
        return name, *(duration(term.value) for term in seconds), duration(seconds.total)

    return Table(
        ("waits for", *(term.name for term in step), "in all"),
        [
            row(f"a step, {best.load.batch:,} texts", step),
            row(f"a prompt of {best.copy.service.n_prompt:,} tokens", prompt),
        ],
        title="Where the time goes, typically",
    )


def curves(best: Plan, target: float, answer: int, dollars: float) -> list[Chart]:
    """Latency and price against the batch, each as a band from low to high efficiency."""
    service, layout = best.copy.service, best.layout
    loads = {
        key: [load(Copy(service, layout, assumed), batch) for batch in DRAWN]
        for key, assumed in ASSUMED.items()
    }
    found = {}
    for key, row in loads.items():
        rates = [at.rate * layout.replicas * answer for at in row]
        found[key] = (
            [round3(1e3 * at.itl) for at in row],
            [round3(dollars_per_million(dollars, 1, rate)) for rate in rates],
        )
    (slow, dear), (itl, cost), (quick, cheap) = found.values()
    batch = Axis("texts at once on each copy", "log")
    here = Rule(x=best.load.batch, label="chosen")
    return [
        Chart(
            [
                Area(DRAWN, slow, quick, "low to high"),
                Line(DRAWN, itl, "typical"),
                Rule(y=1e3 * target, label="wanted"),
                here,
            ],
            x=batch,
            y=Axis("between two tokens", "log", unit="ms"),
            title="A larger batch is slower for each reader …",
        ),
        Chart(
            [Area(DRAWN, dear, cheap, "low to high"), Line(DRAWN, cost, "typical"), here],
            x=batch,
            y=Axis("a million tokens written", "log", unit="$"),
            title="… and cheaper for all",
        ),
    ]


def uncertain(each: dict[str, Plan | None], answer: int, dollars: float) -> list[Table]:
    """What is put in, three times, and what comes out of it."""
    names = ("arithmetic", "bandwidth", "links", "an exchange", "a pass", "memory")
    shown = [
        tuple(f"{value:.0%}" if i not in (3, 4) else duration(value) for value in values)
        for i, values in enumerate(zip(*ASSUMED.values(), strict=True))
    ]
    answers: tuple[tuple[str, Callable[[Plan], str]], ...] = (
        ("texts at once on each copy", lambda p: f"{p.load.batch:,}"),
        ("first token", lambda p: duration(p.load.ttft)),
        ("each next", lambda p: duration(p.load.itl)),
        ("tokens a second", lambda p: short(p.rate * answer)),
        ("a million", lambda p: money(dollars_per_million(dollars, 1, p.rate * answer))),
        ("what binds", lambda p: p.limit if p.meets else f"{p.limit}, missed"),
    )
    return [
        Table(
            ("part of the peak, or at least", *ASSUMED),
            [(name, *values) for name, values in zip(names, shown, strict=True)],
            title="What nobody knows exactly …",
        ),
        Table(
            ("this layout, planned anew", *ASSUMED),
            [
                (label, *(of(p) if p else "does not fit" for p in each.values()))
                for label, of in answers
            ],
            title="… and what comes of it",
        ),
    ]


def known(each: dict[str, Plan | None]) -> list[Plan]:
    return [p for p in each.values() if p]


def span(values: list[float], shown: Callable[[float], str]) -> str:
    """From the smallest to the largest; one value if they look alike."""
    low, high = shown(min(values)), shown(max(values))
    return f"{low} to {high}" if low != high else f"{low} in any case"


def short(number: float) -> str:
    return f"{float(f'{number:.3g}'):,g}"


def money(dollars: float) -> str:
    return f"${dollars:,.0f}" if dollars >= 100 else f"${dollars:.3g}"


def round3(number: float) -> float:
    return float(f"{number:.3g}")
