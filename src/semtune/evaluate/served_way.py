"""What decides how an index is searched: dev, the config, or that the index has no full text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServedWay:
    """What decides how an index is searched.

    Attributes:
        mode: "auto": the best on dev; or what the config says.
        has_words: whether the index has full text; without, it is searched by vectors.
        compared: whether other ways than vectors are looked for in mode "auto".
    """

    mode: str = "auto"
    has_words: bool = True
    compared: bool = True

    def key(self) -> dict[str, Any]:
        """What an evaluation depends on."""
        return {"mode": self.mode if self.has_words else "dense", "has_words": self.has_words}


DEFAULT_WAY = ServedWay()
