"""Well-known backbones; `backbone_catalogue.yaml` holds the facts about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

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


@lru_cache(maxsize=1)
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the order of the file."""
    text = files("semtune.select").joinpath("backbone_catalogue.yaml").read_text(encoding="utf-8")
    return tuple(
        CatalogueEntry(id=key, **values | {"languages": tuple(values.get("languages", ()))})
        for key, values in yaml.safe_load(text).items()
    )


def find_entry(*names: str) -> CatalogueEntry | None:
    """The entry with a hub id or bare name, ignoring case; None if there is none."""
    wanted = {name.lower() for name in names if name}
    return next((entry for entry in catalogue() if {entry.id.lower(), entry.name.lower()} & wanted), None)
