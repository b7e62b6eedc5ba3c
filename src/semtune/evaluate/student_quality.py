"""Compares a student with its teacher: the share of the quality that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semtune.dataset import Dataset
from semtune.evaluate.scores import LABELS, Scores
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.rule import json_number, judge

SPEED_TEXTS = 128


@dataclass(frozen=True, slots=True)
class StudentQuality:
    """A student's quality as a share of its teacher's.

    Attributes:
        metric: the deciding metric.
        teacher, student: its values.
        gain, interval, p_value: student minus teacher, with its 95 % interval; NaN if unknown.
        n: number of queries or sentence pairs.
    """

    metric: str
    teacher: float
    student: float
    gain: float
    interval: tuple[float, float]
    p_value: float
    n: int

    @property
    def share(self) -> float:
        """The student's value divided by the teacher's; NaN if the teacher's is not positive."""
        return self.student / self.teacher if self.teacher > 0 else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; what is not a number is null."""
        values = {"teacher": self.teacher, "student": self.student, "kept": self.share, "gain": self.gain}
        return {
            "metric": self.metric,
            **{name: json_number(value) for name, value in values.items()},
            "interval": [json_number(bound) for bound in self.interval],
            "p_value": json_number(self.p_value),
            "n": self.n,
        }


def compare_with_teacher(student: Scores, teacher: Scores, seed: int = 0) -> StudentQuality:
    """Compare two results on the same split."""
    found = judge(student, teacher, seed, EvaluateSettings(min_queries=2))
    metric = teacher.main
    return StudentQuality(
        metric, teacher.metrics[metric], student.metrics[metric], found.gain, found.interval, found.p_value, found.n
    )


def quality_sentence(values: Mapping[str, Any]) -> str:
    """`StudentQuality.as_dict` as a sentence."""
    low, high = values["interval"]
    if values["gain"] is None:
        return f"{LABELS[values['metric']]} cannot be compared: the teacher's or the student's is not a number"
    numbers = f"{values['student']:.4f} of {values['teacher']:.4f}, {values['gain']:+.3f}"
    if low is not None:
        numbers += f" [{low:+.3f}, {high:+.3f}]"
    share = f"{values['kept']:.1%} of" if values["kept"] is not None else "no share of"
    unit = "pairs" if values["metric"] in {"spearman", "ap"} else "queries"
    return f"{share} the teacher's {LABELS[values['metric']]} kept: {numbers} on {values['n']:,} {unit}"


def timing_texts(dataset: Dataset) -> list[str]:
    """Evenly spaced passages of the data set for timing; for scored pairs, sentences."""
    texts = [document.content for document in dataset.corpus]
    texts = texts or [pair.sentence1 for pair in dataset.scored.get("test", [])]
    return texts[:: max(1, len(texts) // SPEED_TEXTS)][:SPEED_TEXTS]
