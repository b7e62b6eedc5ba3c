"""What is served beside models and indexes, by name: classifiers, topics, and what was learned of interactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError, ContractError
from semtune.protocols import Encoder

if TYPE_CHECKING:
    from semtune.serve.catalogue import Served
    from semtune.tasks.classify.classifier import Classifier
    from semtune.tasks.recommend.recommender import Recommender
    from semtune.tasks.topics.store import Stored

Named = tuple[str, str]  # a name, empty for the folder's own, and the folder


@dataclass(frozen=True, slots=True)
class ServedClassifier:
    """A classifier, and the encoder that makes its vectors."""

    classifier: Classifier
    encoder: Encoder


@dataclass(frozen=True, slots=True)
class ServedTopics:
    """A folder of topics, and the encoder that makes its vectors."""

    stored: Stored
    encoder: Encoder


@dataclass(frozen=True, slots=True)
class Uses:
    """Name → what is served under it.

    Attributes:
        classifiers: made of examples, by `semtune classify --save`.
        topics: made by `semtune topics`.
        recommenders: made by `semtune recommend --save`, by the name of the index that they are for.
    """

    classifiers: Mapping[str, ServedClassifier] = field(default_factory=dict)
    topics: Mapping[str, ServedTopics] = field(default_factory=dict)
    recommenders: Mapping[str, Recommender] = field(default_factory=dict)


def open_classifiers(
    folders: Sequence[Named], encoders: Sequence[Encoder], runtime: str
) -> dict[str, ServedClassifier]:
    """Open saved classifiers.

    Args:
        folders: of them.
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
    for name, folder in _named(folders, "classifier"):
        classifier = Classifier.open(folder)
        encoder = known.get(classifier.fingerprint)
        if encoder is None and (folder / MODEL).is_dir():
            encoder = load_encoder(str(folder / MODEL), runtime)
        if encoder is None:
            raise _not_served("classifier", name, classifier.model, classifier.fingerprint)
        classifier.require(encoder.contract)
        found[name] = ServedClassifier(classifier, encoder)
    return found


def open_served_topics(folders: Sequence[Named], encoders: Sequence[Encoder]) -> dict[str, ServedTopics]:
    """Open folders of topics; arguments and errors as of `open_classifiers`."""
    from semtune.tasks.topics.store import open_topics

    known = {encoder.contract.document_fingerprint: encoder for encoder in encoders}
    found: dict[str, ServedTopics] = {}
    for name, folder in _named(folders, "topics"):
        stored = open_topics(folder)
        encoder = known.get(stored.manifest["fingerprint"])
        if encoder is None:
            raise _not_served("folder of topics", name, stored.manifest["model"], stored.manifest["fingerprint"])
        found[name] = ServedTopics(stored, encoder)
    return found


def open_recommenders(folders: Sequence[Named], served: Sequence[Served]) -> dict[str, Recommender]:
    """Open saved recommenders, each under the name of its index; without a name it is the first index's.

    Raises:
        ConfigError: there is no such index, or it has two.
        ContractError: a recommender is of another model than the index.
        InputError: a folder is not a recommender, or damaged.
    """
    from semtune.tasks.recommend.recommender import Recommender

    indexes = {each.name: each for each in served if each.index is not None}
    found: dict[str, Recommender] = {}
    for given, place in folders:
        name = given or next(iter(indexes), "")
        if name not in indexes:
            listed = ", ".join(indexes) or "none"
            raise ConfigError(f"--recommender {place} is for the index {name!r}; indexes served here: {listed}.")
        if name in found:
            raise ConfigError(f"Two recommenders are for the index {name!r}. Name the others: --recommender INDEX=...")
        recommender = Recommender.open(Path(place))
        with indexes[name].searching() as searcher:
            recommender.require(searcher.collection.manifest)
        found[name] = recommender
    return found


def _named(folders: Iterable[Named], what: str) -> list[tuple[str, Path]]:
    found: dict[str, Path] = {}
    for given, place in folders:
        name = given or Path(place).absolute().name
        if name in found:
            raise ConfigError(f"Two of --{what} are named {name!r}. Name them: --{what} a=FOLDER --{what} b=FOLDER.")
        found[name] = Path(place)
    return list(found.items())


def _not_served(what: str, name: str, model: str, fingerprint: str) -> ContractError:
    return ContractError(
        f"The {what} {name!r} was made with the model {model!r} ({fingerprint[:12]}), which is not served. Serve it "
        f"too: `semtune serve ... {model}`."
    )
