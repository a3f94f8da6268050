"""OpenAI's encodings in their own library, from ranks in an npm package, without a download."""

import base64
import functools
import json
from pathlib import Path
from unittest.mock import patch

import tiktoken
from tiktoken_ext import openai_public

OPENAI = {"gpt2": "gpt2", "cl100k": "cl100k_base", "o200k": "o200k_base"}
RANKS = Path(__file__).parents[1] / "node_modules" / "js-tiktoken" / "dist" / "ranks"


@functools.cache
def tiktoken_encoding(name: str) -> tiktoken.Encoding:
    """tiktoken's encoding, by the name that this book gives it."""
    text = (RANKS / f"{OPENAI[name]}.js").read_text()
    lines = json.loads(text[text.index("{") : text.rindex("}") + 1])["bpe_ranks"].split("\n")
    ranks = {}
    for _, first, *tokens in filter(None, (line.split(" ") for line in lines)):
        for rank, token in enumerate(tokens, int(first)):
            ranks[base64.b64decode(token)] = rank
    with (
        patch.object(openai_public, "load_tiktoken_bpe", lambda *_, **__: ranks),
        patch.object(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda **_: ranks),
    ):
        return tiktoken.Encoding(**getattr(openai_public, OPENAI[name])())
