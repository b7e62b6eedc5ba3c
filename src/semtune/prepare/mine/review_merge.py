"""Verdicts that people wrote into the `review.jsonl` of a data set: they outlive the data set.

One that is made again takes over what was written into the one it replaces; so does one that is made from another.
"""

from __future__ import annotations

from pathlib import Path

from semtune.errors import InputError
from semtune.io import read_json
from semtune.prepare.mine.review import read_review, sha256_review
from semtune.prepare.readers.source_kind import Source, find_kind
from semtune.text import key
from semtune.types import Suspect

FILE, REPORT = "review.jsonl", "prepare.json"


def gather_reviews(named: str | Path | None, source: Source, replaces: Path | None) -> list[Suspect] | None:
    """All verdicts that count, in an order of their own; None if there are none and no file was named.

    Args:
        named: the review file that the settings name; its suspects without a verdict are given too.
        source: of the data set that is made; where it is a data set, its own review counts as well.
        replaces: the folder whose place the new data set takes, if there is something; its review counts as well.

    Raises:
        InputError: a file is broken, or somebody wrote into a data set what contradicts the file that was named, or
            another data set. A verdict that only was copied there by an earlier run gives way.
    """
    read = read_review(named) if named else []
    found = {_name(suspect): suspect for suspect in read if suspect.verdict}
    origin = dict.fromkeys(found, str(named))
    for folder in _folders(source, replaces):
        written = [suspect for suspect in read_review(folder / FILE) if suspect.verdict]
        edited = sha256_review(written) != _as_written(folder)
        for suspect in written:
            before = found.setdefault(_name(suspect), suspect)
            if before.verdict != suspect.verdict and edited:
                raise InputError(
                    f"{folder / FILE} says {suspect.verdict!r} of {suspect.document_id} for {suspect.query!r}, and "
                    f"{origin[_name(suspect)]} says {before.verdict!r}. Let both say the same."
                )
            origin.setdefault(_name(suspect), str(folder / FILE))
    if not (named or found):
        return None
    return [found[name] for name in sorted(found)] + [suspect for suspect in read if _name(suspect) not in found]


def with_late_labels(
    review: list[Suspect] | None, heeded: list[Suspect], now: list[Suspect] | None
) -> list[Suspect] | None:
    """A review with the verdicts of `now` that were not yet there when the others were `heeded`."""
    known = {(*_name(suspect), suspect.verdict) for suspect in heeded}
    late = {_name(s): s for s in now or () if s.verdict and (*_name(s), s.verdict) not in known}
    if not late:
        return review
    return [*(suspect for suspect in review or () if _name(suspect) not in late), *late.values()]


def hash_review(named: str | Path | None, source: Source, replaces: Path | None) -> str:
    """SHA-256 of the verdicts that count, whatever else is in the files; empty if there are none."""
    given = [suspect for suspect in gather_reviews(named, source, replaces) or () if suspect.verdict]
    return sha256_review(given) if given else ""


def _folders(source: Source, replaces: Path | None) -> list[Path]:
    folders = [replaces] if replaces else []
    if find_kind(source) == "dataset":
        folders.append(Path(str(source)).expanduser())
    return [folder for folder in dict.fromkeys(folder.resolve() for folder in folders) if (folder / FILE).is_file()]


def _name(suspect: Suspect) -> tuple[str, str]:
    return key(suspect.query), suspect.document_id


def _as_written(folder: Path) -> str:
    """Hash of the verdicts that the data set was made with."""
    try:
        report = read_json(folder / REPORT)
    except InputError:
        return ""
    return str(report.get("verdicts", "")) if isinstance(report, dict) else ""


hash_verdicts = hash_review  # old name, see semtune.pipeline
