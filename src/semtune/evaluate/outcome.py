"""What an evaluation comes to: the systems, the comparisons, the verdict; as files and as the command's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from semtune.evaluate.differences import interval
from semtune.evaluate.scores import Scores
from semtune.evaluate.verdict import Verdict, judge, number
from semtune.io import atomic_file
from semtune.metrics import ranking


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The result of measuring one model, alone or against others.

    Attributes:
        systems: "tuned", and of "base" and "bm25" those that were measured, in this order.
        intervals: system → 95 % interval of its main metric.
        comparisons: other system → verdict of tuned against it.
        verdict: the one that decides: against the base if there is one, else against BM25; None alone.
    """

    systems: Mapping[str, Scores]
    intervals: Mapping[str, tuple[float, float]]
    comparisons: Mapping[str, Verdict]
    verdict: Verdict | None

    @property
    def tuned(self) -> Scores:
        """The model that is judged."""
        return self.systems["tuned"]

    def metrics_json(self) -> dict[str, Any]:
        """The content of `metrics.json`; what is not a number is null."""
        return {
            "metric": self.tuned.main,
            "kind": self.tuned.kind,
            "n_queries": self.tuned.n,
            "counts": dict(self.tuned.counts),
            "systems": {name: _numbers(scores.metrics) for name, scores in self.systems.items()},
            "intervals": {name: [number(x) for x in bounds] for name, bounds in self.intervals.items()},
            "models": {name: _identity(scores) for name, scores in self.systems.items()},
            "truncated": {name: dict(scores.truncated) for name, scores in self.systems.items()},
            "verdict": self.verdict.as_dict() if self.verdict else None,
            "comparisons": {name: verdict.as_dict() for name, verdict in self.comparisons.items()},
        }

    def summary(self) -> dict[str, Any]:
        """The answer of the command line: metrics and the verdict's parts, all at the top level."""
        parts = ("verdict", "sentence", "against", "gain", "interval", "p_value")
        verdict = self.verdict.as_dict() if self.verdict else None
        size = {"pairs" if self.tuned.kind == "similarity" else "queries": self.tuned.n}
        return {
            "model": self.tuned.model,
            **_numbers(self.tuned.metrics),
            **size,
            **({key: verdict[key] for key in parts} if verdict else {}),
        }


def conclude(
    tuned: Scores, base: Scores | None = None, bm25: Scores | None = None, seed: int = 0, min_queries: int = 20
) -> Outcome:
    """Compare the tuned model with the systems given and settle the verdict.

    The verdict is about the base; that a model beats the base but not BM25 is in `comparisons` and the report.
    """
    others = {name: scores for name, scores in {"base": base, "bm25": bm25}.items() if scores is not None}
    comparisons = {name: judge(tuned, scores, seed, min_queries) for name, scores in others.items()}
    systems = {"tuned": tuned, **others}
    return Outcome(
        systems=systems,
        intervals={name: interval(scores, seed) for name, scores in systems.items()},
        comparisons=comparisons,
        verdict=next(iter(comparisons.values()), None),
    )


def write_trec_run(path: Path, scores: Scores, tag: str) -> int:
    """Write a run as TREC's six columns (query, Q0, document, rank, score, tag); returns the number of lines.

    White space in an id, which the format cannot hold, is written as %20 and the like. Nine digits keep a
    single-precision score whole, so trec_eval sees the same ranking.
    """
    lines = 0
    with atomic_file(path) as out:
        for query, documents in scores.run.items():
            for rank, document in enumerate(ranking(documents), start=1):
                out.write(f"{_word(query)} Q0 {_word(document)} {rank} {documents[document]:.9g} {_word(tag)}\n")
                lines += 1
    return lines


def _word(text: str) -> str:
    return "".join(quote(char) if char.isspace() else char for char in text)


def _numbers(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: number(value) for name, value in metrics.items()}


def _identity(scores: Scores) -> dict[str, Any]:
    return {
        "model": scores.model,
        "fingerprint": scores.fingerprint,
        "runtime": scores.runtime,
        "seconds": round(scores.seconds, 2),
        "not_finite": scores.not_finite,
    }
