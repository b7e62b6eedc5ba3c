"""What a score means: its probability of relevance, and thresholds with known precision and recall.

The probability is a logistic curve fitted to labelled answers (Platt 1999, with the targets and damped Newton steps of
Lin, Lin & Weng 2007). For retrieval it is fitted to the ten best documents of each query and gives the probability that
an answer with this score is labelled relevant. Unlabelled answers count as not relevant, so it is too low if labels are
sparse. For pairs it is fitted to all pairs and gives the probability that a pair belongs together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.contract import Calibration
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.kinds.pairs import binary_pairs
from semtune.evaluate.result import Kind, Scores
from semtune.evaluate.serving.answerable import NAME, AnswerableFloor, answerable_floor, best_scores
from semtune.evaluate.verdict.rule import why_broken
from semtune.metrics import ranking
from semtune.types import Qrels, Split

SHOWN = 10  # answers per query, as many as people look at
PRECISIONS = (0.8, 0.9, 0.95)
RECALLS = (0.9,)
LEAST = 20  # minimum answers above a threshold, and minimum positives and negatives
PAIR_CUT = 0.6  # pairs with this score or more belong together; 3 of 5 in STS, "roughly equivalent"
STEPS, RIDGE, SHORTEST_STEP = 100, 1e-12, 1e-10
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScores:
    """Labelled scores.

    Attributes:
        scores, relevant: (n,) scores, and whether each answer is labelled relevant.
        wanted: total number of relevant items, including those that are not among the answers.
        of: description of an answer, for people.
    """

    scores: Values
    relevant: NDArray[np.bool_]
    wanted: int
    of: str


@dataclass(frozen=True, slots=True)
class ScoreThreshold:
    """A threshold, with precision and recall of the answers that reach it."""

    score: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationResult:
    """The curve and the thresholds of one model on one split.

    Attributes:
        calibration: the curve, stored in the contract.
        cuts: name → threshold: "best-f1"; "p0.9", the lowest score above which 90 % are relevant; "r0.9", the highest
            score that still finds 90 % of the relevant items. Those that the model does not reach are missing.
        split: that was measured.
        answers, relevant: number of answers and of relevant ones.
        error: expected calibration error: mean distance between probability and share, in ten equal groups.
        answerable: of a search: the best score below which a question is taken to have no answer; None if unknown.
    """

    calibration: Calibration
    cuts: Mapping[str, ScoreThreshold]
    split: Split
    answers: int
    relevant: int
    error: float
    answerable: AnswerableFloor | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """Name → score, as in the contract."""
        floor = {NAME: self.answerable.score} if self.answerable else {}
        return {**{name: cut.score for name, cut in self.cuts.items()}, **floor}

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `thresholds.json`."""
        return {
            "thresholds": self.thresholds,
            "slope": self.calibration.slope,
            "intercept": self.calibration.intercept,
            "of": self.calibration.of,
            "split": self.split,
            "answers": self.answers,
            "relevant": self.relevant,
            "calibration_error": self.error,
            "cuts": {
                name: {"score": cut.score, "precision": cut.precision, "recall": cut.recall, "f1": cut.f1}
                for name, cut in self.cuts.items()
            },
            **({"answerable": asdict(self.answerable)} if self.answerable else {}),
        }


def calibration_split(dataset: Dataset, kind: Kind) -> Split:
    """Dev, to keep test unused; test if dev has no labels of this kind. The result names the split."""
    parts: dict[Kind, object] = {
        "retrieval": dataset.qrels.get("dev"),
        "similarity": dataset.scored.get("dev"),
        "pairs": binary_pairs(dataset, "dev"),
    }
    return "dev" if parts.get(kind) else "test"


def require_labels(dataset: Dataset, kind: Kind) -> None:
    """Refuse a split with too few labels before anything is encoded.

    Raises:
        InputError: there are too few relevant documents.
    """
    split = calibration_split(dataset, kind)
    wanted = sum(grade > 0 for row in dataset.qrels.get(split, {}).values() for grade in row.values())
    if kind == "retrieval" and wanted < LEAST:
        raise InputError(
            f"Thresholds need at least {LEAST} relevant answers; the {split} split has {wanted} relevant documents. "
            "Label more queries."
        )


def can_calibrate(kind: Kind) -> bool:
    """Whether this kind gives scores of search results or of pairs."""
    return kind in ("retrieval", "similarity", "pairs")


def calibrate(scores: Scores, dataset: Dataset, split: Split) -> CalibrationResult:
    """Fit the curve and find the thresholds.

    Args:
        scores: the model's result on `split`, of retrieval, similarity or pairs.
        dataset: with labels in the split.
        split: of the data set.

    Raises:
        InputError: the kind is not supported, the model is broken, or there are too few answers of a class.
    """
    if reason := why_broken(scores):
        raise InputError(f"Thresholds cannot be measured: {reason}")
    found = _answers(scores, dataset, split)
    positives = int(found.relevant.sum())
    if min(positives, found.relevant.size - positives) < LEAST:
        raise InputError(
            f"Thresholds need at least {LEAST} relevant and {LEAST} other answers; the {split} split has {positives} "
            f"and {found.relevant.size - positives}. Label more queries."
        )
    slope, intercept = fit_logistic(found.scores, found.relevant)
    calibration = Calibration(slope, intercept, found.of)
    probabilities = np.array([calibration.probability(score) for score in found.scores])
    return CalibrationResult(
        calibration=calibration,
        cuts=find_cuts(found.scores, found.relevant, found.wanted),
        split=split,
        answers=found.relevant.size,
        relevant=positives,
        error=calibration_error(probabilities, found.relevant),
        answerable=_floor(scores, dataset, split),
    )


def _floor(scores: Scores, dataset: Dataset, split: Split) -> AnswerableFloor | None:
    if scores.kind != "retrieval":
        return None
    return answerable_floor(best_scores(scores.run, dataset.qrels[split], scores.query_ids))


def _answers(scores: Scores, dataset: Dataset, split: Split) -> LabelledScores:
    if scores.kind == "retrieval":
        return shown_answers(scores, dataset.qrels[split])
    if scores.kind in ("similarity", "pairs"):
        together = scores.gold >= (PAIR_CUT if scores.kind == "similarity" else 0.5)
        above = f" (human score of {PAIR_CUT} or more)" if scores.kind == "similarity" else ""
        of = f"a pair of the {split} split with this score belongs together{above}"
        return LabelledScores(scores.similarities, together, int(together.sum()), of)
    raise InputError(
        f"Thresholds are only for retrieval, similarity and pairs; this task is {scores.kind}. Leave --calibrate out, "
        "or give another --task."
    )


def shown_answers(scores: Scores, qrels: Qrels) -> LabelledScores:
    """The `SHOWN` best documents of each query."""
    values: list[float] = []
    relevant: list[bool] = []
    wanted = 0
    for query in scores.query_ids:
        grades, found = qrels[query], scores.run.get(query, {})
        wanted += sum(grade > 0 for grade in grades.values())
        for document in ranking(found, SHOWN):
            values.append(found[document])
            relevant.append(grades.get(document, 0) > 0)
    of = f"an answer with this score, among a query's {SHOWN} best, is labelled relevant"
    return LabelledScores(np.array(values), np.array(relevant, dtype=np.bool_), wanted, of)


def fit_logistic(scores: Values, relevant: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and intercept of P(relevant | score) = 1 / (1 + exp(-(slope x score + intercept))).

    The targets are (n+ + 1) / (n+ + 2) and 1 / (n- + 2) instead of 1 and 0, so that the curve stays finite if the
    classes do not overlap.
    """
    positives, negatives = int(relevant.sum()), int((~relevant).sum())
    targets = np.where(relevant, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    x = np.stack([(scores - centre) / spread, np.ones(len(scores))], axis=1)
    weights = np.array([0.0, math.log((positives + 1) / (negatives + 1))])
    loss = _log_loss(x @ weights, targets)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-(x @ weights)))
        gradient = x.T @ (p - targets)
        if np.abs(gradient).max() < 1e-9 * len(scores):
            break
        hessian = (x * (p * (1 - p))[:, None]).T @ x + RIDGE * np.eye(2)
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while (lower := _log_loss(x @ (weights - size * step), targets)) > loss and size > SHORTEST_STEP:
            size /= 2
        if lower >= loss:
            break
        weights, loss = weights - size * step, lower
    slope = float(weights[0]) / spread
    return slope, float(weights[1]) - slope * centre


def _log_loss(logits: Values, targets: Values) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).sum())


def find_cuts(scores: Values, relevant: NDArray[np.bool_], wanted: int) -> dict[str, ScoreThreshold]:
    """The named thresholds over all answers; a threshold is a score that occurs."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(relevant[order])
    last = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], True))  # equal scores stay together
    kept = last + 1
    precision, recall = hits[last] / kept, hits[last] / max(wanted, 1)
    cuts = [
        ScoreThreshold(float(s), float(p), float(r)) for s, p, r in zip(ordered[last], precision, recall, strict=True)
    ]
    found = {"best-f1": max(cuts, key=lambda cut: cut.f1)}
    for least in PRECISIONS:
        reach = [cut for cut, n in zip(cuts, kept, strict=True) if cut.precision >= least and n >= LEAST]
        if reach:
            found[f"p{least:g}"] = reach[-1]
    for least in RECALLS:
        reach = [cut for cut in cuts if cut.recall >= least]
        if reach:
            found[f"r{least:g}"] = reach[0]
    return found


def calibration_error(probabilities: Values, relevant: NDArray[np.bool_], groups: int = 10) -> float:
    """Mean distance between probability and share of relevant answers, in groups of equal size."""
    parts = np.array_split(np.argsort(probabilities, kind="stable"), groups)
    weights = [len(part) / len(probabilities) for part in parts]
    gaps = [abs(float(probabilities[part].mean() - relevant[part].mean())) if len(part) else 0.0 for part in parts]
    return float(np.dot(weights, gaps))
