"""The reader and writer of the format against the package `safetensors`, and against damage."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

from llmdeep.narrow_floats import from_bfloat16, from_float8_e4m3, from_float8_e5m2
from llmdeep.safetensors_file import (
    read_array,
    read_header,
    read_safetensors,
    write_safetensors,
)

NUMPY_TYPES = [
    np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64,
    np.float16, np.float32, np.float64, np.complex64,
]  # fmt: skip
SHAPES = [(), (0,), (3,), (2, 3), (0, 4), (2, 1, 3)]
GAIN = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def arrays(dtype, seed: int = 0) -> dict[str, np.ndarray]:
    """One of each shape; any bytes are a number, apart from booleans."""
    rng = np.random.default_rng(seed)
    found = {}
    for shape in SHAPES:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = rng.integers(0, 2 if dtype is np.bool_ else 256, size, dtype=np.uint8)
        found[f"shape {shape}"] = np.frombuffer(raw.tobytes(), dtype).reshape(shape)
    return found


def file_of(header: object, data: bytes = bytes(8)) -> bytes:
    """A file with any header: an object to be written as JSON, a text, or bytes."""
    if not isinstance(header, str | bytes):
        header = json.dumps(header)
    raw = header if isinstance(header, bytes) else header.encode()
    return len(raw).to_bytes(8, "little") + raw + data


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


class TestReading:
    @pytest.mark.parametrize("dtype", NUMPY_TYPES)
    @pytest.mark.parametrize("where", ["bytes", "path"])
    def test_gives_what_the_package_wrote(self, dtype, where, tmp_path):
        wrote = arrays(dtype)
        file = safetensors.numpy.save(wrote, {"format": "np"})
        if where == "path":
            path = tmp_path / "weights.safetensors"
            path.write_bytes(file)
        read = read_safetensors(path if where == "path" else file)
        assert read.keys() == wrote.keys()
        assert all(same(read[name], wrote[name]) for name in wrote)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
    def test_decodes_every_number_that_numpy_has_no_type_for(self, dtype):
        bits = 16 if dtype == torch.bfloat16 else 8
        codes = torch.arange(2**bits).to(torch.uint16 if bits == 16 else torch.uint8)
        wrote = codes.view(dtype).reshape(2, -1)
        read = read_safetensors(safetensors.torch.save({"all": wrote}))["all"]
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, wrote.float().numpy())

    def test_copies_nothing(self, tmp_path):
        path = tmp_path / "weights.safetensors"
        path.write_bytes(write_safetensors({"a": np.arange(4.0), "b": np.ones(3, np.int8)}))
        for source in (path, path.read_bytes()):
            for array in read_safetensors(source).values():
                assert not array.flags.owndata
                assert not array.flags.writeable

    def test_aligns_what_the_file_does_not(self):
        header = {"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}
        text = json.dumps(header)
        for spaces in range(8):
            read = read_safetensors(file_of(text + " " * spaces, np.float64(2.5).tobytes()))
            assert read["a"].flags.aligned
            assert read["a"] == [2.5]

    def test_looks_at_the_header_alone_until_an_array_is_asked_for(self):
        file = write_safetensors({"big": np.zeros(10_000), "small": np.arange(3, dtype=np.int8)})
        asked = []

        def read(start: int, length: int) -> bytes:
            asked.append((start, length))
            return file[start : start + length]

        header = read_header(read, len(file))
        assert asked == [(0, 8), (8, header.data_start - 8)]
        assert np.array_equal(read_array(read, header, "small"), [0, 1, 2])
        assert asked[2:] == [(len(file) - 3, 3)]

    def test_tells_the_metadata(self):
        file = safetensors.numpy.save({"a": np.ones(2)}, {"format": "pt", "who": "ä"})
        assert read_header(lambda start, n: file[start : start + n], len(file)).metadata == {
            "format": "pt",
            "who": "ä",
        }

    def test_an_empty_file_of_no_arrays_is_a_file(self):
        assert read_safetensors(safetensors.numpy.save({})) == {}


class TestWriting:
    @pytest.mark.parametrize("dtype", NUMPY_TYPES)
    def test_gives_what_the_package_reads(self, dtype):
        wrote = arrays(dtype)
        read = safetensors.numpy.load(write_safetensors(wrote, {"note": "ü"}))
        assert read.keys() == wrote.keys()
        assert all(same(read[name], wrote[name]) for name in wrote)

    def test_mixed_types_are_aligned_and_equal_the_packages_file(self):
        mixed = {"b": np.ones(3, np.int8), "a": np.ones(2, np.float32), "c": np.ones(1, np.int64)}
        file = write_safetensors(mixed)
        assert all(array.flags.aligned for array in read_safetensors(file).values())
        theirs = safetensors.numpy.save(mixed)
        header = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])
        assert header == json.loads(theirs[8 : 8 + int.from_bytes(theirs[:8], "little")])
        assert list(header) == ["c", "a", "b"]

    def test_strided_and_big_endian_arrays_are_written_as_they_read(self):
        wrote = {"t": np.arange(6, dtype=">f4").reshape(2, 3).T}
        assert np.array_equal(safetensors.numpy.load(write_safetensors(wrote))["t"], wrote["t"])

    @pytest.mark.parametrize("array", [np.array(["text"]), np.ones(2, np.complex128)])
    def test_refuses_what_the_format_does_not_have(self, array):
        with pytest.raises(ValueError, match=r"array 'x' is .*, which safetensors does not have"):
            write_safetensors({"x": array})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "begins with 8 bytes of length; here are 0"),
        (b"\x00" * 7, "here are 7"),
        (file_of({"gain": GAIN})[:30], "header would end at byte .*, but the file has 30"),
        ((2**40).to_bytes(8, "little") + bytes(99), "1099511627776 bytes long, more than"),
        (b"PK\x03\x04" + bytes(99), "header would end at byte 67324760, but"),
        (b"\x80\x02}q\x00(X\x05" + bytes(99), "this is no safetensors file"),
        (file_of(""), "header is not JSON"),
        (file_of("{'gain': 1}"), "header is not JSON: .* at character 1"),
        (file_of('{"gain": '), "header is not JSON"),
        (file_of("[1]", b""), "must be a JSON object, not list"),
        (file_of("[" * 100_000), "nested too deep"),
        (file_of(b'{"ga\xff'), "not UTF-8 at byte 12"),
        (file_of('{"\\ud800": 0}'), "half of a pair"),
        (file_of('{"a": ' + "9" * 5000 + "}"), "a number of 5000 digits"),
        (file_of(f'{{"gain": {json.dumps(GAIN)}, "gain": 1}}'), "names 'gain' twice"),
        (file_of({"__metadata__": {"a": 1}}), "__metadata__ must hold texts"),
        (file_of({"__metadata__": []}), "__metadata__ must hold texts"),
        (file_of({"gain": 1}), "array 'gain' must have data_offsets, dtype, shape"),
        (file_of({"gain": {"dtype": "F32"}}), "array 'gain' must have"),
        (file_of({"gain": GAIN | {"more": 1}}), "array 'gain' must have .* nothing else"),
        (file_of({"gain": GAIN | {"dtype": "F33"}}), "array 'gain' has the unknown dtype 'F33'"),
        (file_of({"gain": GAIN | {"dtype": ["F32"]}}), "unknown dtype"),
        (file_of({"gain": GAIN | {"shape": [-2, -1]}}), r"'gain' has the shape \[-2, -1\]"),
        (file_of({"gain": GAIN | {"shape": [2.0]}}), r"'gain' has the shape \[2.0\]"),
        (file_of({"gain": GAIN | {"shape": [True, 2]}}), "'gain' has the shape"),
        (file_of({"gain": GAIN | {"shape": 2}}), "'gain' has the shape 2"),
        (file_of({"gain": GAIN | {"data_offsets": [8, 0]}}), "not a start and a stop"),
        (file_of({"gain": GAIN | {"data_offsets": [0, 4, 8]}}), "not a start and a stop"),
        (file_of({"gain": GAIN | {"shape": [3]}}), r"shape \[3\], takes 12 bytes; .* hold 8"),
        (file_of({"gain": GAIN | {"dtype": "F4", "shape": [15]}}), "takes 7.5 bytes"),
        (file_of({"gain": GAIN}, bytes(7)), "'gain' ends at byte 8 .* there are 7: .* cut off"),
        (file_of({"gain": GAIN}, bytes(10)), "2 bytes follow the last array"),
        (file_of({"gain": GAIN | {"data_offsets": [2, 10]}}, bytes(10)), "leaves a gap"),
        (
            file_of({"gain": GAIN, "next": GAIN | {"data_offsets": [4, 12]}}, bytes(12)),
            "'next' begins at byte 4 of the data, not 8: it overlaps",
        ),
        (file_of({"x": GAIN | {"dtype": "F8_E8M0", "shape": [8]}}), "does not decode"),
    ],
)
def test_damage_is_named_and_so_is_its_place(file, message):
    with pytest.raises(ValueError, match=message):
        read_safetensors(file)


def test_an_empty_path_is_damage_too(tmp_path: Path):
    path = tmp_path / "empty.safetensors"
    path.touch()
    with pytest.raises(ValueError, match="here are 0"):
        read_safetensors(path)


PIECES = [
    b'"a"', b'"b"', b'"F32"', b'"I8"', b"[2,3]", b"0", b"24", b"27", b"3", b",", b"{", b"}", b"[",
    b"]", b'"dtype"', b'"shape"', b":", b"-1", b"1.0", b"true", b"null", b" ", b"9" * 23,
    b'"\\ud800"', b"\xff", b"1e2", b'"BF16"', b'"F4"', b'"data_offsets"', b'"__metadata__"',
]  # fmt: skip


def damaged(file: bytes, rng: random.Random) -> bytes:
    """A file with one or two changes of its header's bytes or words, or of its length."""
    length = int.from_bytes(file[:8], "little")
    header, data = bytearray(file[8 : 8 + length]), bytearray(file[8 + length :])
    for _ in range(rng.choice([1, 1, 2])):
        at, width = rng.randrange(len(header)), rng.randrange(4)
        match rng.randrange(5):
            case 0:
                header[at] = rng.randrange(256)
            case 1:
                header[at : at + width] = rng.choice(PIECES)
            case 2:
                header[at:at] = rng.choice(PIECES)
            case 3:
                del header[at : at + width]
            case 4:
                data = data[: rng.randrange(len(data) + 1)] + rng.choice([b"", b"xx"])
    return file_of(bytes(header), bytes(data))


def test_random_damage_is_refused_where_the_package_refuses_it_and_read_where_it_reads():
    rng = random.Random(5)
    mixed = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.ones(3, np.int8),
        "c": np.zeros((0, 4), np.float16),
    }
    files = [safetensors.numpy.save(mixed, {"format": "np"}), safetensors.numpy.save({})]
    refused = read = 0
    for _ in range(8000):
        file = damaged(rng.choice(files), rng)
        try:
            theirs = dict(safetensors.deserialize(file))
        except safetensors.SafetensorError:
            with pytest.raises(ValueError, match=r"header|array|bytes"):
                read_safetensors(file)
            refused += 1
            continue
        ours = read_safetensors(file)
        assert ours.keys() == theirs.keys()
        assert all(list(ours[name].shape) == theirs[name]["shape"] for name in ours)
        read += 1
    assert refused > 5000
    assert read > 200


@pytest.mark.parametrize(
    ("decode", "code", "dtype"),
    [
        (from_bfloat16, np.uint16, torch.bfloat16),
        (from_float8_e4m3, np.uint8, torch.float8_e4m3fn),
        (from_float8_e5m2, np.uint8, torch.float8_e5m2),
    ],
)
def test_narrow_floats_keep_their_signs_and_nans(decode, code, dtype):
    codes = np.arange(2 ** (8 * np.dtype(code).itemsize), dtype=np.int64).astype(code)
    ours, theirs = decode(codes), torch.tensor(codes).view(dtype).float().numpy()
    np.testing.assert_array_equal(ours, theirs)
    numbers = ~np.isnan(ours)
    assert np.array_equal(np.signbit(ours[numbers]), np.signbit(theirs[numbers]))
