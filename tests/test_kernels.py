"""Every kernel: right in Triton's interpreter, and compiled for three GPUs within its limits.

A new kernel is one file, and these tests find it. What they cannot see, because programs run one
after another here, is a race: that takes a GPU.
"""

import math
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from llmdeep.gpu.architectures import ARCHITECTURES, SHARED_LIMIT
from llmdeep.gpu.compiler import compiled
from llmdeep.gpu.discovery import header, load, names
from llmdeep.gpu.draw import Draw
from llmdeep.gpu.interpret import Interpreter
from llmdeep.gpu.spec import FAMILIES, Case

KERNELS = names()


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    process = Interpreter()
    yield process
    process.close()


def each_dtype() -> list[tuple[str, str]]:
    return [(name, dtype) for name in KERNELS for dtype in load(name).dtypes]


@pytest.mark.parametrize(("name", "dtype"), each_dtype())
def test_it_is_as_close_to_float64_as_torch_is(interpreter, name, dtype):
    for index, size in enumerate(load(name).sizes):
        for output, error, in_torch, bound in interpreter.errors(name, "launch", dtype, index):
            assert error <= bound, f"output {output} at {size}: {error:.2g}, torch {in_torch:.2g}"


@pytest.mark.parametrize(("name", "dtype"), each_dtype())
def test_its_form_for_hopper_has_room_for_a_gpu_s_rough_functions(interpreter, name, dtype):
    for index, size in enumerate(load(name).sizes):
        for output, error, in_torch, bound in interpreter.errors(name, "launch", dtype, index, 90):
            assert error <= bound, f"output {output} at {size}: {error:.2g}, torch {in_torch:.2g}"


@pytest.mark.parametrize("name", KERNELS)
def test_its_mistake_is_caught(interpreter, name):
    kernel = load(name)
    for dtype in kernel.dtypes:
        caught = (
            error > bound or math.isnan(error)
            for index in reversed(range(len(kernel.sizes)))
            for _, error, _, bound in interpreter.errors(name, "wrong", dtype, index)
        )
        assert any(caught), f"the check accepts the mistake in {dtype}"


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids="sm_{}".format)
@pytest.mark.parametrize("name", KERNELS)
def test_it_compiles_within_its_limits(name, architecture):
    kernel = load(name)
    limits = kernel.limits
    compiled_cases = 0
    for case_name, case in kernel.cases.items():
        if architecture not in case.architectures:
            continue
        compiled_cases += 1
        for report in compiled(kernel, case, architecture, kernel.configs[0]):
            label = f"{case_name}: {report}"
            assert report["registers"] <= limits.registers, label
            assert report["spills"] <= limits.spills, label
            assert report["shared"] <= min(limits.shared, SHARED_LIMIT[architecture]), label
    assert compiled_cases


@pytest.mark.parametrize("name", KERNELS)
def test_what_a_gpu_checks_first_compiles_for_it(name):
    """In bfloat16 where it takes that, since nothing else here runs it."""
    kernel = load(name)
    dtype = "bfloat16" if "float16" in kernel.dtypes else kernel.dtypes[0]
    for size in kernel.sizes:
        for report in compiled(kernel, Case(size, dtype), 90, kernel.configs[0]):
            assert report["shared"] <= SHARED_LIMIT[90], f"{size}: {report}"


def test_sampling_searches_among_few_tokens():
    """Counted by the rules of its `copy_kernel`, for logits like those that it is timed with."""
    kernel = load("token_sampling")
    given = kernel.inputs(Draw("cpu", "float32"), **{**kernel.cases["top_k_top_p"].size, "rows": 8})
    logits = given["logits"].double().numpy()
    largest_of_groups = logits.reshape(8, -1, 64).max(axis=-1)
    of_top_k = logits >= np.sort(largest_of_groups)[:, -50, None]
    assert 50 <= of_top_k.sum(axis=1).min() <= of_top_k.sum(axis=1).max() <= 55
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    of_top_p = shares >= (1 - 0.9) / logits.shape[1]
    assert 0.08 < of_top_p.mean() < 0.1


@pytest.mark.parametrize("name", KERNELS)
def test_its_header_says_what_a_reader_must_know(name):
    kernel, said = load(name), header(name)
    assert {"title", "oracle", "memory", "limit", "source"} <= said.keys(), said.keys()
    assert kernel.family in FAMILIES
    for case in kernel.cases.values():
        assert kernel.flops(**case.size) > 0
        assert kernel.bytes_moved(itemsize=2, **case.size) > 0


def test_an_interpreter_that_dies_fails_one_test_and_not_all(interpreter):
    with pytest.raises(RuntimeError, match="no kernel is called"):
        interpreter.errors("no_such_kernel", "launch", "float32", 0)
    os.kill(interpreter.pid, signal.SIGSEGV)  # what an access outside a tensor ends in
    with pytest.raises(RuntimeError, match="status -11"):
        interpreter.errors("softmax", "launch", "float32", 0)
    for _, error, _, bound in interpreter.errors("softmax", "launch", "float32", 0):
        assert error <= bound
