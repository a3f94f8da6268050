"""The keys of a config.json, each read as the kind it must be, and named when it is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fields:
    """A JSON object. A key that is null counts as missing, and what is missing takes the default.

    Without a default a missing key is an error.

    Attributes:
        inside: How to name the object itself in front of a key, with its dot; "" at the top.

    Examples:
        >>> Fields({"factor": "two"}, inside="rope_scaling.").number("factor")
        Traceback (most recent call last):
        ValueError: rope_scaling.factor: "two" is not a positive number
    """

    values: Mapping[str, Any]
    inside: str = ""

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self.values.get(key) is not None

    def size(self, key: str, default: int | None = None) -> int:
        """A whole number of at least 1."""
        value = self._value(key, default)
        if type(value) is not int or value < 1:
            raise self.error(key, "is not a whole number of at least 1")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A positive number."""
        value = self._value(key, default)
        if type(value) not in (int, float) or not 0 < value < float("inf"):
            raise self.error(key, "is not a positive number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "is neither true nor false")
        return value

    def word(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self.error(key, "is not a text")
        return value

    def object(self, key: str) -> "Fields":
        """The object under a key, an empty one if it is missing."""
        value = self._value(key, {})
        if not isinstance(value, dict):
            raise self.error(key, "is not an object")
        return Fields(value, f"{self.inside}{key}.")

    def allow(self, key: str, only: Any) -> None:
        """Refuse the key unless it is missing or has this one value."""
        if self.has(key) and self.values[key] != only:
            raise self.error(key, f"is not supported, only {json.dumps(only)}")

    def error(self, key: str, what: str) -> ValueError:
        """An error that names the key and shows its value."""
        shown = json.dumps(self.values.get(key), ensure_ascii=False)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
        return ValueError(f"{self.inside}{key}: {shown} {what}")

    def _value(self, key: str, default: Any) -> Any:
        if self.has(key):
            return self.values[key]
        if default is None:
            raise ValueError(f"{self.inside}{key} is missing")
        return default
