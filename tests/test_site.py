"""The site that a build makes: figures, cells and formulas on its pages, its policy, its server."""

import base64
import gzip
import hashlib
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

import brotli
import markdown
import pytest

from llmdeep.site import compress, node, policy
from llmdeep.site.figures import write_widget_files
from llmdeep.site.pages import PageError
from llmdeep.site.paths import BROWSER, ROOT
from llmdeep.site.server import Hosting, policy_headers, serving

CONFIGURATION = """\
site_name: small
site_url: http://127.0.0.1/
theme: {name: material, font: false}
plugins: []
markdown_extensions: [tables, pymdownx.superfences, llmdeep.site.markdown]
"""
CHAPTER = """\
---
title: A chapter
---

# A chapter

The *scale* is $1/\\sqrt{d}$.

![Two **curves** over $d$](widget:softmax_scaling?n_keys=8)

```python
import numpy as np

x = np.arange(3) * 2
print(x.sum())
```

```python
from llmdeep.widgets import Metrics

Metrics(sum=int(x.sum()))
```

![The function itself](source:llmdeep.attention.softmax)

### An exercise

```python starter
def double(x):
    raise NotImplementedError
```

```python check
assert double(2) == 4
```

```python solution
def double(x):
    return 2 * x
```
"""


@pytest.fixture(scope="module", autouse=True)
def renderer() -> None:
    """The Node program that draws, built from the sources as they are."""
    build = node.command(BROWSER / "build.mjs", "--only=prerender")
    subprocess.run(build, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book, built as the real one is."""
    return build(tmp_path_factory.mktemp("book"), CHAPTER)


def build(book: Path, chapter: str) -> Path:
    docs = book / "docs"
    (docs / "part").mkdir(parents=True)
    (book / "mkdocs.yml").write_text(CONFIGURATION)
    (docs / "index.md").write_text("# Home\n\nNo figure, no cell, no formula.\n")
    (docs / "part" / "chapter.md").write_text(chapter)
    write_widget_files(docs, docs / "assets" / "widgets")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", "site"],
        cwd=book,
        check=True,
        capture_output=True,
        text=True,
    )
    policy.apply(book / "site")
    return book / "site"


def convert(text: str, docs: Path) -> str:
    docs.mkdir(exist_ok=True)
    (docs / "page.md").write_text(text)
    extensions = ["tables", "pymdownx.superfences", "llmdeep.site.markdown"]
    options = {"llmdeep.site.markdown": {"docs": str(docs)}}
    body = re.sub(r"\A---\n.*?---\n", "", text, flags=re.DOTALL)
    return markdown.markdown(body, extensions=extensions, extension_configs=options)


def test_a_widget_stands_finished_on_its_page(built: Path) -> None:
    page = (built / "part" / "chapter" / "index.html").read_text()
    (tag,) = re.findall(r"<llmdeep-widget[^>]*>", page)
    assert 'name="softmax_scaling"' in tag
    assert 'data-state="static"' in tag
    assert "n_keys" in tag
    file = re.search(r'data-file="([^"]+)"', tag)
    assert file
    assert (built / "part" / "chapter" / file[1]).resolve().is_file()
    assert re.search(r'data-view="chart"[^>]*>', page)
    assert 'name="d_head"' in page
    assert "<figcaption>Two <strong>curves</strong> over" in page


def test_cells_show_what_they_computed(built: Path) -> None:
    page = (built / "part" / "chapter" / "index.html").read_text()
    cells = re.findall(r"<llmdeep-cell.*?</llmdeep-cell>", page, re.DOTALL)
    assert len(cells) == 3
    assert '<pre data-stream="stdout">6\n</pre>' in cells[0]
    assert 'data-view="metrics"' in cells[1]
    assert 'data-kind="exercise"' in cells[2]
    code = re.search(r"<code>(.*?)</code>", cells[0], re.DOTALL)
    assert code
    assert re.sub(r"<[^>]*>", "", code[1]).startswith("import numpy as np\n\nx = np.arange(3)")


def test_a_source_is_shown_with_its_place(built: Path) -> None:
    page = (built / "part" / "chapter" / "index.html").read_text()
    place = re.search(r"src/llmdeep/attention\.py, line (\d+)", page)
    assert place
    lines = (ROOT / "src/llmdeep/attention.py").read_text().splitlines()
    assert lines[int(place[1]) - 1].startswith("def softmax")


def test_formulas_are_typeset_by_the_build(built: Path) -> None:
    page = (built / "part" / "chapter" / "index.html").read_text()
    assert page.count("<math") == page.count('class="katex"') >= 2
    assert "\\(" not in page


def test_a_page_without_any_of_it_stays_as_it_was(tmp_path: Path) -> None:
    text = "# Title\n\nA `$5` price, ![a picture](x.png), and\n\n```text\n```python\n```\n"
    page = convert(text, tmp_path / "docs")
    assert "llmdeep-" not in page
    assert '<img alt="a picture" src="x.png"' in page


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("![c](widget:no_such_widget)", "there is no widget 'no_such_widget'"),
        ("![c](widget:softmax_scaling?no_such=1)", "no_such"),
        ("![c](widget:softmax_scaling?n_keys=banana)", "banana"),
        ("![c](widget:softmax_scaling?n_keys=100000)", "100000"),
        ("![](widget:softmax_scaling)", "caption"),
        ("![c](source:llmdeep.attention.no_such)", "no_such"),
        ("![c](source:llmdeep.no_such.softmax)", "no_such"),
        ("![c](run:no_such)", "no kernel is called 'no_such'; there are column_sums"),
        ("![c](record:no_such)", "no kernel is called 'no_such'"),
        ("![](run:softmax)", "caption"),
        ("![c](source:llmdeep.kernels.softmax.no_such)", "no_such in kernels/softmax.py"),
        ("![c](source:llmdeep.kernels.no_such)", "no kernel file no_such.py"),
        ("$\\nosuchmacro{x}$", "nosuchmacro"),
        ("```py\nx = 1\n```", "would not be run"),
        ("```python\n1 / 0\n```", "ZeroDivisionError"),
        ("```python\nx = 1", "never closed"),
        ("```python starter\nx = 1\n```", "must be followed"),
        ("## A heading with $x^2$", "heading|contents"),
    ],
)
def test_what_is_wrong_stops_the_build_with_file_and_line(
    line: str, complaint: str, tmp_path: Path
) -> None:
    text = f"---\ntitle: x\n---\n\n# Title\n\nSome text.\n\n{line}\n"
    with pytest.raises(PageError, match=complaint) as stop:
        convert(text, tmp_path / "docs")
    assert "page.md:9:" in str(stop.value)


def test_a_wrong_name_fails_the_whole_build(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as stop:
        build(tmp_path, "# A\n\n![c](widget:no_such_widget)\n")
    said = stop.value.stderr
    assert "docs/part/chapter.md:3: widget:no_such_widget: there is no widget" in said
    assert "Traceback" not in said


def test_every_inline_script_is_allowed_by_its_hash_and_nothing_else_is(built: Path) -> None:
    pages = list(built.rglob("*.html"))
    assert len(pages) >= 3
    for path in pages:
        page = path.read_text()
        given = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
        assert given
        rules = dict(rule.split(" ", 1) for rule in given[1].split("; "))
        assert "unsafe-inline" not in rules["script-src"]
        assert "'unsafe-eval'" not in rules["script-src"]
        scripts = [s for s in re.findall(r"<script>(.*?)</script>", page, re.DOTALL) if s]
        assert scripts
        for script in scripts:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in rules["script-src"]
        assert not re.search(r"<style\b(?![^<]*</svg)", page)
        assert not re.search(r"<[^>]+\son\w+=", page)
        assert page.index("Content-Security-Policy") < page.index("<script")
    assert policy_headers(built)["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_a_changed_inline_script_changes_the_policy() -> None:
    one, two = (policy.policy([f"<script>{code}</script>"]) for code in ("a()", "b()"))
    assert one != two
    assert "sha256" not in policy.policy(['<script src="x.js"></script>'])


def test_the_site_works_below_any_path(built: Path) -> None:
    with serving(Hosting(built, "/some/where/")) as home:
        assert home.endswith("/some/where/")
        url = urljoin(home, "part/chapter/")
        page = fetch(url)[1].decode()
        links = re.findall(r'(?:href|src|data-file)="([^"#?]+)"', page)
        own = {urljoin(url, link) for link in links if not link.startswith("http")}
        assert len(own) > 5
        for link in own:
            assert link.startswith(home), f"{link} is outside of the site"
            assert fetch(link)[0] == 200, link


def test_the_server_negotiates_and_types(tmp_path: Path) -> None:
    text = "body { color: red }\n" * 100
    (tmp_path / "style.css").write_text(text)
    (tmp_path / "a.wasm").write_bytes(b"\0asm" * 200)
    (tmp_path / "b.mjs").write_text("export {}")
    (tmp_path / "404.html").write_text("nothing here")
    compress.compress(tmp_path)
    with serving(Hosting(tmp_path, headers={"X-Test": "yes"})) as home:
        for accepted, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
            _, body, headers = fetch(f"{home}style.css", accepted)
            assert headers["Content-Encoding"] == accepted
            assert unpack(body).decode() == text
        _, body, headers = fetch(f"{home}style.css")
        assert body.decode() == text
        assert headers["X-Test"] == "yes"
        assert fetch(f"{home}a.wasm")[2]["Content-Type"] == "application/wasm"
        assert fetch(f"{home}b.mjs")[2]["Content-Type"].startswith("text/javascript")
        assert fetch(f"{home}no/such")[:2] == (404, b"nothing here")
        assert fetch(f"{home}%2e%2e/%2e%2e/etc/passwd")[0] == 404


def test_the_same_sources_give_the_same_site(built: Path, tmp_path: Path) -> None:
    again = build(tmp_path, CHAPTER)
    compress.compress(built)
    compress.compress(again)
    assert snapshot(again) == snapshot(built)


def snapshot(site: Path) -> dict[str, str]:
    return {
        str(path.relative_to(site)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in site.rglob("*")
        if path.is_file()
    }


def fetch(url: str, accept: str = "identity") -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": accept})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read(), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)
