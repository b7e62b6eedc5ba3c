"""Reviewed labels: reading `review.jsonl` after people have worked on it, and adding their labels to the train split.

`review.jsonl` has one suspected false negative a line, the most suspicious first (`semtune.types.Suspect`). A reviewer
writes "relevant" or "negative" into `label` and leaves everything else as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from semtune.dataset import Dataset
from semtune.errors import InputError, nearest
from semtune.io import sha256_json
from semtune.prepare.drop_log import Tally
from semtune.prepare.mine.known_positives import held_out_texts
from semtune.text import key, short_id
from semtune.types import Pair, Query, Suspect

LABELS = ("relevant", "negative")
OLD_KEY = "verdict"  # what `label` was called in data sets of version 0.1
SHOWN = 5  # bad lines named in an error
_FIELDS = {item.name for item in fields(Suspect)}
_NEEDED = ("query", "document_id", "text", "label")


@dataclass(slots=True)
class ReviewOutcome:
    """How many reviewed labels were used, and why others were not.

    Attributes:
        relevant, negative: labels that were used.
        unknown: labels of a question that is not in train, or of a passage that is no longer in the corpus.
        held_out: "relevant" labels of passages that answer dev or test; using them would leak.
        open: suspects without a label.
        kept: the suspects with a label, to be written to the next review file.
    """

    relevant: int = 0
    negative: int = 0
    unknown: int = 0
    held_out: int = 0
    open: int = 0
    kept: list[Suspect] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """The counts, for the report."""
        return {name: value for name, value in asdict(self).items() if name != "kept"}


def suspect_id(query: str, document_id: str) -> str:
    """An id that is the same for the same question and document in every run."""
    return short_id("r", f"{query}\n{document_id}")


def read_review(path: str | Path) -> list[Suspect]:
    """Read a review file; a line with an empty label has not been reviewed yet.

    Files of version 0.1, where `label` was called `verdict`, are read as well.

    Raises:
        InputError: there is no such file, a line is broken, a label is unknown, or two lines contradict each other;
            the message gives the line numbers.
    """
    found: dict[tuple[str, str], tuple[int, Suspect]] = {}
    bad: list[str] = []
    for number, row in _rows(Path(path), bad):
        suspect = _parse(row, number, bad)
        if suspect is None:
            continue
        name = (key(suspect.query), suspect.document_id)
        before = found.get(name)
        if before and before[1].label and suspect.label and before[1].label != suspect.label:
            bad.append(f"line {number}: {suspect.label!r} contradicts line {before[0]}")
        if not before or suspect.label:
            found[name] = number, suspect
    if bad:
        more = f"; and {len(bad) - SHOWN:,} more" if len(bad) > SHOWN else ""
        raise InputError(
            f"{path}: {'; '.join(bad[:SHOWN])}{more}. Edit nothing but label: 'relevant', 'negative', or '' for not "
            "reviewed."
        )
    return [suspect for _, suspect in found.values()]


def sha256_review(review: Sequence[Suspect]) -> str:
    """SHA-256 of the labels in a review, whatever their order; empty if there are none."""
    rows = sorted([s.query, s.document_id, s.text, s.label] for s in review if s.label)
    return sha256_json(rows) if rows else ""


def apply_review(dataset: Dataset, review: list[Suspect], tally: Tally) -> ReviewOutcome:
    """Add reviewed labels to the train split: "relevant" as a label and a pair, "negative" as a label of grade 0.

    A passage of grade 0 may be mined as a negative whatever it scores.

    Args:
        dataset: changed in place.
        review: from `read_review`.
        tally: receives the labels that could not be used.
    """
    outcome = ReviewOutcome(kept=[suspect for suspect in review if suspect.label])
    outcome.open = len(review) - len(outcome.kept)
    if not outcome.kept:
        return outcome
    train = _TrainLabels(dataset)
    for suspect in outcome.kept:
        result = train.add(suspect)
        setattr(outcome, result, getattr(outcome, result) + 1)
        if result == "unknown":
            tally.drop("reviewed label: unknown question or passage", f"{suspect.query} → {suspect.document_id}")
        elif result == "held_out":
            tally.drop("reviewed label: the passage answers dev or test", f"{suspect.query} → {suspect.document_id}")
    train.close()
    return outcome


class _TrainLabels:
    """The train split of a data set, by text, and what may not be added to it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._pairs = dataset.pairs.setdefault("train", [])
        self._qrels = dataset.qrels.setdefault("train", {})
        self._queries = dataset.queries
        self._anchors = {key(pair.anchor): pair.anchor for pair in self._pairs}
        self._known = {key(self._queries[query].text): query for query in self._qrels if query in self._queries}
        self._held = held_out_texts(dataset)
        self._by_text: dict[str, str] = {}
        for document in dataset.corpus:
            self._by_text.setdefault(key(document.content), document.id)
        self._content = {document.id: document.content for document in dataset.corpus}
        self._answered = {(key(pair.anchor), key(pair.positive)) for pair in self._pairs}

    def close(self) -> None:
        """Leave no empty split behind."""
        for part in (self._dataset.pairs, self._dataset.qrels):
            if not part["train"]:
                del part["train"]

    def add(self, suspect: Suspect) -> Literal["relevant", "negative", "unknown", "held_out"]:
        """Add a reviewed label; returns whether it was used, and if not, why."""
        question = key(suspect.query)
        document = self._document(suspect)
        if document is None or (question not in self._anchors and question not in self._known):
            return "unknown"
        if suspect.label == "negative":
            self._row(suspect).setdefault(document, 0)
            return "negative"
        if key(suspect.text) in self._held:
            return "held_out"
        self._row(suspect)[document] = 1
        if (question, key(suspect.text)) not in self._answered:
            self._answered.add((question, key(suspect.text)))
            self._pairs.append(Pair(self._anchors.get(question, suspect.query), self._content[document]))
        return "relevant"

    def _document(self, suspect: Suspect) -> str | None:
        """Id of the passage: the reviewed id while it still has the reviewed text, else found by the text."""
        if key(self._content.get(suspect.document_id, "")) == key(suspect.text):
            return suspect.document_id
        return self._by_text.get(key(suspect.text))

    def _row(self, suspect: Suspect) -> dict[str, int]:
        question = key(suspect.query)
        query = self._known.setdefault(question, short_id("q", suspect.query))
        self._queries.setdefault(query, Query(query, self._anchors.get(question, suspect.query), {"split": "train"}))
        return self._qrels.setdefault(query, {})


def _rows(path: Path, bad: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        raise InputError(
            f"There is no review file {path.absolute()}. A data set with mined negatives has one."
        ) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            bad.append(f"line {number} is not valid JSON ({error})")
            continue
        except RecursionError:
            bad.append(f"line {number} is not valid JSON (nested too deep)")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            bad.append(f"line {number} holds {type(row).__name__}, expected an object")


def _parse(row: dict[str, Any], number: int, bad: list[str]) -> Suspect | None:
    row = _with_label(row, number, bad)
    if missing := [name for name in _NEEDED if not isinstance(row.get(name), str)]:
        bad.append(f"line {number} has no {' and no '.join(missing)}")
        return None
    if not all(map(_is_text, (row["query"], row["document_id"], row["text"]))):
        bad.append(f"line {number} contains half a character (a lone surrogate)")
        return None
    row["label"] = row["label"].strip().lower()
    if row["label"] not in ("", *LABELS):
        bad.append(f"line {number}: unknown label {row['label']!r}.{nearest(row['label'], LABELS)}")
        return None
    empty = {"id": suspect_id(row["query"], row["document_id"]), "score": 0.0, "positive_score": 0.0}
    given = {name: value for name, value in row.items() if name in _FIELDS}
    return Suspect(**{**empty, "positive": "", "guard": "", **given})


def _with_label(row: dict[str, Any], number: int, bad: list[str]) -> dict[str, Any]:
    """The row with its label under today's key; a line that says two different things is bad."""
    old = row.get(OLD_KEY)
    if not isinstance(old, str):
        return row
    label = row.get("label")
    if isinstance(label, str) and label.strip() and old.strip() and label.strip().lower() != old.strip().lower():
        bad.append(f"line {number}: label is {label!r} and {OLD_KEY} is {old!r}")
    return {**row, "label": label if isinstance(label, str) and label.strip() else old}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
