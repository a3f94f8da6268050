"""Published models: their configuration and what was printed about them, each with its source."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from llmdeep.catalog.config_file import read_config
from llmdeep.catalog.description import ModelDescription
from llmdeep.catalog.fields import ConfigError
from llmdeep.catalog.rows import CatalogError, read_rows

FILE = Path(__file__).with_name("models.json")
ENCODERS = ("bert", "t5")


@dataclass(frozen=True)
class Model:
    """One row. `config` holds the fields of its config.json that sizes depend on.

    `published` counts parameters as its makers print them, `published_active` those that work on
    one token; `tokens` is the length of its training text. `exact` says that the count from
    `config` was compared with the tensors of a model that was built, and is the same to the last
    one. `config` is None where too little was published to count.

    `confidence` is "source" (read in the owner's publication or code), "mirror" (in a maintained
    copy of its config.json), "mixed" or "reported" (widely, not read at the source).
    """

    name: str
    family: str
    year: int
    published: float
    source: str
    confidence: str
    config: dict[str, Any] | None = None
    published_active: float | None = None
    published_source: str = ""
    tokens: float | None = None
    tokens_source: str = ""
    exact: bool = False
    notes: str = ""

    @cached_property
    def description(self) -> ModelDescription:
        """What `config` says.

        Raises:
            LookupError: If too little was published to describe the model.
            CatalogError: If `config` can't be read.
        """
        if self.config is None:
            raise LookupError(f"{self.name}: its makers published too little to describe it")
        try:
            return read_config(self.config)
        except ConfigError as error:
            raise CatalogError(f"{FILE.name}, row “{self.name}”, config: {error}") from None

    @property
    def writes(self) -> bool:
        """Whether it is known to be a decoder alone, which writes a text token by token."""
        return self.config is not None and self.config["model_type"] not in ENCODERS


@lru_cache(maxsize=1)
def models() -> tuple[Model, ...]:
    """Every model of the catalog, family by family, small to large.

    Raises:
        CatalogError: If a row is not as it must be.
    """
    return read_rows(FILE, Model)


def model(name: str) -> Model:
    """The model of this name.

    Raises:
        LookupError: If there is none; the message lists those there are.
    """
    for row in models():
        if row.name == name:
            return row
    raise LookupError(
        f"there is no model {name!r}; there are {', '.join(r.name for r in models())}"
    )
