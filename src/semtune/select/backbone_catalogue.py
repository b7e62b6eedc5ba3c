"""Well-known backbones and what is known of them; `backbone_catalogue.yaml` holds the facts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

import yaml

MULTILINGUAL = "multilingual"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What is known of a backbone without looking at its files.

    Attributes:
        id: on the hub.
        domain: what it was trained for.
        languages: codes of ISO 639-1, or "multilingual"; empty: not known.
        dimension, max_length: of its vectors, and in tokens; None: not known, or none.
        parameters: in millions; None: not known.
        prompts: role → text put before each input.
        licence: as the hub names it; empty: not known.
        note: anything else that counts.
        raw: it was never trained to embed texts.
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

    def reads(self, languages: Collection[str]) -> bool:
        """Whether it was made for all of these languages; true where nothing is known of either."""
        return MULTILINGUAL in self.languages or not self.languages or set(languages) <= set(self.languages)


@lru_cache(maxsize=1)
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All entries, in the file's order."""
    text = files("semtune.select").joinpath("backbone_catalogue.yaml").read_text(encoding="utf-8")
    return tuple(
        CatalogueEntry(id=key, **values | {"languages": tuple(values.get("languages", ()))})
        for key, values in yaml.safe_load(text).items()
    )


def find_entry(*names: str) -> CatalogueEntry | None:
    """The entry of a hub id or a bare name, in any case of letters; None without one."""
    wanted = {name.lower() for name in names if name}
    return next((entry for entry in catalogue() if {entry.id.lower(), entry.name.lower()} & wanted), None)
