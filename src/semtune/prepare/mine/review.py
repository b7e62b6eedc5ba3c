"""The review of suspected false negatives: verdicts of people, read back and heeded.

`review.jsonl` has one suspect a line, most suspicious first (`semtune.types.Suspect`). Who looks at it writes
"relevant" or "negative" into `verdict` and leaves the rest as it is.
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

VERDICTS = ("relevant", "negative")
SHOWN = 5  # bad lines named in an error
_FIELDS = {item.name for item in fields(Suspect)}
_NEEDED = ("query", "document_id", "text", "verdict")


@dataclass(slots=True)
class ReviewOutcome:
    """What became of the verdicts.

    Attributes:
        relevant, negative: verdicts heeded.
        unknown: verdicts on a question that is not trained on, or a passage that is not in the corpus any more.
        held_out: "relevant" verdicts on passages that answer dev or test; heeding them would leak.
        open: suspects without a verdict.
        kept: the verdicts that were read, to be written again.
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
    """The same for the same question and document in every run."""
    return short_id("r", f"{query}\n{document_id}")


def read_review(path: str | Path) -> list[Suspect]:
    """Read a review file; a line without a verdict is one not looked at yet.

    Raises:
        InputError: there is no such file, a line is broken, a verdict is not known, or two contradict each other;
            each with its line number.
    """
    found: dict[tuple[str, str], tuple[int, Suspect]] = {}
    bad: list[str] = []
    for number, row in _rows(Path(path), bad):
        suspect = _parse(row, number, bad)
        if suspect is None:
            continue
        name = (key(suspect.query), suspect.document_id)
        before = found.get(name)
        if before and before[1].verdict and suspect.verdict and before[1].verdict != suspect.verdict:
            bad.append(f"line {number}: {suspect.verdict!r} contradicts line {before[0]}")
        if not before or suspect.verdict:
            found[name] = number, suspect
    if bad:
        more = f"; and {len(bad) - SHOWN:,} more" if len(bad) > SHOWN else ""
        raise InputError(
            f"{path}: {'; '.join(bad[:SHOWN])}{more}. Change nothing but verdict: 'relevant', 'negative', or '' for not "
            "looked at."
        )
    return [suspect for _, suspect in found.values()]


def sha256_review(review: Sequence[Suspect]) -> str:
    """SHA-256 of the verdicts among suspects, in whatever order; of no verdicts it is empty."""
    rows = sorted([s.query, s.document_id, s.text, s.verdict] for s in review if s.verdict)
    return sha256_json(rows) if rows else ""


def apply_review(dataset: Dataset, review: list[Suspect], tally: Tally) -> ReviewOutcome:
    """Put verdicts into the train split: "relevant" as a label and a pair, "negative" as a label of grade 0.

    A grade of 0 lets the passage be mined as a negative whatever it scores.

    Args:
        dataset: changed in place.
        review: from `read_review`.
        tally: gets what could not be heeded.
    """
    done = ReviewOutcome(kept=[suspect for suspect in review if suspect.verdict])
    done.open = len(review) - len(done.kept)
    if not done.kept:
        return done
    places = _Places(dataset)
    for suspect in done.kept:
        outcome = places.put(suspect)
        setattr(done, outcome, getattr(done, outcome) + 1)
        if outcome == "unknown":
            tally.drop("review verdict: unknown question or passage", f"{suspect.query} → {suspect.document_id}")
        elif outcome == "held_out":
            tally.drop("review verdict: the passage answers dev or test", f"{suspect.query} → {suspect.document_id}")
    places.close()
    return done


class _Places:
    """Where in a data set a verdict goes."""

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

    def put(self, suspect: Suspect) -> Literal["relevant", "negative", "unknown", "held_out"]:
        """Heed a verdict; returns what became of it."""
        question = key(suspect.query)
        document = self._document(suspect)
        if document is None or (question not in self._anchors and question not in self._known):
            return "unknown"
        if suspect.verdict == "negative":
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
        """By its id while that has the text that was looked at, else by the text."""
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
    if missing := [name for name in _NEEDED if not isinstance(row.get(name), str)]:
        bad.append(f"line {number} has no {' and no '.join(missing)}")
        return None
    if not all(map(_is_text, (row["query"], row["document_id"], row["text"]))):
        bad.append(f"line {number} holds half a character (a lone surrogate)")
        return None
    row["verdict"] = row["verdict"].strip().lower()
    if row["verdict"] not in ("", *VERDICTS):
        bad.append(f"line {number}: unknown verdict {row['verdict']!r}.{nearest(row['verdict'], VERDICTS)}")
        return None
    empty = {"id": suspect_id(row["query"], row["document_id"]), "score": 0.0, "positive_score": 0.0}
    given = {name: value for name, value in row.items() if name in _FIELDS}
    return Suspect(**{**empty, "positive": "", "guard": "", **given})


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
