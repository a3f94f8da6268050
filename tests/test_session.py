"""Cells and widgets as they are run at build time and, by the same file, in the browser."""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from llmdeep.site import session
from llmdeep.site.edits import MOST_COPIES
from llmdeep.site.errors import explain
from llmdeep.site.session import MOST_OUTPUT, answer, render_widget, run_cell

WIDGET = "softmax_scaling"
UNIFORM_SOFTMAX = """import numpy as np

def softmax(scores, axis=-1):
    return np.ones_like(scores) / scores.shape[axis]
"""


class Page:
    """A page's namespace, and what its cells printed."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.printed: list[tuple[str, str]] = []

    def run(self, code: str) -> dict[str, Any]:
        self.printed.clear()
        return run_cell(code, self.namespace, lambda *output: self.printed.append(output))

    def failure(self, code: str) -> dict[str, str]:
        result = self.run(code)
        assert not result["ok"]
        failure: dict[str, str] = result["failure"]
        return failure


@pytest.fixture
def page() -> Page:
    return Page()


# Cells


def test_a_cell_gives_the_value_of_its_last_expression(page: Page) -> None:
    assert page.run("x = 6\nx * 7") == {"ok": True, "value": {"text": "42"}}


@pytest.mark.parametrize("code", ["x = 1", "None", "", "# nothing", "print()"])
def test_a_cell_without_one_gives_no_value(page: Page, code: str) -> None:
    assert page.run(code) == {"ok": True}


def test_the_cells_of_a_page_share_their_variables(page: Page) -> None:
    page.run("def double(x):\n    return 2 * x")
    assert page.run("double(21)")["value"] == {"text": "42"}


def test_views_are_packed_and_not_shown_as_text(page: Page) -> None:
    code = "from llmdeep.widgets import Matrix, Note\nimport numpy as np\n"
    text, arrays = page.run(code + "Matrix(np.eye(2))")["value"]["views"]
    assert [view["view"] for view in json.loads(text)] == ["matrix"]
    np.testing.assert_array_equal(arrays[0], np.eye(2).ravel())
    text, _ = page.run("[Note('one'), Note('two')]")["value"]["views"]
    assert [view["text"] for view in json.loads(text)] == ["one", "two"]


def test_output_comes_line_by_line_while_the_cell_runs(page: Page) -> None:
    page.run("import sys\nprint('a', 1)\nprint('b', file=sys.stderr)\nprint('c', end='')")
    assert page.printed == [("stdout", "a 1\n"), ("stderr", "b\n"), ("stdout", "c")]


def test_output_without_end_is_cut_off_with_a_notice(page: Page) -> None:
    page.run(f"for _ in range({MOST_OUTPUT}): print('0123456789')")
    out = sum(len(text) for stream, text in page.printed if stream == "stdout")
    assert out == MOST_OUTPUT
    assert page.printed[-1][0] == "stderr"
    assert "200,000" in page.printed[-1][1]


def test_a_huge_value_is_cut_off(page: Page) -> None:
    text = page.run("'x' * 1_000_000")["value"]["text"]
    assert len(text) < 30_000
    assert "1,000,002 characters" in text


def test_asking_for_input_is_refused_with_what_to_do(page: Page) -> None:
    failure = page.failure("name = input('Name? ')")
    assert failure["type"] == "EOFError"
    assert "instead of input()" in failure["message"]


def test_streams_and_input_are_given_back(page: Page) -> None:
    before = (sys.stdout, sys.stderr, input)
    page.run("1 / 0")
    assert (sys.stdout, sys.stderr, input) == before


def test_a_warning_names_the_cell_each_time_it_runs(page: Page) -> None:
    code = "import warnings\nwarnings.warn('too hot')"
    for _ in range(2):
        page.run(code)
        assert page.printed == [("stderr", "this cell, line 2: UserWarning: too hot\n")]


# Errors


def test_a_traceback_begins_at_the_readers_code_and_names_cell_and_line(page: Page) -> None:
    page.run("def invert(x):\n    return 1 / x")
    failure = page.failure("y = 0\ninvert(y)")
    assert failure["type"] == "ZeroDivisionError"
    assert failure["message"] == "division by zero"
    lines = failure["traceback"].splitlines()
    assert lines[:5:2] == [
        "Traceback (most recent call last):",
        "    invert(y)",
        "    return 1 / x",
    ]
    assert lines[1] == "  this cell, line 2"
    assert lines[3] == "  an earlier cell, line 2, in invert"


def test_a_syntax_error_names_its_line(page: Page) -> None:
    failure = page.failure("x = 1\nif x\n    pass")
    assert failure["type"] == "SyntaxError"
    assert "this cell, line 2" in failure["message"]
    assert failure["traceback"].startswith("  this cell, line 2")


def test_an_assert_without_words_says_what_does_not_hold(page: Page) -> None:
    assert page.failure("x = 1\nassert x == 2")["message"] == "this does not hold: x == 2"
    assert page.failure("assert x == 2, 'x is odd'")["message"] == "x is odd"


def test_no_traceback_shows_where_the_site_was_built(page: Page) -> None:
    traceback = page.failure("import numpy as np\nnp.ones(2) @ np.ones(3)\n")["traceback"]
    traceback += page.failure("import json\njson.loads('{')")["traceback"]
    assert not re.search(r"(?<![\w.])/\w+/", traceback)
    assert "session.py" not in traceback


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("def f(): f()\nf()", "RecursionError"),
        ("exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Odd:\n    def __repr__(self): raise ValueError('no')\nOdd()", "ValueError"),
        ("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd", "Odd"),
        ("raise ExceptionGroup('two', [ValueError(1), TypeError(2)])", "ExceptionGroup"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("'\\ud800'.encode()", "UnicodeEncodeError"),
    ],
)
def test_whatever_a_cell_raises_comes_back_as_a_failure(page: Page, code: str, kind: str) -> None:
    assert page.failure(code)["type"] == kind
    assert page.run("1 + 1") == {"ok": True, "value": {"text": "2"}}


# Widgets


def shown(
    params: Mapping[str, Any] | None = None, edits: Mapping[str, str] | None = None
) -> tuple[str, list[list[float]]]:
    text, arrays = render_widget(WIDGET, params or {}, edits)
    return text, [array.tolist() for array in arrays]


def test_a_widget_renders_its_defaults_and_what_it_is_given() -> None:
    assert shown() == shown({"seed": 0})
    assert shown() != shown({"seed": 1})


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"d_head": "many"}, "not a number"),
        ({"d_head": float("nan")}, "NaN"),
        ({"d_head": 10**30}, "too large"),
        ({"temper": 1}, "temper"),
    ],
)
def test_a_refused_parameter_keeps_the_controls_own_words(
    params: dict[str, Any], complaint: str
) -> None:
    order = {"op": "render", "widget": WIDGET, "params": params, "edits": {}}
    text, arrays = answer(json.dumps(order), print)
    failure = json.loads(text)["failure"]
    assert failure["type"] == "ControlError"
    assert complaint in failure["message"]
    assert arrays is None


def test_an_edited_concept_changes_the_widget_and_nothing_else() -> None:
    before = shown()
    edited = shown(edits={"llmdeep.attention.softmax": UNIFORM_SOFTMAX})
    assert edited != before
    assert shown() == before
    from llmdeep.attention import softmax

    assert softmax(np.array([0.0, 9.0]))[1] > 0.9


def test_an_edited_widget_file_is_what_renders() -> None:
    code = "from llmdeep.widgets import Note\n\ndef render():\n    return [Note('edited')]\n"
    text, _ = shown(edits={f"llmdeep.widgets.{WIDGET}": code})
    assert json.loads(text)[0]["text"] == "edited"


def test_a_cell_that_breaks_a_concept_breaks_no_widget(page: Page) -> None:
    before = shown()
    try:
        page.run("from llmdeep import attention\nkept, attention.softmax = attention.softmax, None")
        assert shown() == before
    finally:
        page.run("attention.softmax = kept")


def test_an_error_in_edited_code_names_its_line_there() -> None:
    code = "def softmax(scores, axis=-1):\n    x = 1\n    return scores.nothing\n"
    with pytest.raises(AttributeError) as caught:
        shown(edits={"llmdeep.attention.softmax": code})
    traceback = explain(caught.value)["traceback"]
    assert "edited llmdeep.attention.softmax, line 3, in softmax" in traceback
    assert "return scores.nothing" in traceback


@pytest.mark.parametrize(
    ("edits", "error", "complaint"),
    [
        ({"llmdeep.attention.softmax": "def softmax(x) return x"}, SyntaxError, "expected ':'"),
        ({"llmdeep.attention.softmax": "x = 1"}, NameError, "no longer defines softmax"),
        ({"llmdeep.no_such.thing": "x = 1"}, LookupError, "llmdeep.no_such.thing"),
        ({f"llmdeep.widgets.{WIDGET}": "def render(): return 3"}, TypeError, "list of views"),
    ],
)
def test_an_edit_that_cannot_work_says_why_and_leaves_the_widget_usable(
    edits: dict[str, str], error: type[Exception], complaint: str
) -> None:
    before = shown()
    with pytest.raises(error, match=re.escape(complaint)):
        shown(edits=edits)
    assert shown() == before


def test_many_edits_do_not_pile_up() -> None:
    for number in range(3 * MOST_COPIES):
        shown(edits={"llmdeep.attention.softmax": f"{UNIFORM_SOFTMAX}\n# {number}\n"})
    from llmdeep.site import edits

    assert len(edits._copies) <= MOST_COPIES


# The worker's side


def test_the_answer_to_a_render_is_json_and_all_arrays_end_to_end() -> None:
    order = {"op": "render", "widget": WIDGET, "params": {}, "edits": {}}
    text, flat = answer(json.dumps(order), print)
    result = json.loads(text)
    views, arrays = render_widget(WIDGET, {})
    assert result["rendered"] == {"text": views}
    assert result["lengths"] == [array.size for array in arrays]
    assert flat is not None
    assert flat.dtype == np.float64
    np.testing.assert_array_equal(flat, np.concatenate(arrays))


def test_pages_have_namespaces_of_their_own_which_can_be_copied_and_forgotten() -> None:
    def run(page: str, code: str, scratch: bool = False) -> dict[str, Any]:
        order = {"op": "run", "page": page, "code": code, "scratch": scratch}
        result: dict[str, Any] = json.loads(answer(json.dumps(order), print)[0])
        return result

    run("one", "x = 1")
    assert not run("two", "x")["ok"]
    assert run("one", "x = x + 1\nx", scratch=True)["value"] == {"text": "2"}
    assert run("one", "x")["value"] == {"text": "1"}
    answer(json.dumps({"op": "forget", "page": "one"}), print)
    assert not run("one", "x")["ok"]
    assert set(session._namespaces) >= {"two"}
