"""Reading rows of a data file: each a dictionary, checked against the fields of a dataclass."""

import dataclasses
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Row = TypeVar("Row")

CONFIDENCE = ("source", "mirror", "mixed", "reported")


class CatalogError(ValueError):
    """A row of the catalog that is not as it must be."""


def read_rows(file: Path, kind: type[Row]) -> tuple[Row, ...]:
    """All rows of a file, in its order, as instances of the dataclass `kind`.

    Raises:
        CatalogError: Naming the file, the row and the field, and what belongs there.
    """
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CatalogError(f"{file.name}: {error}") from None
    found: dict[str, Row] = {}
    for row in rows:
        name = row.get("name", "without a name") if isinstance(row, dict) else repr(row)[:40]
        where = f"{file.name}, row “{name}”"
        if not isinstance(row, dict):
            raise CatalogError(f"{where}: a row is an object in braces")
        if name in found:
            raise CatalogError(f"{where}: there is another row of this name")
        found[name] = read_row(row, kind, where)
    return tuple(found.values())


def read_row(row: Mapping[str, Any], kind: type[Row], where: str) -> Row:
    """One row as an instance of the dataclass `kind`; a field may be left out if it has a default.

    Raises:
        CatalogError: As `read_rows`.
    """
    hints = get_type_hints(kind)
    needed = {f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING}  # type: ignore[arg-type]
    for name in sorted(needed - row.keys()):
        raise CatalogError(f"{where}: the field “{name}” is missing")
    for name, value in row.items():
        if name not in hints:
            raise CatalogError(f"{where}: there is no field “{name}”; known: {', '.join(hints)}")
        _check(value, hints[name], f"{where}, field “{name}”")
    if row["confidence"] not in CONFIDENCE:
        raise CatalogError(f"{where}, field “confidence”: one of {', '.join(CONFIDENCE)}")
    if not str(row["source"]).strip():
        raise CatalogError(f"{where}, field “source”: say where the figures were read")
    return kind(**row)


def _check(value: Any, hint: Any, where: str) -> None:
    allowed = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = tuple(get_origin(each) or each for each in allowed)
    words = " or ".join("nothing" if k is types.NoneType else k.__name__ for k in kinds)
    numbers = (int, float) if float in kinds else ()
    if not isinstance(value, (*kinds, *numbers)) or (isinstance(value, bool) and bool not in kinds):
        raise CatalogError(f"{where}: {value!r} is no {words}")
    if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
        raise CatalogError(f"{where}: {value!r} must be above 0")
