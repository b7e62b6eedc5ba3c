"""Classification: a logistic head is fitted on train's embeddings and asked for the classes of the held-out texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semtune.errors import InputError
from semtune.evaluate.kinds.classes import nearest_centres
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores
from semtune.metrics import classify, even_sample, macro_f1
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import LabelledText

MOST_CELLS = 50_000_000  # texts times classes that a head is fitted on: about 1 GB and some minutes


def score_classification(
    encoder: Encoder, train: Sequence[LabelledText], rows: Sequence[LabelledText], seed: int, progress: Progress
) -> Scores:
    """Accuracy and macro F1 of the head of `semtune.metrics.logistic_head`; and of 8 examples a class, without it.

    All texts have the role "query". The head knows every class of train. Texts of classes that train lacks are left out
    and counted. Few-shot is the nearest centre of 8 examples a class: the mean of 10 draws that are the same for every
    model.

    Raises:
        InputError: `rows` has texts of fewer than two of train's classes.
        MissingExtraError: scikit-learn is not installed.
    """
    labels = sorted({row.label for row in train})
    numbers = {label: number for number, label in enumerate(labels)}
    asked = [row for row in rows if row.label in numbers]
    if len({row.label for row in asked}) < 2:
        raise InputError(
            f"{len(asked)} of {len(rows)} texts are in classes that train has, of {len({r.label for r in asked})} "
            "class(es). A classifier is judged on texts of at least two classes that it was shown."
        )
    kept = even_sample([row.label for row in train], max(MOST_CELLS // len(labels), 2 * len(labels)), seed)
    shown = [train[at] for at in kept]
    examples = Texts(encoder, (row.text for row in shown), "query", progress)
    texts = Texts(encoder, (row.text for row in asked), "query", progress)
    known, vectors = examples.vectors([row.text for row in shown]), texts.vectors([row.text for row in asked])
    classes = np.array([numbers[row.label] for row in shown])
    gold = np.array([numbers[row.label] for row in asked])
    said = classify(known, classes, vectors)
    few = nearest_centres(known, classes, vectors, seed)
    counts = {"texts": len(asked), "classes": len(labels), "texts_of_unknown_class": len(rows) - len(asked)}
    return replace(
        begin("classification", encoder, {"training_texts": examples, "distinct_texts": texts}, counts),
        metrics={
            "accuracy": float((said == gold).mean()),
            "macro_f1": macro_f1(gold, said),
            "few_shot_accuracy": float(np.mean([each == gold for each in few])),
            "few_shot_macro_f1": float(np.mean([macro_f1(gold, each) for each in few])),
        },
        per_query={
            "accuracy": (said == gold).astype(np.float64),
            "few_shot_accuracy": np.mean([each == gold for each in few], axis=0),
        },
        query_ids=item_ids([row.text for row in asked], [row.label for row in asked]),
        items=tuple((row.text, f"class {row.label}") for row in asked),
        answers=tuple(labels[number] for number in said),
    )
