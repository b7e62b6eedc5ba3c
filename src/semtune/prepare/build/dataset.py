"""`prepare`: the whole way from a source to a data set, in the order of the steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.encoders.unreadable import check_readable
from semtune.encoders.vector_store import StoredEncoder, VectorStore
from semtune.errors import ConfigError
from semtune.prepare.build.from_classes import build_classes
from semtune.prepare.build.from_documents import build_documents, limit_pairs
from semtune.prepare.build.from_labelled_questions import build_labelled
from semtune.prepare.build.from_sentence_pairs import build_scored
from semtune.prepare.build.odd_classes import warn_of_classes
from semtune.prepare.dedupe.near_duplicates import fingerprint
from semtune.prepare.drop_log import Tally
from semtune.prepare.mine.reranker import Reranker
from semtune.prepare.mine.review import ReviewOutcome, apply_review, sha256_review
from semtune.prepare.mine.review_merge import gather_reviews, with_late_labels
from semtune.prepare.passages.chunk import TokenCounter
from semtune.prepare.passages.token_cache import TokenLengthCache
from semtune.prepare.questions.feedback import add_feedback
from semtune.prepare.questions.synthetic import add_synthetic
from semtune.prepare.readers.read_source import read_source
from semtune.prepare.readers.source_kind import Kind, Source, find_kind
from semtune.prepare.records import ClassRows, Labels
from semtune.prepare.report.json_report import write_report
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.decontaminate import decontaminate
from semtune.prepare.split.leaks import check_leaks
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.registry import need
from semtune.text import key
from semtune.types import SPLITS, Suspect

DEFAULT = PrepareSettings()
WORK_BYTES = 8_000_000_000  # of vectors that a killed attempt leaves for the next one


def prepare(
    source: Source,
    tokenizer: TokenCounter,
    max_length: int,
    settings: PrepareSettings = DEFAULT,
    seed: int = 0,
    progress: Progress = QUIET,
    encoder: Encoder | None = None,
    judge: Reranker | None = None,
    replaces: Path | None = None,
    work: Path | None = None,
) -> Dataset:
    """Make a data set without leaks from a source. The same input, settings and seed give the same bytes.

    Args:
        source: a folder of texts, a text file, a table, a BEIR folder, a data set, tables by split
            ({"train": path, "test": path}), or "python-docs".
        tokenizer: the backbone's, `semtune.encoders.tokenizer.Tokenizer`.
        max_length: the backbone's limit in tokens, special tokens included.
        settings: shares, limits, column names.
        seed: of the hashes that choose and split.
        progress: where to show it.
        encoder: the model that mines hard negatives and checks synthetic questions; needed if settings ask for them.
        judge: a reranker with the last word on negatives; needed if settings name one.
        replaces: the data set that the new one will replace; labels that people wrote into its review are used.
        work: a folder for files already read and vectors already computed, so that a killed call can be continued.
            The caller removes it. None: nothing is stored.

    Returns:
        The data set, its `report` filled.

    Raises:
        ConfigError: hard negatives or a judge are asked for, and there is no encoder or judge.
        InputError: the source is missing or unreadable, or there is nothing to learn from.
        GateError: train shares too much with dev or test.
    """
    _check_needs(settings, encoder, judge)
    kind = find_kind(source)
    review = gather_reviews(settings.review, source, replaces)
    if work is not None and encoder is not None and not isinstance(encoder, StoredEncoder):
        encoder = VectorStore(work / "vectors", WORK_BYTES).over(encoder)
    job = _Job(settings, TokenLengthCache(tokenizer), max_length, seed, progress, encoder, judge)
    dataset = job.read(source, kind, work)
    job.check_readable(dataset, tokenizer)
    outcome = job.add_questions_and_labels(dataset, review)
    job.mine(dataset, outcome)
    job.finish(dataset, kind)
    applied = outcome.kept if outcome else []
    if applied:
        dataset.report["review_sha256"] = sha256_review(applied)
    # People may have edited the review meanwhile: what they wrote is kept, and used the next time.
    dataset.review = with_late_labels(dataset.review, applied, gather_reviews(settings.review, source, replaces))
    return dataset


@dataclass(slots=True)
class _Job:
    """What the steps of one call share.

    Attributes:
        finished: the source is a data set already: it is not changed, only checked.
        facts: for the report, beside what `write_report` says.
    """

    settings: PrepareSettings
    tokenizer: TokenLengthCache
    max_length: int
    seed: int
    progress: Progress
    encoder: Encoder | None
    judge: Reranker | None
    tally: Tally = field(default_factory=Tally)
    finished: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def read(self, source: Source, kind: Kind, work: Path | None) -> Dataset:
        """Read the source and build passages, questions and splits; its texts are released on return."""
        settings, seed, tally = self.settings, self.seed, self.tally
        found = read_source(source, kind, settings, tally, self.progress, work)
        self.finished = isinstance(found, Dataset)
        _warn_of_ignored_settings(found, settings, tally)
        if isinstance(found, Dataset):
            return found
        if isinstance(found, Labels):
            return build_labelled(found, settings, seed, tally)
        if isinstance(found, ClassRows):
            return build_classes(found, settings, seed, tally)
        if isinstance(found, list):
            return build_documents(found, self.tokenizer, self.max_length, settings, seed, tally, self.progress)
        return build_scored(found, settings, seed, tally)

    def check_readable(self, dataset: Dataset, tokenizer: TokenCounter) -> None:
        """Refuse texts whose letters the model does not know; warn of a few."""
        documents = list(dataset.corpus)
        pairs = [
            text for split in SPLITS for row in dataset.sentence_pairs(split) for text in (row.sentence1, row.sentence2)
        ]
        texts = [document.content for document in documents] or pairs
        names = [document.id for document in documents] or [text[:30] for text in texts]
        allowed, option = self.settings.allow_unreadable, "prepare.allow_unreadable: true"
        if said := check_readable(texts, names, tokenizer, allow=allowed, option=option):
            self.tally.warn(said, grave=True)

    def add_questions_and_labels(self, dataset: Dataset, review: list[Suspect] | None) -> ReviewOutcome | None:
        """Add synthetic questions, reviewed labels and feedback, and remove what repeats dev or test."""
        settings, tally = self.settings, self.tally
        if not self.finished:
            made = add_synthetic(dataset, settings.synthetic, self.encoder, self.seed, tally, self.progress)
            self.facts = {"synthetic": made} if made else {}
        outcome = apply_review(dataset, review, tally) if review is not None else None
        if not self.finished:
            decontaminate(dataset, tally, keep_documents=settings.shared_documents == "keep")
        limit_pairs(dataset, settings.max_pairs, self.seed, tally)
        if used := add_feedback(dataset, settings, tally):
            self.facts = {**self.facts, "feedback": used}
        return outcome

    def mine(self, dataset: Dataset, outcome: ReviewOutcome | None) -> None:
        """Mine hard negatives if the settings ask for them. Reviewed labels stay in the review."""
        facts: dict[str, Any] = {}
        suspects: list[Suspect] = []
        if self.settings.hard_negatives and self.encoder is not None:
            from semtune.prepare.mine.hard_negatives import mine  # imports FAISS

            result = mine(dataset, self.encoder, self.settings, self.seed, self.progress, self.judge)
            facts, suspects = result.as_dict(), result.review
            if result.warning:
                self.tally.warn(result.warning)
            if result.left_out:
                reason = "training pair: no passage may be its negative"
                self.tally.drop(reason, result.left_out[0], len(result.left_out))
        if outcome:
            labelled = {(key(suspect.query), key(suspect.text)) for suspect in outcome.kept}  # ids may have changed
            to_review = [suspect for suspect in suspects if (key(suspect.query), key(suspect.text)) not in labelled]
            suspects = [*to_review, *outcome.kept]
            facts["reviewed"] = outcome.as_dict()
        if facts:
            dataset.review = suspects
            self.facts = {"negatives": facts, **self.facts}

    def finish(self, dataset: Dataset, kind: Kind) -> None:
        """Refuse leaks and write the report."""
        leaks = check_leaks(dataset, self.settings.shared_documents, self.settings.max_leak_share)
        warn_of_classes(dataset.labelled_texts, self.tally)
        fingerprint.cache_clear()  # no more texts will be compared
        report = write_report(
            dataset, kind, self.tokenizer, self.max_length, self.settings, self.seed, self.tally, leaks, self.progress
        )
        found = {"yield": dataset.report["yield"]} if "yield" in dataset.report else {}
        dataset.report = {**report, **found, **self.facts}


def _check_needs(settings: PrepareSettings, encoder: Encoder | None, judge: Reranker | None) -> None:
    """Refuse at once what would fail after the source has been read."""
    if settings.hard_negatives and encoder is None:
        raise ConfigError(
            f"hard_negatives={settings.hard_negatives} needs a model to search with, and none was given: pass an "
            "encoder, e.g. semtune.encoders.load.load_encoder(model), or set hard_negatives to 0."
        )
    if settings.needs_judge and judge is None:
        raise ConfigError(
            f"mine_judge={settings.mine_judge!r} needs that model, and none was given: pass a judge, e.g. "
            "semtune.encoders.cross_encoder.CrossEncoderJudge.load(model), or set mine_judge to null."
        )
    if settings.synthetic.url:
        need("httpx")


def _warn_of_ignored_settings(found: object, settings: PrepareSettings, tally: Tally) -> None:
    if settings.near_duplicates == "drop" and not isinstance(found, list):
        tally.warn("near_duplicates: drop applies to documents without labels only. This source has labels: unchanged.")
    if settings.max_passages and not isinstance(found, list):
        tally.warn("max_passages applies to documents without labels only. A labelled corpus is kept whole.")
