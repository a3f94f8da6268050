"""Writes src/llmdeep/unicode_runs.py: `python -m llmdeep.site.unicode_runs`.

Python's own `unicodedata` knows another Unicode in each version of Python, and tokenizers were
frozen at one of them, so the book carries its own table. It comes from the package unicodedata2,
whose version is that of Unicode.
"""

import textwrap
from itertools import groupby

from llmdeep.site.paths import SOURCES

TARGET = SOURCES / "llmdeep" / "unicode_runs.py"

_CODES = {"Lu": "u", "Ll": "l", "Lt": "t", "Lm": "m", "Lo": "o", "M": "M", "N": "N"}
_SPACES = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]
_SPACES += [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]  # the property White_Space, PropList.txt

_MODULE = '''"""What kind of character each code point is, for Unicode {version}: a generated file.

Written by `python -m llmdeep.site.unicode_runs`. `RUNS` is read from code point 0 upwards: a letter
for the kind, then how many code points in a row are of it, where that is more than one.

    u l t m o    letters: upper case, lower case, title case, modifier, other (Lu Ll Lt Lm Lo)
    M            marks, such as accents that combine (Mn Mc Me)
    N            numbers (Nd Nl No)
    s            white space
    x            everything else, and what is not assigned
"""

VERSION = "{version}"
RUNS = (
{runs}
)
'''


def module() -> str:
    """The text of the module.

    Raises:
        ImportError: If unicodedata2 is not installed (requirements/test.txt has it).
    """
    import unicodedata2

    def kind(point: int) -> str:
        if point in spaces:
            return "s"
        category = unicodedata2.category(chr(point))
        return _CODES.get(category, _CODES.get(category[0], "x"))

    spaces = set(_SPACES)
    lengths = ((letter, len(list(run))) for letter, run in groupby(map(kind, range(0x110000))))
    runs = "".join(letter + (str(length) if length > 1 else "") for letter, length in lengths)
    lines = [f'    "{line}"' for line in textwrap.wrap(runs, 94)]
    return _MODULE.format(version=unicodedata2.unidata_version, runs="\n".join(lines))


if __name__ == "__main__":
    TARGET.write_text(module(), encoding="utf-8")
    print(f"wrote {TARGET}")
