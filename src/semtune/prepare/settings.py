"""What can be chosen about preparing a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from semtune.errors import ConfigError, nearest

ROLES = ("anchor", "positive", "negative", "sentence1", "sentence2", "score", "text", "title", "id", "group")


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """How a source becomes a data set.

    Attributes:
        dev_share: share of the groups (documents, modules, connected questions) kept for choosing the best checkpoint.
        test_share: share of the groups kept for the final judgement.
        min_words: passages with fewer words are left out, and counted.
        max_pairs: at most so many training pairs, chosen by hash; None: all.
        max_passages: at most so many passages, those with a question first; None: all.
        pairs_per_section: a section longer than one passage gives at most so many training pairs.
        shared_documents: what happens to training labels whose document is also the answer to a dev or test
            question in a source that its owner split: "drop" them, or "keep" them and count.
        roles: role → column name, where the names of a table's columns do not say it, e.g. {"anchor": "subject"}.
        max_bad_share: a table with a larger share of unusable rows is refused.
        max_leak_share: a data set of which a larger share of the held-out texts leaks into train is refused.
    """

    dev_share: float = 0.1
    test_share: float = 0.1
    min_words: int = 4
    max_pairs: int | None = None
    max_passages: int | None = None
    pairs_per_section: int = 3
    shared_documents: Literal["drop", "keep"] = "drop"
    roles: Mapping[str, str] = field(default_factory=dict)
    max_bad_share: float = 0.1
    max_leak_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that make no sense together."""
        if self.dev_share < 0 or self.test_share < 0 or self.dev_share + self.test_share >= 1:
            raise ConfigError(
                f"dev_share={self.dev_share} and test_share={self.test_share} leave nothing to train on or are "
                "negative. Each must be 0 or more, and their sum below 1."
            )
        if self.shared_documents not in {"drop", "keep"}:
            raise ConfigError(f"shared_documents={self.shared_documents!r} is not known. Allowed: 'drop', 'keep'.")
        for name in ("min_words", "pairs_per_section"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} is too small. Allowed: 1 or more.")
        for name in ("max_pairs", "max_passages"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"{name}={value} is too small. Allowed: 1 or more, or nothing for no limit.")
        for role in self.roles:
            if role not in ROLES:
                raise ConfigError(
                    f"{role!r} in roles is not a role.{nearest(role, ROLES)} Allowed: {', '.join(ROLES)}."
                )

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON, for the report."""
        return {**asdict(self), "roles": dict(self.roles)}
