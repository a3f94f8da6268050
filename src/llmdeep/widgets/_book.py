"""What the widgets that run the book's own model share: reading a text, and naming tokens."""

from collections.abc import Iterable

import numpy as np

from llmdeep.shapes import Array, Int
from llmdeep.tokenization import Tokenizer
from llmdeep.widgets._controls import ControlError

BEGINNING = "<|endoftext|>"  # stands before every text the model has learned from


def read_text(text: str, tokenizer: Tokenizer, most: int) -> Int[Array, "positions"]:
    """The tokens of a text, after the one that stands where a text begins.

    Raises:
        ControlError: If they are more than `most`; no part of the text is left out silently.
    """
    tokens = [tokenizer.special[BEGINNING], *tokenizer.encode(text)]
    if len(tokens) > most:
        raise ControlError(
            f"This text is {len(tokens) - 1} tokens long; the model looks back on {most - 1} at "
            "most. Shorten it."
        )
    return np.array(tokens, dtype=np.int64)


def read_prompt(text: str, tokenizer: Tokenizer, most: int, n_tokens: int) -> list[int]:
    """The tokens of a text that is to be continued by `n_tokens`, as `read_text` has them.

    Raises:
        ControlError: If the model has not room for both. The last token drawn needs none.
    """
    tokens = read_text(text, tokenizer, most).tolist()
    room = most - len(tokens) + 1
    if n_tokens > room:
        raise ControlError(
            f"The prompt takes {len(tokens)} of the {most} positions that the model has. There is "
            f"room for {room} more tokens, not {n_tokens}: shorten the prompt, or ask for fewer."
        )
    return tokens


def token_names(tokens: Iterable[int] | Array, tokenizer: Tokenizer) -> list[str]:
    """Each token as a reader can see it: space is ·, line end ⏎, half a character hex."""
    return [_name(int(token), tokenizer) for token in tokens]


def _name(token: int, tokenizer: Tokenizer) -> str:
    for name, number in tokenizer.special.items():
        if number == token:
            return name
    return written_name(tokenizer.token_bytes(token))


def written_name(written: bytes) -> str:
    """What a token stands for, as a reader can see it."""
    try:
        return written.decode().replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")
    except UnicodeDecodeError:
        return f"<{written.hex(' ')}>"
