"""The model card: what a model is, what it learned from, how well, and what it cannot do."""

import json
from pathlib import Path
from typing import Any

CARD = """\
---
license: mit
language: en
pipeline_tag: text-generation
---
# {title}

A very small language model: {parameters:,} parameters, trained from scratch on {n_texts} texts by
`llmdeep train`. It is made to be looked into, not to be relied on.

## What it is

A decoder of the Llama family with {n_layers} layers of width {d_model}, {n_heads} query heads and
{n_kv_heads} key-value heads of {d_head} channels, SwiGLU with {d_ff} hidden channels, RMSNorm,
rotary positions, tied embeddings, and a context of {context} tokens. The tokenizer is byte-level
BPE with {vocabulary_size:,} tokens, cut by GPT-2's rule and learned from the same text.
`transformers` loads the folder as it is.

Every number of a matrix is a whole number from -127 to 127 times the scale of its row, a scale of 4
significant bits. The float16 file here holds these numbers exactly; so does the 8-bit file of
{bytes_8bit:,} bytes that `llmdeep.quantization.pack_8bit` makes of it.

## What it learned from

{texts}

The last tenth of each text, by bytes, was held out: neither the model nor its tokenizer saw it.

## How well

{bits:.3f} bits per byte on the held-out text ({bits_float:.3f} before rounding to 8 bits): the sum
of -log2 of the probability of every token, divided by the number of bytes. A window of {context}
tokens slides by {stride}, so that each token is predicted from at least {stride} tokens before it,
the first ones from the end of the training part.

| text | bits per byte |
| --- | --- |
{by_text}

## What it cannot do

- It knows no facts, follows no instructions and answers no questions. It continues text in the
  manner of these books, and loses the thread after a sentence or two.
- It knows only the English of these books, with the line breaks of their printed editions. Other
  languages, code and today's words come apart into bytes that it has hardly seen.
- It looks back {context} tokens and no further.
- The texts are old. Their views of peoples, women and animals are not ours, and it repeats them.

## How it was made

`{command}`, seed {seed}, {epochs:g} epochs in {minutes:.0f} minutes on {device}. `provenance.json`
has every setting, the hashes of code and texts, and the versions; `log.jsonl` the loss along the
way.

## Licence

The weights are under the MIT licence, as the code is. The texts are in the public domain.
"""


def card(name: str, origin: dict[str, Any], text_folder: Path) -> str:
    """README.md of a model, from its provenance and the texts' own manifest, if they have one."""
    settings, held_out = origin["settings"], origin["held_out"]
    return CARD.format(
        **settings,
        title=name,
        parameters=origin["parameters"],
        bytes_8bit=origin["bytes_8bit"],
        n_texts=len(origin["texts"]),
        texts=_texts(origin, text_folder),
        bits=held_out["8-bit"],
        bits_float=held_out["float32"],
        stride=held_out["stride"],
        by_text="\n".join(
            f"| {text} | {bits:.3f} |" for text, bits in held_out["8-bit by text"].items()
        ),
        command=origin["command"],
        minutes=origin["seconds"] / 60,
        device=origin["device"],
    )


def _texts(origin: dict[str, Any], text_folder: Path) -> str:
    manifest = text_folder / "manifest.json"
    known = {}
    if manifest.exists():
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        known = {entry["slug"]: entry for entry in entries}
    lines = []
    for name in origin["texts"]:
        entry = known.get(name)
        if entry is None:
            lines.append(f"- {name}.txt")
            continue
        number = entry.get("gutenberg_id")
        source = f", Project Gutenberg {number}" if number else ""
        lines.append(f"- {entry['author']}, *{entry['title']}* ({entry['year']}{source})")
    return "\n".join(lines)
