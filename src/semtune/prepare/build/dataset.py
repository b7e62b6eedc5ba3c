"""From a source to a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.errors import ConfigError
from semtune.prepare.build.from_documents import build_documents, limit_pairs
from semtune.prepare.build.from_labelled_questions import build_labelled
from semtune.prepare.build.from_sentence_pairs import build_scored
from semtune.prepare.dedupe.near_duplicates import fingerprint
from semtune.prepare.drop_log import Tally
from semtune.prepare.mine.reranker import Reranker
from semtune.prepare.mine.review import ReviewOutcome, apply_review, sha256_review
from semtune.prepare.mine.review_merge import gather_reviews, with_late_labels
from semtune.prepare.mine.vector_cache import VectorCache
from semtune.prepare.passages.chunk import TokenCounter
from semtune.prepare.passages.token_cache import TokenLengthCache
from semtune.prepare.questions.synthetic import add_synthetic
from semtune.prepare.readers.read_source import read_source
from semtune.prepare.readers.source_kind import Source, find_kind
from semtune.prepare.records import Labels
from semtune.prepare.report.summary import write_report
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.decontaminate import decontaminate
from semtune.prepare.split.leaks import check_leaks
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.text import key
from semtune.types import Suspect
from semtune.work_cache import Kept

DEFAULT = PrepareSettings()


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
    """Make a data set without leaks out of a source. The same input, settings and seed give the same bytes.

    Args:
        source: a folder of texts, a text file, a table, a BEIR folder, a data set, tables by split
            ({"train": path, "test": path}), or "python-docs".
        tokenizer: the backbone's, `semtune.encoders.tokenizer.Tokenizer`.
        max_length: the backbone's limit in tokens, special tokens included.
        settings: shares, limits, column names.
        seed: of the hashes that choose and split.
        progress: where to show it.
        encoder: what mines hard negatives, the backbone or a tuned model; needed where settings ask for some.
        judge: a second opinion on negatives; needed where settings name one.
        replaces: the data set whose place the new one takes; verdicts that people wrote into its review are heeded.
        work: a folder to keep read files and passages' vectors in: a call that is killed leaves them for the next
            one. It is the caller's to remove. None: nothing is kept.

    Returns:
        The data set, its `report` filled.

    Raises:
        ConfigError: hard negatives or a judge are asked for, and there is no encoder or judge.
        InputError: the source is missing, unreadable, or nothing can be learned from it.
        GateError: train would share something with dev or test.
    """
    _check_models(settings, encoder, judge)
    tally, tokenizer = Tally(), TokenLengthCache(tokenizer)
    kind = find_kind(source)
    review = gather_reviews(settings.review, source, replaces)
    found = read_source(source, kind, settings, tally, progress, work)
    if work is not None and encoder is not None:
        encoder = VectorCache(encoder, Kept(work))
    _say_what_stays(found, settings, tally)
    if isinstance(found, Dataset):
        dataset = found
    elif isinstance(found, Labels):
        dataset = build_labelled(found, settings, seed, tally)
    elif isinstance(found, list):
        dataset = build_documents(found, tokenizer, max_length, settings, seed, tally, progress)
    else:
        dataset = build_scored(found, settings, seed, tally)
    made_up, finished = None, isinstance(found, Dataset)
    del found  # the source's texts go with it
    if not finished:  # one that is finished is not changed: it passes or is refused
        made_up = add_synthetic(dataset, settings.synthetic, encoder, seed, tally, progress)
    reviewed = apply_review(dataset, review, tally) if review is not None else None
    if not finished:
        decontaminate(dataset, tally, keep_documents=settings.shared_documents == "keep")
    limit_pairs(dataset, settings.max_pairs, seed, tally)
    negatives = _negatives(dataset, encoder, judge, reviewed, settings, seed, tally, progress)
    leaks = check_leaks(dataset, settings.shared_documents, settings.max_leak_share)
    fingerprint.cache_clear()  # texts are compared no more
    dataset.report = write_report(dataset, kind, tokenizer, max_length, settings, seed, tally, leaks, progress)
    if negatives:
        dataset.report["negatives"] = negatives
    heeded = reviewed.kept if reviewed else []
    if heeded:
        dataset.report["verdicts"] = sha256_review(heeded)
    # People may have looked on while all this went on: what they wrote meanwhile is heeded the next time.
    dataset.review = with_late_labels(dataset.review, heeded, gather_reviews(settings.review, source, replaces))
    if made_up:
        dataset.report["synthetic"] = made_up
    return dataset


def _check_models(settings: PrepareSettings, encoder: Encoder | None, judge: Reranker | None) -> None:
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


def _say_what_stays(found: object, settings: PrepareSettings, tally: Tally) -> None:
    if settings.near_duplicates == "drop" and not isinstance(found, list):
        tally.warn("near_duplicates: drop is for documents without labels. What people labelled stays as it is.")
    if settings.max_passages and not isinstance(found, list):
        tally.warn("max_passages is for documents without labels. A corpus that people judged stays whole.")


def _negatives(
    dataset: Dataset,
    encoder: Encoder | None,
    judge: Reranker | None,
    reviewed: ReviewOutcome | None,
    settings: PrepareSettings,
    seed: int,
    tally: Tally,
    progress: Progress,
) -> dict[str, Any]:
    """Mine, where that is asked for; the facts for the report. Verdicts of people stay in the review."""
    facts: dict[str, Any] = {}
    suspects: list[Suspect] = []
    if settings.hard_negatives and encoder is not None:
        from semtune.prepare.mine.hard_negatives import mine  # brings FAISS

        mined = mine(dataset, encoder, settings, seed, progress, judge)
        facts, suspects = mined.as_dict(), mined.review
        if mined.warning:
            tally.warn(mined.warning)
        if mined.left_out:
            tally.drop("training pair: no passage may be its negative", mined.left_out[0], len(mined.left_out))
    if reviewed:
        judged = {(key(suspect.query), key(suspect.text)) for suspect in reviewed.kept}  # ids may be others by now
        open_ones = [suspect for suspect in suspects if (key(suspect.query), key(suspect.text)) not in judged]
        suspects = [*open_ones, *reviewed.kept]
        facts["reviewed"] = reviewed.as_dict()
    if facts:
        dataset.review = suspects
    return facts
