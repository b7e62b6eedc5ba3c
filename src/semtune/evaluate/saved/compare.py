"""Compares finished evaluations: each run with the first, by the saved values per query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.evaluate.result import Kind, label
from semtune.evaluate.saved.markdown import table
from semtune.evaluate.saved.read import STEP, SavedEvaluation, aligned, read_saved
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.rule import JudgedComparison, json_number, judge_all

WORDS = {"ship": "better", "do-not-ship": "worse", "cannot-judge": "not told apart"}


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationComparison:
    """Runs on the same data, each compared with the first.

    Attributes:
        runs: name → its evaluation, in the order given.
        comparisons: name → comparison with the first run; p-values corrected for their number.
    """

    runs: Mapping[str, SavedEvaluation]
    comparisons: Mapping[str, JudgedComparison]

    @property
    def first(self) -> str:
        """The run that the others are compared with."""
        return next(iter(self.runs))

    def as_dict(self) -> dict[str, Any]:
        """The output of `semtune compare --json`; NaN becomes null."""
        first = self.runs[self.first]
        return {
            "metric": first.scores.main,
            "kind": first.scores.kind,
            "n": first.scores.n,
            "data": dict(first.data),
            "first": self.first,
            "runs": [_run(name, saved) for name, saved in self.runs.items()],
            "comparisons": [
                {"run": name, **found.as_dict(), "verdict": WORDS[found.verdict], "sentence": self._sentence(name)}
                for name, found in self.comparisons.items()
            ],
        }

    def _sentence(self, name: str) -> str:
        found = self.comparisons[name]
        return f"{name} against {self.first}: {found.sentence.partition(': ')[2]}"

    def rows(self) -> list[list[str]]:
        """Table rows: run, model, metric, interval; then gain, interval, p and a word, empty for the first."""
        made = []
        for name, saved in self.runs.items():
            scores, found = saved.scores, self.comparisons.get(name)
            cells = [name, scores.model, _shown(scores.metrics[scores.main]), _interval(saved.interval)]
            gain = [_shown(found.gain, "+"), _interval(found.interval, "+"), _shown(found.p_corrected)] if found else []
            made.append([*cells, *(gain or [""] * 3), WORDS[found.verdict] if found else ""])
        return made

    def head(self) -> list[str]:
        """The titles of `rows`."""
        metric = label(self.runs[self.first].scores.main)
        return ["run", "model", metric, "95 % interval", f"gain over {self.first}", "95 % interval", "p", ""]

    def title(self) -> str:
        """The data that the runs were measured on."""
        first = self.runs[self.first]
        return f"{first.data['name']}, {first.data['split']}: {first.scores.n:,} {first.scores.unit(first.scores.n)}"

    def markdown(self) -> str:
        """The table for a pull request."""
        several = len(self.comparisons) > 1
        note = f"\n\np-values are corrected for {len(self.comparisons)} comparisons (Holm)." if several else ""
        return f"{self.title()}\n\n{table(self.head(), self.rows())}{note}\n"


def compare_saved(paths: Sequence[Path], seed: int = 0, limits: EvaluateSettings | None = None) -> EvaluationComparison:
    """Compare runs, or folders that `semtune evaluate -o` wrote, with the first of them.

    Raises:
        InputError: there are fewer than two, one is not an evaluation, or their data or tasks differ.
    """
    if len(paths) < 2:
        raise InputError("A comparison needs at least two runs: semtune compare RUN_A RUN_B")
    runs = dict(zip(_names(paths), map(read_saved, paths), strict=True))
    first, *others = runs
    for name in others:
        refuse_other_data(runs[name].data, name, runs[first].data, first)
        refuse_other_task(runs[name].scores.kind, name, runs[first].scores.kind, first)
        runs[name] = replace(runs[name], scores=aligned(runs[name].scores, runs[first].scores, name, first))
    sides = {name: (runs[name].scores, runs[first].scores) for name in others}
    return EvaluationComparison(runs, judge_all(sides, seed, limits or EvaluateSettings()))


def refuse_other_data(mine: Mapping[str, str], name: str, theirs: Mapping[str, str], other: str) -> None:
    """Check that two evaluations have the same data.

    Raises:
        InputError: they do not; the message names both.
    """
    if mine["sha256"] != theirs["sha256"]:
        shown = [f"{data['name']} ({data['split']}, {data['sha256'][:8]})" for data in (mine, theirs)]
        raise InputError(
            f"{name} was measured on {shown[0]} and {other} on {shown[1]}, so they cannot be compared. Measure both on "
            "the same data set: `semtune evaluate MODEL DATASET -o FOLDER`."
        )


def refuse_other_task(mine: Kind, name: str, theirs: Kind, other: str) -> None:
    """Check that two evaluations have the same task.

    Raises:
        InputError: they do not; the message names both.
    """
    if mine != theirs:
        raise InputError(
            f"{name} was evaluated by {mine} and {other} by {theirs}, so they cannot be compared. Use one task: "
            f"`semtune evaluate MODEL DATASET --task {theirs} -o FOLDER`."
        )


def _names(paths: Sequence[Path]) -> list[str]:
    """A short name for each, the name of the run; if two are equal, their paths."""
    short = [path.resolve().parent.name if path.resolve().name == STEP else path.resolve().name for path in paths]
    names = short if len(set(short)) == len(short) else [str(path) for path in paths]
    return [name if name not in names[:at] else f"{name} ({at + 1})" for at, name in enumerate(names)]


def _run(name: str, saved: SavedEvaluation) -> dict[str, Any]:
    scores = saved.scores
    return {
        "name": name,
        "path": str(saved.folder),
        "model": scores.model,
        "fingerprint": scores.fingerprint,
        "runtime": scores.runtime,
        "value": json_number(scores.metrics[scores.main]),
        "interval": [json_number(bound) for bound in saved.interval],
        "metrics": {metric: json_number(value) for metric, value in scores.metrics.items()},
    }


def _shown(value: float, sign: str = "") -> str:
    return "–" if json_number(value) is None else f"{value:{sign}.4f}"


def _interval(bounds: tuple[float, float], sign: str = "") -> str:
    return " to ".join(_shown(bound, sign) for bound in bounds) if json_number(bounds[0]) is not None else "–"
