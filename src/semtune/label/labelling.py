"""A session of labelling: the questions, their pooled answers, and the grades that people gave."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semtune.errors import InputError
from semtune.label.agreement import merged_grades
from semtune.label.export import LabelFacts, facts_of, write_dataset
from semtune.label.grades import Act, GradeStore, Judgement, judge_name
from semtune.label.pool import Pooled, in_order, pool, shuffled
from semtune.label.power import Needed
from semtune.label.questions import Question, Questions, as_question
from semtune.label.settings import LabelSettings
from semtune.label.systems import System
from semtune.label.words import HIGHEST
from semtune.progress import QUIET, Progress
from semtune.text import key, stable_hash
from semtune.types import Document

METRIC_DEPTH = 10  # of nDCG@10, which the number of questions needed is about
SHARED = 5  # every fifth question is judged by everybody, so that agreement can be measured
TRAINED, BEYOND = "question that the model was trained on", "question beyond the limit (--most)"
GONE, CHANGED = "grade of a passage that is no longer in the index", "grade of a passage that has another text now"
DAMAGED = "damaged line in the file of labels"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a person is with a question."""

    pooled: Pooled
    graded: int

    @property
    def finished(self) -> bool:
        """Whether every answer has a grade."""
        return self.graded >= len(self.pooled.documents)


@dataclass(frozen=True, slots=True)
class Shown:
    """A question as a person sees it: the answers in their order, with this person's grades."""

    pooled: Pooled
    documents: Sequence[Document]
    grades: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Given:
    """The grades that count, and those that do not any more; `version` is the store's."""

    version: int
    judgements: Sequence[Judgement]
    left_out: Mapping[str, int]


@dataclass(slots=True, eq=False)
class Labelling:
    """Questions, their pooled answers and the grades given so far. Safe to use from many threads.

    Attributes:
        documents: every passage of the index.
        systems: name → system; "tuned" is the index itself.
        settings: of label.
        store: where grades are kept.
        questions: those of the files, before typed ones are added.
        model: name of the index's model.
        trained: keys of the questions that the model was trained on.
        notes: what people should know, e.g. that no base is compared.
    """

    documents: Sequence[Document]
    systems: Mapping[str, System]
    settings: LabelSettings
    store: GradeStore
    questions: Questions
    model: str
    trained: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    _order: list[Pooled] = field(default_factory=list)
    _by_id: dict[str, Document] = field(default_factory=dict)
    _read: Given = field(default_factory=lambda: Given(-1, (), {}))
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Index the passages."""
        self._by_id = {document.id: document for document in self.documents}

    def pool_questions(self, progress: Progress = QUIET) -> None:
        """Ask every system every question: those of the files, typed ones and those that were judged before."""
        judged = {key(one.question) for one in self.store.judgements()}
        for text in [*self.store.typed(), *dict.fromkeys(one.question for one in self.store.judgements())]:
            if key(text) not in self.questions.by_key and isinstance(question := as_question({"text": text}), Question):
                self.questions.by_key[question.key] = question
                self.questions.read += 1
        for known in [each for each in self.questions.by_key if each in self.trained]:
            del self.questions.by_key[known]
            self.questions.read -= 1
            self.questions.leave_out(TRAINED)
        chosen = self._most_asked(judged)
        rankings = self._ranked([question.text for question in chosen], progress)
        pooled = [pool(one, ranked, self.settings.depth) for one, ranked in zip(chosen, rankings, strict=True)]
        self._order = in_order(pooled, self.settings.order, self.settings.depth, self.settings.seed)

    def pooled(self) -> list[Pooled]:
        """Every question with its answers, in the order in which they are judged."""
        with self._mutex:
            return list(self._order)

    def places(self, judge: str) -> list[Place]:
        """How far a person is with every question."""
        mine = self._grades_by_question(judge)
        return [
            Place(one, sum(document in mine.get(one.question.key, {}) for document in one.documents))
            for one in self.pooled()
        ]

    def next_for(self, judge: str) -> str | None:
        """The id of the question that a person should judge next; None if all are judged.

        First those that nobody has finished, and every fifth one, which everybody judges; then the others.
        """
        places = [(number, place) for number, place in enumerate(self.places(judge)) if not place.finished]
        others = self._finished_by_others(judge)
        alone = [place for number, place in places
                 if number % SHARED == 0 or place.pooled.question.key not in others]  # fmt: skip
        first = next(iter(alone or [place for _, place in places]), None)
        return first.pooled.question.id if first else None

    def show(self, question: str, judge: str) -> Shown:
        """A question with its answers in this person's order.

        Raises:
            InputError: there is no question with this id.
        """
        pooled = self._find(question)
        grades = self._grades_by_question(judge).get(pooled.question.key, {})
        return Shown(pooled, [self._by_id[one] for one in shuffled(pooled, judge, self.settings.seed)], grades)

    def grade(self, judge: str, question: str, grades: Mapping[str, int]) -> Act:
        """Store a person's grades of some answers; they are on the disk when this returns.

        Raises:
            InputError: the name is empty, or a question, answer or grade is unknown.
            StorageError: the disk is full.
        """
        name, pooled = _named(judge), self._find(question)
        if not grades:
            raise InputError("No grade was given. Give at least one answer a grade.")
        for document, grade in grades.items():
            if document not in pooled.documents:
                raise InputError(f"{document!r} is not among the answers of this question.")
            if isinstance(grade, bool) or grade not in range(HIGHEST + 1):
                raise InputError(f"The grade is {grade!r}. Allowed: 0 to {HIGHEST}.")
        contents = {document: content_hash(self._by_id[document]) for document in grades}
        return self.store.give(name, pooled.question.text, grades, contents)

    def undo(self, judge: str) -> tuple[Act, str | None] | None:
        """Take back a person's last act; gives it with the id of its question, or None if there is nothing."""
        act = self.store.undo(_named(judge))
        if act is None:
            return None
        with self._mutex:
            if not act.grades:
                self._order = [one for one in self._order if one.question.key != key(act.question)]
            known = next((one.question.id for one in self._order if one.question.key == key(act.question)), None)
        return act, known

    def ask(self, judge: str, text: str) -> Pooled:
        """Add a question that a person typed in; an equal one that is there already is given back.

        Raises:
            InputError: the text is not a question, or the model was trained on it.
        """
        name, question = _named(judge), as_question({"text": text})
        if isinstance(question, str):
            raise InputError(f"This cannot be asked: {question}. Type a question in words.")
        if question.key in self.trained:
            raise InputError("The model was trained on this question, so it cannot test the model. Ask another one.")
        with self._mutex:
            known = next((one for one in self._order if one.question.key == question.key), None)
            if known:
                return known
            made = pool(question, self._ranked([question.text], QUIET)[0], self.settings.depth)
            self.store.ask(name, question.text)
            self._order.append(made)
            return made

    def facts(self) -> LabelFacts:
        """What was judged, how far people agree, and how many more questions are needed."""
        given = self._given()
        left_out = {**self.questions.left_out, **given.left_out}
        return facts_of(
            self.pooled(), given.judgements, merged_grades(given.judgements), left_out, self.questions.merged,
            list(self.systems), self.settings, [*self.questions.warnings, *self.notes],
        )  # fmt: skip

    def needed(self) -> Needed:
        """How many more questions the paired test needs."""
        return self.facts().needed

    def export(self, out: str | Path) -> LabelFacts:
        """Write what is judged so far as a data set for `semtune evaluate`, whole or not at all.

        Raises:
            InputError: nothing is judged, no answer has a grade above 0, or `out` holds something else.
        """
        facts = self.facts()
        write_dataset(Path(out), facts, self.documents, self.model)
        return facts

    def _given(self) -> Given:
        """The grades of passages that are still what was judged."""
        self.store.refresh()
        with self._mutex:
            if self._read.version != self.store.version:
                self._read = self._checked()
            return self._read

    def _checked(self) -> Given:
        version, kept, left_out = self.store.version, [], {}
        for one in self.store.judgements():
            if reason := self._why_not(one):
                left_out[reason] = left_out.get(reason, 0) + 1
            else:
                kept.append(one)
        if self.store.damaged:
            left_out[DAMAGED] = self.store.damaged
        return Given(version, kept, left_out)

    def _why_not(self, one: Judgement) -> str:
        """Why a grade does not count; empty if it does."""
        document = self._by_id.get(one.document)
        if document is None:
            return GONE
        if one.content not in ("", content_hash(document)):
            return CHANGED
        return TRAINED if key(one.question) in self.trained else ""

    def _grades_by_question(self, judge: str) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for one in self._given().judgements:
            if key(one.judge) == key(judge):
                found.setdefault(key(one.question), {})[one.document] = one.grade
        return found

    def _finished_by_others(self, judge: str) -> set[str]:
        """Keys of the questions whose answers another person has all graded."""
        given: dict[tuple[str, str], set[str]] = {}
        for one in self._given().judgements:
            if key(one.judge) != key(judge):
                given.setdefault((key(one.question), key(one.judge)), set()).add(one.document)
        wanted = {one.question.key: set(one.documents) for one in self.pooled()}
        return {question for (question, _), graded in given.items() if wanted.get(question, {""}) <= graded}

    def _find(self, question: str) -> Pooled:
        found = next((one for one in self.pooled() if one.question.id == question), None)
        if found is None:
            raise InputError(f"There is no question {question!r}. Reload the page.")
        return found

    def _most_asked(self, judged: set[str]) -> list[Question]:
        """At most `most` questions: those that are judged, then the most disliked and the most asked."""
        everything = list(self.questions.by_key.values())
        most = sorted(everything, key=lambda one: (one.key not in judged, -one.disliked, -one.asked))
        kept = {one.key for one in most[: max(self.settings.most, len(judged))]}
        self.questions.leave_out(BEYOND, len(everything) - len(kept))
        return [one for one in everything if one.key in kept]

    def _ranked(self, texts: Sequence[str], progress: Progress) -> list[dict[str, list[str]]]:
        depth = max(self.settings.depth, METRIC_DEPTH)
        found: dict[str, list[list[str]]] = {}
        with progress.track("search for the questions", len(self.systems)) as advance:
            for name, system in self.systems.items():
                found[name] = system.rank(texts, depth)
                advance(1)
        return [{name: ranked[row] for name, ranked in found.items()} for row in range(len(texts))]


def content_hash(document: Document) -> str:
    """What tells a passage from the same id with another text."""
    return f"{stable_hash(document.content):016x}"


def _named(judge: str) -> str:
    name = judge_name(judge)
    if not name or len(name) > 100:
        raise InputError("The name of the person who judges is missing or too long. Give a name, at most 100 letters.")
    return name
