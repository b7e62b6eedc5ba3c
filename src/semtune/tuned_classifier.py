"""Tunes the encoder of a classifier on its examples, and keeps it only where held-out examples prove that it pays.

Contrastive tuning and then a head, as in SetFit (Tunstall et al. 2022, arXiv 2209.11055); here the loss is
`BatchAllTripletLoss` over batches that hold several texts of each of their classes.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.io import sha256_json
from semtune.metrics import Comparison, compare_means
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.step import ModelRef
from semtune.tasks.classify.classifier import Classifier
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.fit import Shown, as_classifier, example_vectors, names_as_examples, shown_examples
from semtune.tasks.classify.head import (
    USUAL,
    Fitted,
    Fold,
    Numbers,
    best_temperature,
    fit_once,
    folds_of,
)
from semtune.train.settings import TrainSettings
from semtune.types import Embeddings, LabelledText

TRIALS = 3  # encoders tuned on a part of the examples and judged on the rest
MANY = 3_000  # examples of which a third is enough to judge on, with one trial
LEAST_STEPS = 150  # few examples are seen more often
PARITY_TEXTS = 20
SETTINGS = TrainSettings()


class ClassifierTuning:
    """Tunes the encoder that is given; its work folder holds what a killed call continues from."""

    def __init__(self, base: ModelRef, work: Path, seed: int, progress: Progress) -> None:
        """Begin, or continue what is in the work folder.

        Args:
            base: the encoder to tune.
            work: holds trained encoders and checkpoints.
            seed: of folds and training.
            progress: shown while it works.

        Raises:
            MissingExtraError: the extra `train` is not installed.
        """
        from semtune.registry import need

        need("sentence_transformers", "torch", "datasets", "accelerate", "sklearn")
        self._base, self._work, self._seed, self._progress = base, work, seed, progress

    def better_than(self, classifier: Classifier, encoder: Encoder, read: ReadExamples, place: Path) -> Classifier:
        """The classifier on the tuned encoder, made at `place`; the given one where tuning does not pay.

        Args:
            classifier: made of the same examples on the base's vectors.
            encoder: the base.
            read: the examples.
            place: new folder of the tuned and exported model.

        Raises:
            InputError: an example has several classes, or a class has a single one.
        """
        shown = shown_examples(read, self._seed)
        folds = self._folds(shown)
        work = self._work / self._key(shown)
        tuned = np.full(shown.members.shape, np.nan)
        plain = tuned.copy()
        vectors = example_vectors(encoder, shown, self._progress)
        for number, fold in enumerate(folds):
            name = f"trial {number + 1} of {len(folds)}"
            folder = self._trained(shown, fold[0], work / f"trial-{number}", name)
            opened = self._opened(folder)
            tuned[fold[1]] = _held_out(opened, example_vectors(opened, shown, self._progress), shown, fold)
            plain[fold[1]] = _held_out(encoder, vectors, shown, fold)
        change = compare_means(*(_right(scores, shown) for scores in (tuned, plain)), seed=self._seed)
        facts = {"tuning": {"trials": len(folds), **asdict(change), "kept": change.low > 0}}
        self._progress.say(in_words(change))
        if change.low <= 0:
            return replace(classifier, facts={**classifier.facts, **facts})
        return self._whole(shown, tuned, facts, work / "whole", place)

    def _key(self, shown: Shown) -> str:
        """Names the work of these examples, so that a call with others does not continue it."""
        rows = [[example.text, example.labels[0]] for example in shown.examples]
        return sha256_json([rows, self._base.contract.fingerprint, self._seed, SETTINGS.as_dict()])[:16]

    def _folds(self, shown: Shown) -> list[Fold]:
        if shown.several:
            raise InputError("The encoder is tuned on texts of one class each, and here a text has several. Leave out "
                             "--tune.")  # fmt: skip
        found = folds_of(shown.members, TRIALS, self._seed)
        if found is None:
            raise InputError("A class has a single example, so none can be held out to judge tuning by. Give two or "
                             "more examples of each class, or leave out --tune.")  # fmt: skip
        return found[:1] if len(shown.examples) > MANY else found

    def _trained(self, shown: Shown, rows: Any, folder: Path, name: str) -> Path:
        """The folder of an encoder tuned on some of the examples; one that is there is taken as it is."""
        from semtune.train.train_model import train

        model = folder / "model"
        if not model.is_dir():
            self._progress.say(f"tune the encoder: {name}, {len(rows):,} examples")
            texts = [LabelledText(shown.examples[at].text, shown.examples[at].labels[0]) for at in rows]
            batch = SETTINGS.per_device_train_batch_size
            epochs = max(SETTINGS.num_train_epochs, LEAST_STEPS * batch / len(texts))
            train(
                Dataset(labelled_texts={"train": texts}), self._base.folder, self._base.name, model, folder,
                SETTINGS.model_copy(update={"num_train_epochs": min(100.0, epochs)}), self._seed, self._progress,
            )  # fmt: skip
        return model

    def _opened(self, folder: Path) -> Encoder:
        from semtune.encoders.torch import TorchEncoder

        return TorchEncoder.load(folder)

    def _whole(self, shown: Shown, held_out: Numbers, facts: dict[str, Any], work: Path, place: Path) -> Classifier:
        """The encoder tuned on all examples; what it promises was measured on the trials' held-out ones."""
        from semtune.encoders.load import load_encoder
        from semtune.export.build import export_model

        folder = self._trained(shown, np.arange(len(shown.examples)), work, "all examples")
        export_model(folder, ["onnx"], place, shown.texts[:PARITY_TEXTS], self._progress)
        encoder = load_encoder(str(place))
        vectors = example_vectors(encoder, shown, self._progress)
        seen = np.isfinite(held_out).all(axis=1)
        temperature, _ = best_temperature(held_out[seen], shown.members[seen], False)
        extra = names_as_examples(encoder, shown, vectors)
        head = replace(fit_once(vectors, shown.members, USUAL, False, extra), temperature=temperature)
        facts |= {"names_used": extra is not None}
        made = as_classifier(encoder.contract, shown, vectors, Fitted(head, held_out), facts)
        return replace(made, base=self._base.contract.fingerprint)


def in_words(change: Comparison) -> str:
    """What tuning changed on examples that were held out."""
    gain = f"{change.gain:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
    kept = "the tuned encoder is kept" if change.low > 0 else "the encoder is kept as it is"
    return f"tuning changes the accuracy on held-out examples by {gain}: {kept}"


def _held_out(encoder: Encoder, vectors: Embeddings, shown: Shown, fold: Fold) -> Numbers:
    """The scores of a fold's hidden examples, by a head on the shown ones; `vectors` are of all examples."""
    part = replace(shown, examples=[shown.examples[at] for at in fold[0]], members=shown.members[fold[0]])
    extra = names_as_examples(encoder, part, vectors[fold[0]])
    return fit_once(vectors[fold[0]], part.members, USUAL, False, extra).scores(vectors[fold[1]])


def _right(scores: Numbers, shown: Shown) -> Numbers:
    """(tested,) 1 where the best class is the right one; examples that were not held out are left out."""
    tested = np.flatnonzero(np.isfinite(scores).all(axis=1))
    return shown.members[tested, scores[tested].argmax(axis=1)].astype(np.float64)
