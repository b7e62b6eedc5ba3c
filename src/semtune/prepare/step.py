"""The prepare step: a source in, a data set folder with its report out."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.prepare.drop_log import by_reason
from semtune.prepare.settings import PrepareSettings
from semtune.progress import Progress
from semtune.run_directory import versions
from semtune.step import ModelRef
from semtune.types import SPLITS

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.encoders.vector_store import VectorStore

LIBRARIES = ("tokenizers", "selectolax", "ftfy", "markdown-it-py")
PAGE, PARTS = "report.html", "kept"


@dataclass(frozen=True, slots=True)
class PrepareInputs:
    """What prepare needs.

    Attributes:
        source: a path, "python-docs", or files by split.
        settings: of the step.
        reader: the model whose tokenizer and length limit count.
        seed: of the split.
        title: of the report page.
        replaces: the data set whose place the new one takes: labels that people wrote into its review stay.
        work: holds finished parts of a killed attempt; None: `out` does.
        store: shares vectors with the other steps of a run.
    """

    source: str | dict[str, str]
    settings: PrepareSettings
    reader: ModelRef
    seed: int
    title: str
    replaces: Path | None = None
    work: Path | None = None
    store: VectorStore | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The data set that was made."""

    dataset: Dataset
    external: Sequence[str] = ()

    @property
    def rows(self) -> dict[str, int]:
        """Split → rows to train on, sentence pairs or texts with classes."""
        made = self.dataset
        return {
            split: len(made.sentence_pairs(split) or made.labelled_texts.get(split) or made.pairs.get(split) or [])
            for split in SPLITS
        }

    def facts(self) -> dict[str, Any]:
        """Counts, what was left out and the warnings."""
        made = self.dataset
        return {
            "passages": len(made.corpus),
            "rows": self.rows,
            "queries": {split: len(qrels) for split, qrels in made.qrels.items()},
            "dropped": by_reason(made.report.get("dropped", {})),
            "warnings": made.report.get("warnings", []),
        }


def key(inputs: PrepareInputs) -> dict[str, Any]:
    """What the data set depends on beside its source."""
    contract = inputs.reader.contract
    made_for: dict[str, Any] = {
        "tokenizer": contract.tokenizer_sha256, "max_length": contract.passage_length, "seed": inputs.seed,
    }  # fmt: skip
    if inputs.settings.needs_encoder:
        made_for["encoder"] = contract.fingerprint
        made_for["computed with"] = versions("torch", "sentence-transformers", "onnxruntime", "faiss-cpu")
    return inputs.settings.as_dict() | {"source": inputs.source} | made_for


def sources(inputs: PrepareInputs) -> dict[str, str]:
    """Hashes of what is read: the source, labels of reviewers, feedback, and the model that judges negatives."""
    from semtune.encoders.cross_encoder import cross_encoder_hash
    from semtune.prepare.mine.review_merge import hash_review
    from semtune.prepare.questions.feedback import hash_feedback
    from semtune.prepare.readers.source_kind import hash_source

    found = {"source": hash_source(inputs.source)}
    # Labels that were written into the step's own review count: it is made again with them, and they stay.
    if reviewed := hash_review(inputs.settings.review, inputs.source, inputs.replaces):
        found["review"] = reviewed
    if inputs.settings.feedback:
        found["feedback"] = hash_feedback(inputs.settings.feedback)
    if judge := inputs.settings.needs_judge:
        found["judge"] = cross_encoder_hash(judge)
    return found


def run(inputs: PrepareInputs, out: Path, progress: Progress) -> Prepared:
    """Prepare the source and write the data set and its report page into the folder `out`.

    Raises:
        InputError: the source cannot be read, or nothing can be made of it.
        GateError: the data set would leak.
    """
    from semtune import dataset as datasets
    from semtune.encoders.cross_encoder import CrossEncoderJudge
    from semtune.encoders.load import load_encoder
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build.dataset import prepare
    from semtune.prepare.report.page import write_page

    settings, reader = inputs.settings, inputs.reader
    encoder = judge = None
    if settings.needs_encoder:
        keep_freed_memory()
        encoder = load_encoder(str(reader.folder), fast=True)
        encoder = inputs.store.over(encoder) if inputs.store else encoder
    if settings.needs_judge:
        judge = CrossEncoderJudge.load(settings.needs_judge)
    made = prepare(
        inputs.source, Tokenizer(reader.folder, reader.contract), reader.contract.passage_length, settings, inputs.seed,
        progress, encoder, judge, replaces=inputs.replaces, work=inputs.work or out / PARTS,
    )  # fmt: skip
    write_page(made, out / PAGE, inputs.title)
    datasets.save(made, out)
    shutil.rmtree(out / PARTS, ignore_errors=True)
    return Prepared(made)
