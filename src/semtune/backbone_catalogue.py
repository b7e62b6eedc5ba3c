"""Well-known backbones; `backbone_catalogue.yaml` holds the facts about them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

MULTILINGUAL = "multilingual"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """Facts about a backbone that are known without its files.

    Attributes:
        id: on the hub.
        domain: what it was trained for.
        languages: ISO 639-1 codes, or "multilingual"; empty: unknown.
        dimension, max_length: of its vectors, and in tokens; None: unknown or unlimited.
        parameters: in millions; None: unknown.
        prompts: role → text put before each input.
        licence: as on the hub; empty: unknown.
        note: anything else worth knowing.
        raw: whether it was never trained to embed texts.
    """

    id: str
    domain: str = ""
    languages: tuple[str, ...] = ()
    dimension: int | None = None
    max_length: int | None = None
    parameters: float | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    note: str = ""
    raw: bool = False

    @property
    def name(self) -> str:
        """The id without its organisation."""
        return self.id.rpartition("/")[2]

    def supports(self, languages: Collection[str]) -> bool:
        """Whether it supports all of these languages; true if its languages are unknown."""
        return MULTILINGUAL in self.languages or not self.languages or set(languages) <= set(self.languages)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are pooled alike.

    Attributes:
        family: its name, for people.
        pooling: how they make one vector of a text's tokens.
        names: parts of their names, in lower case.
        model_types: of their config.json, where those belong to the family alone.
    """

    family: str
    pooling: str
    names: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a model's name holds one of the family's names as a whole word."""
        return any(re.search(rf"(?<![a-z0-9]){re.escape(part)}(?![a-z0-9])", name.lower()) for part in self.names)


@lru_cache(maxsize=1)
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the order of the file."""
    return tuple(
        CatalogueEntry(id=key, **values | {"languages": tuple(values.get("languages", ()))})
        for key, values in _documents()[0].items()
    )


@lru_cache(maxsize=1)
def families() -> tuple[Family, ...]:
    """All families, in the order of the file."""
    return tuple(
        Family(**each | {key: tuple(each.get(key, ())) for key in ("names", "model_types")}) for each in _documents()[1]
    )


def find_family(names: Iterable[str], model_type: str = "") -> Family | None:
    """The family that a model belongs to, by its names and the model_type of its config; None if none is known."""
    named = list(names)
    by_name = (family for family in families() for name in named if family.has(name))
    return next(by_name, None) or next((family for family in families() if model_type in family.model_types), None)


def find_entry(*names: str) -> CatalogueEntry | None:
    """The entry with a hub id or bare name, ignoring case; None if there is none."""
    wanted = {name.lower() for name in names if name}
    return next((entry for entry in catalogue() if {entry.id.lower(), entry.name.lower()} & wanted), None)


def _documents() -> list[Any]:
    text = files("semtune").joinpath("backbone_catalogue.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load_all(text))
