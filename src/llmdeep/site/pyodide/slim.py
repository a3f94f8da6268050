"""What of the standard library and of NumPy goes to the reader.

Left out is what cannot work in a worker without network, files and processes, what only develops
or tests, and what a wheel carries for compilers.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

Entry = tuple[str, bytes]

_NOT_IN_A_WORKER = [
    *(
        "__phello__",
        "antigravity",
        "asyncio/__main__",
        "asyncio/proactor_events",
        "bdb",
        "cProfile",
    ),
    *(
        "asyncio/windows_events",
        "asyncio/windows_utils",
        "compileall",
        "concurrent/futures/process",
    ),
    *("ctypes/macholib", "curses", "dbm", "doctest", "encodings/mbcs", "ensurepip", "filecmp"),
    *("fileinput", "ftplib", "http/cookiejar", "http/cookies", "http/server", "idlelib", "imaplib"),
    *("logging/config", "mailbox", "modulefinder", "multiprocessing", "netrc", "nturl2path", "pdb"),
    *("pickletools", "poplib", "profile", "pstats", "pty", "pydoc_data", "pyodide/console"),
    *("pyodide/ffi/wrappers", "rlcompleter", "shelve", "smtplib", "socketserver", "sqlite3"),
    *(
        "sre_compile",
        "sre_constants",
        "sre_parse",
        "sysconfig/__main__",
        "tabnanny",
        "test",
        "trace",
    ),
    *(
        "tty",
        "turtle",
        "turtledemo",
        "unittest/__main__",
        "venv",
        "webbrowser",
        "wsgiref",
        "xml/dom",
    ),
    *("xml/sax", "xmlrpc", "zipapp", "_aix_support", "_android_support", "_apple_support"),
    *("_ios_support", "_osx_support"),
]

# Standing in for modules that Pyodide has in C.
_PURE_COPIES = ["_pydatetime", "_pydecimal", "_pyio"]

_LIBRARY = re.compile(rf"({'|'.join(_NOT_IN_A_WORKER + _PURE_COPIES)})(/|\.py$)")

# Folders of which only these modules stay: for help(), and the encodings a text may really have.
_FEW_OF = re.compile(
    r"_pyrepl/(?!(__init__|pager|types)\.py$)"
    r"|encodings/(?!(__init__|aliases|ascii|base64_codec|charmap|cp1252|cp437|hex_codec|idna|latin_1"
    r"|iso8859_1|iso8859_15|punycode|raw_unicode_escape|rot_13|undefined|unicode_escape"
    r"|utf_16.*|utf_32.*|utf_7|utf_8.*)\.py$)"
)

_NUMPY = re.compile(
    r".*\.(pyi|pyx|pxd|h|ini|pc|cfg|build|build\.template|txt|rst|md|typed)$"
    r"|numpy/(f2py|_pyinstaller|doc|_build_utils|conftest\.py)"
    r"|numpy/_core/(include|lib|cversions)|numpy/random/(lib|_examples)/"
    r"|.*/(_multiarray_tests|_operand_flag_tests|_rational_tests|_struct_ufunc_tests"
    r"|_umath_tests|_simd|lapack_lite)\.[^/]*\.so$"
    r"|.*/tests/(?!(_natype|__init__)\.py$)|.*\.dist-info/(RECORD|WHEEL|INSTALLER)$"
)


def library(path: Path) -> Iterator[Entry]:
    """The files of Pyodide's python_stdlib.zip that are worth their bytes."""
    for name, content in _files(path):
        if not _LIBRARY.match(name) and not _FEW_OF.match(name) and name.endswith(".py"):
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
