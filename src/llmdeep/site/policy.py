"""The Content-Security-Policy of the built site: nothing foreign, no inline script but its own.

The inline scripts are the theme's and one line of theme/main.html; their hashes are taken from the
finished pages. Every page carries the same policy, because in-site navigation keeps the first
page's. `style-src-attr` is for the style attributes of build-time KaTeX; style elements stay
forbidden. `default-src` is not 'none' because Firefox fetches the next chapter ahead (the theme's
`rel="next"`) under no other directive.
"""

import base64
import hashlib
import re
from pathlib import Path

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_META = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n?')
_CHARSET = re.compile(r'<meta charset="?utf-8"?>', re.IGNORECASE)


def policy(pages: list[str]) -> str:
    """The policy under which all `pages` (HTML texts) run without a violation."""
    hashes = sorted({_hash(code) for page in pages for code in inline_scripts(page)})
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {allowed}".rstrip(),
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "object-src 'none'",
            "frame-src 'none'",
            "media-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def inline_scripts(page: str) -> list[str]:
    """The code of the scripts a browser would run from the page itself."""
    return [
        script["code"]
        for script in _SCRIPT.finditer(page)
        if "src=" not in script["attributes"] and "json" not in script["attributes"]
    ]


def apply(site: Path) -> str:
    """Write the policy into every page of `site` and into `_headers`; return it.

    `_headers` is read by hosts that send headers for static sites; the meta element serves the
    others. `frame-ancestors` only works as a header.
    """
    paths = sorted(site.rglob("*.html"))
    texts = [_META.sub("", path.read_text(encoding="utf-8")) for path in paths]
    value = policy(texts)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{value}">'
    for path, text in zip(paths, texts, strict=True):
        if not _CHARSET.search(text):
            raise ValueError(f"{path} has no <meta charset>, so no place for the policy")
        page = _CHARSET.sub(lambda found: f"{found[0]}\n{meta}", text, count=1)
        path.write_text(page, encoding="utf-8")
    headers = {
        "Content-Security-Policy": f"{value}; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    lines = ["/*", *(f"  {name}: {text}" for name, text in headers.items())]
    (site / "_headers").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return value


def _hash(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
