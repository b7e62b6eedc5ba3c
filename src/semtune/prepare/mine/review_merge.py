"""Reviewed labels outlive the data set whose `review.jsonl` they were written into.

A data set that is made again takes over the labels of the one it replaces, and one that is made from another data set
takes over the labels of that one.
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
    """All reviewed labels that apply, in a fixed order; None if there are none and no file was named.

    Args:
        named: the review file named in the settings; its suspects without a label are returned too.
        source: of the data set to be made; if it is a data set itself, its own review applies as well.
        replaces: the folder that the new data set will replace, if it exists; its review applies as well.

    Raises:
        InputError: a file is broken, or a person wrote a label into a data set that contradicts the named file or
            another data set. A label that an earlier run merely copied there gives way instead.
    """
    read = read_review(named) if named else []
    found = {_name(suspect): suspect for suspect in read if suspect.label}
    origin = dict.fromkeys(found, str(named))
    for folder in _folders(source, replaces):
        written = [suspect for suspect in read_review(folder / FILE) if suspect.label]
        edited = sha256_review(written) != _as_written(folder)
        for suspect in written:
            before = found.setdefault(_name(suspect), suspect)
            if before.label != suspect.label and edited:
                raise InputError(
                    f"{folder / FILE} says {suspect.label!r} of {suspect.document_id} for {suspect.query!r}, but "
                    f"{origin[_name(suspect)]} says {before.label!r}. Change one of them so that they agree."
                )
            origin.setdefault(_name(suspect), str(folder / FILE))
    if not (named or found):
        return None
    return [found[name] for name in sorted(found)] + [suspect for suspect in read if _name(suspect) not in found]


def with_late_labels(
    review: list[Suspect] | None, applied: list[Suspect], now: list[Suspect] | None
) -> list[Suspect] | None:
    """A review plus those labels of `now` that were written after the others had been `applied`."""
    known = {(*_name(suspect), suspect.label) for suspect in applied}
    late = {_name(s): s for s in now or () if s.label and (*_name(s), s.label) not in known}
    if not late:
        return review
    return [*(suspect for suspect in review or () if _name(suspect) not in late), *late.values()]


def hash_review(named: str | Path | None, source: Source, replaces: Path | None) -> str:
    """SHA-256 of the reviewed labels that apply, whatever else is in the files; empty if there are none."""
    given = [suspect for suspect in gather_reviews(named, source, replaces) or () if suspect.label]
    return sha256_review(given) if given else ""


def _folders(source: Source, replaces: Path | None) -> list[Path]:
    folders = [replaces] if replaces else []
    if find_kind(source) == "dataset":
        folders.append(Path(str(source)).expanduser())
    return [folder for folder in dict.fromkeys(folder.resolve() for folder in folders) if (folder / FILE).is_file()]


def _name(suspect: Suspect) -> tuple[str, str]:
    return key(suspect.query), suspect.document_id


def _as_written(folder: Path) -> str:
    """Hash of the reviewed labels that the data set was made with."""
    try:
        report = read_json(folder / REPORT)
    except InputError:
        return ""
    if not isinstance(report, dict):
        return ""
    return str(report.get("review_sha256") or report.get("verdicts") or "")  # the latter in data sets of version 0.1
