"""Pairs of languages: which a model is weak in, and which got worse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semtune.evaluate.language_pairs import LanguagePair
from semtune.evaluate.result import Scores
from semtune.evaluate.verdict.slices import LEVEL, Slice
from semtune.languages.codes import language_name
from semtune.metrics.proportions import compare_proportions
from semtune.metrics.significance import holm

POOR = 0.5  # below it the wrong text comes first more often than the right one
NAMED = 8  # pairs in a sentence


def across(scores: Scores) -> list[LanguagePair]:
    """The pairs of two different languages, the least accurate first."""
    pairs = [pair for pair in scores.language_pairs if pair.source != pair.target]
    return sorted(pairs, key=lambda pair: (pair.accuracy, pair.source, pair.target))


def weak_pairs(scores: Scores) -> list[LanguagePair]:
    """The pairs whose accuracy is below `POOR`, or surely below the mean of all pairs; the least accurate first.

    "Surely": their interval ends below the mean, at the level that holds for all pairs together (Bonferroni).
    """
    pairs = across(scores)
    if not pairs:
        return []
    mean, level = float(np.mean([pair.accuracy for pair in pairs])), 1 - LEVEL / len(pairs)
    return [pair for pair in pairs if pair.accuracy < POOR or pair.interval(level)[1] < mean]


def weak_sentence(scores: Scores) -> str:
    """The weak pairs in words; empty if there are none."""
    weak = weak_pairs(scores)
    if not weak:
        return ""
    pairs = across(scores)
    mean = float(np.mean([pair.accuracy for pair in pairs]))
    named = ", ".join(f"{pair.name} {pair.accuracy:.2f}" for pair in weak[:NAMED])
    more = f", and {len(weak) - NAMED:,} more" if len(weak) > NAMED else ""
    return (
        f"{scores.model} is weak in {len(weak):,} of {len(pairs):,} pairs of languages (below {POOR:g}, or surely "
        f"below their mean of {mean:.2f}): {named}{more}."
    )


def compare_pairs(tuned: Scores, other: Scores, seed: int = 0) -> list[Slice]:
    """Two models on each pair of languages, with p-values corrected for the number of pairs; the worst first.

    Empty where the other's answers were not kept, as in a folder of `evaluate -o`, or are of other data.
    """
    theirs = {(pair.source, pair.target): pair for pair in other.language_pairs}
    sides = [(mine, theirs.get((mine.source, mine.target))) for mine in across(tuned)]
    both = [(mine, their) for mine, their in sides if their is not None and their.n == mine.n]
    found = [compare_proportions(mine.right, their.right, seed) for mine, their in both]
    corrected = holm([each.p_value for each in found])
    compared = [
        Slice(
            "language pair", mine.name, mine.n, mine.accuracy, their.accuracy, each.gain, (each.low, each.high),
            each.p_value, p, p < LEVEL and each.gain < 0,
        )
        for (mine, their), each, p in zip(both, found, corrected, strict=True)
    ]  # fmt: skip
    return sorted(compared, key=lambda part: (part.gain, part.value))


def gains_sentence(parts: Sequence[Slice]) -> str:
    """How many pairs got better and worse; empty without pairs."""
    if not parts:
        return ""
    better = [part for part in parts if part.p_corrected < LEVEL and part.gain > 0]
    worse = [part for part in parts if part.worse]
    named = f" ({', '.join(part.value for part in worse[:NAMED])})" if worse else ""
    return f"Of {len(parts):,} pairs of languages {len(better):,} got better and {len(worse):,} worse{named}."


def language_json(scores: Scores) -> dict[str, object]:
    """The keys "language_pairs", the least accurate first, and "languages"; empty for other tasks."""
    if not scores.language_pairs:
        return {}
    weak = {(pair.source, pair.target) for pair in weak_pairs(scores)}
    return {
        "language_pairs": [
            {
                "source": pair.source, "target": pair.target, "name": pair.name, "n": pair.n,
                "accuracy@1": pair.accuracy, "interval": list(pair.interval()),
                "weak": (pair.source, pair.target) in weak,
            }
            for pair in across(scores)
        ],
        "languages": {
            code: {"name": language_name(code), "texts": each.texts, "cut": each.cut, "unknown_tokens": each.unknown}
            for code, each in scores.languages.items()
        },
    }  # fmt: skip
