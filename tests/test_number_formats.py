"""Number formats against torch's, against each other, and against published values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdeep.block_scales import LARGEST_BLOCK, quantize_blocks
from llmdeep.narrow_floats import from_bfloat16, from_float8_e4m3, from_float8_e5m2
from llmdeep.number_formats import FORMATS, decode, encode, normal_levels, round_to, spacing
from llmdeep.weight_bytes import FORMATS as STORED

IN_TORCH = {
    "fp32": (torch.float32, torch.int32),
    "bf16": (torch.bfloat16, torch.int16),
    "fp16": (torch.float16, torch.int16),
    "fp8 E5M2": (torch.float8_e5m2, torch.uint8),
    "fp8 E4M3": (torch.float8_e4m3fn, torch.uint8),
}
SMALL = [name for name, f in FORMATS.items() if f.bits <= 8]
every_format = pytest.mark.parametrize("name", FORMATS)
torchs = pytest.mark.parametrize("name", IN_TORCH)


def many_values() -> np.ndarray:
    """float32 numbers of every size, with ties, neighbours of limits, zeros and infinities."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    patterns = patterns[~np.isnan(patterns)]
    sizes = rng.standard_normal(20_000) * 10.0 ** rng.uniform(-9, 6, 20_000)
    limits = [f.largest for f in FORMATS.values()] + [f.smallest for f in FORMATS.values()]
    around = [factor * v for v in limits for factor in (0.5, 0.75, 1, 1.03, 1.0625, 1.25, 1.5)]
    halves = np.arange(-1000, 1000) / 32
    special = [0.0, -0.0, math.inf, -math.inf]
    with np.errstate(over="ignore"):
        return np.concatenate([patterns, sizes, around, halves, special]).astype(np.float32)


@torchs
def test_rounding_is_torchs(name: str) -> None:
    values = many_values()
    saturates = name == "fp8 E4M3"  # which has no infinity; torch makes 448 of one
    ours = round_to(values.astype(np.float64), FORMATS[name], saturate=saturates)
    theirs = torch.from_numpy(values).to(IN_TORCH[name][0]).to(torch.float64).numpy()
    np.testing.assert_array_equal(ours, theirs)


@torchs
def test_codes_are_torchs(name: str) -> None:
    kind, as_bits = IN_TORCH[name]
    values = many_values()[::200]
    values = values[np.abs(values) <= FORMATS[name].largest]
    codes = torch.from_numpy(values).to(kind).view(as_bits).tolist()
    mask = (1 << FORMATS[name].bits) - 1
    assert [encode(v, FORMATS[name]) for v in values.tolist()] == [code & mask for code in codes]


@torchs
def test_limits_are_torchs(name: str) -> None:
    info, f = torch.finfo(IN_TORCH[name][0]), FORMATS[name]
    found = (f.largest, f.smallest_normal, f.epsilon, f.smallest)
    assert found == (info.max, info.tiny, info.eps, info.smallest_normal * info.eps)


def test_fields_agree_with_the_decoders_of_files() -> None:
    sixteen, eight = np.arange(0, 2**16, 13, dtype=np.uint16), np.arange(256, dtype=np.uint8)
    for name, codes, values in (
        ("bf16", sixteen, from_bfloat16(sixteen)),
        ("fp16", sixteen, sixteen.view(np.float16)),
        ("fp8 E4M3", eight, from_float8_e4m3(eight)),
        ("fp8 E5M2", eight, from_float8_e5m2(eight)),
    ):
        ours = [decode(code, FORMATS[name]) for code in codes.tolist()]
        with np.errstate(invalid="ignore"):  # a NaN that signals
            np.testing.assert_array_equal(np.array(ours), values.astype(np.float64))


@every_format
def test_codes_come_back(name: str) -> None:
    f = FORMATS[name]
    rng = np.random.default_rng(1)
    codes = range(256) if f.bits == 8 else rng.integers(0, 1 << f.bits, 300).tolist()
    for code in codes:
        value = decode(code, f)
        if not math.isnan(value):
            assert encode(value, f) == code
        elif f.top == "numbers":
            pytest.fail("a format of numbers only has no NaN")


@pytest.mark.parametrize("name", SMALL)
@settings(deadline=None)
@given(value=st.floats(-500, 500))
def test_no_number_of_the_format_is_nearer(name: str, value: float) -> None:
    f = FORMATS[name]
    numbers = np.array([decode(code, f) for code in range(1 << f.bits)])
    numbers = numbers[np.isfinite(numbers)]
    rounded = float(round_to(np.array([value]), f, saturate=True)[0])
    assert rounded in numbers
    assert abs(rounded - value) == np.abs(numbers - value).min()


@every_format
def test_neighbours_are_a_spacing_apart(name: str) -> None:
    f = FORMATS[name]
    numbers = np.array([decode(code, f) for code in range(min(1 << (f.bits - 1), 4000))])
    numbers = numbers[np.isfinite(numbers)]
    np.testing.assert_array_equal(np.diff(numbers), spacing(numbers[:-1], f))


def test_published_values() -> None:
    four = {abs(decode(code, FORMATS["fp4 E2M1"])) for code in range(16)}
    assert four == {0, 0.5, 1, 1.5, 2, 3, 4, 6}  # arXiv:2310.10537, table 1 and the same below
    assert (FORMATS["fp6 E2M3"].largest, FORMATS["fp6 E3M2"].largest) == (7.5, 28)
    assert (FORMATS["fp8 E4M3"].largest, FORMATS["fp8 E5M2"].largest) == (448, 57_344)
    published = (  # the authors' code, bitsandbytes
        "-1 -0.6961928 -0.5250731 -0.3949175 -0.2844414 -0.1847734 -0.0910500 0 "
        "0.0795803 0.1609302 0.2461123 0.3379152 0.4407098 0.5626170 0.7229568 1"
    )
    np.testing.assert_allclose(normal_levels(), [float(v) for v in published.split()], atol=5e-7)


@pytest.mark.parametrize("name", ["fp6 E3M2", "fp6 E2M3", "fp4 E2M1"])
def test_a_format_of_numbers_refuses_nan(name: str) -> None:
    with pytest.raises(ValueError, match="NaN"):
        encode(math.nan, FORMATS[name])


@pytest.mark.parametrize("name", LARGEST_BLOCK)
def test_a_block_is_near_its_original(name: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, LARGEST_BLOCK[name])) * 10.0 ** rng.uniform(-2, 2, (200, 1))
    values[0] = 0
    small, scales = quantize_blocks(values, name)
    assert (
        len(np.unique(small)) <= 2 ** STORED["int4, groups of 128" if name == "int4" else name].bits
    )
    error = np.linalg.norm(small * scales - values) / np.linalg.norm(values)
    bound = {"mxfp8": 0.03, "mxfp6": 0.04}.get(name, 0.14)
    assert 0 < error < bound
    assert not (small * scales)[0].any()


def test_scales_are_of_their_formats() -> None:
    values = np.random.default_rng(0).standard_normal((50, 32))
    for name in ("mxfp8", "mxfp6", "mxfp4"):
        _, scales = quantize_blocks(values, name)
        assert set(np.frexp(scales)[0].ravel()) == {0.5}  # powers of two
    _, scales = quantize_blocks(values, "nvfp4")
    of_tensor = scales.max() / 448
    np.testing.assert_array_equal(
        round_to(scales / of_tensor, FORMATS["fp8 E4M3"]), scales / of_tensor
    )


def test_mx_in_eight_bits_is_torchs_rounding_under_the_scale() -> None:
    values = np.random.default_rng(0).standard_normal((50, 32)).astype(np.float32)
    small, scales = quantize_blocks(values.astype(np.float64), "mxfp8")
    inside = np.abs(values / scales) <= 448
    theirs = torch.from_numpy((values / scales).astype(np.float32)).to(torch.float8_e4m3fn)
    np.testing.assert_array_equal(small[inside], theirs.to(torch.float64).numpy()[inside])
    assert (np.abs(small[~inside]) == 448).all()


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [([[1.0, np.inf]], "nf4", "finite"), ([[1.0]], "fp3", "is not one of mxfp8")],
)
def test_what_cannot_be_quantized_is_refused(values: list, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quantize_blocks(np.array(values), name)
