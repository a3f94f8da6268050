"""The `llmdeep` command: list what the book holds, build it, serve it, run its kernels."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llmdeep.train.command import add_parsers as add_train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = _parser().parse_args(arguments)
    status: int = given.run(given)
    return status


def list_widgets(given: argparse.Namespace) -> int:
    """One widget a line; with --json its title and controls."""
    from llmdeep.widgets._panel import panel_data, widget_names, widget_render

    if not given.json:
        print("\n".join(widget_names()))
        return 0
    found = []
    for name in widget_names():
        render = widget_render(name)
        module = sys.modules[render.__module__]
        title, _, notice = (module.__doc__ or "").strip().partition("\n")
        notice = " ".join(notice.split())
        found.append(
            {"name": name, "title": title, "notice": notice, "controls": panel_data(render)}
        )
    print(json.dumps(found, indent=1, ensure_ascii=False, default=list))
    return 0


def list_cells(given: argparse.Namespace) -> int:
    """One Python fence a line, as page:line; with --json its role and code."""
    from llmdeep.site.fences import python_fences
    from llmdeep.site.paths import DOCS

    found = []
    for path in sorted(DOCS.rglob("*.md")):
        for fence in python_fences(path.read_text(encoding="utf-8").split("\n")):
            found.append(
                {
                    "name": f"{path.relative_to(DOCS)}:{fence.start + 1}",
                    "role": fence.role,
                    "no_browser": fence.no_browser,
                    "code": fence.code,
                }
            )
    if given.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print("\n".join(cell["name"] for cell in found))
    return 0


def record_cells(given: argparse.Namespace) -> int:
    """Run the cells that no browser runs, and keep their outputs for builds without torch."""
    from llmdeep.site.outputs import CellError
    from llmdeep.site.recorded import NEEDED, at_hand, record_all

    if not at_hand():
        print(f"This needs {' and '.join(NEEDED)}, which `make test` installs.", file=sys.stderr)
        return 1
    try:
        print("\n".join(str(path) for path in record_all()))
    except CellError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def list_kernels(given: argparse.Namespace) -> int:
    """One kernel a line; with --json what its file says and whether it has been measured."""
    from llmdeep.gpu.artifact import states
    from llmdeep.gpu.discovery import header, names, source

    if given.json:
        found = [
            {"name": name, "file": source(name).name, "state": state, **header(name)}
            for name, state in states().items()
        ]
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print("\n".join(names()))
    return 0


def run_kernels(given: argparse.Namespace) -> int:
    """Check and measure kernels on this machine's GPU."""
    try:
        import torch
        import triton  # noqa: F401  (asked for here, so that its absence is one sentence)
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: pip install torch triton==3.6.0", file=sys.stderr)
        return 1
    if not torch.cuda.is_available():
        print(
            "There is no CUDA device here. Kernels are checked without one by "
            "pytest tests/test_kernels.py; `llmdeep gpu run` measures them on one.",
            file=sys.stderr,
        )
        return 1
    from llmdeep.gpu.discovery import NoSuchKernelError
    from llmdeep.gpu.points import write_points
    from llmdeep.gpu.process import NoAnswerError
    from llmdeep.gpu.run import check, run

    try:
        if given.correctness:
            return min(check(given.kernel), 1)
        failed = run(given.kernel, given.minutes, given.again)
        write_points()
        return min(failed, 1)
    except (NoSuchKernelError, LookupError, NoAnswerError) as error:
        print(error, file=sys.stderr)
        return 1


def check_artifacts(given: argparse.Namespace) -> int:
    """Hold what was measured to its form, to arithmetic, to physics and to the compiler."""
    from llmdeep.gpu.artifact import FOLDER, problems, read, states
    from llmdeep.gpu.points import are_written

    wrong = [
        f"{path.name}: {problem}"
        for path in sorted(FOLDER.glob("*.json"))
        for problem in problems(read(path))
    ]
    for name, state in states().items():
        print(f"{state:9} {name}")
    if not are_written():
        wrong.append(
            "catalog/measured_kernels.json does not say what gpu_runs/ says: "
            "`llmdeep gpu record` of the kernel that has changed writes it"
        )
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


def record_kernels(given: argparse.Namespace) -> int:
    """Interpret and compile kernels, and keep what was found for the pages."""
    from llmdeep.gpu.discovery import NoSuchKernelError, names
    from llmdeep.gpu.points import write_points
    from llmdeep.gpu.record import path_of_record, record

    try:
        for name in given.kernel or names():
            record(name)
            print(f"recorded {name}: {path_of_record(name)}", flush=True)
        write_points()
    except NoSuchKernelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def measure_tokens(given: argparse.Namespace) -> int:
    """Count the tokens of a text in many languages, and keep the counts."""
    import hashlib
    import unicodedata

    from llmdeep.site import cache, vocabularies
    from llmdeep.token_tax import FILE, count

    vocabularies.prepare()
    content = given.file.read_bytes()
    languages = json.loads(content)
    counts = {
        entry["name"]: count(unicodedata.normalize("NFC", entry["text"]))._asdict()
        for entry in languages.values()
    }
    about = {
        "command": f"llmdeep tokens {given.file.name}",
        "text": "Universal Declaration of Human Rights, composed (NFC)",
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "vocabularies": vocabularies.sources(),
    }
    cache.write(FILE, json.dumps({**about, "languages": counts}, indent=1) + "\n")
    print(f"{len(counts)} languages: {FILE}")
    return 0


def build(given: argparse.Namespace) -> int:
    """Build the site."""
    from llmdeep.site.build import BuildError, build

    try:
        build(given.output, given.url, preview=given.preview, offline=not given.no_offline)
    except BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def serve(given: argparse.Namespace) -> int:
    """Build and serve the book, again after each change."""
    from llmdeep.site.serve import serve

    serve(given.port)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llmdeep", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    widgets = commands.add_parser("widgets", help="the widgets of the book")
    verbs = widgets.add_subparsers(required=True, metavar="list")
    _add_list(verbs, list_widgets)

    cells = commands.add_parser("cells", help="the cells of the book")
    verbs = cells.add_subparsers(required=True, metavar="list|record")
    _add_list(verbs, list_cells)
    verb = verbs.add_parser("record", help="keep the outputs of cells no browser runs")
    verb.set_defaults(run=record_cells)

    gpu = commands.add_parser("gpu", help="the kernels, and what was measured of them")
    verbs = gpu.add_subparsers(required=True, metavar="list|run|check|record")
    _add_list(verbs, list_kernels)
    verb = verbs.add_parser("run", help="check and measure kernels on this machine's GPU")
    verb.add_argument("kernel", nargs="*", help="names; all that are not measured yet if none")
    verb.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no kernel after that long"
    )
    verb.add_argument(
        "--correctness", action="store_true", help="only compare with float64, and write nothing"
    )
    verb.add_argument("--again", action="store_true", help="also what is measured already")
    verb.set_defaults(run=run_kernels)
    verb = verbs.add_parser("check", help="find measurements that cannot be, or are stale")
    verb.set_defaults(run=check_artifacts)

    verb = verbs.add_parser("record", help="interpret and compile kernels, which takes no GPU")
    verb.add_argument("kernel", nargs="*", help="names; all if none")
    verb.set_defaults(run=record_kernels)

    add_train(commands)

    counter = commands.add_parser("tokens", help="count the tokens of a text in many languages")
    counter.add_argument("file", type=Path, help='JSON: {"eng": {"name": "English", "text": "…"}}')
    counter.set_defaults(run=measure_tokens)

    builder = commands.add_parser("build", help="build the site")
    builder.add_argument("--output", type=Path, default=Path("site"), help="folder to write")
    builder.add_argument("--url", help="where the site will be, for links that must be absolute")
    builder.add_argument(
        "--preview", action="store_true", help="leave out compressed copies and offline reading"
    )
    builder.add_argument(
        "--no-offline",
        action="store_true",
        help="switch offline reading off, also for readers who have it",
    )
    builder.set_defaults(run=build)

    server = commands.add_parser("serve", help="build, serve, and build again after each change")
    server.add_argument("--port", type=int, default=8000, help="first port to try")
    server.set_defaults(run=serve)
    return parser


def _add_list(verbs: Any, action: Callable[[argparse.Namespace], int]) -> None:
    verb = verbs.add_parser("list", help="print one name a line")
    verb.add_argument("--json", action="store_true", help="print the details as JSON")
    verb.set_defaults(run=action)


if __name__ == "__main__":
    sys.exit(main())
