"""Serving: queues against a simulation, times against the roofline, plans against every other."""

import math

import numpy as np
import pytest

from llmdeep.cache_bytes import cache_bytes
from llmdeep.catalog import accelerator, model, models
from llmdeep.deployment import (
    LARGEST_BATCH,
    devices_needed,
    dollars_per_million,
    load,
    load_at,
    plan,
    plans,
)
from llmdeep.link_bytes import all_reduce
from llmdeep.parallel_layout import (
    Layout,
    divides,
    experts_on_each,
    layouts,
    passing,
    sequence_bytes,
)
from llmdeep.roofline import operations, roofline_seconds
from llmdeep.serving_time import ASSUMED, Assumed, Copy, Machine, Service, waits_for
from llmdeep.shared_steps import inter_token_latency, requests_per_second, time_to_first_token
from llmdeep.weight_bytes import weight_bytes

PERFECT = Assumed(compute=1, bandwidth=1, link=1, exchange=0, launch=0, memory=1)
TYPICAL = ASSUMED["typical"]
MIXED = ("Llama 3.1 8B", "Gemma 3 27B", "Mixtral 8x7B", "DeepSeek-V3 / R1", "Jamba v0.1")


def machine(name: str = "H100 SXM5", per_node: int = 8) -> Machine:
    row = accelerator(name)
    peak = row.peak("bf16")
    assert peak
    assert row.link_gbs
    return Machine(
        peak, peak, row.bandwidth, row.link_gbs * 1e9, 50e9, row.memory_gb * 1e9, per_node
    )


def service(name: str = "Llama 3.1 8B", n_prompt: int = 1024, n_output: int = 256) -> Service:
    return Service(model(name).description, machine(), "bf16", 2.0, n_prompt, n_output)


class TestTurns:
    """One machine that reads prompts between its steps."""

    @pytest.mark.parametrize("rate", [2.0, 6.0, 8.5])
    def test_the_wait_for_a_first_token_is_that_of_a_simulation(self, rate):
        step, prompt = 0.03, 0.1
        arrivals = np.cumsum(np.random.default_rng(0).exponential(1 / rate, 60_000)).tolist()
        now, waited = 0.0, []
        for arrival in arrivals:
            if arrival > now:  # steps go on, and the one under way is finished first
                now += step * math.ceil((arrival - now) / step)
            now += prompt
            waited.append(now - arrival)
        assert np.mean(waited) == pytest.approx(time_to_first_token(rate, step, prompt), rel=0.03)

    def test_requests_and_tokens_are_those_of_a_simulation(self):
        """Ten places, never empty: a text that ends is replaced, the new prompt read at once."""
        batch, step, prompt, n_steps = 10, 0.02, 0.07, 50
        left = [1 + i * n_steps // batch for i in range(batch)]
        now, ended, steps = 0.0, 0, 20_000
        for _ in range(steps):
            now += step
            left = [n - 1 for n in left]
            ending = left.count(0)
            now += ending * prompt
            ended += ending
            left = [n or n_steps for n in left]
        assert ended / now == pytest.approx(
            requests_per_second(batch, step, prompt, n_steps), rel=1e-3
        )
        assert now / steps == pytest.approx(
            inter_token_latency(batch, step, prompt, n_steps), rel=1e-3
        )

    def test_littles_law(self):
        given = (12, 0.03, 0.2, 99)
        assert requests_per_second(*given) * 99 * inter_token_latency(*given) == pytest.approx(12)

    def test_prompts_that_fill_all_time_are_refused(self):
        with pytest.raises(ValueError, match="below 1"):
            time_to_first_token(rate=10, step=0.01, prompt=0.1)
        with pytest.raises(ValueError, match="above 0"):
            requests_per_second(0, 0.01, 0.1, 5)


class TestLayout:
    def test_on_one_device_a_text_takes_what_cache_bytes_says(self):
        for row in models():
            if row.writes:
                total = cache_bytes(row.description, 5000).total
                assert sequence_bytes(row.description, 5000, 2) == total, row.name

    def test_heads_are_split_until_they_run_out_and_a_latent_never(self):
        llama, v3 = model("Llama 3.1 8B").description, model("DeepSeek-V3 / R1").description
        assert [sequence_bytes(llama, 1, 2, t) for t in (1, 4, 8, 16)] == [
            131_072,
            131_072 / 4,
            131_072 / 8,
            131_072 / 8,
        ]
        assert [sequence_bytes(v3, 1, 2, t) for t in (1, 8)] == [70_272, 70_272]

    def test_every_layout_uses_what_there_is_and_no_more(self):
        found = layouts(model("Llama 3.1 70B").description, 48, 8)
        assert {layout.tensor for layout in found} == {1, 2, 4, 8}
        assert all(layout.group * layout.replicas <= 48 for layout in found)
        assert Layout(8, 2, 3) in found
        assert max(layout.pipeline for layout in found) == 32

    def test_heads_that_do_not_divide_stay_together(self):
        falcon, gpt2 = model("Falcon 7B").description, model("GPT-2 XL").description
        assert not divides(falcon, 2)  # 71 heads
        assert not divides(gpt2, 2)  # 25 heads
        assert divides(model("Gemma 2 9B").description, 16)

    def test_two_all_reduces_a_layer_and_one_hop_a_stage(self):
        llama = model("Llama 3.1 70B").description
        sent = passing(llama, 10, Layout(tensor=8, pipeline=4))
        assert sent.within == 80 * 2 * all_reduce(10 * 8192 * 2, 8)
        assert sent.onward == 3 * 10 * 8192 * 2
        assert sent.exchanges == 160 + 3
        assert passing(llama, 10, Layout(1)) == (0, 0, 0)

    def test_experts_of_a_layer_are_dealt_out(self):
        assert experts_on_each(model("DeepSeek-V3 / R1").description, 8) == 32
        assert experts_on_each(model("Llama 3.1 8B").description, 8) == 0

    def test_no_device_is_refused(self):
        with pytest.raises(ValueError, match="at least 1"):
            layouts(model("Llama 3.1 8B").description, 0, 8)


class TestTimes:
    @pytest.mark.parametrize("name", MIXED)
    @pytest.mark.parametrize("batch", [1, 7, 300])
    def test_a_larger_batch_is_counted_as_the_roofline_counts_it(self, name, batch):
        of = service(name)
        context = of.n_prompt + of.n_output // 2 - 1
        expected = operations(of.description, batch, 1, context)
        for found, right in zip(of.writing_at_once(batch), expected, strict=True):
            assert found.name == right.name
            assert found[1:] == pytest.approx(right[1:], rel=1e-12)

    @pytest.mark.parametrize("name", MIXED)
    def test_one_perfect_device_takes_the_rooflines_time(self, name):
        of = service(name)
        copy, rates = Copy(of, Layout(1), PERFECT), (of.machine.peak, of.machine.bandwidth)
        step = roofline_seconds(operations(of.description, 9, 1, 1024 + 127), *rates)
        prompt = roofline_seconds(operations(of.description, 1, 1024), *rates)
        assert copy.step(9).total == pytest.approx(step.total)
        assert copy.prompt.total == pytest.approx(prompt.total)

    def test_eight_perfect_devices_take_an_eighth_and_what_their_links_take(self):
        of = service("Llama 3.1 70B")
        one, eight = (Copy(of, Layout(t), PERFECT) for t in (1, 8))
        sent = 80 * 2 * all_reduce(32 * 8192 * 2, 8) / of.machine.link
        assert eight.step(32)["links"] == pytest.approx(sent)
        assert eight.step(32).total == pytest.approx(one.step(32).total / 8 + sent)

    def test_stages_split_memory_and_not_the_time_of_a_token(self):
        of = service("Llama 3.1 70B")
        one, four = (Copy(of, Layout(4, stages), PERFECT) for stages in (1, 4))
        assert four.step(8)["memory bandwidth"] == one.step(8)["memory bandwidth"]
        assert four.fits > 4 * one.fits

    def test_between_nodes_the_slow_link_is_used(self):
        of = service("Llama 3.1 70B")
        near, far = (Copy(of, Layout(4, p), PERFECT).prompt["links"] for p in (2, 4))
        hop = 1024 * 8192 * 2
        within = passing(of.description, 1024, Layout(4)).within / of.machine.link
        assert near - within == pytest.approx(hop / of.machine.link)
        assert far - within == pytest.approx(3 * hop / 50e9)

    def test_fp8_matrices_are_multiplied_at_their_own_rate(self):
        slow = service()
        fast = Service(
            slow.description,
            slow.machine._replace(matrix_peak=2 * slow.machine.peak),
            "bf16",
            2.0,
            4096,
            2,
        )
        wide = Service(slow.description, slow.machine, "bf16", 2.0, 4096, 2)
        times = [Copy(of, Layout(1), PERFECT).prompt["arithmetic"] for of in (wide, fast)]
        attention = next(o for o in wide.reading if not o.weight_bytes).flops / slow.machine.peak
        assert times[1] - attention == pytest.approx((times[0] - attention) / 2)

    def test_what_fits_is_what_a_table_would_say(self):
        of = service("Llama 3.1 8B")
        free = 0.9 * 80e9 - weight_bytes(of.description, "bf16").total
        assert Copy(of, Layout(1), TYPICAL).fits == int(free // (1280 * 131_072))
        assert Copy(service("Llama 3.1 70B"), Layout(1), TYPICAL).fits == 0

    def test_better_assumptions_are_quicker_in_every_part(self):
        of = service("Mixtral 8x7B")
        for layout in (Layout(2), Layout(4, 2)):
            low, typical, high = (Copy(of, layout, each) for each in ASSUMED.values())
            assert low.fits <= typical.fits <= high.fits
            for part in ("memory bandwidth", "links", "fixed"):
                assert low.step(16)[part] > typical.step(16)[part] > high.step(16)[part]

    def test_the_largest_part_is_what_a_time_waits_for(self):
        copy = Copy(service(), Layout(1), TYPICAL)
        assert (waits_for(copy.step(1)), waits_for(copy.prompt)) == (
            "memory bandwidth",
            "arithmetic",
        )


class TestPlan:
    @pytest.mark.parametrize("itl", [0.03, 0.05, 0.1, 10])
    @pytest.mark.parametrize("name", ["Llama 3.1 8B", "Gemma 3 27B"])
    def test_the_batch_is_the_largest_that_keeps_its_limits(self, name, itl):
        copy = Copy(service(name), Layout(1), TYPICAL)
        found = plan(copy, ttft=0.5, itl=itl)
        assert found.meets
        more = load(copy, found.load.batch + 1)
        if found.limit == "memory capacity":
            assert found.load.batch == copy.fits
        else:
            assert max(more.itl / itl, more.ttft / 0.5) > 1
        assert found.load.itl <= itl
        assert found.load.ttft <= 0.5

    def test_what_nothing_keeps_is_said(self):
        found = plan(Copy(service("Llama 3.1 70B"), Layout(2), TYPICAL), ttft=1, itl=0.001)
        assert (found.meets, found.limit, found.load.batch) == (False, "time between tokens", 1)
        slow = plan(Copy(service("Llama 3.1 70B"), Layout(2), TYPICAL), ttft=0.01, itl=1)
        assert (slow.meets, slow.limit) == (False, "time to first token")

    def test_without_a_limit_a_small_model_ends_at_the_largest_batch(self):
        copy = Copy(service("Llama 3.2 1B", 16, 16), Layout(1), TYPICAL)
        found = plan(copy, ttft=100, itl=100)
        assert (found.load.batch, found.limit) == (LARGEST_BATCH, "the largest batch tried")

    def test_no_other_layout_serves_more(self):
        of = service("Llama 3.1 70B")
        found = plans(of, 8, 1.0, 0.05, TYPICAL)
        assert all(found[0].rate >= other.rate for other in found if other.meets)
        every = [
            plan(copy, 1.0, 0.05).rate
            for layout in layouts(of.description, 8, 8)
            if (copy := Copy(of, layout, TYPICAL)).fits
        ]
        assert found[0].rate == max(every)

    def test_only_layouts_with_room_are_planned(self):
        of = service("Llama 3.1 405B")
        assert plans(of, 8, 1.0, 0.05, TYPICAL) == []
        assert devices_needed(of, TYPICAL, 4096) == 16
        assert devices_needed(of, TYPICAL, 8) is None
        with pytest.raises(ValueError, match="do not fit"):
            plan(Copy(of, Layout(8), TYPICAL), 1.0, 0.05)

    def test_a_given_traffic_needs_the_smallest_batch_that_serves_it(self):
        copy = Copy(service(), Layout(1), TYPICAL)
        most = plan(copy, 1.0, 0.05).load
        for part in (0.01, 0.3, 0.99):
            found = load_at(copy, part * most.rate, most.batch)
            assert found is not None
            assert found.rate >= part * most.rate
            assert found.batch == 1 or load(copy, found.batch - 1).rate < part * most.rate
        assert load_at(copy, 1.01 * most.rate, most.batch) is None

    def test_both_latencies_and_the_rate_grow_with_the_batch(self):
        for name in MIXED:
            copy = Copy(service(name), Layout(8, 2), TYPICAL)
            loads = [load(copy, batch) for batch in (2, 8, 32, 128, 512)]
            for quality in ("itl", "ttft", "rate"):
                values = [getattr(at, quality) for at in loads]
                assert values == sorted(values), (name, quality)

    def test_cost_is_hours_over_tokens(self):
        assert dollars_per_million(3.6, 1, 1000) == pytest.approx(1.0)
        assert dollars_per_million(3.6, 8, 4000) == pytest.approx(2.0)
