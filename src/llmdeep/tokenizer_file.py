"""tokenizer.json, the file that holds a tokenizer beside a published model's weights.

The file lists what happens to a text, in this order:

    added_tokens     names that stand for one token each, wherever they are
    normalizer       changes the text: Unicode forms, spaces that become ▁
    pre_tokenizer    cuts it
    model            makes tokens: here byte-pair encoding, on bytes or on characters
    decoder          the way back

A step that is not known here is refused by name, rather than half obeyed. Left to the caller are
tokens before and after a text (`post_processor`), truncation and padding.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llmdeep.byte_pair_encoding import Merge, merge, vocabulary
from llmdeep.tokenization import Tokenizer, any_of
from llmdeep.tokenizer_steps import (
    as_bytes,
    as_characters,
    decoder,
    normalizer,
    pre_tokenizer,
    unknown,
)


def read_tokenizer(text: str) -> Tokenizer:
    """The tokenizer that a tokenizer.json describes.

    It gives what the package `tokenizers` gives with `add_special_tokens=False`, when special
    tokens' names are plain text (its `encode_special_tokens`) unless asked for.

    Raises:
        ValueError: If the text is no such file, or asks for a step that is not known here.

    Examples:
        >>> tokenizer = read_tokenizer(tokenizer_json([(b"l", b"o")], ["<end>"]))
        >>> tokenizer.encode("lo<end>", special=True), tokenizer.decode([256, 257])
        ([256, 257], 'lo<end>')
    """
    try:
        file = json.loads(text)
        model, added = file["model"], file.get("added_tokens") or []
        vocab = dict(model["vocab"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no tokenizer.json: {error!r}") from error
    normalize = normalizer(file.get("normalizer"))
    cut = pre_tokenizer(file.get("pre_tokenizer"))
    encode_piece = _byte_pair_encoder(model)
    always, special = _added(added, normalize)

    def encode_part(part: str, first: bool) -> list[int]:
        tokens: list[int] = []
        for index, text in enumerate(any_of(tuple(always)).split(part) if always else [part]):
            if text in always:
                tokens.append(always[text])
            elif text:
                for piece in cut([normalize(text)], first and index == 0):
                    tokens += encode_piece(piece)
        return tokens

    names = {number: name for name, number in [*vocab.items(), *always.items(), *special.items()]}
    numbers = range(max(names, default=-1) + 1)
    if (file.get("decoder") or {}).get("type") == "ByteLevel":
        plain = {*always.values(), *special.values()}
        tokens = [
            names.get(n, "").encode() if n in plain else as_bytes(names.get(n, "")) for n in numbers
        ]
        return Tokenizer(tokens, encode_part, special)
    decode = decoder(file.get("decoder"))
    return Tokenizer(
        [_in_text(names.get(n, "")) for n in numbers],
        encode_part,
        special,
        lambda chosen: "".join(decode([names.get(token, "") for token in chosen])),
    )


def tokenizer_json(merges: Iterable[Merge], special: Sequence[str] = ()) -> str:
    """The tokenizer.json of a byte-level BPE with GPT-2's rule: bytes, merges, special tokens.

    `tokenizers` and `transformers` read it; in it, special tokens have the highest numbers.
    """
    merges = list(merges)
    tokens = [as_characters(token) for token in vocabulary(merges)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    file = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(tokens) + index, "content": name, **flags, "special": True}
            for index, name in enumerate(special)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", **byte_level},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", **byte_level},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate([*tokens, *special])},
            "merges": [[as_characters(left), as_characters(right)] for left, right in merges],
        },
    }
    return json.dumps(file, ensure_ascii=False, indent=1) + "\n"


def _byte_pair_encoder(model: dict[str, Any]) -> Callable[[str], list[int]]:
    """The tokens of one piece, as the model's part of the file says."""
    if model.get("type", "BPE") != "BPE" or "merges" not in model:
        raise unknown("model", {"type": model.get("type")})
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(option):
            raise unknown("model", {option: model[option]})
    vocab: dict[str, int] = model["vocab"]
    pairs = [tuple(p.split(" ")) if isinstance(p, str) else tuple(p) for p in model["merges"]]
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    for pair in pairs:
        if len(pair) != 2 or not {*pair, "".join(pair)} <= vocab.keys():
            raise ValueError(f"a merge joins what the vocabulary lacks: {pair}")
    unknown_token, fallback = model.get("unk_token"), model.get("byte_fallback", False)
    known: dict[str, list[int]] = {}

    def start(piece: str) -> list[str]:
        """The characters of a piece, or the bytes of one that is not in the vocabulary."""
        parts: list[str] = []
        for character in piece:
            as_fallback = [f"<0x{byte:02X}>" for byte in character.encode()] if fallback else []
            if character in vocab:
                parts.append(character)
            elif as_fallback and vocab.keys() >= {*as_fallback}:
                parts += as_fallback
            elif unknown_token is None:
                raise ValueError(f"this tokenizer has no token for {character!r}")
            elif not (model.get("fuse_unk") and parts[-1:] == [unknown_token]):
                parts.append(unknown_token)
        return parts

    def encode_piece(piece: str) -> list[int]:
        if piece not in known:
            if model.get("ignore_merges") and piece in vocab:
                return [vocab[piece]]
            parts = merge(start(piece), lambda left, right: ranks.get((left, right)))
            tokens = [vocab[part] for part in parts]
            if len(piece) > 100 or len(known) > 100_000:
                return tokens
            known[piece] = tokens
        return known[piece]

    return encode_piece


def _added(
    added: list[dict[str, Any]], normalize: Callable[[str], str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Names that are tokens in any text, and those that are only where asked for."""
    for token in added:
        changed = token.get("normalized") and normalize(token["content"]) != token["content"]
        if changed or any(token.get(flag) for flag in ("single_word", "lstrip", "rstrip")):
            raise unknown("added token", token)
    always = {token["content"]: token["id"] for token in added if not token.get("special")}
    special = {token["content"]: token["id"] for token in added if token.get("special")}
    return always, special


def _in_text(token: str) -> bytes:
    """What a token of characters stands for: ▁ is a space, <0xC3> a byte."""
    if re.fullmatch("<0x[0-9A-Fa-f]{2}>", token):
        return bytes([int(token[3:5], 16)])
    return token.replace("▁", " ").encode()
