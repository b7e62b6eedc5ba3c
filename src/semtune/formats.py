"""The formats of Semtune's files: which number each has now, and how older and newer files are read.

A number is "major.minor". A new minor version adds keys that older versions may ignore; a new major version changes
what existing keys mean. So every version reads all files of its own major version and those it has a migration for.
It refuses the others, with the command that helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from semtune.errors import ConfigError, ContractError, InputError, SemtuneError

KEY = "format"
_NUMBER = re.compile(r"(\d+)(?:\.(\d+))?")
Migration = Callable[[dict[str, Any]], dict[str, Any]]
KnownKeys = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A format number."""

    major: int
    minor: int

    def __str__(self) -> str:
        """As it stands in files."""
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, value: Any) -> Version | None:
        """A number from JSON or YAML: "1.1", 1.1, or the integer 1 of early versions, which means 1.0; else None."""
        found = _NUMBER.fullmatch(str(value)) if isinstance(value, str | int | float) else None
        return cls(int(found[1]), int(found[2] or 0)) if found else None


@dataclass(frozen=True, slots=True)
class Contents:
    """The values of a file, in the shape of today's format.

    Attributes:
        values: without the format number.
        newer: the file is of a later minor version and may hold keys that this version does not know.
    """

    values: dict[str, Any]
    newer: bool

    def known_to(self, shape: type, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values that a dataclass has fields for, if the file is newer; else all of them, so that mistakes show.

        Args:
            shape: the dataclass.
            values: a part of the file's values; by default all of them.
        """
        given = self.values if values is None else values
        names = {part.name for part in fields(shape)}
        return {key: value for key, value in given.items() if key in names or not self.newer}


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Attributes:
        what: the file in words, for messages.
        current: the number that this version writes.
        remake: the command that makes such a file anew, for files that are too old.
        unnumbered: the number of files that carry none; None if every file ever written has one.
        migrations: number of a file → function that turns its values into those of the next number. Minor versions
            that only add keys need none.
        error: what is raised for files that cannot be read.
    """

    what: str
    current: Version
    remake: str
    unnumbered: Version | None = None
    migrations: Mapping[Version, tuple[Version, Migration]] = field(default_factory=dict)
    error: type[SemtuneError] = InputError

    def stamp(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values with today's number in front, ready to be written."""
        return {KEY: str(self.current), **{key: value for key, value in values.items() if key != KEY}}

    def read(self, values: Any, origin: object) -> Contents:
        """Check the number of what was read from a file, and migrate older values.

        Args:
            values: what the file holds, as JSON or YAML values.
            origin: the file, for messages.

        Raises:
            SemtuneError: `error` of this format: there is no number, or no version of it that can be read here.
        """
        if not isinstance(values, Mapping):
            raise self.error(f"{origin} is not {self.what}: it holds no keys and values. {self._again()}")
        kept = {str(key): value for key, value in values.items() if key != KEY}
        number = Version.parse(values[KEY]) if KEY in values else self.unnumbered
        if number is None:
            found = f"its format number is {values[KEY]!r}" if KEY in values else "it has no format number"
            raise self.error(f"{origin} is not {self.what}: {found}. {self._again()}")
        if number.major > self.current.major:
            raise self.error(
                f"{origin} is {self.what} in format {number}, which is newer than the {self.current} that this Semtune "
                f"reads. Install a newer Semtune: pip install --upgrade semtune"
            )
        newer = number > self.current
        while number in self.migrations:
            number, migrate = self.migrations[number]
            kept = migrate(kept)
        if number.major < self.current.major:
            raise self.error(
                f"{origin} is {self.what} in format {number}, which this Semtune no longer reads (its own is "
                f"{self.current}). {self._again()}"
            )
        return Contents(kept, newer)

    def _again(self) -> str:
        return f"Make it anew with {self.remake}."


def _asked_with_documents(values: dict[str, Any]) -> dict[str, Any]:
    return {"asked_with": "documents", **values}


def _unchanged(values: dict[str, Any]) -> dict[str, Any]:
    return values


FIRST = Version(1, 0)
CONFIG = Format("a run config", Version(1, 1), "`semtune init FOLDER`", Version(1, 1), error=ConfigError)
"""1.1: `prepare.verdicts` is called `prepare.pair_labels`; both are read."""
CONTRACT = Format(
    "a model's contract",
    Version(1, 2),
    "`semtune export MODEL`, after deleting this file",
    error=ContractError,
)
"""1.1: an exported graph says whether it is `proven`. 1.2: accuracy by language."""
THRESHOLDS = Format("a model's thresholds", FIRST, "`semtune evaluate`", FIRST, error=ContractError)
RUN = Format("a run's manifest", FIRST, "`semtune run CONFIG.yaml`")
STEP = Format("a run's step record", FIRST, "`semtune run CONFIG.yaml --rerun always`", FIRST)
INDEX = Format(
    "an index manifest",
    Version(2, 1),
    "`semtune index MODEL CORPUS -o INDEX`",
    migrations={
        FIRST: (Version(1, 2), _asked_with_documents),
        **{Version(1, minor): (Version(2, 0), _unchanged) for minor in (1, 2, 3)},
    },
)
"""1.1: `asked_with`, what the recall was measured with. Older indexes asked with the documents themselves. 1.2:
`left_out` and `warnings` of the source. 1.3: `truncate` and `cut_tokens`. 2.0: collections that can be written; the
local back-end keeps documents, vectors and this manifest in a database; `search_mode` and `fusion`. Folders of 1.x
open for search. 2.1: `search_mode_reason`, `recall_of` and `recall_when`."""
INDEX_VERSIONS = Format("an index's current.json", FIRST, "`semtune upgrade INDEX --model NEW`")
DATASET = Format("a data set's prepare.json", FIRST, "`semtune prepare SOURCE -o DATASET`", FIRST)
EVALUATION = Format("a saved evaluation", FIRST, "`semtune evaluate MODEL DATASET -o FOLDER`", FIRST)
LABELS = Format("a file of labels", FIRST, "`semtune label INDEX --queries FILE`")
VECTORS = Format("a manifest of vectors", FIRST, "`semtune encode MODEL FILE -o FOLDER`")
CLASSIFIER = Format("a classifier", FIRST, "`semtune classify MODEL FILE --examples TABLE --save CLASSIFIER`")
TOPICS = Format("a folder of topics", FIRST, "`semtune topics MODEL FILE -o TOPICS`")
RECOMMENDER = Format("a recommender", FIRST, "`semtune recommend INDEX --interactions FILE --save RECOMMENDER`")

FORMATS: dict[str, Format] = {
    "config": CONFIG,
    "contract": CONTRACT,
    "thresholds": THRESHOLDS,
    "run": RUN,
    "step": STEP,
    "index": INDEX,
    "index versions": INDEX_VERSIONS,
    "dataset": DATASET,
    "evaluation": EVALUATION,
    "labels": LABELS,
    "vectors": VECTORS,
    "classifier": CLASSIFIER,
    "topics": TOPICS,
    "recommender": RECOMMENDER,
}
"""Every numbered format by its name in the docs."""


def check_config(values: Mapping[str, Any], origin: object, known_keys: KnownKeys) -> dict[str, Any]:
    """The values of a run config without its format number; of a later minor version, without unknown keys.

    Args:
        values: of the config file; sections are values of their own.
        origin: the file, for messages.
        known_keys: place → the keys allowed there, `()` for the top and `("prepare",)` for a section; no keys where the
            place is no section.

    Raises:
        ConfigError: the config is of a later major version.
    """
    contents = CONFIG.read(values, origin)
    return _only_known(contents.values, known_keys, ()) if contents.newer else contents.values


def _only_known(values: Mapping[str, Any], known_keys: KnownKeys, place: tuple[str, ...]) -> dict[str, Any]:
    allowed = set(known_keys(place))
    kept = {key: value for key, value in values.items() if key in allowed or not allowed}
    return {
        key: _only_known(value, known_keys, (*place, key)) if isinstance(value, Mapping) else value
        for key, value in kept.items()
    }
