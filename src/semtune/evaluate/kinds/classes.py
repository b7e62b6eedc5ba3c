"""Classification without training: by the names of the classes (zero-shot), or by a few examples (few-shot)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, with_draws
from semtune.metrics import macro_f1, unit
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.text import label_in_words
from semtune.types import Embeddings, LabelledText

SHOTS = 8  # examples per class, as in SetFit
DRAWS = 10  # sets of examples drawn
Numbers = NDArray[np.int64]


def named(rows: Sequence[LabelledText]) -> bool:
    """Whether classes have names, not only numbers."""
    return any(not row.label.strip().lstrip("-").replace(".", "", 1).isdigit() for row in rows)


def score_zero_shot(encoder: Encoder, rows: Sequence[LabelledText], progress: Progress) -> Scores:
    """Assign each text the class with the nearest name; names have the role "query", texts "document".

    Raises:
        InputError: all texts are in one class.
    """
    labels, classes = _classes(rows)
    names = Texts(encoder, [label_in_words(label) for label in labels], "query", progress)
    texts = Texts(encoder, (row.text for row in rows), "document", progress)
    nearness = texts.vectors([row.text for row in rows]) @ names.vectors([label_in_words(label) for label in labels]).T
    said: Numbers = nearness.argmax(axis=1)
    base = begin("zero-shot", encoder, {"names": names, "distinct_texts": texts}, _counts(rows, labels))
    return _with_metrics(base, rows, labels, classes, [said])


def score_few_shot(
    encoder: Encoder, train: Sequence[LabelledText], rows: Sequence[LabelledText], seed: int, progress: Progress
) -> Scores:
    """Assign each text the class with the nearest centroid, the mean of 8 examples drawn from train.

    Metrics are means over 10 draws, which are the same for every model. Texts of classes without examples in train are
    left out and counted.

    Raises:
        InputError: train has examples of fewer than two of the classes in `rows`.
    """
    known = {row.label for row in train}
    left_out = sum(row.label not in known for row in rows)
    rows = [row for row in rows if row.label in known]
    if not rows:
        raise InputError("Train has no examples of the classes in this split. Few-shot needs the same classes in both.")
    labels, classes = _classes(rows)
    numbers = {label: number for number, label in enumerate(labels)}
    shown = [row for row in train if row.label in numbers]
    draws = _draws(np.array([numbers[row.label] for row in shown]), seed)
    drawn = sorted({at for draw in draws for rows_ in draw for at in rows_.tolist()})
    examples = Texts(encoder, (shown[at].text for at in drawn), "query", progress)
    texts = Texts(encoder, (row.text for row in rows), "query", progress)
    vectors = texts.vectors([row.text for row in rows])
    said = [
        _nearest([examples.vectors([shown[at].text for at in rows_.tolist()]) for rows_ in draw], vectors)
        for draw in draws
    ]
    counts = {**_counts(rows, labels), "texts_of_unknown_class": left_out}
    base = begin("few-shot", encoder, {"examples": examples, "distinct_texts": texts}, counts)
    return _with_metrics(base, rows, labels, classes, said)


def _classes(rows: Sequence[LabelledText]) -> tuple[list[str], Numbers]:
    classes: Numbers = np.unique([row.label for row in rows], return_inverse=True)[1]
    labels = sorted({row.label for row in rows})
    if len(labels) < 2:
        raise InputError(f"All {len(rows)} texts are in the class {labels[0]!r}. Give texts of at least two classes.")
    return labels, classes


def _counts(rows: Sequence[LabelledText], labels: Sequence[str]) -> dict[str, int]:
    return {"texts": len(rows), "classes": len(labels)}


def nearest_centres(train: Embeddings, classes: Numbers, texts: Embeddings, seed: int) -> list[Numbers]:
    """For each of 10 draws the (m,) class with the nearest centre: the mean of 8 examples drawn from train.

    Args:
        train: (n, dim) unit vectors.
        classes: (n,) their classes, from 0 without gaps.
        texts: (m, dim) unit vectors.
        seed: of the draws.
    """
    return [_nearest([train[rows] for rows in draw], texts) for draw in _draws(classes, seed)]


def _draws(classes: Numbers, seed: int) -> list[list[Numbers]]:
    """For each draw the positions of the examples of each class."""
    rng = np.random.default_rng(seed)
    order = np.argsort(classes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(classes))[:-1])
    return [[rng.permutation(rows)[:SHOTS] for rows in members] for _ in range(DRAWS)]


def _nearest(examples: Sequence[Embeddings], texts: Embeddings) -> Numbers:
    centres = unit(np.stack([vectors.mean(axis=0) for vectors in examples]))
    return np.asarray((texts @ centres.T).argmax(axis=1), dtype=np.int64)


def _with_metrics(
    base: Scores, rows: Sequence[LabelledText], labels: Sequence[str], classes: Numbers, draws: Sequence[Numbers]
) -> Scores:
    right = with_draws("accuracy", [(said == classes).astype(np.float64) for said in draws])
    return replace(
        base,
        metrics={
            "accuracy": float(right["accuracy"].mean()),
            "macro_f1": float(np.mean([macro_f1(classes, said) for said in draws])),
        },
        per_query=right,
        query_ids=item_ids([row.text for row in rows], [row.label for row in rows]),
        items=tuple((row.text, f"class {row.label}") for row in rows),
        answers=tuple(_answer(labels, said) for said in zip(*draws, strict=True)),
    )


def _answer(labels: Sequence[str], said: Sequence[np.int64]) -> str:
    """The class assigned to a text most often."""
    numbers, counts = np.unique(said, return_counts=True)
    best = int(counts.argmax())
    times = f", {counts[best]} of {len(said)} times" if len(said) > 1 else ""
    return f"{labels[numbers[best]]}{times}"
