"""The GPU gallery: a page for each kernel, written from its file before the pages are built.

A page is Markdown with figures (see `runs`); what it says is what the kernel file says. The pages
stand in docs/gpu/kernels/, which git ignores.
"""

import ast
import re
from pathlib import Path

from llmdeep.gpu import artifact as artifacts
from llmdeep.gpu.architectures import ARCHITECTURES
from llmdeep.gpu.closure import files
from llmdeep.gpu.discovery import header, names, source
from llmdeep.site.cache import write
from llmdeep.site.paths import DOCS, KERNEL_PAGES
from llmdeep.site.runs import by_family, family

# A search for a word finds the chapters that explain it before the kernels that compute it.
CHAPTERS_FIRST = "---\nsearch:\n  boost: 0.01\n---\n\n"
MEASURED = (
    "Each bar is the time that the roof allows, over the time it took: 100 % is as fast as this "
    "GPU was at copying memory and at multiplying large matrices."
)
MISSING = "What the kernel will be timed on, and the least time that physics allows for it."
_GPUS = "; ".join(f"sm_{number} for {gpus}" for number, gpus in ARCHITECTURES.items())
RECORDED = (
    "Above, how far the kernel is from float64 in the interpreter, where it came nearest to its "
    "bound, and how far its declared mistake is, where that was found. Below, what the compiler "
    f"made of each case: {_GPUS}."
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<|$~])")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{5})")


def write_pages(folder: Path = KERNEL_PAGES) -> str:
    """Write the page of each kernel where it differs; remove those of no kernel."""
    pages = {f"{name}.md": page(name) for name in names()}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for file, text in pages.items():
        path = folder / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write(path, text)
    return f"{len(pages)}"


def page(name: str) -> str:
    """The page of a kernel, as Markdown."""
    said = header(name)
    helpers = [file for file in files(name) if Path(file).stem != name]
    parts = [
        f"{CHAPTERS_FIRST}# `{name}`",
        _plain(said["title"]),
        _neighbours(name),
        _said(said),
        "## On a GPU",
        f"![{MEASURED if artifacts.of(name, artifacts.FOLDER) else MISSING}](run:{name})",
        "## Without a GPU",
        f"![{RECORDED}](record:{name})",
        "## The mistake that its check rejects",
        _mistake(name),
        f"![The mistake, as it is declared.](source:llmdeep.kernels.{name}.wrong)",
        "## The oracle",
        f"What must come out, in NumPy and in float64: {_plain(said['oracle'])}.",
        *(f"![What must come out.](source:{one})" for one in oracles(said["oracle"])),
        "## The kernel",
        f"![From the kernel to how it is checked and measured, top to bottom.]"
        f"(source:llmdeep.kernels.{name})",
        *(_helper(file) for file in helpers),
        "## Do it yourself",
        _commands(name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def oracles(said: str) -> list[str]:
    """Dotted names of the book's functions in the oracle line of a header.

    Examples:
        >>> oracles("llmdeep.feed_forward.silu, gelu_tanh after a product")
        ['llmdeep.feed_forward.silu', 'llmdeep.feed_forward.gelu_tanh']
        >>> oracles("numpy.sum")
        []
    """
    found = []
    for module, listed in re.findall(r"(llmdeep\.\w+)\.(\w+(?:, \w+)*)", said):
        found += [f"{module}.{one}" for one in listed.split(", ")]
    return found


def _said(said: dict[str, str]) -> str:
    """Memory, limit, source and chapter as a list; nothing that says nothing."""
    rows = []
    for key, label in (("memory", "Memory"), ("limit", "Limits"), ("source", "Source")):
        if said[key] != "-":
            rows.append(f"- **{label}:** {_linked(_plain(said[key]))}")
    if "chapter" in said:
        chapter = said["chapter"].removeprefix("docs/")
        rows.append(f"- **Chapter:** [{_title(chapter)}](../../{chapter})")
    return "\n".join(rows)


def _title(chapter: str) -> str:
    """The heading of a page."""
    text = (DOCS / chapter).read_text(encoding="utf-8")
    return _plain(next(line[2:] for line in text.splitlines() if line.startswith("# ")))


def _neighbours(name: str) -> str:
    own = family(name)
    others = [one for one in by_family() if own and family(one) == own and one != name]
    links = [f"[`{one}`]({one}.md)" for one in others]
    beside = f" · {own}: {', '.join(links)}" if links else ""
    return f"[All kernels](../index.md){beside}"


def _mistake(name: str) -> str:
    """What the docstring of `wrong` says, or of the function that it is."""
    tree = ast.parse(source(name).read_text(encoding="utf-8"))
    wrong = next((one for one in tree.body if getattr(one, "name", "") == "wrong"), None)
    said = ast.get_docstring(wrong) if isinstance(wrong, ast.FunctionDef) else None
    first = _plain(said.partition("\n\n")[0]) + " " if said else ""
    return (
        f"{first}A check is worth what it rejects. This one is run on the mistake, too, and must "
        "find it."
    )


def _helper(file: str) -> str:
    stem = Path(file).stem
    if stem.startswith("_"):
        return f"![What it shares with other kernels.](source:llmdeep.kernels.{stem})"
    return f"It launches code of [`{stem}`]({stem}.md), too."


def _commands(name: str) -> str:
    return (
        "```console\n"
        f"make gpu GPU={name}                     # on a machine with an NVIDIA GPU: check, time\n"
        f"make gpu GPU='--correctness {name}'     # only check\n"
        f".venv/bin/pytest tests/test_kernels.py -k {name}    # anywhere\n"
        "```\n\n"
        "The first needs a `python3` with torch, Triton 3.6 and NumPy; `PYTHON=…` names another."
    )


def _plain(text: str) -> str:
    """Text in which nothing is Markdown."""
    return _SPECIAL.sub(lambda found: "&lt;" if found[1] == "<" else f"\\{found[1]}", text)


def _linked(text: str) -> str:
    """Plain text with links where it names a paper."""
    return _ARXIV.sub(r"[\g<0>](https://arxiv.org/abs/\1)", text)
