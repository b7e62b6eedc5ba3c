"""Classifies the texts of a file: by the classes' names, by examples, or with a saved classifier."""

from __future__ import annotations

import csv
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from semtune.bulk.rows import cells
from semtune.bulk.source import open_source
from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError
from semtune.io import atomic_file, write_jsonl
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.tasks.classify.agreement import agreement
from semtune.tasks.classify.classes import parse_classes
from semtune.tasks.classify.classifier import MODEL, Classifier
from semtune.tasks.classify.examples import ReadExamples, read_examples
from semtune.tasks.classify.fit import SINGLE, make_classifier
from semtune.tasks.classify.prediction import Prediction
from semtune.tasks.classify.settings import ClassifySettings
from semtune.tasks.classify.zero_shot import NamedClasses, classify_by_names
from semtune.tasks.texts import EmbeddedTexts, ReadTexts, embed, read_texts


@dataclass(frozen=True, slots=True)
class Classified:
    """What became of a file's texts.

    Attributes:
        rows: line, text and prediction of each text, in the file's order.
        counts: class → number of texts; those that were rejected have none.
        rejected: number of texts of which no class is likely enough.
        left_out: reason → rows of the file that are not texts.
        examples_left_out: reason → rows of the examples that were not used.
        facts: of the classifier: its accuracy on held-out examples, and what the threshold promises.
        gold: how the answers agree with the right classes in the file; empty without.
        saved: where the classifier was saved; empty if it was not.
        out: the file with the rows; empty if none was written.
        truncated, cut_tokens: of the texts.
        warnings: what the user should know.
        seconds: that it took.
    """

    rows: list[dict[str, Any]]
    counts: dict[str, int]
    rejected: int
    left_out: dict[str, int]
    examples_left_out: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    gold: dict[str, Any] = field(default_factory=dict)
    saved: str = ""
    out: str = ""
    truncated: int = 0
    cut_tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Tuning(Protocol):
    """Tunes an encoder on examples; see `semtune.tuned_classifier`."""

    def better_than(self, classifier: Classifier, encoder: Encoder, read: ReadExamples, place: Path) -> Classifier:
        """The classifier on the tuned encoder, written to `place`; the given one where tuning does not pay."""
        ...


def classify_file(
    encoder: Encoder,
    file: Path,
    settings: ClassifySettings,
    out: Path | None = None,
    progress: Progress = QUIET,
    tuning: Tuning | None = None,
) -> Classified:
    """Classify every text of a file.

    Args:
        encoder: the model.
        file: text lines, or a table.
        settings: the classes, or where they come from.
        out: a .csv or .jsonl file for the rows.
        progress: shown while it works.
        tuning: tunes the encoder on the examples, for `settings.tune`.

    Raises:
        InputError: a file cannot be read, or the classes cannot be told apart.
        ContractError: the saved classifier is another model's.
        ConfigError: `out` has another ending.
    """
    began = time.monotonic()
    if out is not None and out.suffix not in {".csv", ".jsonl"}:
        raise ConfigError(f"--out {out}: the name must end in .csv or .jsonl.")
    read = read_texts(file, settings.column)  # before the examples: a wrong file is told at once
    gold = cells(open_source(file, settings.column), [settings.gold]) if settings.gold else {}
    if settings.labels:
        made = _by_names(encoder, read, settings, progress)
    else:
        made = _by_examples(encoder, read, settings, progress, tuning)
    rows = [
        {"line": row.line, "text": row.text, **said.as_dict()} for row, said in zip(read.rows, made.said, strict=True)
    ]
    if out is not None:
        _write(out, rows)
    counts = Counter(label for said in made.said for label in said.labels)
    return Classified(
        rows=rows,
        counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        rejected=sum(bool(said.rejected) for said in made.said),
        left_out=read.left_out,
        examples_left_out=made.left_out,
        facts=made.facts,
        gold=agreement(made.said, [gold.get(row.line, {}).get(settings.gold) for row in read.rows]) if gold else {},
        saved=made.saved,
        out=str(out or ""),
        truncated=made.embedded.truncated,
        cut_tokens=made.embedded.cut_tokens,
        warnings=[*read.warnings, *made.warnings],
        seconds=round(time.monotonic() - began, 2),
    )


@dataclass(frozen=True, slots=True)
class _Made:
    said: list[Prediction]
    embedded: EmbeddedTexts
    facts: dict[str, Any]
    warnings: list[str]
    left_out: dict[str, int] = field(default_factory=dict)
    saved: str = ""


def _by_names(encoder: Encoder, read: ReadTexts, settings: ClassifySettings, progress: Progress) -> _Made:
    classes = parse_classes(settings.labels)
    named = NamedClasses.of(encoder, classes, progress)
    embedded = _embedded(encoder, read, "document", settings, progress)
    said = classify_by_names(named, embedded.vectors, settings.floor(encoder.contract), settings.several)
    facts = {"kind": "zero-shot", "classes": len(classes.names)}
    return _Made(said, embedded, facts, _some(embedded.warning))


def _by_examples(
    encoder: Encoder, read: ReadTexts, settings: ClassifySettings, progress: Progress, tuning: Tuning | None
) -> _Made:
    warnings: list[str] = []
    left_out: dict[str, int] = {}
    if settings.classifier:
        classifier = Classifier.open(Path(settings.classifier))
    else:
        examples = read_examples(Path(settings.examples), settings.examples_column, settings.label_column)
        classifier = _made_and_saved(encoder, examples, settings, progress, tuning)
        warnings, left_out = [*examples.warnings], examples.left_out
    encoder = _encoder_of(classifier, encoder, settings)
    if not classifier.promises:
        warnings.append(SINGLE)
    threshold = classifier.threshold(settings.threshold)
    embedded = _embedded(encoder, read, "query", settings, progress)
    said = classifier.classify(embedded.vectors, threshold, classifier.floor(settings.novel), settings.explain)
    promised = classifier.promises.get(str(settings.threshold))
    facts: dict[str, Any] = {"kind": "examples", **classifier.facts, "threshold": threshold}
    if promised:
        facts |= {"promised_precision": promised.precision, "promised_coverage": promised.coverage}
    warnings += _some(embedded.warning)
    return _Made(said, embedded, facts, warnings, left_out, settings.save)


def _made_and_saved(
    encoder: Encoder, examples: ReadExamples, settings: ClassifySettings, progress: Progress, tuning: Tuning | None
) -> Classifier:
    classifier = make_classifier(encoder, examples, settings.seed, progress)
    if not settings.save:
        return classifier
    folder = Path(settings.save)
    classifier.refuse_foreign(folder)  # before hours of work
    if tuning is None:
        classifier.save(folder)
        return classifier
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}.model.") as name:
        model = Path(name) / "model"
        classifier = tuning.better_than(classifier, encoder, examples, model)
        classifier.save(folder, model if model.is_dir() else None)
    return classifier


def _encoder_of(classifier: Classifier, encoder: Encoder, settings: ClassifySettings) -> Encoder:
    """The encoder that makes a classifier's vectors: the given one, or the tuned one that lies in its folder.

    Raises:
        ContractError: the classifier is another model's.
    """
    folder = Path(settings.classifier or settings.save or ".") / MODEL
    if classifier.base == encoder.contract.fingerprint and folder.is_dir():
        encoder = load_encoder(str(folder))
    classifier.require(encoder.contract)
    return encoder


def _embedded(
    encoder: Encoder, read: ReadTexts, role: Any, settings: ClassifySettings, progress: Progress
) -> EmbeddedTexts:
    names = [f"line {row.line}" for row in read.rows]
    return embed(encoder, read.texts, names, role, progress, settings.allow_unreadable)


def _some(warning: str) -> list[str]:
    return [warning] if warning else []


def _write(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    if out.suffix == ".jsonl":
        write_jsonl(out, rows)
        return
    with atomic_file(out) as place:
        table = csv.writer(place)
        table.writerow(["line", "text", "label", "best", "score", "probability", "rejected"])
        for row in rows:
            labels = "|".join(row["labels"])
            table.writerow([row["line"], row["text"], labels, row["best"], row["score"], row["probability"],
                            row["rejected"]])  # fmt: skip
