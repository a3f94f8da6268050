"""The `llmdeep` command: list what the book holds, build it, serve it."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path


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
    for noun, action in (("widgets", list_widgets), ("cells", list_cells)):
        group = commands.add_parser(noun, help=f"the {noun} of the book")
        verbs = group.add_subparsers(required=True, metavar="list")
        verb = verbs.add_parser("list", help="print one name a line")
        verb.add_argument("--json", action="store_true", help="print the details as JSON")
        verb.set_defaults(run=action)

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


if __name__ == "__main__":
    sys.exit(main())
