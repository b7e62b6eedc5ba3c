"""A classifier made of examples: a head on the model's vectors, what it promises, and the examples themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.contract import Contract
from semtune.errors import ContractError, InputError, nearest
from semtune.formats import CLASSIFIER
from semtune.io import atomic_folder, read_json, read_jsonl, write_json, write_jsonl
from semtune.tasks.classify.head import Head, probabilities
from semtune.tasks.classify.prediction import UNLIKE, UNSURE, Near, Prediction
from semtune.tasks.classify.reject import Promise
from semtune.types import Embeddings

FILE, ARRAYS, EXAMPLES, MODEL = "classifier.json", "classifier.npz", "examples.jsonl", "model"
LIKELY = 0.5  # of each class, where a text may have several


@dataclass(frozen=True, slots=True)
class Example:
    """A text and its classes."""

    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A head on the vectors of one model.

    Attributes:
        names: the classes, in the order of the head's rows.
        head: gives the probabilities.
        examples: that it was made of.
        vectors: (n, dim) of the examples, float16.
        model, fingerprint: name and fingerprint of the model.
        promises: name ("p0.9") → precision and coverage measured on held-out examples; empty if nothing was held out.
        floors: share of known texts ("0.05") → the largest linear score below which a text is unlike the examples.
        facts: accuracy on held-out examples, strength, numbers.
        base: fingerprint of the model that was tuned for this classifier; empty if none was.
    """

    names: list[str]
    head: Head
    examples: list[Example]
    vectors: NDArray[np.float16]
    model: str
    fingerprint: str
    promises: Mapping[str, Promise] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    base: str = ""

    def require(self, contract: Contract) -> None:
        """Refuse another model.

        Raises:
            ContractError: its vectors are not those that the classifier was made with.
        """
        if contract.fingerprint != self.fingerprint:
            raise ContractError(
                f"The classifier was made with the model {self.model!r} ({self.fingerprint[:12]}), not with "
                f"{contract.name!r} ({contract.fingerprint[:12]}). Use that model, or make the classifier again with "
                "--examples."
            )

    def threshold(self, wanted: str | float | None) -> float:
        """The probability below which a text is rejected; a name ("p0.9") or a number; None: none is.

        Raises:
            InputError: there is no such promise.
        """
        if wanted is None:
            return 0.0
        try:
            value = float(wanted)
        except ValueError:
            return self._promised(str(wanted)).threshold
        if not 0.0 <= value <= 1.0:
            raise InputError(f"The threshold is {wanted}; allowed: a probability from 0 to 1, or a name such as p0.9.")
        return value

    def _promised(self, name: str) -> Promise:
        if name in self.promises:
            return self.promises[name]
        if not self.promises:
            raise InputError(
                f"This classifier promises nothing, so {name!r} has no meaning: a class has a single example, or no "
                "precision was reached on held-out ones. Give more examples, or a probability such as 0.6."
            )
        listed = ", ".join(f"{each} (answers {made.coverage:.0%})" for each, made in self.promises.items())
        raise InputError(f"There is no promise {name!r}.{nearest(name, self.promises)} Allowed: {listed}, or a number.")

    def floor(self, novel: float | None) -> float:
        """The largest linear score below which a text is unlike the examples; None: none is.

        Args:
            novel: share of known texts that may be given up.

        Raises:
            InputError: it was not measured for this share.
        """
        if novel is None:
            return -np.inf
        if f"{novel:g}" not in self.floors:
            listed = ", ".join(self.floors) or "none, since nothing could be held out"
            raise InputError(f"Texts unlike the examples can be refused at the cost of {listed} of the known ones, not "
                             f"of {novel:g}.")  # fmt: skip
        return self.floors[f"{novel:g}"]

    def classify(
        self, vectors: Embeddings, threshold: float = 0.0, floor: float = -np.inf, explain: int = 0
    ) -> list[Prediction]:
        """The classes of (n, dim) texts in the role "query".

        Args:
            vectors: of the texts.
            threshold: a text whose best class is less likely is rejected as unsure.
            floor: a text whose largest linear score is lower is rejected as unlike the examples.
            explain: number of nearest examples to name for each text.
        """
        scores = self.head.scores(vectors)
        likely = probabilities(scores, self.head.temperature, self.head.several)
        near = self._nearest(vectors, explain) if explain else [()] * len(vectors)
        return [
            self._said(row, threshold, score < floor, found)
            for row, score, found in zip(likely, scores.max(axis=1), near, strict=True)
        ]

    def _said(self, likely: NDArray[np.float64], threshold: float, unlike: bool, near: tuple[Near, ...]) -> Prediction:
        best = int(likely.argmax())
        least = max(LIKELY, threshold) if self.head.several else threshold
        order = np.argsort(-likely, kind="stable").tolist() if self.head.several else [best]
        labels = () if unlike else tuple(self.names[at] for at in order if likely[at] >= least)
        rejected = UNLIKE if unlike else "" if labels else UNSURE
        value = float(likely[best])
        return Prediction(labels, self.names[best], value, value, rejected, near)

    def _nearest(self, vectors: Embeddings, count: int) -> list[tuple[Near, ...]]:
        own, found = self.vectors.astype(np.float32), []
        for start in range(0, len(vectors), 1024):
            scores = vectors[start : start + 1024] @ own.T
            for row in scores:
                best = np.argsort(-row, kind="stable")[:count].tolist()
                found.append(tuple(Near(self.examples[n].text, self.examples[n].labels, float(row[n])) for n in best))
        return found

    @staticmethod
    def refuse_foreign(folder: Path) -> None:
        """Refuse a folder that holds something else than a classifier.

        Raises:
            InputError: it does.
        """
        if folder.exists() and not (folder / FILE).is_file():
            raise InputError(f"{folder} already exists and is not a classifier; nothing was overwritten.")

    def save(self, folder: Path, model: Path | None = None) -> None:
        """Write the classifier into a new folder, or in place of an older classifier.

        Args:
            folder: where it goes.
            model: the folder of the model tuned for it, which is moved into the classifier's.

        Raises:
            InputError: the folder holds something else.
        """
        self.refuse_foreign(folder)
        with atomic_folder(folder) as place:
            if model is not None:
                model.rename(place / MODEL)
            rows = ({"text": example.text, "labels": list(example.labels)} for example in self.examples)
            write_jsonl(place / EXAMPLES, rows)
            np.savez(place / ARRAYS, weights=self.head.weights, bias=self.head.bias, vectors=self.vectors)
            write_json(
                place / FILE,
                CLASSIFIER.stamp({
                    "names": self.names, "model": self.model, "fingerprint": self.fingerprint,
                    "base": self.base,
                    "temperature": self.head.temperature, "several": self.head.several, "strength": self.head.strength,
                    "promises": {name: asdict(made) for name, made in self.promises.items()},
                    "floors": dict(self.floors), "facts": dict(self.facts),
                }),
            )  # fmt: skip

    @classmethod
    def open(cls, folder: Path) -> Classifier:
        """Read what `save` wrote.

        Raises:
            InputError: it is no classifier, damaged, or of a later format.
        """
        if not (folder / FILE).is_file():
            raise InputError(f"{folder} is not a classifier. Make one: `semtune classify MODEL FILE --examples TABLE "
                             f"--save {folder}`.")  # fmt: skip
        values = CLASSIFIER.read(read_json(folder / FILE), folder / FILE).values
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                weights, bias, vectors = arrays["weights"], arrays["bias"], arrays["vectors"]
            examples = [Example(row["text"], tuple(row["labels"])) for row in read_jsonl(folder / EXAMPLES)]
        except (KeyError, OSError, ValueError) as error:
            raise InputError(
                f"The classifier {folder} is damaged ({error}). Make it again from its examples."
            ) from None
        head = Head(weights, bias, values["temperature"], values["several"], values["strength"])
        promises = {name: Promise(**made) for name, made in values["promises"].items()}
        return cls(values["names"], head, examples, vectors, values["model"], values["fingerprint"], promises,
                   values["floors"], values["facts"], values.get("base", ""))  # fmt: skip


def members_of(examples: Sequence[Example], names: Sequence[str]) -> NDArray[np.bool_]:
    """(n, classes): which classes each example has."""
    number = {name: at for at, name in enumerate(names)}
    found = np.zeros((len(examples), len(names)), dtype=np.bool_)
    for row, example in enumerate(examples):
        found[row, [number[label] for label in example.labels]] = True
    return found
