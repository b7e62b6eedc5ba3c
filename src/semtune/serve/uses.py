"""What is served beside models and indexes, by name: classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError, ContractError
from semtune.protocols import Encoder

if TYPE_CHECKING:
    from semtune.tasks.classify.classifier import Classifier


@dataclass(frozen=True, slots=True)
class ServedClassifier:
    """A classifier, and the encoder that makes its vectors."""

    classifier: Classifier
    encoder: Encoder


@dataclass(frozen=True, slots=True)
class Uses:
    """Name → what is served under it.

    Attributes:
        classifiers: made of examples, by `semtune classify --save`.
    """

    classifiers: Mapping[str, ServedClassifier] = field(default_factory=dict)


def open_classifiers(
    folders: Sequence[tuple[str, str]], encoders: Sequence[Encoder], runtime: str
) -> dict[str, ServedClassifier]:
    """Open saved classifiers.

    Args:
        folders: (name, folder) of each; an empty name stands for the folder's own.
        encoders: of the served models; one that made a classifier's vectors is not opened twice.
        runtime: of the models that lie in classifiers.

    Raises:
        ConfigError: two have the same name.
        ContractError: a classifier is of a model that is not served.
        InputError: a folder is not a classifier, or damaged.
    """
    from semtune.tasks.classify.classifier import MODEL, Classifier

    known = {encoder.contract.fingerprint: encoder for encoder in encoders}
    found: dict[str, ServedClassifier] = {}
    for given, place in folders:
        folder = Path(place)
        name, classifier = given or folder.absolute().name, Classifier.open(folder)
        if name in found:
            raise ConfigError(
                f"Two classifiers are named {name!r}. Name them: --classifier a=FOLDER --classifier b=..."
            )
        encoder = known.get(classifier.fingerprint)
        if encoder is None and (folder / MODEL).is_dir():
            encoder = load_encoder(str(folder / MODEL), runtime)
        if encoder is None:
            raise ContractError(
                f"The classifier {name!r} was made with the model {classifier.model!r} "
                f"({classifier.fingerprint[:12]}), which is not served. Serve it too: `semtune serve ... "
                f"{classifier.model}`."
            )
        classifier.require(encoder.contract)
        found[name] = ServedClassifier(classifier, encoder)
    return found
