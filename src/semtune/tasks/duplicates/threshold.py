"""From which similarity texts are duplicates: as the user says, by labelled pairs, by the model, or a default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.contract import Contract
from semtune.errors import ConfigError, InputError
from semtune.evaluate.kinds.pairs import BinaryPair
from semtune.metrics import average_precision
from semtune.metrics.pairs import precision_by_threshold
from semtune.metrics.proportions import proportion_interval
from semtune.search.threshold import minimum_score
from semtune.text import key
from semtune.types import Embeddings

DEFAULT = 0.9
BY_PAIRS = ("p0.95", "p0.9", "best-f1")  # thresholds of a model that was calibrated on pairs, the strictest first
OF_PAIRS = "a pair "  # how the meaning of such a calibration begins


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a threshold brings on labelled pairs that it was not chosen on.

    Attributes:
        pairs, duplicates: their number.
        precision, precision_interval: share of the pairs found that are duplicates, and its 95 % interval.
        recall, recall_interval: share of the duplicates that are found, and its 95 % interval.
        f1: harmonic mean of both.
        average_precision: over all thresholds.
        false_alarms, false_alarms_interval: share of the other pairs that reach the threshold, and its interval.
    """

    pairs: int
    duplicates: int
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    f1: float
    average_precision: float
    false_alarms: float
    false_alarms_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """A cosine, where it comes from, and what it brings on held-out labelled pairs, if there are any.

    Attributes:
        value: from which on two texts are duplicates.
        origin: "given", "labels", "model" or "default".
        explained: a sentence for people.
        held_out: None without labelled pairs.
    """

    value: float
    origin: str
    explained: str
    held_out: HeldOut | None = None


def given_threshold(wanted: str | float, contract: Contract) -> ChosenThreshold:
    """A number, or the name of one of the model's calibrated thresholds.

    Raises:
        InputError: it is neither.
        ConfigError: it is not above 0 and at most 1.
    """
    value = minimum_score(wanted, contract)
    if not 0 < value <= 1:
        raise ConfigError(f"--threshold {value:g} is no similarity of near-equal texts. Give one above 0, up to 1.")
    return ChosenThreshold(value, "given", f"the threshold is {value:.3f}, as you asked for")


def usual_threshold(contract: Contract) -> ChosenThreshold:
    """The model's own threshold, if it was calibrated on pairs; else a strict default.

    A threshold that was calibrated on a search says from where on a passage answers a question, which is much less
    than being the same; it is not used.
    """
    if contract.calibration and contract.calibration.of.startswith(OF_PAIRS):
        name = next((each for each in BY_PAIRS if each in contract.thresholds), None)
        if name:
            value = min(contract.thresholds[name], 1.0)
            return ChosenThreshold(
                value, "model", f"the threshold is {value:.3f}, which the model was calibrated to on pairs ({name})"
            )
    return ChosenThreshold(
        DEFAULT, "default",
        f"the threshold is {DEFAULT}, which is strict for most models; --labels with a table of pairs that you marked "
        "finds the one for your texts",
    )  # fmt: skip


def threshold_from(
    pairs: Sequence[BinaryPair], scores: NDArray[np.float64], precision: float, seed: int
) -> ChosenThreshold:
    """The lowest threshold with the precision asked for on one half of labelled pairs, judged on the other half.

    Duplicates that share a text are in the same half.

    Args:
        pairs: of both classes.
        scores: (n,) their cosines.
        precision: share of the pairs found that must be duplicates.
        seed: of the halves.

    Raises:
        InputError: no threshold has this precision.
    """
    same = np.array([pair.same for pair in pairs], dtype=np.bool_)
    chosen_on = halves(pairs, seed)
    value = _lowest(scores[chosen_on], same[chosen_on], precision)
    return ChosenThreshold(
        value, "labels",
        f"the threshold is {value:.3f}: the lowest with a precision of {precision:g} on half of your labelled pairs",
        judged(scores[~chosen_on], same[~chosen_on], value),
    )  # fmt: skip


def halves(pairs: Sequence[BinaryPair], seed: int) -> NDArray[np.bool_]:
    """(n,) which pairs are in the first half.

    Texts that duplicates connect are in one half; a pair of others goes with its first text, since sets of labelled
    pairs often connect everything by pairs that are not duplicates.
    """
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = text = parent[parent[text]]
        return text

    for pair in pairs:
        if pair.same:
            parent[root(key(pair.sentence1))] = root(key(pair.sentence2))
    sets: dict[str, list[int]] = {}
    for at, pair in enumerate(pairs):
        sets.setdefault(root(key(pair.sentence1)), []).append(at)
    first = np.zeros(len(pairs), dtype=np.bool_)
    members, taken = list(sets.values()), 0
    for number in np.random.default_rng(seed).permutation(len(members)):
        if taken + len(members[number]) <= (len(pairs) + 1) // 2:
            first[members[number]] = True
            taken += len(members[number])
    return first


def judged(scores: NDArray[np.float64], same: NDArray[np.bool_], threshold: float) -> HeldOut:
    """Precision and recall of a threshold on (n,) pairs."""
    found = scores >= threshold
    right, taken, duplicates = int((found & same).sum()), int(found.sum()), int(same.sum())
    precision, recall = right / taken if taken else math.nan, right / duplicates if duplicates else math.nan
    f1 = 2 * right / (taken + duplicates) if taken + duplicates else 0.0
    return HeldOut(
        pairs=len(same),
        duplicates=duplicates,
        precision=precision,
        precision_interval=proportion_interval(right, taken),
        recall=recall,
        recall_interval=proportion_interval(right, duplicates),
        f1=f1,
        average_precision=average_precision(scores, same.astype(np.float64)),
        false_alarms=(taken - right) / (len(same) - duplicates) if len(same) > duplicates else math.nan,
        false_alarms_interval=proportion_interval(taken - right, len(same) - duplicates),
    )


def cosines(vectors: Embeddings) -> NDArray[np.float64]:
    """(n,) cosines of n pairs, from their (2 n, dim) vectors: all first texts, then all second ones."""
    half = len(vectors) // 2
    return np.einsum("ij,ij->i", vectors[:half], vectors[half:], dtype=np.float64)


def _lowest(scores: NDArray[np.float64], same: NDArray[np.bool_], wanted: float) -> float:
    if not same.any() or same.all():
        raise InputError("Common texts connect all of the labelled duplicates: none can be held out. Add others.")
    thresholds, precision = precision_by_threshold(scores, same)
    reached = np.flatnonzero(precision >= wanted)
    if not len(reached):
        best = int(np.argmax(precision))
        raise InputError(
            f"No threshold gives a precision of {wanted:g} on the labelled pairs; the highest is "
            f"{precision[best]:.3f}, at {thresholds[best]:.3f}. Ask for less with --precision, or tune the "
            "model on such pairs."
        )
    return float(thresholds[reached[-1]])
