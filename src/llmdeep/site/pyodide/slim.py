"""What of the standard library and of NumPy goes to the reader.

Left out is what cannot work in a worker without network, files and processes, what only develops
or tests, and what a wheel carries for compilers.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

Entry = tuple[str, bytes]

_LIBRARY = re.compile(
    r"""
    (   # no processes, threads, sockets, terminals or other systems in a worker
        asyncio/(proactor|windows)_\w+ | concurrent/futures/process | curses | dbm | ensurepip
    |   ftplib | http/(cookiejar|cookies|server) | imaplib | mailbox | multiprocessing | netrc
    |   nturl2path | poplib | pty | shelve | smtplib | socketserver | sqlite3 | tty | turtle
    |   turtledemo | venv | webbrowser | wsgiref | xmlrpc | _(aix|android|apple|ios|osx)_support
    |   encodings/mbcs | ctypes/macholib | logging/config
        # for developing, and what needs it
    |   asyncio/__main__ | bdb | compileall | cProfile | doctest | filecmp | fileinput | idlelib
    |   modulefinder | pdb | pickletools | profile | pstats | pydoc_data | pyodide/console
    |   pyodide/ffi/wrappers | rlcompleter | sysconfig/__main__ | tabnanny | test | trace
    |   unittest/__main__ | zipapp | __phello__ | antigravity
        # Pyodide has them in C, or nothing imports them any more
    |   _pydatetime | _pydecimal | _pyio | sre_(compile|constants|parse) | xml/(dom|sax)
    ) (/ | \.py$)
    |   # of these folders only what help() needs, and the encodings a text may really have
        _pyrepl/ (?! (__init__ | pager | types) \.py$)
    |   encodings/ (?! (
            __init__ | aliases | ascii | base64_codec | charmap | cp1252 | cp437 | hex_codec | idna
        |   iso8859_1 | iso8859_15 | latin_1 | punycode | raw_unicode_escape | rot_13 | undefined
        |   unicode_escape | utf_16.* | utf_32.* | utf_7 | utf_8.*
        ) \.py$)
    """,
    re.VERBOSE,
)

_NUMPY = re.compile(
    r"""
        .*\.(build (\.template)? | cfg | h | ini | md | pc | pxd | pyi | pyx | rst | txt | typed) $
    |   numpy/ (f2py | _pyinstaller | doc | _build_utils | conftest\.py)
    |   numpy/_core/ (include | lib | cversions) | numpy/random/ (lib | _examples) /
    |   .*/ (_multiarray_tests | _operand_flag_tests | _rational_tests | _struct_ufunc_tests
            | _umath_tests | _simd | lapack_lite) \. [^/]* \.so $
    |   .*/tests/ (?! (_natype | __init__) \.py $)
    |   .*\.dist-info/ (RECORD | WHEEL | INSTALLER) $
    """,
    re.VERBOSE,
)


def library(path: Path) -> Iterator[Entry]:
    """The files of Pyodide's python_stdlib.zip that are worth their bytes."""
    for name, content in _files(path):
        if not _LIBRARY.match(name) and name.endswith(".py"):
            yield name, content


def numpy(path: Path) -> Iterator[Entry]:
    """The files of NumPy's wheel that run, and its licences."""
    for name, content in _files(path):
        licence = ".dist-info/" in name and "LICENSE" in name
        if licence or not _NUMPY.match(name):
            yield name, content
    yield "numpy/f2py/__init__.py", b""  # `from numpy import *` asks for it by name


def _files(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if not info.is_dir():
                yield info.filename, archive.read(info)
