"""What was judged so far: as numbers, and as a data set that `semtune evaluate` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semtune.dataset import REPORT, Dataset, save
from semtune.errors import InputError
from semtune.io import atomic_folder
from semtune.label.agreement import Agreement, Answer, agreement
from semtune.label.grades import Judgement
from semtune.label.pool import Pooled
from semtune.label.power import Needed, questions_needed
from semtune.label.settings import LabelSettings
from semtune.label.systems import BASE, TUNED
from semtune.label.words import GRADES
from semtune.metrics import ndcg
from semtune.report.elements import many
from semtune.sources import refuse_foreign
from semtune.text import key
from semtune.types import Document, Qrels, Query

TOP, KIND = 10, "labels"


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What was judged so far.

    Attributes:
        queries: id → question, of those with at least one grade.
        qrels: query id → document id → grade.
        questions: number of questions there are, judged or not.
        merged: number of questions that were equal to another one.
        judges: name → number of answers graded.
        agreement: between people.
        needed: how many more questions the paired test needs.
        unjudged: number of pooled answers of the judged questions that nobody has graded.
        unfinished: number of judged questions that have such answers.
        systems: whose answers were pooled.
        left_out: reason → number of questions or grades.
        warnings: for people.
    """

    queries: Mapping[str, Query]
    qrels: Qrels
    questions: int
    merged: int
    judges: Mapping[str, int]
    agreement: Agreement
    needed: Needed
    unjudged: int
    unfinished: int
    systems: Sequence[str]
    left_out: Mapping[str, int]
    warnings: Sequence[str]

    @property
    def judged(self) -> int:
        """Number of answers with a grade."""
        return sum(len(row) for row in self.qrels.values())

    @property
    def grades(self) -> dict[int, int]:
        """Grade → number of answers."""
        counted = Counter(grade for row in self.qrels.values() for grade in row.values())
        return {one.grade: counted[one.grade] for one in GRADES}

    @property
    def without_answer(self) -> int:
        """Number of judged questions without an answer graded above 0; `evaluate` leaves them out."""
        return sum(not any(row.values()) for row in self.qrels.values())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "questions": self.questions,
            "merged": self.merged,
            "queries": len(self.queries),
            "queries_without_answer": self.without_answer,
            "judged": self.judged,
            "unjudged": self.unjudged,
            "unfinished_queries": self.unfinished,
            "grades": {str(grade): count for grade, count in self.grades.items()},
            "judges": dict(self.judges),
            "agreement": self.agreement.as_dict(),
            "more_queries_needed": self.needed.more,
            "needed": self.needed.as_dict(),
            "systems": list(self.systems),
            "left_out": dict(self.left_out),
            "warnings": list(self.warnings),
        }


def facts_of(
    pooled: Sequence[Pooled],
    judgements: Sequence[Judgement],
    grades: Mapping[Answer, int],
    left_out: Mapping[str, int],
    merged: int,
    systems: Sequence[str],
    settings: LabelSettings,
    notes: Sequence[str],
) -> LabelFacts:
    """Collect what was judged; see `LabelFacts`. `grades` are the merged ones, of `judgements`."""
    by_question: dict[str, dict[str, int]] = {}
    for (question, document), grade in grades.items():
        by_question.setdefault(question, {})[document] = grade
    judged = [one for one in pooled if one.question.key in by_question]
    qrels = {one.question.id: by_question[one.question.key] for one in judged}
    open_answers = [len(set(one.documents) - qrels[one.question.id].keys()) for one in judged]
    unfinished = sum(count > 0 for count in open_answers)
    spelled = {key(one.judge): one.judge for one in reversed(judgements)}
    judges = Counter(spelled[key(one.judge)] for one in judgements)
    answered = [one for one in judged if any(qrels[one.question.id].values())]
    return LabelFacts(
        queries={one.question.id: _query(one) for one in judged},
        qrels=qrels,
        questions=len(pooled),
        merged=merged,
        judges=dict(judges),
        agreement=agreement(judgements),
        needed=questions_needed(_differences(answered, qrels, systems), len(answered), settings.difference),
        unjudged=sum(open_answers),
        unfinished=unfinished,
        systems=systems,
        left_out=left_out,
        warnings=[*notes, *_warnings(sum(open_answers), unfinished, len(judged), len(pooled), settings)],
    )


def write_dataset(out: Path, facts: LabelFacts, corpus: Sequence[Document], model: str) -> None:
    """Write a data set folder: all passages of the index, the judged questions, their grades as the test split.

    Raises:
        InputError: there is nothing to evaluate on, or `out` is something else than an earlier export.
    """
    if not facts.queries:
        raise nothing_judged()
    if facts.without_answer == len(facts.queries):
        raise InputError(
            f"None of the {facts.judged:,} judged answers has a grade above 0, so no system could be measured; nothing "
            "was written. Judge more questions."
        )
    refuse_export(out)
    report = {
        "kind": KIND, "model": model, **facts.as_dict(), "documents": len(corpus),
        "dropped": {reason: {"count": count, "example": ""} for reason, count in facts.left_out.items()},
        "counts": {"documents": len(corpus), "queries": len(facts.queries)},
    }  # fmt: skip
    made = Dataset(corpus=list(corpus), queries=dict(facts.queries), qrels={"test": facts.qrels}, report=report)
    with atomic_folder(out) as scratch:
        save(made, scratch)


def nothing_judged() -> InputError:
    """The refusal to export where no grade was given."""
    return InputError(
        "Nothing is judged yet, so there is nothing to export; nothing was written. Judge some questions first: "
        "`semtune label INDEX --queries FILE`."
    )


def refuse_export(out: Path) -> None:
    """Refuse to replace what was not exported by label: also a data set to train on, which took longer to make.

    Raises:
        InputError: something else is in that place.
    """
    refuse_foreign(out, REPORT, "a data set of labels", KIND, option="--export")


def _query(one: Pooled) -> Query:
    asked = {"asked": one.question.asked} if one.question.asked > 1 else {}
    return Query(one.question.id, one.question.text, {**one.question.metadata, **asked})


def _differences(answered: Sequence[Pooled], qrels: Qrels, systems: Sequence[str]) -> list[float] | None:
    """nDCG@10 of tuned minus base for each question with an answer; None without a base."""
    if not {TUNED, BASE} <= set(systems):
        return None
    return [
        ndcg(qrels[one.question.id], one.rankings[TUNED], TOP) - ndcg(qrels[one.question.id], one.rankings[BASE], TOP)
        for one in answered
    ]


def _warnings(unjudged: int, unfinished: int, judged: int, questions: int, settings: LabelSettings) -> list[str]:
    found = []
    if unjudged:
        found.append(
            f"{many(unjudged, 'pooled answer')} of {many(unfinished, 'judged question')} without a grade. `semtune "
            "evaluate` counts what has no grade as not relevant: finish these questions first."
        )
    if judged < questions and settings.order == "informative" and judged:
        found.append(
            f"{judged:,} of {questions:,} questions are judged, the ones on which the systems differ most: a gain "
            "measured on them is larger than on all. Judge all of them, or use --order random, for its size."
        )
    return found
