"""A linear head on unit vectors, its strength and temperature chosen by cross-validation.

Multinomial logistic regression by scikit-learn; one head for each class where a text may have several. The
temperature is that of Guo et al. 2017 (arXiv 1706.04599), fitted on the scores of texts that the head was not shown.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semtune.progress import Progress
from semtune.registry import need
from semtune.types import Embeddings

STRENGTHS = (3.0, 10.0, 100.0)  # scikit-learn's C, on unit vectors
USUAL = 10.0  # where there are too few examples to choose
FOLDS = 5
ITERATIONS = 300
TEMPERATURES = np.geomspace(0.05, 20.0, 121)
MOST_CELLS = 50_000_000  # examples times classes that a head is fitted on: about 1 GB and some minutes

Members = NDArray[np.bool_]  # (n, classes): the classes of each example
Numbers = NDArray[np.float64]
Extra = tuple[Embeddings, Members]  # rows that every head is shown beside the examples, and their classes
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows of the examples that are shown, and of those held out


@dataclass(frozen=True, slots=True)
class Head:
    """(classes, dim) weights and (classes,) biases.

    Attributes:
        weights, bias: of the linear scores.
        temperature: that the scores are divided by before they become probabilities.
        several: a text may have several classes: each has a probability of its own.
        strength: scikit-learn's C.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float
    several: bool
    strength: float

    def scores(self, vectors: Embeddings) -> Numbers:
        """(n, dim) vectors → (n, classes) linear scores."""
        return np.asarray(vectors @ self.weights.T + self.bias, dtype=np.float64)

    def probabilities(self, vectors: Embeddings) -> Numbers:
        """(n, dim) vectors → (n, classes) calibrated probabilities; rows sum to 1 unless `several`."""
        return probabilities(self.scores(vectors), self.temperature, self.several)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head, and the (n, classes) linear scores that heads gave to examples which they were not shown.

    `held_out` is None where a class has a single example, so that nothing can be held out. Rows of examples that were
    always shown are NaN.
    """

    head: Head
    held_out: Numbers | None


def fit_head(
    vectors: Embeddings, members: Members, several: bool, seed: int, progress: Progress, extra: Extra | None = None
) -> Fitted:
    """Fit a head on (n, dim) unit vectors.

    Args:
        vectors: of the examples.
        members: their classes; every class has at least one example, and there are at least two classes.
        several: a text may have several classes.
        seed: of the folds.
        progress: shown while it works.
        extra: shown to every head, and never held out.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    need("sklearn")
    folds = folds_of(members, FOLDS, seed)
    if folds is None:
        return Fitted(fit_once(vectors, members, USUAL, several, extra), None)
    best: tuple[float, float, float, Numbers] | None = None
    with progress.track("classifier: strengths", len(STRENGTHS) * len(folds)) as advance:
        for strength in STRENGTHS:
            scores = np.empty(members.shape)
            for shown, hidden in folds:
                head = fit_once(vectors[shown], members[shown], strength, several, extra)
                scores[hidden] = head.scores(vectors[hidden])
                advance(1)
            temperature, loss = best_temperature(scores, members, several)
            if best is None or loss < best[0]:
                best = (loss, strength, temperature, scores)
    assert best is not None  # noqa: S101 - there are strengths
    _, strength, temperature, scores = best
    head = replace(fit_once(vectors, members, strength, several, extra), temperature=temperature)
    return Fitted(head, scores)


def probabilities(scores: Numbers, temperature: float, several: bool) -> Numbers:
    """Linear scores → probabilities: softmax, or the logistic function where a text may have several classes."""
    warmed = scores / temperature
    if several:
        return np.asarray(0.5 * (1.0 + np.tanh(warmed / 2.0)))
    warmed = np.exp(warmed - warmed.max(axis=1, keepdims=True))
    return np.asarray(warmed / warmed.sum(axis=1, keepdims=True))


def fit_once(vectors: Embeddings, members: Members, strength: float, several: bool, extra: Extra | None = None) -> Head:
    """A head of one strength, with a temperature of 1; arguments as of `fit_head`."""
    if extra is not None:
        vectors, members = np.concatenate([vectors, extra[0]]), np.concatenate([members, extra[1]])
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def fitted(classes: NDArray[np.int64]) -> LogisticRegression:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not change the answers
            return LogisticRegression(C=strength, max_iter=ITERATIONS).fit(vectors, classes)

    if several:
        heads = [fitted(column.astype(np.int64)) for column in members.T]
        weights, bias = np.concatenate([h.coef_ for h in heads]), np.concatenate([h.intercept_ for h in heads])
    else:
        one = fitted(members.argmax(axis=1).astype(np.int64))
        weights, bias = np.asarray(one.coef_), np.asarray(one.intercept_)
        if len(weights) == 1:  # of two classes scikit-learn keeps the second one's scores
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return Head(weights.astype(np.float32), bias.astype(np.float32), 1.0, several, strength)


def folds_of(members: Members, count: int, seed: int) -> list[Fold] | None:
    """Shown and hidden examples of each fold, with all classes among the shown ones; None: a class has one example.

    Args:
        members: (n, classes) of the examples.
        count: number of folds.
        seed: of the draw.
    """
    if members.sum(axis=0).min() < 2:
        return None
    fold = np.full(len(members), -1)
    rng = np.random.default_rng(seed)
    for column in np.argsort(members.sum(axis=0), kind="stable"):  # rare classes first, so that all folds show them
        own = rng.permutation(np.flatnonzero(members[:, column] & (fold < 0)))
        taken = np.bincount(fold[members[:, column] & (fold >= 0)], minlength=count)
        for at in own:
            fold[at] = int(taken.argmin())
            taken[fold[at]] += 1
    fold[fold < 0] = 0
    kept = [number for number in range(count) if (fold == number).any()]
    parts = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in kept]
    whole = all(members[shown].any(axis=0).all() and not members[shown].all(axis=0).any() for shown, _ in parts)
    return parts if len(parts) > 1 and whole else None


def best_temperature(scores: Numbers, members: Members, several: bool) -> tuple[float, float]:
    """The temperature with the lowest log loss, and the loss, on (n, classes) scores of examples not shown."""
    losses = [_log_loss(probabilities(scores, float(each), several), members, several) for each in TEMPERATURES]
    best = int(np.argmin(losses))
    return float(TEMPERATURES[best]), losses[best]


def _log_loss(found: Numbers, members: Members, several: bool) -> float:
    clipped = np.clip(found, 1e-12, 1.0 - 1e-12)
    if several:
        return float(-np.where(members, np.log(clipped), np.log1p(-clipped)).mean())
    return float(-np.log(clipped[members]).mean())
