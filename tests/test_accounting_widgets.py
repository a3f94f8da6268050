"""The widgets about real models: pasted files, the whole catalog, and the time of an answer."""

import json
import math
from itertools import pairwise

import pytest

from llmdeep.catalog import MeasuredKernel, model
from llmdeep.widgets import (
    Chart,
    ControlError,
    Line,
    Metrics,
    Note,
    Table,
    kv_cache,
    quadratic_cost,
    roofline,
    scaling_law,
    training_memory,
)
from llmdeep.widgets._models import MODELS, duration, size

CHOOSING = (kv_cache, quadratic_cost, training_memory, roofline)
ALL = (*CHOOSING, scaling_law)


def metrics(views) -> dict:
    found: dict = {}
    for view in views:
        if isinstance(view, Metrics):
            found |= {name: item.value for name, item in view.items.items()}
    return found


def rows(views) -> list:
    return next(view.rows for view in views if isinstance(view, Table))


@pytest.mark.parametrize("widget", CHOOSING, ids=lambda w: w.__name__)
def test_every_model_of_the_catalog_has_an_answer(widget):
    for name in MODELS:
        assert len(widget.render(model=name)) >= 4


def test_the_roofline_shows_the_kernels_measured_on_its_accelerator(monkeypatch):
    def measured(name: str, accelerator: str, dtype: str) -> MeasuredKernel:
        return MeasuredKernel(name, "k", accelerator, dtype, 2e12, 1e9, 4.0, "gpu_runs/k", "source")

    ours = (
        measured("k, here, H200 SXM", "H200 SXM", "bfloat16"),
        measured("k, in 32 bits, H200 SXM", "H200 SXM", "float32"),
        measured("k, elsewhere, H100 SXM5", "H100 SXM5", "bfloat16"),
    )
    monkeypatch.setattr(roofline, "measured_kernels", lambda: ours)
    views = roofline.render(accelerator="H200 SXM")
    [chart] = [view for view in views if isinstance(view, Chart)]
    [point] = [mark for mark in chart.marks if mark.label == "measured"]
    assert (point.x, point.y, point.texts) == ([2000.0], [500.0], ["k, here"])
    assert all(line.x[0] < 2000 < line.x[-1] for line in chart.marks if isinstance(line, Line))


def test_the_roofline_says_so_where_no_kernel_was_measured(monkeypatch):
    monkeypatch.setattr(roofline, "measured_kernels", tuple)
    notes = [view.text for view in roofline.render() if isinstance(view, Note)]
    assert "None of this book’s kernels has been measured on the H100 SXM5 yet." in notes


@pytest.mark.parametrize("widget", CHOOSING, ids=lambda w: w.__name__)
def test_a_pasted_file_counts_as_the_same_row_of_the_catalog(widget):
    for name in ("Gemma 3 4B", "DeepSeek-V2", "Jamba v0.1"):
        chosen = widget.render(model=name)
        pasted = widget.render(model="GPT-2 small", config=json.dumps(model(name).config))
        assert rows(pasted) == rows(chosen)
        assert metrics(pasted) == metrics(chosen)


def test_a_pasted_model_is_placed_among_the_scaling_laws():
    pasted = scaling_law.render(config=json.dumps(model("Mixtral 8x7B").config))
    assert metrics(pasted)["the pasted mixtral model"] == pytest.approx(12.879925248)


@pytest.mark.parametrize("widget", ALL, ids=lambda w: w.__name__)
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("rubbish", "no JSON"),
        ('{"model_type": "llama", "hidden', "ends in the middle"),
        ('{"model_type": "rwkv"}', "not known here"),
        (json.dumps(model("T5 small").config), "no decoder alone"),
        (json.dumps(model("BERT base").config), "no decoder alone"),
    ],
)
def test_what_can_not_be_read_is_refused_in_words(widget, config, message):
    with pytest.raises(ControlError, match=message):
        widget.render(config=config)


def test_kv_cache_says_what_the_papers_print():
    assert metrics(kv_cache.render("Llama 3.1 8B", context=131_072))["cache"] == "17.2 GB"
    assert metrics(kv_cache.render("DeepSeek-V3 / R1"))["the first token"] == "70.3 kB"
    half = kv_cache.render("Llama 3.1 8B", precision="8 bits")
    assert metrics(half)["cache"] == "8.59 GB"


def test_training_memory_of_the_zero_paper():
    """Its table of bars at 64 ranks splits what the paper splits; here for a catalog model."""
    shown = metrics(training_memory.render("Llama 3 70B", stage=0, ranks=1))
    assert shown["weights gradients optimizer"] == "1.13 TB"
    split = metrics(training_memory.render("Llama 3 70B", stage=3, ranks=64))
    assert split["weights gradients optimizer"] == "17.6 GB"


def test_training_memory_says_what_it_does_not_count():
    shown = training_memory.render("Mamba 2.8B")
    assert metrics(shown)["activations"] == "not counted"


def test_attention_over_positions_overtakes_the_matrices_where_it_is_said_to():
    shown = metrics(quadratic_cost.render("Llama 3.1 8B", length=65_536))
    assert 50 < shown["attention takes"] < 60
    assert 45_000 < shown["as much as the matrices"] < 65_536
    windowed = metrics(quadratic_cost.render("Mistral 7B v0.1", length=65_536))
    assert windowed["as much as the matrices"] == "beyond 1 million"


def test_a_larger_batch_brings_tokens_until_arithmetic_binds():
    rates = [
        metrics(roofline.render(batch=batch, context=128))["tokens a second"]
        for batch in (1, 8, 64, 512)
    ]
    gains = [after / before for before, after in pairwise(rates)]
    assert gains[0] > 7.5
    assert gains[-1] < 6


def test_too_small_a_model_never_reaches_the_loss():
    assert (
        metrics(scaling_law.render(factor=1 / 16))["the best loss at this size"] == "out of reach"
    )
    assert metrics(scaling_law.render(factor=1))["the best loss at this size"] == pytest.approx(1)


def test_sizes_and_times_as_one_reads_them():
    assert [size(n) for n in (12, 1500, 2.5e9, 3e13)] == ["12 bytes", "1.5 kB", "2.5 GB", "30 TB"]
    assert [size(n) for n in (999_940, 999.6)] == ["1 MB", "1 kB"]
    assert [duration(s) for s in (0.9998, 59.99)] == ["1 s", "1 min"]
    times = [duration(s) for s in (2e-6, 0.5, 90, 7200, math.pi * 86400)]
    assert times == ["2 µs", "500 ms", "1.5 min", "2 h", "3.14 days"]
