"""Your text in any two vocabularies, side by side: every token, its number and its bytes.

Notice: the space belongs to the word after it, digits are cut in groups, and a character that is
rare in the vocabulary's own text falls apart into bytes. Point at a token to read them. Nothing you
type ends a document: its name is plain text, unless you say that special names count.
"""

from typing import Annotated

from llmdeep.tokenization import Tokenizer
from llmdeep.vocabularies import TITLES, load
from llmdeep.widgets import Choice, Note, Table, Text, Toggle, Tokens, View
from llmdeep.widgets._book import token_names

NAMES = {title: name for name, title in TITLES.items()}
MOST_DRAWN = 400
MOST_LISTED = 20


def render(
    text: Annotated[str, Text(max_length=10_000, multiline=True)] = (
        "Unbelievably, 1234567 strawberries!\n    return  x\n"
        "Où est la bibliothèque? Где? איפה? どこ? 🦙👩‍👧 e\u0301<|endoftext|>"
    ),
    first: Annotated[str, Choice(*NAMES, label="first vocabulary")] = TITLES["gpt2"],
    second: Annotated[str, Choice(*NAMES, label="second vocabulary")] = TITLES["o200k"],
    special: Annotated[bool, Toggle("names of special tokens count")] = False,
) -> list[View]:
    drawn: list[View] = []
    listed: list[View] = []
    counts = []
    for title in (first, second):
        tokenizer = load(NAMES[title])
        tokens = tokenizer.encode(text, special)
        in_a_row, in_bytes = _shown(tokens, tokenizer, title)
        drawn.append(in_a_row)
        listed.append(in_bytes)
        counts.append(
            (
                title,
                len(tokens),
                len(tokens) / max(len(text.split()), 1),
                len(tokens) / len(text),
                len(tokens) / len(text.encode()),
                tokenizer.decode(tokens) == text,
            )
        )
    size = f"{len(text.split()):,} words, {len(text):,} characters, {len(text.encode()):,} bytes"
    return [
        Table(
            (
                "vocabulary",
                "tokens",
                "per word",
                "per character",
                "per byte",
                "decodes to the text",
            ),
            counts,
            title=f"The cost of {size}",
        ),
        *drawn,
        *listed,
        Note(
            "· is a space, ⏎ ends a line, ⇥ is a tab. <e2 80> is part of a character: the token "
            "holds these bytes of it. Characters are Unicode code points, and words are what white "
            "space separates."
        ),
    ]


def _shown(tokens: list[int], tokenizer: Tokenizer, title: str) -> tuple[View, View]:
    names = token_names(tokens[:MOST_DRAWN], tokenizer)
    written = [tokenizer.token_bytes(token) for token in tokens[:MOST_DRAWN]]
    return (
        Tokens(
            names,
            [len(part) for part in written],
            notes=[str(token) for token in tokens[:MOST_DRAWN]],
            details=[
                f"number {token:,}, bytes {part.hex(' ') or 'none'}"
                for token, part in zip(tokens, written, strict=False)
            ],
            title=f"{title}: {_extent(len(tokens), MOST_DRAWN)}, bytes and number under each",
        ),
        Table(
            ("token", "number", "bytes"),
            [
                (name, str(token), part.hex(" "))
                for name, token, part in zip(names, tokens, written, strict=False)
            ][:MOST_LISTED],
            title=f"{title}: the bytes of {_extent(len(tokens), MOST_LISTED)}",
        ),
    )


def _extent(count: int, most: int) -> str:
    return f"the first {most} of {count:,} tokens" if count > most else f"all {count:,} tokens"
