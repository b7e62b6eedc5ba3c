"""What a data set can teach: the shape of its training rows, as columns for the trainer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.types import LabelledPair, LabelledText, Pair, ScoredPair, Split

Shape: TypeAlias = Literal[
    "pairs", "triplets", "pairs with negatives", "scored pairs", "labelled pairs", "labelled texts", "plain sentences"
]
MIN_ROWS = 2
SAME, DIFFERENT = "1", "0"
FOREIGN = 0.5  # share of the texts in one known language from which a side counts as being in it


@dataclass(frozen=True, slots=True)
class Material:
    """The training rows of a data set.

    Attributes:
        shape: what one row is.
        rows: how many.
        negatives: texts a row has that do not belong to its anchor; rows with more give up the rest.
        binary: labels or scores say only "same" or "different".
        classes: the different labels, most frequent first.
        parallel: both sides of a pair say the same in two languages.
    """

    shape: Shape
    rows: int
    negatives: int = 0
    binary: bool = False
    classes: tuple[str, ...] = ()
    parallel: bool = False


def as_wanted(dataset: Dataset, loss: str) -> Dataset:
    """The data set with its training rows in the form that a loss asks for, where they can be brought into it.

    Pairs of classes (as `semtune prepare` makes of labelled texts) become labelled texts again for the losses that
    choose triplets themselves; rows of several negatives become triplets for `TripletLoss`, and keep the first of them for the GIST losses, which take one; the
    corpus gives plain sentences; pairs labelled 0 and 1 are scored pairs.
    """
    pairs = dataset.pairs.get("train", [])
    if loss.startswith("Batch") and pairs:
        return _with_classes(dataset)
    if loss == "TripletLoss" and pairs:
        triplets = [Pair(row.anchor, row.positive, (text,)) for row in pairs for text in row.negatives]
        return replace(dataset, pairs=dataset.pairs | {"train": triplets}) if triplets else dataset
    if loss in {"GISTEmbedLoss", "CachedGISTEmbedLoss"} and pairs:
        first = [replace(row, negatives=row.negatives[:1]) for row in pairs]
        return replace(dataset, pairs=dataset.pairs | {"train": first})
    if loss == "DenoisingAutoEncoderLoss" and dataset.corpus and pairs:
        return replace(dataset, pairs={}, scored={}, qrels={k: v for k, v in dataset.qrels.items() if k != "train"})
    labelled = dataset.labelled_pairs.get("train", [])
    if labelled and {row.label for row in labelled} <= {SAME, DIFFERENT} and loss != "SoftmaxLoss":
        scored: dict[Split, list[ScoredPair]] = {
            split: [ScoredPair(row.sentence1, row.sentence2, float(row.label)) for row in rows]
            for split, rows in dataset.labelled_pairs.items()
        }
        return replace(dataset, labelled_pairs={}, scored=dataset.scored | scored)
    return dataset


def _with_classes(dataset: Dataset) -> Dataset:
    labels = {document.content: str(document.metadata.get("label", "")) for document in dataset.corpus}
    found: dict[str, str] = {}
    for pair in dataset.pairs["train"]:
        if label := labels.get(pair.positive):
            found[pair.anchor] = found[pair.positive] = label
    rows = [LabelledText(text, label) for text, label in found.items()]
    if not rows:
        return dataset
    return replace(dataset, labelled_texts=dataset.labelled_texts | {"train": rows}, pairs={})


def material(dataset: Dataset) -> Material:
    """Look at the train split.

    Raises:
        InputError: fewer than two rows, or labels of one value.
    """
    found = _material(dataset)
    if found.rows < MIN_ROWS:
        raise InputError(
            f"The data set has {found.rows} training row{'s' if found.rows != 1 else ''}; at least {MIN_ROWS} are needed "
            "to train. Give more documents or labelled pairs (see prepare.json for what was dropped and why)."
        )
    return found


def _material(dataset: Dataset) -> Material:
    if scored := dataset.scored.get("train"):
        values = {pair.score for pair in scored}
        if len(values) == 1 and len(scored) >= MIN_ROWS:
            raise InputError(
                f"All {len(scored)} training scores are {scored[0].score}: nothing can be learned from labels of one value."
            )
        return Material("scored pairs", len(scored), binary=values <= {0.0, 1.0})
    if labelled := dataset.labelled_pairs.get("train"):
        classes = _classes(labelled, "labels of pairs")
        return Material("labelled pairs", len(labelled), binary=set(classes) <= {SAME, DIFFERENT}, classes=classes)
    if texts := dataset.labelled_texts.get("train"):
        return Material("labelled texts", len(texts), classes=_classes(texts, "labels of texts"))
    if pairs := dataset.pairs.get("train"):
        width = min(len(pair.negatives) for pair in pairs)
        shape: Shape = "pairs with negatives" if width > 1 else "triplets" if width else "pairs"
        return Material(shape, len(pairs), negatives=width, parallel=_parallel(dataset))
    if dataset.corpus and not dataset.qrels.get("train"):
        return Material("plain sentences", len(sentences(dataset)))
    return Material("pairs", 0)


def _classes(rows: Sequence[LabelledPair] | Sequence[LabelledText], what: str) -> tuple[str, ...]:
    counts = Counter(row.label for row in rows)
    if len(counts) == 1 and len(rows) >= MIN_ROWS:
        raise InputError(
            f"All {len(rows)} {what} are {rows[0].label!r}: nothing can be learned from labels of one value."
        )
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def _parallel(dataset: Dataset) -> bool:
    """Whether questions and passages are in two languages, as `prepare.json` tells."""
    mix: Mapping[str, Mapping[str, int]] = dataset.report.get("languages", {})
    sides = [_main_language(mix.get(name, {})) for name in ("queries", "passages")]
    return all(sides) and sides[0] != sides[1]


def _main_language(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    language, most = max(counts.items(), key=lambda item: (item[1], item[0]))
    return language if language != "unknown" and most > FOREIGN * sum(counts.values()) else ""


def sentences(dataset: Dataset) -> list[str]:
    """The texts of a corpus, each once."""
    return list(dict.fromkeys(text for document in dataset.corpus if (text := document.content.strip())))


def columns(dataset: Dataset, found: Material, split: Split, most: int | None = None) -> dict[str, list[Any]]:
    """Texts by column, in the trainer's order, the label last; at most `most` rows."""
    if found.shape == "scored pairs":
        scored: list[ScoredPair] = dataset.scored.get(split, [])[:most]
        return {name: [getattr(row, name) for row in scored] for name in ("sentence1", "sentence2", "score")}
    if found.shape == "labelled pairs":
        pairs = dataset.labelled_pairs.get(split, [])[:most]
        numbers = {label: int(label) if found.binary else n for n, label in enumerate(found.classes)}
        kept = [row for row in pairs if row.label in numbers]
        texts = {name: [getattr(row, name) for row in kept] for name in ("sentence1", "sentence2")}
        return texts | {"label": [numbers[row.label] for row in kept]}
    if found.shape == "labelled texts":
        numbers = {label: n for n, label in enumerate(found.classes)}
        known = [row for row in dataset.labelled_texts.get(split, [])[:most] if row.label in numbers]
        return {"text": [row.text for row in known], "label": [numbers[row.label] for row in known]}
    if found.shape == "plain sentences":
        texts = sentences(dataset)[:most] if split == "train" else []
        return {"text": texts}
    rows: list[Pair] = [row for row in dataset.pairs.get(split, []) if len(row.negatives) >= found.negatives][:most]
    return {
        "anchor": [row.anchor for row in rows],
        "positive": [row.positive for row in rows],
        **{f"negative_{n + 1}": [row.negatives[n] for row in rows] for n in range(found.negatives)},
    }
