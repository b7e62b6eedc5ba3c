"""Makes a classifier of examples, and says what it is worth on examples that it was not shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.contract import Contract
from semtune.errors import InputError
from semtune.metrics import even_sample, macro_f1
from semtune.metrics.proportions import proportion_interval
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.tasks.classify.classifier import LIKELY, Classifier, Example, members_of
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.head import MOST_CELLS, Extra, Fitted, Members, fit_head, probabilities
from semtune.tasks.classify.reject import Promise, floors, promises
from semtune.tasks.texts import embed
from semtune.text import label_in_words
from semtune.types import Embeddings

MANY_EXAMPLES = 16  # of a class, from which on its name adds nothing
SINGLE = "A class has a single example, so none can be held out: accuracy and thresholds are unknown."


@dataclass(frozen=True, slots=True)
class Shown:
    """The examples that a head is fitted on.

    Attributes:
        names: the classes.
        examples: all of them, or an even sample where they are too many for the memory.
        members: (n, classes) the classes of each.
        several: an example may have several classes.
    """

    names: list[str]
    examples: list[Example]
    members: Members
    several: bool

    @property
    def texts(self) -> list[str]:
        """Of the examples."""
        return [example.text for example in self.examples]


def shown_examples(read: ReadExamples, seed: int) -> Shown:
    """The examples that a head can be fitted on.

    Args:
        read: the examples.
        seed: of the choice where there are too many.

    Raises:
        InputError: there are too many classes.
    """
    names = read.names
    most = max(MOST_CELLS // len(names), 2 * len(names))
    kept = even_sample([example.labels[0] for example in read.examples], most, seed)
    examples = [read.examples[at] for at in kept]
    members = members_of(examples, names)
    if not members.any(axis=0).all():
        raise InputError(f"There are too many classes ({len(names):,}) for the examples. Give fewer classes.")
    return Shown(names, examples, members, read.several)


def example_vectors(encoder: Encoder, shown: Shown, progress: Progress) -> Embeddings:
    """(n, dim) vectors of the examples, in the role "query".

    Raises:
        InputError: the model cannot read the examples.
    """
    names = [f"example {number}" for number in range(1, len(shown.examples) + 1)]
    return embed(encoder, shown.texts, names, "query", progress).vectors


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
    shown = shown_examples(read, seed)
    vectors = example_vectors(encoder, shown, progress)
    extra = names_as_examples(encoder, shown, vectors)
    fitted = fit_head(vectors, shown.members, shown.several, seed, progress, extra)
    return as_classifier(encoder.contract, shown, vectors, fitted, {"names_used": extra is not None})


def names_as_examples(encoder: Encoder, shown: Shown, vectors: Embeddings) -> Extra | None:
    """The classes' names as one more example each, where examples are few and the names say what the classes are.

    They do if the nearest name is the right one for more of the examples than by chance (the 95 % interval of the share
    lies above it); codes such as "A" and "B" do not. On BANKING77 they bring 0.17 of accuracy at one example a class,
    0.06 at two, 0.006 at eight, and nothing at 64.

    Args:
        encoder: of the examples.
        shown: the examples.
        vectors: (n, dim) of them.
    """
    if shown.several or np.median(shown.members.sum(axis=0)) >= MANY_EXAMPLES:
        return None
    named = encoder.encode([label_in_words(name) or name for name in shown.names], "query").vectors
    nearest = (vectors @ named.T).argmax(axis=1)
    right = int(shown.members[np.arange(len(vectors)), nearest].sum())
    if proportion_interval(right, len(vectors))[0] <= 1 / len(shown.names):
        return None
    return named, np.eye(len(shown.names), dtype=np.bool_)


def as_classifier(
    contract: Contract, shown: Shown, vectors: Embeddings, fitted: Fitted, facts: Mapping[str, Any] | None = None
) -> Classifier:
    """Put a fitted head together with its examples and what it promises.

    Args:
        contract: of the model.
        shown: the examples.
        vectors: (n, dim) of the examples.
        fitted: the head, and the scores of the examples that were held out.
        facts: further ones that the classifier tells of itself.
    """
    scores = fitted.held_out
    tested = None if scores is None else np.flatnonzero(np.isfinite(scores).all(axis=1))
    if scores is None or tested is None:
        measured, promised, lowest = {}, {}, {}
    else:
        measured, promised, lowest = _measured(fitted, scores[tested], shown.members[tested])
    told = {"examples": len(shown.examples), "classes": len(shown.names), "strength": fitted.head.strength}
    return Classifier(
        shown.names,
        fitted.head,
        shown.examples,
        vectors.astype(np.float16),
        contract.name,
        contract.fingerprint,
        promised,
        lowest,
        {**told, **measured, **(facts or {})},
    )


def _measured(
    fitted: Fitted, scores: NDArray[np.float64], members: Members
) -> tuple[dict[str, Any], dict[str, Promise], dict[str, float]]:
    """Accuracy (of all classes of a text where it may have several), promises and floors on held-out examples."""
    head = fitted.head
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
