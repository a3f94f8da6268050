"""The figures of two models side by side and of a model served: answers, sums, refusals."""

import json
import math

import pytest

from llmdeep.cache_bytes import cache_bytes
from llmdeep.catalog import model
from llmdeep.parameter_counts import model_parameters
from llmdeep.token_flops import forward_flops
from llmdeep.widgets import (
    ControlError,
    Metrics,
    Note,
    Table,
    architecture_comparison,
    deployment,
)
from llmdeep.widgets._models import ACCELERATORS, MODELS
from llmdeep.widgets._panel import arguments
from llmdeep.widgets.architecture_comparison import places

UNREADABLE = [
    ("rubbish", "no JSON"),
    ('{"model_type": "llama", "hidden', "ends in the middle"),
    ('{"model_type": "rwkv"}', "not known here"),
    (json.dumps(model("T5 small").config), "no decoder alone"),
]


def table(views, title: str) -> Table:
    return next(view for view in views if isinstance(view, Table) and title in view.title)


def metrics(views, which: int = 0) -> dict:
    found = [view for view in views if isinstance(view, Metrics)][which]
    return {name: item.value for name, item in found.items.items()}


class TestComparison:
    def test_every_pair_has_an_answer(self):
        for one, other in zip(MODELS, [*MODELS[1:], MODELS[0]], strict=True):
            assert len(architecture_comparison.render(one, other)) >= 9

    def test_the_sums_are_those_of_the_book(self):
        names = ("Mixtral 8x7B", "DeepSeek-V3 / R1")
        views = architecture_comparison.render(*names, context=4096)
        both = [model(name).description for name in names]
        for title, totals in (
            ("Parameters", [model_parameters(d).total for d in both]),
            ("at work", [model_parameters(d, active=True).total for d in both]),
            ("Work", [forward_flops(d, 4096).total for d in both]),
            ("Cache", [cache_bytes(d, 4096).total for d in both]),
        ):
            *parts, whole = table(views, title).rows
            assert whole[:4] == ("in all", *totals, totals[1] - totals[0])
            for column in (1, 2, 3):
                assert sum(row[column] for row in parts) == whole[column]

    def test_every_term_is_worked_out(self):
        rows = table(architecture_comparison.render("GPT-2 small", "GPT-2 XL"), "worked out").rows
        assert ("GPT-2 small", "embedding, parameters", "50,257 × 768") in rows
        assert ("GPT-2 XL", "attention, parameters", "48 layers × 10,246,400") in rows

    def test_layers_are_named_in_their_places(self):
        rows = table(architecture_comparison.render("Gemma 3 27B", "Jamba v0.1"), "Layer").rows
        assert rows[1] == ("Gemma 3 27B", "GQA + dense", 10, "6, 12, … 60")
        assert sum(row[2] for row in rows if row[0] == "Jamba v0.1") == 32
        assert {row[1] for row in rows if row[0] == "Jamba v0.1"} == {
            "state space + dense",
            "state space + MoE, 2 of 16",
            "GQA + dense",
        }

    def test_places_as_one_reads_them(self):
        assert places([1, 2, 3]) == "1–3"
        assert places([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7–8"
        assert places([6, 12, 18, 24, 30, 36]) == "6, 12, … 36"

    def test_a_model_beside_itself_differs_in_nothing(self):
        views = architecture_comparison.render("Llama 3.1 8B", "Llama 3.1 8B")
        assert {row[4] for row in table(views, "Parameters").rows} == {"as much"}
        assert metrics(views)["parameters"] == "8.03 B : 8.03 B"

    def test_a_pasted_file_counts_as_the_same_row_of_the_catalog(self):
        text = json.dumps(model("DeepSeek-V2").config)
        chosen = architecture_comparison.render("Gemma 3 4B", "DeepSeek-V2")
        pasted = architecture_comparison.render("Gemma 3 4B", "GPT-2 small", second_config=text)
        assert table(pasted, "Parameters").rows == table(chosen, "Parameters").rows

    @pytest.mark.parametrize(("config", "message"), UNREADABLE)
    def test_a_refusal_says_which_box_it_means(self, config, message):
        with pytest.raises(ControlError, match=f"^The first config.json: .*{message}"):
            architecture_comparison.render(first_config=config)
        with pytest.raises(ControlError, match=f"^The second config.json: .*{message}"):
            architecture_comparison.render(second_config=config)


class TestDeployment:
    def test_every_model_and_every_accelerator_has_an_answer(self):
        for name in MODELS:
            assert len(deployment.render(model=name, devices=64)) >= 2
        for name in ACCELERATORS:
            assert len(deployment.render(model="Llama 3.1 8B", accelerator=name)) >= 9

    def test_what_is_too_large_is_told_how_many_devices_it_needs(self):
        note = deployment.render(model="Llama 3.1 405B", devices=8)[0]
        assert isinstance(note, Note)
        assert "Capacity binds" in note.text
        assert "At least 16" in note.text
        assert len(deployment.render(model="Llama 3.1 405B", devices=16)) >= 9

    def test_latencies_that_nothing_keeps_are_said_to_be_missed(self):
        views = deployment.render(between=5.0)
        notes = [view.text for view in views if isinstance(view, Note) and view.tone == "warning"]
        assert len(notes) == 1
        assert "memory bandwidth" in notes[0]
        assert "missed" in table(views, "layouts").rows[0][-1]

    def test_uncertainty_goes_through_to_every_answer(self):
        rows = table(deployment.render(), "what comes").rows
        low, typical, high = (
            next(float(row[i].replace(",", "")) for row in rows if "tokens a" in row[0])
            for i in (1, 2, 3)
        )
        assert low < typical < high
        assert high > 2 * low
        assert metrics(deployment.render())["tokens a second"] == f"{typical:,g}"

    def test_what_does_not_fit_with_less_memory_is_said_in_its_column(self):
        tight = deployment.render(devices=2)  # 141 GB of weights, 144 or 128 GB of room
        answers = [row[1:4] for row in table(tight, "what comes").rows]
        assert all(low == "does not fit" for low, _, _ in answers)
        assert all(high != "does not fit" for _, _, high in answers)

    def test_memory_adds_up(self):
        rows = table(deployment.render(), "Memory").rows
        parts = [float(row[1].removesuffix(" GB")) for row in rows]
        assert sum(parts) == pytest.approx(80, abs=0.2)

    def test_texts_at_once_are_requests_by_littles_law(self):
        """As many texts as a rate of requests keeps busy need as many devices as that rate."""
        asked = metrics(deployment.render(traffic=5.0), 1)
        batch = asked["texts on each copy"]
        at_once = deployment.render(traffic=2.0 * batch, counted_in="texts at once")
        assert metrics(at_once, 1)["texts on each copy"] == batch
        assert metrics(at_once, 1)["each next"] == asked["each next"]

    def test_more_traffic_than_they_serve_asks_for_more_devices(self):
        few, many = (metrics(deployment.render(traffic=t), 1) for t in (5.0, 50.0))
        assert few["devices needed"] == "4"
        assert int(many["devices needed"]) > 8
        assert many["first token"] == "a growing queue"

    def test_a_twice_dearer_hour_makes_tokens_twice_as_dear(self):
        cost = [
            float(metrics(deployment.render(price=price))["a million tokens"].strip("$"))
            for price in (3.0, 6.0)
        ]
        assert cost[1] == pytest.approx(2 * cost[0], rel=0.01)

    def test_a_pasted_file_counts_as_the_same_row_of_the_catalog(self):
        text = json.dumps(model("Qwen3 30B-A3B").config)
        pasted = deployment.render(model="GPT-2 small", config=text)
        assert (
            table(pasted, "layouts").rows
            == table(deployment.render(model="Qwen3 30B-A3B"), "layouts").rows
        )

    @pytest.mark.parametrize(("config", "message"), UNREADABLE)
    def test_what_can_not_be_read_is_refused_in_words(self, config, message):
        with pytest.raises(ControlError, match=message):
            deployment.render(config=config)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"devices": 0}, "0 is too small; the smallest here is 1"),
            ({"devices": 1_000_000}, "1,000,000 is too large; the largest here is 4,096"),
            ({"devices": 2.5}, "not a whole number"),
            ({"traffic": -3}, "too small"),
            ({"traffic": math.nan}, "wants one"),
            ({"answer": 1}, "smallest here is 2"),
            ({"prompt": 10**9}, "too large"),
            ({"price": 0}, "too small"),
            ({"between": 1e9}, "too large"),
            ({"first": "soon"}, "not a number"),
        ],
    )
    def test_absurd_values_are_refused_in_words(self, given, message):
        with pytest.raises(ControlError, match=message):
            arguments(deployment.render, given)
