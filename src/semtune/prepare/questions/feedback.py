"""What users of a served index thought of its answers, as training pairs; they never reach dev or test.

A document judged useful becomes a pair with its question. One judged useless becomes a negative of that question, where
the question has a pair. Of several judgements of one answer the majority counts. Clicks are weaker: so many of them as
the settings say count as one judgement "useful", where nobody judged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError
from semtune.io import sha256_file
from semtune.prepare.drop_log import Tally
from semtune.prepare.mine.known_positives import held_out_texts
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.decontaminate import decontaminate
from semtune.prepare.split.split_texts import HELD_OUT
from semtune.text import key, short_id
from semtune.types import Document, Pair, Query

SOURCE = "feedback"
LONGEST = 2000  # characters of a question


@dataclass(slots=True)
class _Answer:
    """What was said of one document as an answer to one question."""

    question: str
    id: str
    votes: Counter[str] = field(default_factory=Counter)
    marks: set[str] = field(default_factory=set)

    def useful(self, clicks: int) -> bool | None:
        """Whether it is useful; None where that cannot be said."""
        yes, no = self.votes["useful"], self.votes["useless"]
        if yes or no:
            return None if yes == no else yes > no
        return True if clicks and self.votes["click"] >= clicks else None


def add_feedback(dataset: Dataset, settings: PrepareSettings, tally: Tally) -> dict[str, int] | None:
    """Add the feedback of the file in the settings to the train split: questions, labels, pairs and negatives.

    Args:
        dataset: changed in place; dev and test stay as they are.
        settings: `feedback` and `feedback_clicks`.
        tally: receives what was left out, by reason.

    Returns:
        What was used, for the report; None if no file is named.

    Raises:
        InputError: there is no such file.
        ConfigError: the data set has no passages that questions could be paired with.
    """
    if not settings.feedback:
        return None
    if not dataset.corpus or not any(dataset.pairs.values()):
        raise ConfigError(
            "prepare.feedback adds pairs of questions and passages, and this data set has none. Leave it out, or give "
            "a source with documents."
        )
    answers = _read(Path(settings.feedback), tally)
    useful, useless = _decided(dataset, answers, settings, tally)
    known = _negatives_of_known(dataset, useless)
    pairs = _new_pairs(dataset, useful, useless, known, tally)
    pairs = _without_leaks(dataset, pairs, settings, tally)
    pairs = _wide_enough(dataset, pairs, settings, tally)
    _add(dataset, pairs)
    negatives = len(known) + sum(len(pair.negatives) for pair in pairs)
    if negatives and not settings.hard_negatives and not all(pair.negatives for pair in dataset.pairs["train"]):
        tally.warn(
            "Feedback gave negatives, but training only uses negatives where every pair has some. Set "
            "prepare.hard_negatives: 1, so that the other pairs get one as well."
        )
    return {"answers": len(answers), "pairs": len(pairs), "negatives": negatives}


def _read(path: Path, tally: Tally) -> list[_Answer]:
    """What was said of each answer, in the order of the file."""
    found: dict[tuple[str, str], _Answer] = {}
    for number, row in _rows(path, tally):
        query, id_, vote = row.get("query"), row.get("id"), _vote(row)
        if not isinstance(query, str) or not isinstance(id_, str) or not vote or not query.strip():
            tally.drop("feedback: a line without query, id or judgement", f"{path.name}:{number}")
        elif len(query) > LONGEST or any("\ud800" <= letter <= "\udfff" for letter in query + id_):
            tally.drop(
                f"feedback: a question of more than {LONGEST:,} characters or half of one", f"{path.name}:{number}"
            )
        else:
            answer = found.setdefault((key(query), id_), _Answer(" ".join(query.split()), id_))
            answer.votes[vote] += 1
            answer.marks.update([row["content"]] if isinstance(row.get("content"), str) else [])
    return list(found.values())


def _vote(row: dict[str, Any]) -> str:
    if row.get("kind") == "click":
        return "click"
    useful = row.get("useful")
    return ("useful" if useful else "useless") if isinstance(useful, bool) else ""


def hash_feedback(path: str | Path) -> str:
    """SHA-256 of a file of feedback.

    Raises:
        InputError: there is no such file.
    """
    return sha256_file(_existing(Path(path)))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"There is no file of feedback {path.absolute()}. `semtune serve INDEX --feedback FILE` writes one; leave "
            "out prepare.feedback until then."
        )
    return path


def _rows(path: Path, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
    with _existing(path).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line) if line.strip() else {}
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                yield from [(number, row)] if row else []
            else:
                tally.drop("feedback: a line that is no JSON object", f"{path.name}:{number}")


def _decided(
    dataset: Dataset, answers: list[_Answer], settings: PrepareSettings, tally: Tally
) -> tuple[list[tuple[str, Document]], list[tuple[str, Document]]]:
    """(question, document) of the useful answers, and of the useless ones, that may be trained on."""
    documents = {document.id: document for document in [*dataset.to_index, *dataset.corpus]}
    indexed = {document.id: document.content for document in dataset.to_index}
    questions, passages = _held_out_questions(dataset), held_out_texts(dataset)
    useful: list[tuple[str, Document]] = []
    useless: list[tuple[str, Document]] = []
    for answer in answers:
        document, verdict = documents.get(answer.id), answer.useful(settings.feedback_clicks)
        shown = f"{answer.question} → {answer.id}"
        if document is None:
            tally.drop("feedback: a document that is not there", shown)
        elif answer.marks and short_id("c", indexed.get(answer.id, document.content)) not in answer.marks:
            tally.drop("feedback: the document has other words now", shown)
        elif key(answer.question) in questions:
            tally.drop("feedback: a question of dev or test", shown)
        elif verdict is None and answer.votes["useful"]:
            tally.drop("feedback: as many say useful as useless", shown)
        elif verdict is None:
            tally.drop(f"feedback: fewer clicks than feedback_clicks={settings.feedback_clicks}", shown)
        elif key(document.content) in passages and not (verdict and settings.shared_documents == "keep"):
            tally.drop("feedback: a document that answers dev or test", shown)
        else:
            (useful if verdict else useless).append((answer.question, document))
    return useful, useless


def _held_out_questions(dataset: Dataset) -> set[str]:
    asked = {query for split in HELD_OUT for query in dataset.qrels.get(split, {}) if query in dataset.queries}
    anchors = {key(pair.anchor) for split in HELD_OUT for pair in dataset.pairs.get(split, [])}
    return anchors | {key(dataset.queries[query].text) for query in asked}


def _negatives_of_known(dataset: Dataset, useless: list[tuple[str, Document]]) -> set[tuple[str, str]]:
    """Give useless answers to the pairs that train has of their questions; returns (question key, id) of those used."""
    by_question: dict[str, list[Document]] = {}
    for question, document in useless:
        by_question.setdefault(key(question), []).append(document)
    used: set[tuple[str, str]] = set()
    pairs = dataset.pairs.setdefault("train", [])
    for place, pair in enumerate(pairs):
        given = [d for d in by_question.get(key(pair.anchor), ()) if key(d.content) != key(pair.positive)]
        if given:
            pairs[place] = replace(pair, negatives=_once([*(d.content for d in given), *pair.negatives]))
            used.update((key(pair.anchor), d.id) for d in given)
    return used


def _new_pairs(
    dataset: Dataset,
    useful: list[tuple[str, Document]],
    useless: list[tuple[str, Document]],
    known: set[tuple[str, str]],
    tally: Tally,
) -> list[Pair]:
    answered = {(key(pair.anchor), key(pair.positive)) for pair in dataset.pairs.get("train", [])}
    asked = {key(question) for question, _ in useful}
    negatives: dict[str, list[str]] = {}
    for question, document in useless:
        if key(question) in asked:
            negatives.setdefault(key(question), []).append(document.content)
        elif (key(question), document.id) not in known:
            tally.drop("feedback: a useless answer to a question without a useful one", f"{question} → {document.id}")
    pairs = []
    for question, document in useful:
        if (key(question), key(document.content)) in answered:
            tally.drop("feedback: a pair that is there already", f"{question} → {document.id}")
            continue
        answered.add((key(question), key(document.content)))
        pairs.append(Pair(question, document.content, _once(negatives.get(key(question), []))))
    return pairs


def _without_leaks(dataset: Dataset, pairs: list[Pair], settings: PrepareSettings, tally: Tally) -> list[Pair]:
    """The pairs without those that nearly repeat a question or passage of dev or test."""
    probe = Dataset(dataset.corpus, dict(dataset.queries), {**dataset.qrels}, {**dataset.pairs, "train": list(pairs)})
    probe.qrels.pop("train", None)
    decontaminate(probe, tally, keep_documents=settings.shared_documents == "keep")
    return probe.pairs["train"]


def _wide_enough(dataset: Dataset, pairs: list[Pair], settings: PrepareSettings, tally: Tally) -> list[Pair]:
    """The pairs without those that would cost all others their negatives, since training uses the smallest number."""
    others = dataset.pairs.get("train", [])
    least = min((len(pair.negatives) for pair in others), default=0)
    if settings.hard_negatives or not least:
        return pairs
    kept = [pair for pair in pairs if len(pair.negatives) >= least]
    if left := len(pairs) - len(kept):
        reason = f"feedback: fewer negatives than the {least} of the other pairs; set hard_negatives to find some"
        tally.drop(reason, next(pair.anchor for pair in pairs if len(pair.negatives) < least), left)
    return kept


def _add(dataset: Dataset, pairs: list[Pair]) -> None:
    """Add pairs to train, with their questions and labels."""
    ids = {key(document.content): document for document in reversed(dataset.corpus)}
    train = dataset.qrels.setdefault("train", {})
    known = {key(dataset.queries[query].text): query for query in train if query in dataset.queries}
    for pair in pairs:
        document = ids.get(key(pair.positive))
        query = known.setdefault(key(pair.anchor), short_id("q", pair.anchor))
        facts = {"split": "train", "source": SOURCE, **({"group": g} if (g := _group(document)) else {})}
        dataset.queries.setdefault(query, Query(query, pair.anchor, facts))
        row = train.setdefault(query, {})
        if document is not None:
            row[document.id] = 1
        for text in pair.negatives:
            if (other := ids.get(key(text))) is not None:
                row.setdefault(other.id, 0)
    dataset.pairs.setdefault("train", []).extend(pairs)
    dataset.qrels["train"] = {query: row for query, row in train.items() if row}


def _group(document: Document | None) -> str:
    return str(document.metadata.get("group", "")) if document else ""


def _once(texts: list[str]) -> tuple[str, ...]:
    return tuple({key(text): text for text in texts}.values())
