"""The renderer draws every kind of view, whatever is in it, as well-formed and harmless markup."""

import json
import re
import subprocess
import threading
import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest

from llmdeep.site import node
from llmdeep.site.paths import BROWSER
from llmdeep.widgets import (
    Area,
    Axis,
    Band,
    Bar,
    Chart,
    Edge,
    Graph,
    Line,
    Math,
    Matrix,
    Metric,
    Metrics,
    Node,
    Note,
    Point,
    Rule,
    Table,
    Tokens,
    View,
)

NAN, INF = float("nan"), float("inf")
HOSTILE = "<script>alert(1)</script> \"'&amp; ]]> \x00\x1b\ud800 שלום 👩‍👩‍👧 \u202e"
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="session", autouse=True)
def _renderer() -> None:
    build = node.command(BROWSER / "build.mjs", "--only=prerender")
    subprocess.run(build, check=True)


def draw(view: View, id: str = "v") -> Element:
    """The element of one view, parsed as XML, which is stricter than HTML."""
    (markup,) = node.render([view], id)
    return ElementTree.fromstring(markup)


def elements(root: Element, name: str, kind: str = "") -> list[Element]:
    """The elements of one name, with one class if it is given."""
    return [e for e in root.iter(name) if kind in ("", *e.get("class", "").split())]


def texts(root: Element, name: str, kind: str = "") -> list[str]:
    return ["".join(e.itertext()) for e in elements(root, name, kind)]


def words(root: Element) -> str:
    return " ".join("".join(root.itertext()).split())


EVERY_KIND: dict[str, View] = {
    "chart": Chart(
        [
            Line([1, 2, 3], [1, 4, 9], "squares"),
            Area([1, 2, 3], [2, 5, 10], [0, 3, 8], "band of it"),
            Bar([1, 2, 3], [3, 2, 1], "bars"),
            Point([1, 2], [2, 3], "points", texts=["a", "b"]),
            Rule(x=2, label="here"),
            Rule(y=5, label="there"),
            Band(x=(1, 2), label="stretch"),
        ],
        x=Axis("length", unit="tokens"),
        y=Axis("cost"),
        title="A chart",
    ),
    "matrix": Matrix([[1.0, -INF], [NAN, INF]], rows=["a", "b"], columns=["c", "d"], title="M"),
    "tokens": Tokens([" the", "cat"], values=[0.2, 0.8], notes=["1", "2"], title="T"),
    "table": Table(["name", "n"], [["a", 1], ["b", 2.5]], title="Tbl"),
    "metrics": Metrics("N", entropy=Metric(2.0794, "bits", "at most 3"), parameters=1_024),
    "graph": Graph([Node("a", 0, 0), Node("b", 1, 0, "B", 0.5)], [Edge("a", "b", "e")], title="G"),
    "math": Math(r"\frac{1}{2}", title="Half"),
    "note": Note("One.\n\nTwo.", tone="warning", title="Note"),
}

ODD: dict[str, View] = {
    "empty chart": Chart([]),
    "chart without values": Chart([Line([], [])]),
    "one point": Chart([Line([1], [2], "one")]),
    "constant": Chart([Line([0, 1, 2], [3, 3, 3])]),
    "only NaN": Chart([Line([0, 1], [NAN, NAN])]),
    "infinite": Chart([Line([0, 1, 2], [INF, 1, -INF])]),
    "zero on a log axis": Chart(
        [Line([0, 1, 10], [0, 1e-3, 1])], x=Axis(scale="log"), y=Axis(scale="log")
    ),
    "nothing positive on a log axis": Chart([Line([1, 2], [-1, 0])], y=Axis(scale="log")),
    "log bars": Chart([Bar(["a", "b"], [1, 1000])], y=Axis(scale="log")),
    "huge and tiny": Chart([Line([1e-300, 1e300], [1e300, -1e300])]),
    "empty domain": Chart([Line([0, 1], [0, 1])], y=Axis(domain=(2, 2))),
    "categories of both axes": Chart([Point(["a", "b"], ["c", "d"])]),
    "many points": Chart([Point(RANDOM.normal(size=900), RANDOM.normal(size=900), "cloud")]),
    "many categories": Chart([Bar([f"name {i}" for i in range(60)], np.arange(60))]),
    "no cells": Matrix(np.zeros((0, 0))),
    "no columns": Matrix(np.zeros((3, 0))),
    "one cell": Matrix([[0.5]]),
    "constant matrix": Matrix(np.zeros((3, 3))),
    "only masked": Matrix(np.full((2, 2), -INF)),
    "largest matrix": Matrix(RANDOM.normal(size=(64, 64)), diverging=True),
    "tiny cells": Matrix(RANDOM.normal(size=(4, 4)) * 1e-9),
    "no tokens": Tokens([]),
    "zero tokens": Tokens(["a", "b"], values=[0, 0]),
    "unseen tokens": Tokens(["", " ", "\n", "\t", "\x00", "\u200b", "\u202e", "\ufeff"]),
    "empty table": Table([], []),
    "ragged table": Table(["a"], [[1, 2, 3], ["x"]]),
    "no numbers": Metrics(),
    "no nodes": Graph([], []),
    "nodes in one place": Graph([Node("a", 0, 0), Node("b", 0, 0)], [Edge("a", "b")]),
    "loop and reverse": Graph(
        [Node("a", 0, 0), Node("b", 1, 1)], [Edge("a", "a"), Edge("a", "b"), Edge("b", "a")]
    ),
    "empty note": Note(""),
    "empty formula": Math(""),
    "empty number": Metrics(x=""),
}

HOSTILE_VIEWS: dict[str, View] = {
    "chart": Chart(
        [
            Line([1, 2], [1, 2], HOSTILE),
            Point([1], [1], texts=[HOSTILE]),
            Rule(x=1, label=HOSTILE),
            Band(y=(1, 2), label=HOSTILE),
        ],
        x=Axis(HOSTILE, unit=HOSTILE),
        y=Axis(HOSTILE),
        title=HOSTILE,
    ),
    "categories": Chart([Bar([HOSTILE, "b"], [1, 2])]),
    "matrix": Matrix(
        [[1.0]],
        rows=[HOSTILE],
        columns=[HOSTILE],
        title=HOSTILE,
        row_label=HOSTILE,
        column_label=HOSTILE,
        unit=HOSTILE,
    ),
    "tokens": Tokens([HOSTILE], values=[1], notes=[HOSTILE], title=HOSTILE, unit=HOSTILE),
    "table": Table([HOSTILE], [[HOSTILE]], title=HOSTILE),
    "metrics": Metrics(HOSTILE, **{HOSTILE: Metric(HOSTILE, HOSTILE, HOSTILE)}),
    "graph": Graph([Node("a", 0, 0, HOSTILE)], [Edge("a", "a", HOSTILE)], title=HOSTILE),
    "note": Note(HOSTILE, title=HOSTILE),
}

ALL = {**EVERY_KIND, **ODD, **{f"hostile {k}": v for k, v in HOSTILE_VIEWS.items()}}


@pytest.mark.parametrize("name", ALL)
class TestEveryView:
    def test_is_one_element_that_says_its_kind(self, name: str) -> None:
        root = draw(ALL[name])
        assert root.tag == "div"
        assert root.get("data-view") == ALL[name].kind

    def test_ids_are_unique_and_begin_with_its_own(self, name: str) -> None:
        root = draw(ALL[name], "prefix")
        ids = [e.get("id") for e in root.iter() if e.get("id")]
        assert ids[0] == "prefix-v0"
        assert len(set(ids)) == len(ids)
        assert all(id is not None and id.startswith("prefix-v0") for id in ids)

    def test_references_lead_somewhere(self, name: str) -> None:
        root = draw(ALL[name])
        ids = {e.get("id") for e in root.iter()}
        text = " ".join(value for e in root.iter() for value in e.attrib.values())
        assert set(re.findall(r"url\(#([\w-]+)\)", text)) <= ids

    def test_holds_no_script_no_handler_and_no_style(self, name: str) -> None:
        root = draw(ALL[name])
        assert not elements(root, "script")
        attributes = {key for e in root.iter() for key in e.attrib}
        assert not {key for key in attributes if key.startswith("on")}
        if name != "math":  # KaTeX places with style attributes; nothing else may
            assert "style" not in attributes

    def test_has_no_number_that_a_browser_cannot_read(self, name: str) -> None:
        for e in draw(ALL[name]).iter():
            for key in ("d", "x", "y", "x1", "y1", "width", "height", "viewBox", "transform"):
                assert not re.search("NaN|Infinity|undefined|null", e.get(key, "")), (e.tag, key)

    def test_is_drawn_the_same_twice(self, name: str) -> None:
        assert node.render([ALL[name]], "v") == node.render([ALL[name]], "v")


@pytest.mark.parametrize("name", ["chart", "matrix", "graph"])
def test_a_picture_has_one_label_and_a_table(name: str) -> None:
    root = draw(EVERY_KIND[name])
    (picture,) = [e for e in root.iter() if e.get("role") == "img"]
    assert len(picture.get("aria-label", "")) > 40
    assert elements(elements(root, "details")[0], "table")


class TestChart:
    def test_a_line_runs_through_its_points(self) -> None:
        x, y = np.array([0.0, 1.0, 4.0]), np.array([0.0, 3.0, 10.0])
        chart = Chart([Line(x, y)], x=Axis(domain=(0, 4)), y=Axis(domain=(0, 10)))
        (path,) = elements(draw(chart), "path", "line")
        (curves,) = elements(draw(chart), "svg", "curves")
        _, top, width, height = map(float, curves.get("viewBox", "").split())
        places = np.array(re.findall(r"[-\d.]+", path.get("d", "")), float).reshape(-1, 2)
        bottom = height + 2 * top  # the box is widened by half a stroke above and below
        assert np.allclose(places[:, 0] / width, x / 4, atol=1e-4)
        assert np.allclose(1 - places[:, 1] / bottom, y / 10, atol=1e-3)

    def test_equal_factors_are_equal_distances_on_a_log_axis(self) -> None:
        chart = Chart([Line([1, 10, 100], [1, 2, 3])], x=Axis(scale="log"))
        (markers,) = elements(draw(chart), "g", "marker")
        at = [float(marker.get("x", "")[:-1]) for marker in markers]
        assert np.allclose(at, [0, 50, 100])

    def test_a_gap_is_left_where_a_value_is_missing(self) -> None:
        (path,) = elements(draw(Chart([Line([0, 1, 2, 3, 4], [1, 2, NAN, 2, 1])])), "path", "line")
        assert path.get("d", "").count("M") == 2

    def test_says_what_a_log_axis_cannot_show(self) -> None:
        chart = Chart([Line([1, 2, 3], [0, -1, 1])], y=Axis(scale="log"))
        assert "2 values are 0 or below" in words(draw(chart))

    @pytest.mark.parametrize(
        ("axis", "x", "expected"),
        [
            (Axis(scale="log"), [1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"]),
            (Axis(scale="log"), [1e-2, 1e2], ["0.01", "0.1", "1", "10", "100"]),
            (Axis(scale="log"), [1e3, 1e9], ["103", "104", "105", "106", "107", "108", "109"]),
            (Axis(), [0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (Axis(), [0, 0.05], ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]),
            (Axis(), [0, 5e9], ["0", "1G", "2G", "3G", "4G", "5G"]),
            (Axis("year"), [2018, 2022], ["2018", "2019", "2020", "2021", "2022"]),
            (Axis("published"), [2018, 2022], ["2018", "2019", "2020", "2021", "2022"]),
            (Axis(unit="ms"), [2018, 2022], ["2,018", "2,019", "2,020", "2,021", "2,022"]),
            (Axis(), [0, 3], ["0", "1", "2", "3"]),
        ],
    )
    def test_ticks_are_round(self, axis: Axis, x: list[float], expected: list[str]) -> None:
        root = draw(Chart([Line(x, np.arange(len(x)))], x=axis))
        below = [e for e in elements(root, "text", "tick") if e.get("text-anchor") == "middle"]
        assert ["".join(e.itertext()) for e in below] == expected

    def test_bars_stand_on_zero(self) -> None:
        root = draw(Chart([Bar(["up", "down"], [2, -1])], y=Axis(domain=(-2, 2))))
        up, down = elements(elements(root, "svg", "chart")[0], "rect", "bar")
        foot = float(up.get("y", "")) + float(up.get("height", ""))
        assert float(down.get("y", "")) == foot
        assert float(up.get("height", "")) == 2 * float(down.get("height", ""))

    def test_lines_differ_in_more_than_colour(self) -> None:
        root = draw(Chart([Line([0, 1], [i, i], f"line {i}") for i in range(6)]))
        shapes = {e.get("d") for group in elements(root, "g", "marker") for e in group.iter("path")}
        assert len(shapes) == 6
        assert texts(elements(root, "ul", "legend")[0], "li") == [f"line {i}" for i in range(6)]

    def test_marks_of_one_label_share_their_colour(self) -> None:
        chart = Chart([Line([0, 1], [1, 2], "a"), Area([0, 1], [2, 3], [0, 1], "a")])
        root = draw(chart)
        assert "c0" in elements(root, "path", "area")[0].get("class", "")
        assert texts(root, "li") == ["a"]

    def test_the_label_tells_where_a_line_starts_ends_and_peaks(self) -> None:
        chart = Chart([Line([0, 1, 2, 3], [1, 7, 2, 3], "loss")], y=Axis("loss", unit="nats"))
        label = elements(draw(chart), "svg", "chart")[0].get("aria-label", "")
        assert "from 1 nats at 0 to 3 nats at 3, highest 7 nats at 1" in label

    def test_the_table_holds_the_numbers(self) -> None:
        chart = Chart([Line([1, 2], [0.25, 0.5], "a"), Line([1, 2], [3, 4], "b")], x=Axis("n"))
        assert texts(draw(chart), "th") == ["n", "a", "b"]
        assert texts(draw(chart), "td") == ["1", "0.25", "3", "2", "0.50", "4"]

    def test_a_long_line_is_thinned_in_table_and_path_but_keeps_its_extremes(self) -> None:
        y = np.sin(np.arange(100_000) / 50)
        y[54_321] = 5
        root = draw(Chart([Line(np.arange(y.size), y)], y=Axis(domain=(-1, 5))))
        assert len(elements(root, "tr")) <= 201
        assert "Every 500th of 100,000 rows." in words(root)
        (path,) = elements(root, "path", "line")
        heights = [float(h) for h in re.findall(r"[\d.]+,([-\d.]+)", path.get("d", ""))]
        assert min(heights) == 0  # the outlier, at the very top
        assert len(heights) < 5_000

    def test_the_texts_of_two_series_stand_beside_each_other(self) -> None:
        series = [Point([1], [1], name, texts=[f"text of {name}"]) for name in ("a", "b")]
        chart = Chart(series, x=Axis(domain=(0, 2)), y=Axis(domain=(0, 2)))
        sides = [text.get("text-anchor") for text in elements(draw(chart), "text", "halo")]
        assert sides == ["start", "end"]

    def test_an_edge_to_a_missing_node_is_refused_by_name(self) -> None:
        with pytest.raises(node.RenderError, match="no node “c”"):
            node.render([Graph([Node("a", 0, 0)], [Edge("a", "c")])], "v")


def cells(root: Element, shape: tuple[int, int]) -> np.ndarray:
    """The class of each cell, read back from the paths that cover them."""
    (svg,) = elements(root, "svg", "cells")
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    rows, columns = shape
    found = np.full(shape, "", dtype=object)
    for path in (e for e in svg if e.tag == "path"):
        for run in re.findall(r"M([-\d.e]+) ([-\d.e]+)h([\d.e]+)v", path.get("d", "")):
            x, y, length = (float(part) for part in run)
            first = round(x / width * columns)
            last = first + round(length / width * columns)
            row = round(y / height * rows)
            assert (found[row, first:last] == "").all(), "cells overlap"
            found[row, first:last] = path.get("class", "")
    return found


class TestMatrix:
    def test_every_cell_has_the_level_of_its_value(self) -> None:
        values = RANDOM.random((13, 29))
        found = cells(draw(Matrix(values, domain=(0, 1))), values.shape)
        assert (found == np.vectorize(lambda v: f"m{int(v * 64)}")(values)).all()

    def test_a_diverging_scale_has_zero_in_its_middle(self) -> None:
        found = cells(draw(Matrix([[-4.0, -2.0, 0.0, 1.0, 2.0]], diverging=True)), (1, 5))
        assert found.tolist() == [["d0", "d16", "d32", "d40", "d48"]]

    def test_values_beyond_the_domain_take_its_ends(self) -> None:
        found = cells(draw(Matrix([[-9.0, 9.0]], domain=(0, 1))), (1, 2))
        assert found.tolist() == [["m0", "m63"]]

    def test_masked_and_missing_cells_are_patterns_named_in_the_legend(self) -> None:
        root = draw(EVERY_KIND["matrix"])
        assert cells(root, (2, 2)).tolist() == [["m63", "masked"], ["missing", "infinite"]]
        legend = words(elements(root, "div", "scale-legend")[0])
        assert all(word in legend for word in ("−∞", "∞", "no value"))

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([[0.5, 0.125]], ["0.50", "0.13"]),
            ([[0.0, 0.001, 1.5]], ["0", "0.00", "1.50"]),
            ([[1, 2500]], ["1", "2,500"]),
            ([[-0.001, 2.0]], ["0.00", "2.00"]),
            ([[123.456, 1.0]], ["123.5", "1.0"]),
            ([[3e-6, NAN]], ["3×10−6", ""]),
        ],
    )
    def test_numbers_stand_in_the_cells(
        self, values: list[list[float]], expected: list[str]
    ) -> None:
        (numbers,) = elements(draw(Matrix(values)), "div", "numbers")
        assert texts(numbers, "span") == expected

    def test_a_large_matrix_has_few_elements_and_a_summary(self) -> None:
        values = RANDOM.normal(size=(64, 64))
        root = draw(Matrix(values, diverging=True))
        assert len(elements(elements(root, "svg", "cells")[0], "path")) <= 65 + 3
        rows = elements(elements(root, "tbody")[0], "tr")
        first = ["".join(cell.itertext()) for cell in rows[0]]
        assert first[4] == str(values[0].argmax())
        assert float(first[3].replace("−", "-")) == pytest.approx(values[0].max(), abs=1e-3)

    def test_the_label_says_where_the_largest_value_is(self) -> None:
        label = elements(draw(Matrix([[1.0, 2.0], [7.5, 0.0]], rows=["a", "b"])), "svg", "cells")[0]
        assert "the largest is in row b, column 0" in label.get("aria-label", "")


def contrast(a: str, b: str) -> float:
    """WCAG 2.2's contrast ratio of two colours #rrggbb."""

    def luminance(colour: str) -> float:
        c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="session")
def colours() -> dict[str, dict[str, list[str]]]:
    script = (
        f'import {{ colours }} from "{(BROWSER / "styles/scales.mjs").as_uri()}";'
        "const both = (scale) => "
        "({ light: colours(scale, 'light'), dark: colours(scale, 'dark') });"
        "console.log(JSON.stringify({ m: both('magnitude'), d: both('signed') }));"
    )
    said = subprocess.check_output(node.command("--input-type=module", "--eval", script))
    found: dict[str, dict[str, list[str]]] = json.loads(said)
    return found


class TestColours:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("scale", ["m", "d"])
    def test_numbers_can_be_read_on_every_level(
        self, colours: dict[str, dict[str, list[str]]], scale: str, scheme: str
    ) -> None:
        levels = colours[scale][scheme]
        ends = (-1.0, 1.0) if scale == "d" else (0.0, 1.0)
        values = np.linspace(*ends, len(levels))
        weak, strong = ("#000000", "#ffffff") if scheme == "light" else ("#ffffff", "#000000")
        for level, value in enumerate(values):
            root = draw(Matrix([[value]], domain=ends, diverging=scale == "d"))
            assert cells(root, (1, 1))[0, 0] == f"{scale}{level}"
            turned = elements(elements(root, "div", "numbers")[0], "span", "on-strong")
            assert contrast(levels[level], strong if turned else weak) >= 4.5, level

    @pytest.mark.parametrize(("scheme", "paper"), [("", "#fffefb"), ("slate", "#14171c")])
    def test_series_stand_out_from_the_paper(self, scheme: str, paper: str) -> None:
        light, dark = (BROWSER / "styles/tokens.css").read_text("utf-8").split("@media screen")
        sheet = dark if scheme else light
        assert f"--paper: {paper}" in sheet
        series = re.findall(r"--c\d: (#\w{6})", sheet)
        assert len(series) == 6
        assert all(contrast(colour, paper) >= 3 for colour in series)


class TestText:
    def test_hostile_text_arrives_as_text(self) -> None:
        assert "<script>alert(1)</script>" in words(draw(Note(HOSTILE)))

    def test_what_cannot_be_seen_in_a_token_is_shown(self) -> None:
        tokens = [" a b", "\n", "\t", "", "\x07", "\u200b", "👩‍👩‍👧", "\u00a0"]
        shown = [words(e) for e in elements(draw(Tokens(tokens)), "span", "chip")]
        assert shown == ["·a·b", "↵", "⇥", "∅", "␇", "U+200B", "👩‍👩‍👧", "⍽"]

    def test_tokens_are_shaded_and_numbered(self) -> None:
        root = draw(Tokens(["a", "b"], values=[0.25, 0.5]))
        assert [e.get("class", "").split()[2] for e in elements(root, "span", "chip")] == [
            "m32",
            "m63",
        ]
        assert texts(root, "span", "token-value") == ["0.25", "0.5"]

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1024, "1,024"),
            (7_241_732_096, "7,241,732,096"),
            (0.123456, "0.1235"),
            (-2.5, "−2.5"),
            (123456.7, "123,457"),
            (1e-7, "1×10−7"),
            (6.02e23, "6.02×1023"),
            (NAN, "–"),
            (-INF, "−∞"),
            (0.0, "0"),
            (-0.0, "0"),
            ("ok", "ok"),
        ],
    )
    def test_metrics_show_numbers_for_people(self, value: float | str, expected: str) -> None:
        assert texts(draw(Metrics(x=value)), "span", "metric-value") == [expected]

    def test_a_column_of_numbers_shares_its_decimals(self) -> None:
        table = Table(["k", "v"], [["a", 0.5], ["b", 12.25], ["c", NAN]])
        assert texts(draw(table), "td", "number") == ["0.50", "12.25", "–"]

    def test_truth_and_absence_have_words(self) -> None:
        table = Table(["k", "v"], [["a", True], ["b", False], ["c", None]])
        assert texts(draw(table), "td") == ["yes", "no", ""]

    def test_paragraphs_and_tone_of_a_note(self) -> None:
        root = draw(EVERY_KIND["note"])
        assert texts(root, "p")[-2:] == ["One.", "Two."]
        assert "Careful" in words(root)


class TestMath:
    def test_is_typeset_with_mathml_beside_it(self) -> None:
        root = ElementTree.fromstring(node.math(r"\sqrt{x}"))
        assert any(e.tag.endswith("msqrt") for e in root.iter())

    def test_display_differs_from_inline(self) -> None:
        assert "katex-display" in node.math("x", display=True)
        assert "katex-display" not in node.math("x")

    @pytest.mark.parametrize("tex", [r"\frac{1", r"\nosuchcommand", r"x^2^3", r"\href{x}{y}"])
    def test_an_error_names_the_formula(self, tex: str) -> None:
        with pytest.raises(node.RenderError) as error:
            node.math(tex)
        assert tex in str(error.value)

    def test_goes_on_after_an_error(self) -> None:
        with pytest.raises(node.RenderError):
            node.math("}")
        assert "katex" in node.math("x")


class TestProcess:
    def test_serves_threads_without_mixing_their_answers(self) -> None:
        answers: dict[int, list[str]] = {}

        def ask(thread: int) -> None:
            answers[thread] = [node.math(f"{thread}+{i}") for i in range(20)]

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(f">{i}+{j}</annotation>" in answers[i][j] for i in range(8) for j in range(20))

    def test_starts_again_after_it_was_killed(self) -> None:
        before = node.math("x")
        assert node._process is not None
        node._process.kill()
        node._process.wait()
        assert node.math("x") == before

    def test_another_process_draws_the_same(self) -> None:
        views = list(ALL.values())
        before = node.render(views, "v")
        assert node._process is not None
        node._process.kill()
        node._process.wait()
        assert node.render(views, "v") == before

    def test_says_what_to_do_when_it_is_not_built(
        self, monkeypatch: pytest.MonkeyPatch, unstarted: None
    ) -> None:
        monkeypatch.setattr(node, "PROGRAM", node.PROGRAM.with_name("missing.mjs"))
        with pytest.raises(node.RenderError, match=r"missing\.mjs is missing.*build\.mjs"):
            node.math("x")

    def test_an_id_that_would_break_the_markup_is_refused(self) -> None:
        with pytest.raises(node.RenderError, match="can't be an id"):
            node.render([Note("x")], '"><script>')

    @pytest.fixture
    def unstarted(self) -> None:
        if node._process is not None:
            node._process.kill()
            node._process.wait()
