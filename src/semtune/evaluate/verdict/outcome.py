"""The outcome of an evaluation: systems, comparisons and verdict, as files and as the command's output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from semtune.evaluate.result import Scores
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.differences import interval
from semtune.evaluate.verdict.gates import Forgetting, apply_gates, judge_by_minimum
from semtune.evaluate.verdict.language_pairs import compare_pairs, language_json
from semtune.evaluate.verdict.made_questions import doubt_made_questions
from semtune.evaluate.verdict.rule import JudgedComparison, json_number, judge_all, why_broken
from semtune.evaluate.verdict.slices import Slice, SliceRows, slices
from semtune.evaluate.verdict.warnings import warnings
from semtune.io import atomic_file
from semtune.metrics import ranking

if TYPE_CHECKING:
    from semtune.evaluate.retrieval.search_mode import ModeChoice

DEFAULT = EvaluateSettings()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The outcome of evaluating one model, alone or against others.

    Attributes:
        systems: "tuned", and the others in the order given: "base" for the first other model, "bm25", "hybrid", and
            further models by name.
        intervals: system → 95 % interval of its main metric.
        comparisons: other system → the comparison of tuned with it.
        verdict: on the comparison with the first other system, after all gates; None without a comparison or minimum.
        slices: of the test set, compared with the first other system.
        language_pairs: pairs of languages, compared with the first other system, the worst first.
        forgetting: loss on general text; None if not measured.
        warnings: one sentence each.
        limits: the thresholds of the gates.
        data: what was measured on: name, split and hash; see `semtune.evaluate.saved.read.identify`.
        made: source → number of test questions that were made from it; empty if people asked all of them.
        served: name of a model → how it is searched; empty where that was not looked at: by vectors.
        by_vectors: the tuned model against the first other one where both are searched by vectors alone; None where
            the verdict is that, or there is nothing to compare. Its systems are "tuned-dense" and "base-dense".
    """

    systems: Mapping[str, Scores]
    intervals: Mapping[str, tuple[float, float]]
    comparisons: Mapping[str, JudgedComparison]
    verdict: JudgedComparison | None
    slices: Sequence[Slice] = ()
    language_pairs: Sequence[Slice] = ()
    forgetting: Forgetting | None = None
    warnings: Sequence[str] = ()
    limits: EvaluateSettings = DEFAULT
    data: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    served: Mapping[str, ModeChoice] = field(default_factory=dict)
    by_vectors: JudgedComparison | None = None

    @property
    def tuned(self) -> Scores:
        """The model that is judged."""
        return self.systems["tuned"]

    @property
    def served_sentence(self) -> str:
        """How the model and the first other one are searched; empty where that was not looked at."""
        if "tuned" not in self.served:
            return ""
        first = next((name for name in self.served if name != "tuned"), "")
        other = f" {self.systems[first].model} is measured with {self.served[first].words} search." if first else ""
        return self.served["tuned"].sentence + other

    def metrics_json(self) -> dict[str, Any]:
        """The content of `metrics.json`; what is not a number is null."""
        return {
            "metric": self.tuned.main,
            "kind": self.tuned.kind,
            "n_queries": self.tuned.n,
            "made_questions": dict(self.made),
            "data": dict(self.data),
            "counts": dict(self.tuned.counts),
            "systems": {name: _numbers(scores.metrics) for name, scores in self.systems.items()},
            "intervals": {name: [json_number(x) for x in bounds] for name, bounds in self.intervals.items()},
            "models": {name: _identity(scores) for name, scores in self.systems.items()},
            "truncated": {name: dict(scores.truncated) for name, scores in self.systems.items()},
            **({"matrix": {name: _matrix(s) for name, s in self.systems.items()}} if self.tuned.matrix else {}),
            **language_json(self.tuned),
            "verdict": self.verdict.as_dict() if self.verdict else None,
            "comparisons": {name: verdict.as_dict() for name, verdict in self.comparisons.items()},
            **self._as_served(),
            "slices": [part.as_dict() for part in self.slices],
            "compared_language_pairs": [part.as_dict() for part in self.language_pairs],
            "forgetting": self.forgetting.as_dict() if self.forgetting else None,
            "warnings": list(self.warnings),
            "limits": self.limits.thresholds(),
        }

    def summary(self) -> dict[str, Any]:
        """The output of the command: metrics and the parts of the verdict, all at the top level."""
        parts = ("verdict", "sentence", "against", "gain", "interval", "p_value", "p_corrected", "detectable")
        verdict = self.verdict.as_dict() if self.verdict else None
        return {
            "model": self.tuned.model,
            **_numbers(self.tuned.metrics),
            "task": self.tuned.kind,
            self.tuned.unit(): self.tuned.n,
            **({"matrix": _matrix(self.tuned)} if self.tuned.matrix else {}),
            **language_json(self.tuned),
            **({key: verdict[key] for key in parts} if verdict else {}),
            "comparisons": {name: found.as_dict() for name, found in self.comparisons.items()},
            **self._as_served(),
            "worse": [part.as_dict() for part in (*self.slices, *self.language_pairs) if part.worse],
            "forgetting": self.forgetting.as_dict() if self.forgetting else None,
            "warnings": list(self.warnings),
        }

    def _as_served(self) -> dict[str, Any]:
        """The keys "served" and "by_vectors", where the way of searching was looked at."""
        if not self.served:
            return {}
        ways = {
            name: {"mode": way.mode, "fusion": way.fusion.as_dict(), "sentence": way.sentence}
            for name, way in self.served.items()
        }
        return {"served": ways, "by_vectors": self.by_vectors.as_dict() if self.by_vectors else None}


def conclude(
    tuned: Scores,
    others: Mapping[str, Scores] | None = None,
    seed: int = 0,
    limits: EvaluateSettings = DEFAULT,
    *,
    parts: Sequence[SliceRows] = (),
    forgot: Forgetting | None = None,
    leaks: Mapping[str, Any] | None = None,
    data: Mapping[str, str] | None = None,
    made: Mapping[str, int] | None = None,
    unread: Sequence[str] = (),
    beside: Mapping[str, Scores] | None = None,
    served: Mapping[str, ModeChoice] | None = None,
) -> Outcome:
    """Compare the tuned model with the other systems and reach a verdict.

    The verdict is about the first of `others`, in a pipeline the base; a model that beats the base but not BM25 is
    reported in `comparisons`, the warnings and the report.

    Args:
        tuned: the model that is judged.
        others: name → result of another system on the same data.
        seed: of the resampling.
        limits: the thresholds.
        parts: slices of the test set, from `partition`.
        forgot: the result on general text.
        leaks: what train and test share, from `prepare.json`.
        data: what was measured on, for `metrics.json`.
        made: how many of the questions were made from the documents, by source; from `count_made`.
        unread: warnings about texts that the model cannot read; from `unreadable_texts`.
        beside: the models by vectors alone, "tuned-dense" among them, where they are served otherwise.
        served: name of a model → how it is searched.
    """
    others, beside = others or {}, beside or {}
    sides = {name: (tuned, other) for name, other in others.items()}
    alone = f"{next(iter(others), '')}-dense"
    if alone in beside:
        sides[alone] = beside["tuned-dense"], beside[alone]
    comparisons = judge_all(sides, seed, limits)
    by_vectors = comparisons.pop(alone, None)
    first, verdict = next(iter(comparisons.items()), ("", judge_by_minimum(tuned, limits)))
    compared = verdict is not None and math.isfinite(verdict.p_value)
    looked = slices(parts, tuned, others[first], seed) if compared else []
    pairs = compare_pairs(tuned, others[first], seed) if compared else []
    systems = {"tuned": tuned, **others, **beside}
    intervals = {name: interval(scores, seed) for name, scores in systems.items()}
    if verdict:
        verdict = apply_gates(verdict, tuned, limits, forgot, [*looked, *pairs])
        verdict = doubt_made_questions(verdict, tuned, made or {}, limits)
    said = warnings(tuned, intervals["tuned"], comparisons, [*looked, *pairs], forgot, leaks or {}, limits, others)
    return Outcome(
        systems=systems,
        intervals=intervals,
        comparisons=comparisons,
        verdict=verdict,
        slices=looked,
        language_pairs=pairs,
        forgetting=forgot,
        warnings=[*unread, *said],
        limits=limits,
        data=data or {},
        made=made or {},
        served=served or {},
        by_vectors=by_vectors,
    )


def write_trec_run(path: Path, scores: Scores, tag: str) -> int:
    """Write a run as TREC's six columns (query, Q0, document, rank, score, tag); returns the number of lines.

    White space in ids, which the format does not allow, is percent-encoded. Nine digits preserve single-precision
    scores, so trec_eval computes the same ranking.
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
    return {name: json_number(value) for name, value in metrics.items()}


def _matrix(scores: Scores) -> dict[str, dict[str, float | None]]:
    """Language asked in → language searched → accuracy@1."""
    return {one: _numbers(row) for one, row in scores.matrix.items()}


def _identity(scores: Scores) -> dict[str, Any]:
    return {
        "model": scores.model,
        "fingerprint": scores.fingerprint,
        "runtime": scores.runtime,
        "seconds": round(scores.seconds, 2),
        "not_finite": scores.not_finite,
        "broken": why_broken(scores),
    }
