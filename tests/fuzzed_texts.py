"""Texts that break tokenizers: every script and plane, half characters, runs, code, contractions.

They are made here, from a seed. Where LLMDEEP_UDHR names a JSON file of the Universal Declaration
of Human Rights, {language: {"text": …}}, pieces of it in all its languages are among them.
"""

import functools
import json
import os
import random
from pathlib import Path

BLOCKS = [
    (0x00, 0x20), (0x20, 0x7F), (0x7F, 0xA0), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x600),
    (0x600, 0x900), (0x900, 0xE00), (0xE00, 0x1100), (0x1100, 0x2000), (0x2000, 0x2070),
    (0x2070, 0x3000), (0x3000, 0x3130), (0x4E00, 0xA000), (0xA000, 0xAC00), (0xAC00, 0xD7B0),
    (0xE000, 0x10000), (0x10000, 0x20000), (0x1F300, 0x1FB00), (0x20000, 0x30000),
    (0x30000, 0xE0000), (0xE0000, 0xF0000), (0xF0000, 0x110000),
]  # fmt: skip

WORDS = [
    *["the", "of", "don't", "I'LL", "we'Ve", "y'all", "'S", "'T", "'D", "camelCase", "HTTPServer"],
    *["snake_case", "naïve", "Straße", "İstanbul", "1", "12", "123", "1234567", "3.14", "x+=1"],
    *["{}", "()", "->", "//", "/*", "==", "===", "__init__", "\\n", "é", "ª", "²", "Ⅷ", "ǅ"],
    *[
        "e\u0301",
        "'\u017f",
        "'\u212a",
        "👩\u200d👩\u200d👧",
        "🇳🇱",
        "नमस्ते",
        "สวัสดี",
        "你好",
        "こんにちは",
    ],
    *["안녕", "مرحبا", "שלום", "Привет", "Γειά", "გამარჯობა"],
    *["<|endoftext|>", "<s>", "</s>", "<0x0A>", "<|eot_id|>", "<|end_of_text|>"],
    *[" ", "  ", "    ", "\n", "\n\n", "\r\n", "\t", " \n ", "\n  ", "\u3000", "\u2028"],
    *["\x85", "\ufeff"],
    "def f(x):\n    return x ** 2  # squared\n",
    'for (let i = 0; i < n; i++) {\n\tconsole.log("%s", a[i]);\n}\n',
]


@functools.cache
def fuzzed_texts(count: int, seed: int = 0, surrogates: bool = True) -> list[str]:
    """`count` texts, of 1 to some 100 characters."""
    rng = random.Random(seed)
    documents = _documents()
    kinds = [_of_one_block, _of_all_blocks, _of_words, _run, _mixed]
    texts = []
    for index in range(count):
        if documents and index % 6 == 0:
            document = documents[index // 6 % len(documents)]
            start = rng.randrange(len(document))
            text = document[start : start + rng.randint(1, 80)]
        else:
            text = kinds[index % 5](rng)
        if surrogates and rng.random() < 0.05:
            text += chr(rng.randint(0xD800, 0xDFFF)) + rng.choice(["", "a", "\ude00"])
        texts.append(text)
    return texts


def _of_one_block(rng: random.Random) -> str:
    block = rng.choice(BLOCKS)
    return "".join(_character(rng, block) for _ in range(rng.randint(1, 12)))


def _of_all_blocks(rng: random.Random) -> str:
    return "".join(_character(rng, rng.choice(BLOCKS)) for _ in range(rng.randint(1, 20)))


def _of_words(rng: random.Random) -> str:
    return "".join(rng.choice(WORDS) + rng.choice(["", " ", ""]) for _ in range(rng.randint(1, 15)))


def _run(rng: random.Random) -> str:
    repeated = rng.choice([*WORDS, *" =-.#_*a1é漢\n\t"])
    times = rng.randint(1, 70) if len(repeated) == 1 else rng.randint(1, 8)
    return rng.choice(["", "a", "\n"]) + repeated * times + rng.choice(["", "a", " "])


def _mixed(rng: random.Random) -> str:
    return "".join(
        rng.choice([rng.choice(WORDS), _character(rng, rng.choice(BLOCKS)), " "])
        for _ in range(rng.randint(1, 12))
    )


def _character(rng: random.Random, block: tuple[int, int]) -> str:
    return chr(rng.randrange(*block))


def _documents() -> list[str]:
    path = os.environ.get("LLMDEEP_UDHR")
    if not path:
        return []
    languages = json.loads(Path(path).read_text(encoding="utf-8"))
    return [language["text"] for language in languages.values()]
