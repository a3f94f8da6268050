"""The widget that opens a file of weights: what it shows, what it reads, and damaged files."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from llmdeep import book_model
from llmdeep.book_model import NAMES, downloaded_file, published_file
from llmdeep.data_files import path
from llmdeep.file_contents import OUTSIDE, families, kind, layer, stretches
from llmdeep.quantization import SCALES, dequantize
from llmdeep.safetensors_file import read_header, read_numbers, read_safetensors, write_safetensors
from llmdeep.site import node
from llmdeep.widgets import Chart, ControlError, Matrix, Metrics, Note, OpenFile, Table, View
from llmdeep.widgets import weights_file as widget

RNG = np.random.default_rng(0)
LLAMA = {
    "model.embed_tokens.weight": RNG.standard_normal((40, 16), np.float32),
    "model.layers.0.self_attn.q_proj.weight": RNG.standard_normal((16, 16), np.float32),
    "model.layers.1.self_attn.q_proj.weight": RNG.standard_normal((16, 16), np.float32),
    "model.norm.weight": np.ones(16, np.float32),
}


def opened(content: bytes, folder: Path, name: str = "own.safetensors") -> OpenFile:
    target = folder / name
    target.write_bytes(content)
    return OpenFile.of(target)


def counting(file: OpenFile) -> tuple[OpenFile, list[tuple[int, int]]]:
    """The file, and a list of what is read of it."""
    asked: list[tuple[int, int]] = []

    def source(start: int, length: int) -> bytes:
        asked.append((start, length))
        return file.source(start, length)

    return dataclasses.replace(file, source=source), asked


def only(views: list[View], kind_of_view: type, title: str = "") -> Any:
    found = [v for v in views if isinstance(v, kind_of_view) and title in v.title]  # type: ignore[attr-defined]
    assert len(found) == 1, f"{len(found)} {kind_of_view.__name__} with {title!r}"
    return found[0]


def numbers(views: list[View], title: str) -> dict[str, float]:
    return {name: item.value for name, item in only(views, Metrics, title).items.items()}


class TestTheBooksModel:
    @pytest.mark.parametrize("name", NAMES)
    def test_as_published_is_the_file_byte_for_byte(self, name):
        assert published_file(name) == (path(f"models/{name}") / "model.safetensors").read_bytes()

    @pytest.mark.parametrize("name", NAMES)
    def test_a_page_makes_the_published_file_from_the_one_it_downloaded(
        self, name, tmp_path, monkeypatch
    ):
        """In a page the folder holds the 8-bit file; both functions must give the same bytes."""
        published, downloaded = published_file(name), downloaded_file(name)
        (tmp_path / "model.safetensors").write_bytes(downloaded)
        monkeypatch.setattr(book_model, "path", lambda _: tmp_path)
        for function in ("_published", "_downloaded"):
            uncached = getattr(book_model, function).__wrapped__
            monkeypatch.setattr(book_model, function, uncached)
        assert published_file(name) == published
        assert downloaded_file(name) == downloaded

    def test_other_models_are_refused(self):
        for function in (published_file, downloaded_file):
            with pytest.raises(ValueError, match="storybook"):
                function("gpt-5")

    def test_its_two_forms_show_the_same_numbers(self):
        both = [
            widget.render(model=m, tensor="k_proj") for m in (widget.PUBLISHED, widget.DOWNLOADED)
        ]
        first, second = (only(views, Matrix).values for views in both)
        assert np.array_equal(first, second)
        assert numbers(both[0], "Its numbers") == numbers(both[1], "Its numbers")


class TestAgainstThePackage:
    @pytest.mark.parametrize(
        "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8]
    )
    def test_corner_and_statistics_are_those_of_the_tensor(self, dtype, tmp_path):
        values = (20 * torch.randn(30, 20, generator=torch.Generator().manual_seed(1))).to(dtype)
        file = tmp_path / "own.safetensors"
        safetensors.torch.save_file({"first": torch.zeros(3), "matrix": values}, file)
        views = widget.render(OpenFile.of(file), tensor="matrix", row=5, column=17)
        expected = values.to(torch.float64).numpy()
        assert np.array_equal(only(views, Matrix).values, expected[5:17, 17:20])
        shown = numbers(views, "Its numbers")
        assert shown["min"] == expected.min()
        assert shown["max"] == expected.max()
        assert shown["mean"] == pytest.approx(expected.mean())
        assert shown["standard deviation"] == pytest.approx(expected.std())
        norms = only(views, Chart, "Norm of each row").marks[0].y
        np.testing.assert_allclose(norms, np.linalg.norm(expected, axis=1))
        counts = only(views, Chart, "distributed").marks[0].y
        assert np.sum(counts) == values.numel()

    def test_any_part_is_what_the_package_reads(self, tmp_path):
        file = tmp_path / "own.safetensors"
        whole = {"cube": torch.randn(3, 4, 5).to(torch.bfloat16), "empty": torch.zeros(0, 4)}
        safetensors.torch.save_file(whole, file)
        read = OpenFile.of(file).read
        header = read_header(read, file.stat().st_size)
        flat = whole["cube"].float().numpy().ravel()
        for start, stop in ((0, 60), (7, 8), (59, 70), (60, 60), (13, 41)):
            got = read_numbers(read, header, "cube", start, stop)
            assert np.array_equal(got, flat[start:stop])
        assert read_numbers(read, header, "empty", 0, 9).size == 0

    def test_totals_are_those_of_the_package(self, tmp_path):
        file = opened(safetensors.numpy.save(LLAMA, {"format": "np"}), tmp_path)
        views = widget.render(file)
        shown = numbers(views, "own.safetensors")
        assert shown["tensors"] == len(LLAMA)
        assert shown["numbers"] == sum(array.size for array in LLAMA.values())
        header = read_header(file.read, file.size)
        first = only(views, Table, "first bytes").rows
        assert first[0][2] == f"length of the header: {header.data_start - 8:,}"
        assert '{"__metadata__":{"format":"np"}' in first[1][2]


class TestContents:
    def test_tensors_that_differ_in_a_number_are_one_line(self, tmp_path):
        header = read_header(*reader(write_safetensors(LLAMA)))
        found = {f.pattern: f for f in families(header.entries)}
        assert found["model.layers.*.self_attn.q_proj.weight"].n_tensors == 2
        assert sum(f.n_bytes for f in found.values()) == sum(a.nbytes for a in LLAMA.values())

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("model.embed_tokens.weight", ("embedding", OUTSIDE)),
            ("model.layers.17.self_attn.q_norm.weight", ("norm", 17)),
            ("model.layers.3.mlp.experts.12.down_proj.weight", ("feed-forward", 3)),
            ("h.11.attn.c_attn.bias", ("attention", 11)),
            ("lm_head.weight", ("unembedding", OUTSIDE)),
            ("x1.y", ("other", OUTSIDE)),
        ],
    )
    def test_names_say_what_and_where(self, name, expected):
        assert (kind(name), layer(name)) == expected

    @pytest.mark.parametrize("file", [published_file, downloaded_file])
    def test_stretches_cover_the_data_once(self, file):
        header = read_header(*reader(file()))
        parts = list(stretches(header.entries))
        assert parts[0].start == 0
        assert parts[-1].stop == len(file()) - header.data_start
        assert all(a.stop == b.start for a, b in itertools.pairwise(parts))
        assert all(a[:2] != b[:2] for a, b in itertools.pairwise(parts))

    def test_thousands_of_tensors_are_a_page_and_quick_to_draw(self, tmp_path):
        many = {f"layers.{n % 60}.experts.{n}.up": np.ones((2, 2), np.int8) for n in range(6000)}
        many |= {f"odd{'x' * n}": np.ones(n, np.float16) for n in range(1, 80)}
        views = widget.render(opened(write_safetensors(many), tmp_path))
        tables = [view for view in views if isinstance(view, Table)]
        assert sum(len(table.rows) for table in tables) < 60
        rows = only(views, Table, "What it holds").rows
        assert sum(row[1] for row in rows) == len(many)
        assert sum(row[4] for row in rows) == sum(array.size for array in many.values())


class TestWhatIsRead:
    def test_of_a_huge_file_only_the_header_and_the_part_looked_at(self, tmp_path):
        """3 GB, sparse on disk: to read it all would take minutes and the machine's memory."""
        rows, columns = 100_000, 15_000
        header = json.dumps(
            {"huge": {"dtype": "F16", "shape": [rows, columns], "data_offsets": [0, 3 * 10**9]}}
        ).encode()
        target = tmp_path / "huge.safetensors"
        with target.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + 3 * 10**9)
            file.seek(8 + len(header) + 2 * (columns * 99_999 + 14_999))
            file.write(np.float16(1.5).tobytes())
        counted, asked = counting(OpenFile.of(target))
        views = widget.render(counted, row=99_990, column=14_990)
        assert only(views, Matrix).values[-1][-1] == 1.5
        assert sum(length for _, length in asked) < 4 * 2**20
        assert "first 1,035,000 of 1,500,000,000" in only(views, Metrics, "Its numbers").title

    def test_a_vector_longer_than_the_sample_is_cut_too(self, tmp_path):
        vector = {"long": np.zeros(3 * 2**20, np.int8)}
        counted, asked = counting(opened(write_safetensors(vector), tmp_path))
        widget.render(counted)
        assert sum(length for _, length in asked) < 2**20 + 1000


class TestDamage:
    WHOLE = write_safetensors(LLAMA)

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b"", "begins with 8 bytes"),
            (WHOLE[:5], "begins with 8 bytes"),
            (WHOLE[:100], "cut off"),
            (WHOLE[:-1], "cut off"),
            (WHOLE + b"\0", "belong to none"),
            (WHOLE.replace(b"F32", b"F99", 1), "F99"),
            (WHOLE.replace(b"[40,16]", b"[41,16]"), "takes"),
            (WHOLE[:8] + b"\xff" + WHOLE[9:], "UTF-8"),
            (WHOLE[:8] + b"!" + WHOLE[9:], "not JSON"),
            (b"PK\x03\x04" + bytes(200), "zip archive"),
            (b"GGUF" + bytes(200), "GGUF"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS"),
        ],
    )
    def test_is_named_and_the_bytes_are_shown(self, content, what, tmp_path):
        views = widget.render(opened(content, tmp_path))
        note = only(views, Note)
        assert note.tone == "warning"
        assert what in note.text
        shown = b"".join(bytes.fromhex(row[1]) for row in only(views, Table).rows)
        assert shown == content[:32]
        node.render(views, "test")

    def test_any_one_byte_wrong_in_the_header_gives_views(self, tmp_path):
        """A file changed anywhere is drawn, or its problem is told: it never breaks the figure."""
        rng = np.random.default_rng(2)
        end = read_header(*reader(self.WHOLE)).data_start
        for place in rng.integers(0, end, 60):
            content = bytearray(self.WHOLE)
            content[place] = rng.integers(256)
            try:
                assert widget.render(opened(bytes(content), tmp_path))
            except ControlError as refusal:
                pytest.fail(f"byte {place}: {refusal}")


class TestNumbersThatAreNone:
    def test_nan_and_infinity_are_counted_and_left_out(self, tmp_path):
        array = np.array([[np.nan, np.inf, 1.0], [3.0, -np.inf, 2.0]], np.float32)
        with np.errstate(all="raise"):
            views = widget.render(opened(write_safetensors({"a": array}), tmp_path))
        shown = numbers(views, "Its numbers")
        assert shown["not finite"] == 3
        assert shown["mean"] == 2
        assert shown["max"] == 3
        node.render(views, "test")

    @pytest.mark.parametrize(
        "array",
        [
            np.full((2, 2), np.nan, np.float32),
            np.zeros((0, 4), np.float32),
            np.zeros((4, 0), np.float32),
            np.array(3.0, np.float32),
            np.array([True, False]),
            np.array([1 + 2j], np.complex64),
            np.array([-1e308, 1e308]),
            np.array([2**64 - 1], np.uint64),
        ],
    )
    def test_odd_tensors_are_shown_or_explained(self, array, tmp_path):
        with np.errstate(all="raise"):
            views = widget.render(opened(write_safetensors({"odd": array}), tmp_path))
        for markup in node.render(views, "test"):
            assert "NaN" not in markup.replace("no number is finite", "")

    def test_types_that_are_not_decoded_are_named(self, tmp_path):
        header = json.dumps({"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode()
        views = widget.render(
            opened(len(header).to_bytes(8, "little") + header + b"\0\0", tmp_path)
        )
        assert "F4" in only(views, Note).text

    def test_an_empty_file_of_this_format_is_no_damage(self, tmp_path):
        note = only(widget.render(opened(write_safetensors({}), tmp_path)), Note)
        assert note.tone == "info"


class TestChoosing:
    @pytest.mark.parametrize(
        ("wanted", "name"),
        [
            ("", "model.embed_tokens.weight"),
            ("4", "model.norm.weight"),
            ("NORM", "model.norm.weight"),
            ("layers.1", "model.layers.1.self_attn.q_proj.weight"),
            (" model.norm.weight ", "model.norm.weight"),
        ],
    )
    def test_by_number_part_or_whole_name(self, wanted, name, tmp_path):
        views = widget.render(opened(write_safetensors(LLAMA), tmp_path), tensor=wanted)
        assert only(views, Table, "The tensor below").rows[0][1] == name
        assert name in only(views, Matrix).title

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"tensor": "5"}, "1 to 4"),
            ({"tensor": "0"}, "1 to 4"),
            ({"tensor": "no such"}, "model.embed_tokens.weight"),
            ({"row": 40}, "rows 0 to 39"),
            ({"column": 16}, "columns 0 to 15"),
        ],
    )
    def test_what_is_not_there_is_refused(self, given, says, tmp_path):
        with pytest.raises(ControlError, match=says):
            widget.render(opened(write_safetensors(LLAMA), tmp_path), **given)

    def test_codes_with_scales_are_multiplied_out(self):
        tensors = read_safetensors(downloaded_file())
        name = "model.layers.1.mlp.up_proj.weight"
        expected = dequantize(tensors[name], tensors[name + SCALES])
        views = widget.render(model=widget.DOWNLOADED, tensor=name, row=100, column=50)
        assert np.array_equal(only(views, Matrix).values, expected[100:112, 50:62])


def reader(content: bytes):
    return lambda start, length: content[start : start + length], len(content)
