"""What every tokenizer does: a text becomes numbers, and numbers become a text."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary and the algorithm that goes with it.

    Args:
        tokens: What each token stands for, by number: bytes of UTF-8, perhaps a part of a
            character. A number that is not used stands for nothing.
        encode_part: The tokens of a text in which nothing is special, and whether it is the first
            part of a whole text.
        special: Tokens that no text stands for, by name: where a document ends, who speaks next.
        join: The text of tokens, where that is more than their bytes in a row.
    """

    tokens: Sequence[bytes]
    encode_part: Callable[[str, bool], list[int]]
    special: Mapping[str, int] = field(default_factory=dict)
    join: Callable[[Sequence[int]], str] | None = None

    @property
    def vocabulary_size(self) -> int:
        """How many numbers there are, so rows of a model's embedding."""
        return len(self.tokens)

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The tokens of a text. No token is added before or after it.

        Args:
            special: Whether the name of a special token stands for that token. Say so only of a
                text you wrote yourself: a reader who types the name would end your document.
        """
        text = well_formed(text)
        if not special or not self.special:
            return self.encode_part(text, True)
        tokens: list[int] = []
        for index, part in enumerate(any_of(tuple(self.special)).split(text)):
            if part in self.special:
                tokens.append(self.special[part])
            elif part:
                tokens += self.encode_part(part, index == 0)
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; bytes that are no UTF-8, such as half a character, become U+FFFD.

        Raises:
            ValueError: If a number is not in the vocabulary.
        """
        for extreme in (min(tokens), max(tokens)) if len(tokens) else ():
            self.token_bytes(extreme)
        if self.join:
            return self.join(tokens)
        return b"".join([self.tokens[token] for token in tokens]).decode(errors="replace")

    def token_bytes(self, token: int) -> bytes:
        """What one token stands for.

        Raises:
            ValueError: If the number is not in the vocabulary.
        """
        if not 0 <= token < len(self.tokens):
            raise ValueError(f"token {token} is not in the vocabulary: 0 to {len(self.tokens) - 1}")
        return self.tokens[token]


@functools.cache
def any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of some names, the longest that is there, as a group: `split` keeps them."""
    ordered = sorted(names, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, ordered))})")


def well_formed(text: str) -> str:
    r"""The text with half characters (surrogates) paired, or replaced by U+FFFD where alone.

    JavaScript and Python can hold such halves, UTF-8 cannot.

    Examples:
        >>> well_formed("\ud83e\udd99 and \ud83e") == "🦙 and \ufffd"
        True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
