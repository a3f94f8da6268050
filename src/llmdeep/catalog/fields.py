"""Reading the fields of a parsed JSON object, with errors that say what would be right."""

import math
from collections.abc import Mapping
from typing import Any

MOST_LAYERS = 1_000
WIDEST = 1_000_000
LONGEST = 1_000_000_000


class ConfigError(ValueError):
    """A configuration that can't be read; the message is written for the reader."""


class Fields:
    """The fields of one configuration. `what` names it in messages: "a llama config.json"."""

    def __init__(self, values: Mapping[str, Any], what: str) -> None:
        self.values, self.what = values, what

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def whole(self, name: str, default: int | None = None, high: int = WIDEST, low: int = 1) -> int:
        """A whole number from `low` to `high`; `default` where the field is missing or null."""
        value = self.values.get(name)
        right = f"a whole number from {low:,} to {high:,}"
        if value is None:
            if default is None:
                raise ConfigError(f"“{name}” is missing; {self.what} has {right} there.")
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _whole(value):
            raise ConfigError(f"“{name}” is {_shown(value)}; {self.what} has {right} there.")
        if not low <= value <= high:
            raise ConfigError(f"“{name}” is {_shown(value)}, which can't be: it must be {right}.")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ConfigError(f"“{name}” is {_shown(value)}; it must be true or false.")
        return value

    def word(self, name: str, default: str = "") -> str:
        """A piece of text."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ConfigError(f"“{name}” is {_shown(value)}; it must be a text in quotes.")
        return value

    def words(self, name: str, count: int) -> list[str]:
        """A list of `count` words, such as the kind of each layer."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"“{name}” is {_shown(value)}; it must be a list of words.")
        if len(value) != count:
            raise ConfigError(f"“{name}” lists {len(value):,} layers; the model has {count:,}.")
        return value

    def indices(self, name: str) -> set[int]:
        """A list of layer numbers, empty where the field is missing."""
        value = self.values.get(name)
        if value is None:
            return set()
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            raise ConfigError(f"“{name}” is {_shown(value)}; it must be a list of whole numbers.")
        return set(value)

    def inside(self, name: str) -> "Fields":
        """The fields of an object within this one."""
        value = self.values.get(name)
        if not isinstance(value, Mapping):
            raise ConfigError(f"“{name}” is {_shown(value)}; it must be an object in braces.")
        return Fields(value, f"“{name}” of {self.what}")


def _whole(value: float) -> bool:
    return isinstance(value, int) or (math.isfinite(value) and value == int(value))


def _shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    if value is None:
        return "missing"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    text = f"“{value}”" if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
