"""What a file of weights holds, from its header alone: kinds of tensors, types, places.

Names follow no standard, but most say the same two things: a layer's number, and what the tensor is
for. A file with thousands of tensors becomes a table of a dozen lines.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from llmdeep.safetensors_header import Entry

KINDS = {  # the first whose words a name contains
    "norm": ("norm", "ln_", ".ln"),
    "embedding": ("embed", "wte", "wpe"),
    "unembedding": ("lm_head",),
    "attention": ("attn", "attention"),
    "feed-forward": ("mlp", "ffn", "feed_forward", "experts"),
}
OTHER = "other"
OUTSIDE = -1  # the layer of what belongs to none


class Family(NamedTuple):
    """Tensors that differ in their numbers only; `pattern` has a * for each of these.

    `numbers` and `n_bytes` count all `n_tensors` of them.
    """

    pattern: str
    dtype: str
    shape: tuple[int, ...]
    n_tensors: int
    numbers: int
    n_bytes: int


class Stretch(NamedTuple):
    """Neighbours in a file that belong to one layer (or `OUTSIDE`), and are of one kind.

    `start` and `stop` are bytes of the data.
    """

    kind: str
    layer: int
    start: int
    stop: int


def families(entries: Mapping[str, Entry]) -> list[Family]:
    """The tensors of a file, those of the same form together, in the file's order.

    Examples:
        >>> matrices = {f"layers.{n}.up": Entry("F32", (2, 3), 24 * n, 24 * n + 24) for n in (0, 1)}
        >>> families(matrices)
        [Family(pattern='layers.*.up', dtype='F32', shape=(2, 3), n_tensors=2, numbers=12, \
n_bytes=48)]
    """
    together: dict[tuple[str, str, tuple[int, ...]], list[Entry]] = defaultdict(list)
    for name, entry in entries.items():
        together[re.sub(r"\d+(?=\.|$)", "*", name), entry.dtype, entry.shape].append(entry)
    return [
        Family(
            *form,
            len(members),
            len(members) * math.prod(form[2]),
            sum(entry.stop - entry.start for entry in members),
        )
        for form, members in together.items()
    ]


def kind(name: str) -> str:
    """What a tensor is for, as far as its name tells.

    Examples:
        >>> kind("model.layers.0.post_attention_layernorm.weight"), kind("h.0.attn.c_attn.bias")
        ('norm', 'attention')
    """
    lower = name.lower()
    for found, words in KINDS.items():
        if any(word in lower for word in words):
            return found
    return OTHER


def layer(name: str) -> int:
    """The layer that a tensor belongs to, by the first number in its name; else `OUTSIDE`."""
    number = re.search(r"(?:^|\.)(\d{1,6})(?=\.)", name)
    return int(number[1]) if number else OUTSIDE


def stretches(entries: Mapping[str, Entry]) -> Iterator[Stretch]:
    """The file's data from the first byte to the last."""
    open_: Stretch | None = None
    for name, entry in entries.items():
        if entry.start == entry.stop:
            continue
        of_name = (kind(name), layer(name))
        if open_ and of_name == open_[:2]:
            open_ = open_._replace(stop=entry.stop)
            continue
        if open_:
            yield open_
        open_ = Stretch(*of_name, entry.start, entry.stop)
    if open_:
        yield open_
