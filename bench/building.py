"""How long the site takes to build: from nothing, unchanged, and after a small change."""

import re
from pathlib import Path

from bench import tree
from bench.report import Figure, Section, Table, median
from bench.site import Site

STEP = re.compile(
    r"^  (?P<step>\S[^…\n]*) …(?:.*?) (?P<seconds>[\d.]+) s(?: |$)", re.MULTILINE | re.DOTALL
)


def measured(copy: Path, site: Site, wheel: Path | None, runs: int) -> Section:
    """Build the site of `copy`, whose caches are empty, into `site`; then change it and again."""
    again = site.folder.with_name("again")
    url = f"--url=http://127.0.0.1:{site.port}/"
    widget = max((copy / "src/llmdeep/widgets").glob("[a-z]*.py"), key=lambda p: p.stat().st_size)
    chapter = max((copy / "docs").glob("*/*.md"), key=lambda path: path.stat().st_size)
    cold, printed = tree.build(copy, site.folder, url, wheel=wheel)
    columns = {"cold": _steps(printed)}
    figures = [Figure("cold", cold, "s")]
    for what, path, flags in (
        ("nothing changed", None, []),
        (f"changed widget {widget.stem}", widget, []),
        (f"changed chapter {chapter.stem}", chapter, []),
        (f"preview, changed widget {widget.stem}", widget, ["--preview"]),
        (f"preview, changed chapter {chapter.stem}", chapter, ["--preview"]),
    ):
        samples = []
        for turn in range(runs):
            if path is not None:
                _change(path, turn)
            seconds, printed = tree.build(copy, again, url, *flags, wheel=wheel)
            samples.append(seconds)
        columns[what.replace("changed ", "")] = _steps(printed)
        figures.append(median(what, samples, "s"))
    return Section(
        "Building",
        "In a copy of the repository. Cold: no caches at all, but the npm and Python packages and "
        "NumPy's wheel are there. A changed widget gets a comment, a changed chapter a sentence. "
        "`make serve` builds previews.",
        figures,
        [_table(columns)],
    )


def _change(path: Path, turn: int) -> None:
    comment = f"\n# Change {turn} of the benchmark.\n"
    sentence = f"\nThis is change {turn} of the benchmark.\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(comment if path.suffix == ".py" else sentence)


def _steps(printed: str) -> dict[str, str]:
    return {found["step"]: found["seconds"] for found in STEP.finditer(printed)}


def _table(columns: dict[str, dict[str, str]]) -> Table:
    steps = list(columns["cold"])
    return [
        ["seconds, last build", *columns],
        *([step, *(column.get(step, "–") for column in columns.values())] for step in steps),
    ]
