"""Files whose name carries a hash of their content: they may be kept for ever."""

import re

PATTERN = r"(?:[.-][0-9a-f]{8,64}|-[0-9A-Z]{8})\.[0-9A-Za-z.]+$"

_HASHED = re.compile(PATTERN)


def is_hashed(path: str) -> bool:
    """Whether the content behind `path` can never change."""
    return bool(_HASHED.search(path))
