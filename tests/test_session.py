"""Cells and widgets as they are run at build time and, by the same file, in the browser."""

import json
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmdeep import data_files
from llmdeep.site import session
from llmdeep.site.edits import MOST_COPIES
from llmdeep.site.errors import explain
from llmdeep.site.session import MOST_OUTPUT, answer, end, more, render_widget, run_cell

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


# Data that a page has to fetch first


READ = "from llmdeep.data_files import path\n"


@pytest.fixture
def in_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that the page puts data into, empty so far."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(data_files, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["models/parrot", "models/parrot/config.json"])
def test_a_cell_that_asks_for_data_goes_on_with_the_statement_that_asked(
    page: Page, in_browser: Path, name: str
) -> None:
    code = (
        f"from __future__ import annotations\n{READ}seen = ['once']\nfound = path({name!r})\nseen"
    )
    asked = page.run(code)
    assert asked == {"ok": False, "needs": "models/parrot", "next": 3}
    (in_browser / "models" / "parrot").mkdir(parents=True)
    (in_browser / "models" / "parrot" / "config.json").touch()
    result = run_cell(code, page.namespace, print, asked["next"])
    assert result == {"ok": True, "value": {"text": "['once']"}}


@pytest.mark.parametrize(
    "code",
    [
        "for name in ['models/a']:\n    path(name)",
        "def load():\n    return path('models/a')\nload()",
        "x = 1; y = path('models/a')",
        "with open(__file__ if 0 else '/dev/null'):\n    path('models/a')",
    ],
)
def test_what_might_be_done_twice_is_not_resumed(page: Page, in_browser: Path, code: str) -> None:
    assert page.run(READ + code) == {"ok": False, "needs": "models/a", "next": None}


def test_code_that_catches_errors_does_not_catch_the_wait(page: Page, in_browser: Path) -> None:
    code = f"{READ}try:\n    path('models/a')\nexcept Exception:\n    pass"
    assert page.run(code)["needs"] == "models/a"


def test_a_widget_asks_too_whatever_copy_of_the_book_it_runs_in(in_browser: Path) -> None:
    edits = {f"llmdeep.widgets.{WIDGET}": f"{READ}def render():\n    path('models/a')"}
    result = json.loads(answer(order_of(edits), print)[0])
    assert result == {"ok": False, "needs": "models/a", "next": 0}


def test_an_exercise_that_waits_keeps_its_own_variables(in_browser: Path) -> None:
    answer(json.dumps({"op": "forget", "page": "p"}), print)
    code = f"{READ}mine = 1\npath('models/a')\nmine"
    order = {"op": "run", "page": "p", "code": code, "scratch": True}
    asked = json.loads(answer(json.dumps({**order, "first": 0}), print)[0])
    (in_browser / "models" / "a").mkdir(parents=True)
    result = json.loads(answer(json.dumps({**order, "first": asked["next"]}), print)[0])
    assert result == {"ok": True, "value": {"text": "1"}}
    left = json.loads(answer(json.dumps({**order, "code": "mine", "first": 0}), print)[0])
    assert left["failure"]["type"] == "NameError"


def test_outside_a_browser_what_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="the book has no file or folder called 'models/x'"):
        data_files.path("models/x")


# Widgets that stream


def streaming(body: str) -> dict[str, str]:
    """An edit that makes WIDGET a generator."""
    return {
        f"llmdeep.widgets.{WIDGET}": "from typing import Annotated\n"
        "from llmdeep.widgets import Note, Number\n"
        f"def render(n: Annotated[int, Number()] = 5):\n{textwrap.indent(body, '    ')}"
    }


def order_of(edits: dict[str, str]) -> str:
    return json.dumps({"op": "render", "widget": WIDGET, "params": {}, "edits": edits})


def replies(order: str) -> list[tuple[str, Any]]:
    """All pictures of a stream, and its answer."""
    found = [answer(order, print)]
    while json.loads(found[-1][0]).get("more"):
        found.append(more())
    return found


def text_of(reply: tuple[str, Any]) -> Any:
    result = json.loads(reply[0])
    return json.loads(result["rendered"]["text"])[0]["text"], result.get("more", False)


def test_a_stream_gives_its_pictures_and_then_its_last_as_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "FRAME", 0)
    edits = streaming("for i in range(n):\n    yield [Note(str(i))]")
    assert [text_of(reply) for reply in replies(order_of(edits))] == [
        *((str(i), True) for i in range(5)),
        ("4", False),
    ]
    assert json.loads(render_widget(WIDGET, {}, edits)[0])[0]["text"] == "4"


def test_of_a_quick_stream_only_the_answer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "FRAME", 60)
    edits = streaming("for i in range(n):\n    yield [Note(str(i))]")
    assert text_of(answer(order_of(edits), print)) == ("4", False)


def test_a_stream_that_is_ended_cleans_up_and_leaves_the_book_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "FRAME", 0)
    modules = {name: id(module) for name, module in sys.modules.items() if "llmdeep" in name}
    edits = streaming(
        "try:\n    while True:\n        yield [Note('')]\nfinally:\n    print('closed')"
    )
    answer(order_of(edits), print)
    more()
    end()
    now = {name: id(module) for name, module in sys.modules.items() if "llmdeep" in name}
    assert now == modules
    assert text_of(replies(order_of(streaming("yield [Note('next')]")))[-1]) == ("next", False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("yield [Note('a')]\n1 / 0", "ZeroDivisionError"),
        ("yield 3", "TypeError"),
        ("if False:\n    yield []", "TypeError"),
    ],
)
def test_a_stream_that_fails_says_so(body: str, kind: str) -> None:
    result = json.loads(replies(order_of(streaming(body)))[-1][0])
    assert result["failure"]["type"] == kind


# A file of the reader's


def test_a_file_parameter_is_read_from_the_page_part_by_part() -> None:
    content = b"0123456789"
    asked = []

    def read(file: int, start: int, length: int) -> bytes:
        asked.append((file, start, length))
        return content[start : start + length]

    edits = {
        f"llmdeep.widgets.{WIDGET}": "from typing import Annotated\n"
        "from llmdeep.widgets import File, Note, OpenFile\n"
        "def render(own: Annotated[OpenFile | None, File()] = None):\n"
        "    return [Note(own.name + own.read(2, 3).decode())]"
    }
    params = {"own": {"file": 1, "name": "own.txt", "size": 10}}
    order = {"op": "render", "widget": WIDGET, "params": params, "edits": edits}
    assert text_of(answer(json.dumps(order), print, read)) == ("own.txt234", False)
    assert asked == [(1, 2, 3)]


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
