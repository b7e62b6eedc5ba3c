"""Makes a classifier of examples, and says what it is worth on examples that it was not shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.metrics import even_sample, macro_f1
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.tasks.classify.classifier import LIKELY, Classifier, members_of
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.head import MOST_CELLS, Fitted, fit_head, probabilities
from semtune.tasks.classify.reject import Promise, floors, promises
from semtune.tasks.texts import embed

SINGLE = "A class has a single example, so none can be held out: accuracy and thresholds are unknown."


def make_classifier(encoder: Encoder, read: ReadExamples, seed: int = 0, progress: Progress = QUIET) -> Classifier:
    """Fit a classifier on examples.

    Args:
        encoder: the model; the examples get the role "query".
        read: the examples.
        seed: of the folds, and of the choice where there are too many examples.
        progress: shown while it works.

    Raises:
        InputError: the model cannot read the examples.
        MissingExtraError: scikit-learn is not installed.
    """
    names, examples = read.names, read.examples
    most = max(MOST_CELLS // len(names), 2 * len(names))
    kept = even_sample([example.labels[0] for example in examples], most, seed)
    examples = [examples[at] for at in kept]
    members = members_of(examples, names)
    if not members.any(axis=0).all():
        raise InputError(f"There are too many classes ({len(names):,}) for the examples. Give fewer classes.")
    texts = [example.text for example in examples]
    vectors = embed(encoder, texts, [f"example {n}" for n in range(1, len(texts) + 1)], "query", progress).vectors
    fitted = fit_head(vectors, members, read.several, seed, progress)
    measured, promised, lowest = _measured(fitted, members)
    facts = {"examples": len(examples), "classes": len(names), "strength": fitted.head.strength, **measured}
    contract = encoder.contract
    return Classifier(
        names,
        fitted.head,
        examples,
        vectors.astype(np.float16),
        contract.name,
        contract.fingerprint,
        promised,
        lowest,
        facts,
    )


def _measured(
    fitted: Fitted, members: NDArray[np.bool_]
) -> tuple[dict[str, Any], dict[str, Promise], dict[str, float]]:
    """Accuracy (of all classes of a text where it may have several), promises and floors on held-out examples."""
    scores, head = fitted.held_out, fitted.head
    if scores is None:
        return {}, {}, {}
    likely, lowest = probabilities(scores, head.temperature, head.several), floors(scores.max(axis=1))
    best = likely.argmax(axis=1)
    right = members[np.arange(len(members)), best]
    promised = promises(likely.max(axis=1), right)
    if head.several:
        exact = ((likely >= LIKELY) == members).all(axis=1)
        return (
            {"held_out_accuracy": float(exact.mean()), "held_out_best_is_right": float(right.mean())},
            promised,
            lowest,
        )
    gold = members.argmax(axis=1)
    return {"held_out_accuracy": float(right.mean()), "held_out_macro_f1": macro_f1(gold, best)}, promised, lowest
