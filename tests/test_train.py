"""Training: on a small language with a grammar, in seconds."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llmdeep import cli
from llmdeep.checkpoint import read_checkpoint
from llmdeep.quantization import dequantize, pack_8bit, quantize, recover, unpack_8bit
from llmdeep.safetensors_file import read_safetensors
from llmdeep.train import batches, evaluate, loop, model, optimizer, run
from llmdeep.train.corpus import CorpusError, Text, cut, for_selection, read_corpus
from llmdeep.train.gradients import Machine
from llmdeep.train.settings import PRESETS, Settings, with_changes
from llmdeep.train.tokenizer import Tokens, encode, tokenizer_json, train_tokenizer
from llmdeep.transformer import forward

TINY = Settings(
    vocabulary_size=300,
    d_model=32,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    d_head=8,
    d_ff=48,
    context=32,
    epochs=2.0,
    windows=8,
    learning_rate=0.02,
    dropout=0.1,
    split=0.1,
)
CPU = Machine("cpu", torch.float32, compiled=False)


def sentences(n: int, seed: int) -> str:
    """A language in which most of a sentence follows from its start."""
    draw = random.Random(seed)
    nouns = ["fox", "wolf", "hen", "queen", "miller", "tailor", "raven"]
    verbs = ["sees", "fears", "follows", "greets"]
    lines = []
    for _ in range(n):
        noun = draw.choice(nouns)
        lines.append(
            f"The {noun} {draw.choice(verbs)} the {draw.choice(nouns)} — the {noun}’s own."
        )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts; most of their characters take one byte, some three."""
    path = tmp_path_factory.mktemp("texts")
    for seed, name in enumerate(["one", "two"]):
        (path / f"{name}.txt").write_text(sentences(300, seed), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[Text]:
    return read_corpus(folder)


@pytest.fixture(scope="module")
def tokens(texts: list[Text]) -> Tokens:
    return train_tokenizer([text.training for text in texts], TINY.vocabulary_size)


@pytest.fixture(scope="module")
def data(texts: list[Text], tokens: Tokens) -> loop.Data:
    return run.data_for(texts, tokens, TINY)


# The text


def test_the_last_tenth_is_held_out(texts: list[Text], folder: Path) -> None:
    for text in texts:
        whole = (folder / f"{text.name}.txt").read_bytes()
        assert (text.training + text.held_out).encode() == whole
        assert len(whole) * 0.1 <= len(text.held_out.encode()) <= len(whole) * 0.1 + 4


@given(st.text(min_size=1))
def test_a_cut_never_divides_a_character(content: str) -> None:
    training, held_out = cut(content.encode())
    assert training.decode() + held_out.decode() == content


def test_selection_never_sees_the_held_out_part(texts: list[Text]) -> None:
    for whole, chosen in zip(texts, for_selection(texts), strict=True):
        assert chosen.training + chosen.held_out == whole.training


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "is not a folder"),
        ({}, "holds no .txt file"),
        ({"a.txt": b" \n"}, "a.txt is empty"),
        ({"a.txt": b"caf\xe9 au lait"}, "a.txt is not UTF-8: byte 3 is 0xe9"),
    ],
)
def test_an_unusable_folder_is_refused(
    tmp_path: Path, files: dict[str, bytes] | None, message: str
) -> None:
    folder = tmp_path / "texts"
    if files is not None:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_corpus(folder)


def test_the_command_says_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*arguments: str) -> str:
        assert cli.main(["train", *arguments, "--out", str(tmp_path / "out")]) == 1
        return capsys.readouterr().err

    assert "is not a folder" in error(str(tmp_path / "nowhere"))
    assert "no setting is called 'epoch'; there are: vocabulary_size" in error(
        str(folder), "--set", "epoch=3"
    )
    assert "epochs must be a value of type float, got 'many'" in error(
        str(folder), "--set", "epochs=many"
    )
    assert "--set takes NAME=VALUE" in error(str(folder), "--set", "epochs")
    assert "n_heads must be a multiple of n_kv_heads" in error(
        str(folder), "--set", "n_heads=4", "--set", "n_kv_heads=3"
    )
    assert "the text is too short for a vocabulary of 60000" in error(
        str(folder), "--set", "vocabulary_size=60000"
    )
    short = tmp_path / "short"
    short.mkdir()
    (short / "a.txt").write_text("Once upon a time.", encoding="utf-8")
    assert "the text is too short: " in error(str(short), "--set", "vocabulary_size=257")


# The tokenizer


def test_merges_are_those_of_the_tokenizers_library(texts: list[Text], tokens: Tokens) -> None:
    oracle = tokenizers.Tokenizer(tokenizers.models.BPE())
    oracle.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=TINY.vocabulary_size - 1,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    oracle.train_from_iterator([text.training for text in texts], trainer)
    ours = json.loads(tokenizer_json(tokens))
    theirs = json.loads(oracle.to_str())
    assert ours["model"]["merges"] == theirs["model"]["merges"]
    ours["model"]["vocab"].pop("<|endoftext|>")
    assert ours["model"]["vocab"] == theirs["model"]["vocab"]


def test_the_file_encodes_as_training_did(texts: list[Text], tokens: Tokens) -> None:
    library = tokenizers.Tokenizer.from_str(tokenizer_json(tokens))
    for text in texts:
        numbers = library.encode(text.training).ids
        assert numbers == encode(tokens, text.training).tolist()
        assert library.decode(numbers) == text.training
    assert library.encode("<|endoftext|>").ids == [tokens.end_of_text]


# Batches


def _bytes(tokens: Tokens, numbers: np.ndarray) -> bytes:
    return b"".join(tokens.vocabulary[number] for number in numbers)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_split_tokens_are_the_same_text(data: loop.Data, tokens: Tokens, share: float) -> None:
    whole = data.training[0]
    split = batches.split_tokens(whole, data.parts, share, np.random.default_rng(0))
    assert _bytes(tokens, split) == _bytes(tokens, whole)
    n_merged = int((data.parts[whole, 0] >= 0).sum())
    assert len(split) - len(whole) == pytest.approx(share * n_merged, rel=0.2, abs=0.5)


def test_an_epoch_is_the_text_in_another_order(data: loop.Data) -> None:
    def windows(*seed: int) -> np.ndarray:
        return batches.epoch(data.training, data.parts, data.end_of_text, 32, 0.0, seed)

    assert np.array_equal(windows(0, 1), windows(0, 1))
    assert not np.array_equal(windows(0, 1)[0], windows(0, 2)[0])
    seen = windows(0, 1)
    assert seen.shape[1] == 33
    total = sum(len(text) for text in data.training) + 3  # two texts, an end-of-text around each
    assert total - 64 <= 32 * len(seen) <= total
    stream = b"".join(b"%d " % n for n in data.training[0].tolist())
    stream += b"".join(b"%d " % n for n in data.training[1].tolist())
    inside = [row for row in seen if data.end_of_text not in row]
    assert all(b"".join(b"%d " % n for n in row.tolist()) in stream for row in inside)


def test_a_share_of_the_windows_repeats_random_tokens(data: loop.Data) -> None:
    def windows(copies: float) -> np.ndarray:
        seed = (0, 1)
        return batches.epoch(data.training, data.parts, data.end_of_text, 32, 0.0, seed, copies)

    def repeats(row: np.ndarray) -> bool:
        return any(np.array_equal(row[period:], row[:-period]) for period in range(4, 17))

    assert not any(repeats(row) for row in windows(0.0))
    assert sum(repeats(row) for row in windows(0.25)) == round(0.25 * len(windows(0.25)))


# The model and its optimizer


def _random_parameters(seed: int = 1) -> model.Parameters:
    """Weights like those of a trained model: none of the matrices 0, no gain 1."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: value + 0.2 * torch.randn(value.shape, generator=generator)
        for name, value in model.new_parameters(TINY).items()
    }


def test_dropout_keeps_the_mean() -> None:
    shape = (1 + 2 * TINY.n_layers, 1, 32, TINY.d_model)
    noise = batches.dropout_noise(shape, (0, 1))
    assert np.array_equal(noise, batches.dropout_noise(shape, (0, 1)))
    kept = noise >= round(256 * TINY.dropout)
    assert kept.mean() == pytest.approx(1 - TINY.dropout, abs=0.01)
    parameters = _random_parameters()
    some = torch.arange(32)[None]
    plain = model.logits(parameters, some, TINY)
    none = with_changes(TINY, {"dropout": "0"})
    assert torch.equal(model.logits(parameters, some, none, torch.from_numpy(noise)), plain)
    assert not torch.allclose(model.logits(parameters, some, TINY, torch.from_numpy(noise)), plain)


def test_muon_steps_are_nearly_orthogonal() -> None:
    matrices = torch.randn(3, 24, 16, generator=torch.Generator().manual_seed(0))
    sizes = torch.linalg.svdvals(optimizer.orthogonalized(matrices))
    assert 0.6 < sizes.min() < sizes.max() < 1.3


def test_adamw_is_torchs() -> None:
    settings = with_changes(TINY, {"optimizer": "adamw"})
    ours = _random_parameters()
    theirs = {name: value.clone().requires_grad_() for name, value in ours.items()}
    oracle = torch.optim.AdamW(
        [
            {"params": [v for v in theirs.values() if v.ndim == 2], "weight_decay": 0.1},
            {"params": [v for v in theirs.values() if v.ndim == 1], "weight_decay": 0.0},
        ],
        lr=0.01,
        betas=optimizer.BETAS,
        eps=optimizer.EPS,
    )
    state = optimizer.new_state(ours, settings)
    generator = torch.Generator().manual_seed(3)
    for step in range(3):
        gradients = {name: torch.randn(v.shape, generator=generator) for name, v in ours.items()}
        for name, value in theirs.items():
            value.grad = gradients[name].clone()
        oracle.step()
        optimizer.update(ours, gradients, state, step, 0.01, settings, torch.float32)
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value.detach(), rtol=1e-5, atol=1e-6)


# Evaluation


def test_bits_per_byte_by_a_slow_count(data: loop.Data) -> None:
    """Token by token, each from the window that the rule gives it, in float64."""
    parameters = {name: value.double() for name, value in _random_parameters().items()}

    def logits_of(batch: torch.Tensor) -> torch.Tensor:
        return model.logits(parameters, batch, TINY, dtype=torch.float64).double()

    short = [text._replace(tokens=text.tokens[:50]) for text in data.held_out]
    stride = 12
    totals = evaluate.bits(logits_of, short, TINY.context, stride)
    for text, total in zip(short, totals, strict=True):
        whole = np.concatenate([text.before, text.tokens])
        slow = 0.0
        for place in range(len(text.tokens)):
            end = len(text.before) + min((place // stride + 1) * stride, len(text.tokens))
            at = len(text.before) + place
            known = whole[max(0, end - 1 - TINY.context) : at]
            assert len(known) >= TINY.context - stride
            scores = logits_of(torch.from_numpy(known)[None])[0, -1].numpy()
            slow -= math.log2(
                np.exp(scores - scores.max())[whole[at]] / np.exp(scores - scores.max()).sum()
            )
        assert total == pytest.approx(slow, rel=1e-6)
    n_bytes = sum(text.n_bytes for text in short)
    assert evaluate.bits_per_byte(totals, short) == pytest.approx(sum(totals) / n_bytes)


def test_held_out_bytes_are_all_counted(data: loop.Data, tokens: Tokens, texts: list[Text]) -> None:
    for held_out, text in zip(data.held_out, texts, strict=True):
        assert _bytes(tokens, held_out.tokens) == text.held_out.encode()
        assert held_out.n_bytes == len(text.held_out.encode())
        assert text.training.encode().endswith(_bytes(tokens, held_out.before))


# Runs


@pytest.fixture(scope="module")
def trained(
    data: loop.Data, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, model.Parameters]:
    folder = tmp_path_factory.mktemp("run")
    return folder, loop.train(data, TINY, CPU, folder)


def _log(folder: Path) -> list[dict[str, float]]:
    """Without the time that it took."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def test_the_loss_falls(trained: tuple[Path, model.Parameters]) -> None:
    log = _log(trained[0])
    assert [entry["epoch"] for entry in log] == [1.0, 2.0]
    assert log[1]["loss"] < log[0]["loss"] < math.log(300)
    assert log[1]["held_out"] < 1.5  # a bit for every byte or so: most of it follows


def test_an_equal_run_gives_equal_weights(
    trained: tuple[Path, model.Parameters], data: loop.Data, tmp_path: Path
) -> None:
    losses: list[float] = []
    again = loop.train(
        data,
        TINY,
        CPU._replace(workers=2),
        tmp_path,
        lambda entry, _, __: losses.append(entry["loss"]),
    )
    half = len(losses) // 2
    means = [np.mean(losses[:half]), np.mean(losses[half:])]
    assert [entry["loss"] for entry in _log(tmp_path)] == pytest.approx(means)
    assert all(torch.equal(again[name], value) for name, value in trained[1].items())


def test_another_seed_gives_another_model(
    trained: tuple[Path, model.Parameters], data: loop.Data, tmp_path: Path
) -> None:
    other = loop.train(data, with_changes(TINY, {"seed": "1"}), CPU, tmp_path, stop_after=1)
    assert not any(torch.equal(v, trained[1][n]) for n, v in other.items() if v.ndim == 2)


@pytest.mark.parametrize("stop", [3, 17])
def test_a_resumed_run_is_the_uninterrupted_one(
    trained: tuple[Path, model.Parameters], data: loop.Data, tmp_path: Path, stop: int
) -> None:
    loop.train(data, TINY, CPU, tmp_path, stop_after=stop)
    seen: list[int] = []
    resumed = loop.train(data, TINY, CPU, tmp_path, report=lambda _, step, __: seen.append(step))
    assert seen[0] == stop + 1
    assert all(torch.equal(resumed[name], value) for name, value in trained[1].items())
    assert _log(tmp_path) == _log(trained[0])


def test_other_settings_do_not_resume(data: loop.Data, tmp_path: Path) -> None:
    loop.train(data, TINY, CPU, tmp_path, stop_after=1)
    with pytest.raises(ValueError, match="an unfinished run with other settings"):
        loop.train(data, with_changes(TINY, {"dropout": "0.2"}), CPU, tmp_path)


# What is written


@pytest.fixture(scope="module")
def written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the command, at its quickest."""
    out = tmp_path_factory.mktemp("out")
    small = {"vocabulary_size": 300, "d_model": 36, "n_layers": 2, "context": 32, "windows": 8}
    changes = [part for name, value in small.items() for part in ("--set", f"{name}={value}")]
    command = ["train", str(folder), "--out", str(out), "--preset", "quick", "--device", "cpu"]
    assert cli.main([*command, *changes]) == 0
    return out


@pytest.mark.parametrize("name", ["model", "draft"])
def test_transformers_and_numpy_agree_on_what_is_written(written: Path, name: str) -> None:
    folder = written / name
    library = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = read_checkpoint(folder)
    assert ours.tokenizer is not None
    text = "The queen greets the hen — the"
    numbers = ours.tokenizer.encode(text)
    assert tokenizer(text).input_ids == numbers
    with torch.no_grad():
        theirs = library(torch.tensor([numbers])).logits[0].numpy()
    np.testing.assert_allclose(
        forward(ours.weights, ours.config, np.array(numbers)), theirs, atol=1e-4
    )


def test_the_record_is_complete(written: Path, folder: Path) -> None:
    origin = json.loads((written / "model" / "provenance.json").read_text(encoding="utf-8"))
    assert origin["command"].startswith(f"llmdeep train {folder.name} --out out")
    assert str(folder) not in json.dumps(origin)
    assert origin["texts"] == {text.name: text.sha256 for text in read_corpus(folder)}
    assert with_changes(PRESETS["quick"]["model"], {}) != Settings(**origin["settings"])
    assert len(origin["source_sha256"]) == 64
    last = _log(written / "model")[-1]["held_out"]
    assert origin["held_out"]["float32"] == pytest.approx(last, abs=0.02)  # the log's is in bf16
    assert abs(origin["held_out"]["8-bit"] - origin["held_out"]["float32"]) < 0.02
    packed = pack_8bit(read_safetensors(written / "model" / "model.safetensors"))
    assert len(packed) == origin["bytes_8bit"]
    card = (written / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{origin['held_out']['8-bit']:.3f} bits per byte" in card
    assert not (written / "model" / "checkpoint.pt").exists()


def test_a_finished_model_is_not_overwritten(
    written: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", str(folder), "--out", str(written)]) == 1
    assert "model holds a model with other settings" in capsys.readouterr().err


# 8 bits

matrices = arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 7)),
    elements=st.floats(-500, 500, width=32),
)


@given(matrices)
def test_the_nearest_code_is_taken(matrix: np.ndarray) -> None:
    codes, scales = quantize(matrix)
    error = np.abs(dequantize(codes, scales) - matrix)
    assert (error <= scales.astype(np.float64)[:, None] / 2 * (1 + 1e-6)).all()
    largest = np.abs(matrix).max(axis=1)
    wide = scales.astype(np.float64) * 127
    assert ((wide <= largest * 1.13) | (largest < 1e-3)).all()  # 4 bits: at most 1/8 too large


@given(matrices)
def test_float16_holds_every_product(matrix: np.ndarray) -> None:
    exact = dequantize(*quantize(matrix))
    narrow = exact.astype(np.float16)
    assert np.array_equal(narrow.astype(np.float32), exact)
    assert np.array_equal(dequantize(*recover(narrow)), exact)
    file = pack_8bit({"matrix": narrow, "gain": narrow[0]})
    assert file == pack_8bit({"gain": narrow[0], "matrix": narrow})
    unpacked = unpack_8bit(file)
    assert np.array_equal(unpacked["matrix"], exact)
    assert np.array_equal(unpacked["gain"], exact[0])


def test_what_is_not_quantized_is_refused() -> None:
    with pytest.raises(ValueError, match="layer: the rows are not multiples"):
        pack_8bit({"layer": np.array([[1.0, 1.001]], np.float16)})
    with pytest.raises(ValueError, match="gain is not what float16 can hold"):
        pack_8bit({"gain": np.array([0.1], np.float32)})
    with pytest.raises(ValueError, match="only finite"):
        quantize(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="too large for float16"):
        quantize(np.array([[1e6]]))


# The models of the book


@pytest.mark.parametrize(
    ("name", "most"),
    [("storybook", 4_000_000), ("storybook-draft", 1_000_000), ("copier", 200_000)],
)
def test_the_shipped_models(name: str, most: int) -> None:
    folder = Path(run.__file__).parent.parent / "models" / name
    weights = read_safetensors(folder / "model.safetensors")
    packed = pack_8bit(weights)
    assert len(packed) <= most
    for key, values in unpack_8bit(packed).items():
        assert np.array_equal(values, weights[key].astype(np.float32))
    library = transformers.AutoModelForCausalLM.from_pretrained(folder)
    ours = read_checkpoint(folder)
    assert ours.tokenizer is not None
    numbers = np.array(ours.tokenizer.encode("Once upon a time there was a little girl, and"))
    with torch.no_grad():
        theirs = library(torch.from_numpy(numbers)[None]).logits[0].numpy()
    np.testing.assert_allclose(forward(ours.weights, ours.config, numbers), theirs, atol=1e-4)
