"""What decides how an index is searched: dev, the config, or that the index has no full text."""

from __future__ import annotations

from dataclasses import dataclass


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

    @property
    def key(self) -> str:
        """What an evaluation depends on."""
        return self.mode if self.has_words else "no full text"


DEFAULT_WAY = ServedWay()
