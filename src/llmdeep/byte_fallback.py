"""Byte-pair encoding on characters, with bytes for those that are not in the vocabulary.

So does Llama 2, with the library SentencePiece. Nothing is cut beforehand: a space becomes the
character ▁, and tokens keep it. One more stands before the text, so that its first word is written
as any other.
"""

from collections.abc import Iterable, Mapping

from llmdeep.byte_pair_encoding import merge

SPACE = "▁"


def encode(
    text: str,
    numbers: Mapping[str, int],
    ranks: Mapping[str, int],
    first_byte: int,
    prefix: str = " ",
) -> list[int]:
    """The tokens of a text, by number.

    Args:
        numbers: The tokens that are text, with ▁ for a space.
        ranks: When two parts are merged into one of these, the lowest first.
        first_byte: The number of the token for byte 0; those for the others follow.
        prefix: What to put before a text that is not empty.

    Source:
        Kudo & Richardson 2018, arXiv:1808.06226; Touvron et al. 2023, arXiv:2302.13971, section 2.1
        on bytes.

    Examples:
        >>> numbers = {"▁": 9, "o": 1, "h": 2, "oh": 3, "▁oh": 4, ",": 5}
        >>> encode("oh, é", numbers, ranks=numbers, first_byte=1000)
        [4, 5, 9, 1195, 1169]
    """
    parts: list[str] = []
    for character in (prefix + text).replace(" ", SPACE) if text else "":
        known = character in numbers
        parts += [character] if known else character.encode().decode("ascii", "surrogateescape")
    merged = merge(parts, lambda left, right: ranks.get(left + right))
    return [
        numbers[part]
        if part in numbers
        else first_byte + part.encode("ascii", "surrogateescape")[0]
        for part in merged
    ]


def decode(tokens: Iterable[bytes]) -> str:
    """The text of tokens, given what each stands for; the one space before it is dropped.

    Examples:
        >>> decode([b" oh", b",", b" ", b"\\xc3", b"\\xa9"])
        'oh, é'
    """
    return b"".join(tokens).decode(errors="replace").removeprefix(" ")
