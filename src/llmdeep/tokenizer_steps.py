"""The steps that a tokenizer.json may ask for around its model, one function a kind of step.

A normalizer takes a text to a text, a pre-tokenizer pieces to pieces, a decoder tokens' texts to
tokens' texts. Each is made from the step's description, and refuses what it does not know.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from llmdeep.byte_pair_encoding import BYTES
from llmdeep.pretokenization import GPT2, split

Step = dict[str, Any]
Normalize = Callable[[str], str]
Cut = Callable[[list[str], bool], list[str]]  # pieces, and whether they begin the whole text
Decode = Callable[[list[str]], list[str]]

# A vocabulary in JSON must be text, so each byte has a character: its own in Latin-1 if that can be
# printed, else one from U+0100 upwards. A space is Ġ.
_CHARACTERS = [*(chr(byte[0]) for byte in BYTES[:188]), *map(chr, range(0x100, 0x144))]
_CHARACTER_OF = {byte[0]: character for byte, character in zip(BYTES, _CHARACTERS, strict=True)}
_BYTE_OF = {character: byte for byte, character in _CHARACTER_OF.items()}


def as_characters(data: bytes) -> str:
    """Bytes as a byte-level vocabulary writes them.

    Examples:
        >>> as_characters(" é".encode())
        'ĠÃ©'
    """
    return "".join(map(_CHARACTER_OF.__getitem__, data))


def as_bytes(token: str) -> bytes:
    """The way back; a text that is not written so, as a special token's, is taken as it is."""
    try:
        return bytes(map(_BYTE_OF.__getitem__, token))
    except KeyError:
        return token.encode()


def normalizer(step: Step | None) -> Normalize:
    """Make a normalizer.

    Raises:
        ValueError: If it is of a kind that is not known here; so do the two below.
    """
    if step is None:
        return lambda text: text
    match step:
        case {"type": "Sequence", "normalizers": list(steps)}:
            each = [normalizer(part) for part in steps]
            return lambda text: _in_turn(each, text)
        case {"type": "Prepend", "prepend": str(prefix)}:
            return lambda text: prefix + text if text else text
        case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)}:
            return lambda text: text.replace(old, new)
        case {"type": "NFC" | "NFD" | "NFKC" | "NFKD" as form}:
            return lambda text: unicodedata.normalize(form, text)
    raise unknown("normalizer", step)


def pre_tokenizer(step: Step | None) -> Cut:
    """Make a pre-tokenizer."""
    if step is None:
        return lambda pieces, first: pieces
    match step:
        case {"type": "Sequence", "pretokenizers": list(steps)}:
            each = [pre_tokenizer(part) for part in steps]

            def in_turn(pieces: list[str], first: bool) -> list[str]:
                for cut in each:
                    pieces = cut(pieces, first)
                return pieces

            return in_turn
        case {"type": "ByteLevel", "add_prefix_space": bool(prefix)}:
            rule = GPT2 if step.get("use_regex", True) else None
            return lambda pieces, first: _byte_level(pieces, prefix, rule)
        case {
            "type": "Split",
            "pattern": {"Regex": str(rule)} | {"String": str(rule)} as pattern,
            "behavior": "Isolated",
            "invert": False,
        }:
            return _splitter(re.escape(rule) if "String" in pattern else rule)
        case {"type": "Digits", "individual_digits": bool(single)}:
            return _splitter(r"\p{N}" if single else r"\p{N}+")
        case {
            "type": "Metaspace",
            "replacement": str(mark),
            "prepend_scheme": "always" | "first" | "never" as scheme,
            "split": False,
        }:

            def mark_spaces(pieces: list[str], first: bool) -> list[str]:
                prefix = mark if scheme == "always" or (scheme == "first" and first) else ""
                marked = [piece.replace(" ", mark) for piece in pieces]
                return [piece if piece.startswith(mark) else prefix + piece for piece in marked]

            return mark_spaces
    raise unknown("pre-tokenizer", step)


def decoder(step: Step | None) -> Decode:
    """Make a decoder, but for ByteLevel, which works on bytes."""
    match step:
        case {"type": "Sequence", "decoders": list(steps)}:
            each = [decoder(part) for part in steps]
            return lambda tokens: _in_turn(each, tokens)
        case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)}:
            return lambda tokens: [token.replace(old, new) for token in tokens]
        case {"type": "ByteFallback"}:
            return _join_bytes
        case {"type": "Fuse"}:
            return lambda tokens: ["".join(tokens)]
        case {"type": "Strip", "content": str(what), "start": int(start), "stop": 0}:
            return lambda tokens: [_without(what, start, token) for token in tokens]
        case {"type": "Metaspace", "replacement": str(mark), "prepend_scheme": str(scheme)}:
            start = 0 if scheme == "never" else 1
            return lambda tokens: [
                (_without(mark, start, token) if index == 0 else token).replace(mark, " ")
                for index, token in enumerate(tokens)
            ]
    raise unknown("decoder", step)


def unknown(kind: str, step: object) -> ValueError:
    """What to raise for a step that is not known here."""
    return ValueError(f"this tokenizer has a {kind} that is not known here: {step}")


def _in_turn(steps: list[Any], value: Any) -> Any:
    for step in steps:
        value = step(value)
    return value


def _byte_level(pieces: list[str], prefix: bool, rule: str | None) -> list[str]:
    if prefix:
        pieces = [piece if piece.startswith(" ") else f" {piece}" for piece in pieces]
    if rule:
        pieces = [part for piece in pieces for part in split(piece, rule)]
    return [as_characters(piece.encode()) for piece in pieces]


def _splitter(rule: str) -> Cut:
    split("", rule)  # refuses a rule that is not known here
    return lambda pieces, first: [part for piece in pieces for part in split(piece, rule)]


def _join_bytes(tokens: list[str]) -> list[str]:
    """Runs of tokens such as <0xC3> become text; each byte of a run that is no UTF-8, U+FFFD."""
    joined: list[str] = []
    run = bytearray()
    for token in [*tokens, ""]:
        if re.fullmatch("<0x[0-9A-Fa-f]{2}>", token):
            run.append(int(token[3:5], 16))
            continue
        try:
            joined.append(run.decode())
        except UnicodeDecodeError:
            joined.append("\ufffd" * len(run))
        run.clear()
        joined.append(token)
    return [text for text in joined if text]


def _without(what: str, times: int, text: str) -> str:
    for _ in range(times):
        text = text.removeprefix(what)
    return text
