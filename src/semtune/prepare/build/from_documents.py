"""Documents without labels: headings and summaries become questions, the texts below them answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.dedupe.document_copies import without_document_copies
from semtune.prepare.dedupe.repeated_passages import find_collections, without_copies, without_near_duplicates
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import TokenCounter
from semtune.prepare.passages.contents import is_contents, without_contents
from semtune.prepare.passages.for_index import documents_of, with_left_out
from semtune.prepare.passages.from_sections import (
    AskedSection,
    Passage,
    ask,
    cap,
    cut,
    unique,
    without_boilerplate,
)
from semtune.prepare.passages.list_entries import separate
from semtune.prepare.questions.cloze import cloze
from semtune.prepare.questions.fair_share import asks_by_title, fair_shares, few_of_a_kind
from semtune.prepare.questions.further_sources import add_further, further_kinds
from semtune.prepare.questions.links import add_links
from semtune.prepare.questions.uninformative import uninformative_reason
from semtune.prepare.records import Section
from semtune.prepare.report.question_yield import per_document, question_yield
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import Groups, assign
from semtune.prepare.split.document_groups import group_documents
from semtune.progress import QUIET, Progress
from semtune.text import key, short_id, stable_hash
from semtune.types import SPLITS, Document, Pair, Query, Split

FEW_ANCHORS = 0.1  # if a smaller share of the sections has a question, sentences become questions too


def build_documents(
    sections: Sequence[Section],
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
    seed: int,
    tally: Tally,
    progress: Progress = QUIET,
) -> Dataset:
    """Make passages, questions, labels and training pairs, split by document.

    The passages to evaluate on (`corpus`) do not contain the question of their section; those that are served
    (`documents`) do. All passages of a section are relevant to its question. If hardly any section has a heading or
    summary, a sentence removed from a passage is the question, and the rest the answer (inverse cloze task, Lee et al.
    2019).

    Raises:
        InputError: no pair can be made.
    """
    weights = settings.supervision
    read = sections
    sections, copies = without_document_copies(sections, tally)
    collections = find_collections(sections)
    sections = [section for section in sections if section.text.strip() or section.summary]  # not headings alone
    sections = without_contents(without_copies(sections, collections, tally), tally)
    sections = separate(sections, weights, tally)
    asked = ask(sections, settings, tally)
    passages = _without_uninformative_questions(cut(asked, tokenizer, limit, progress, settings.chunk_overlap), tally)
    few, yielded = sum(bool(item.anchor) for item in asked) < FEW_ANCHORS * len(asked), per_document(passages)
    if weights.share("cloze") and (few or weights.cloze != "auto"):
        passages = cloze(passages, seed, tally)
    passages = cap(passages, settings.max_passages, tally, seed)
    served = passages
    passages = _informative(passages, tally)
    if settings.near_duplicates == "drop":
        passages = served = without_near_duplicates(passages, tally)
    passages = few_of_a_kind(without_boilerplate(passages, tally), seed, tally)
    grouped = group_documents(passages, collections | copies, tally)
    splits = _split(grouped.passages, grouped.groups, settings, seed, tally)
    passages = fair_shares(grouped.passages, splits, seed, tally)
    documents = _documents(served, read, sections, asked, tokenizer, limit, settings)
    dataset = Dataset(corpus=[p.judged for p in passages], documents=documents)
    _fill(dataset, passages, splits, settings, seed, tally, cloze_in_test=few)
    add_links(dataset, sections, passages, splits, weights, seed, tally)
    further = further_kinds(weights, yielded)
    add_further(dataset, passages, splits, further, weights, seed, tally)
    dataset.report["yield"] = question_yield(dataset, len({section.group for section in read}), further, tally)
    if not any(dataset.pairs.values()):
        raise InputError(
            f"No training pair could be made from {len(asked):,} sections: they have no informative headings, titles "
            "or summaries, and are too short to use one of their sentences as a question. Give longer texts, texts "
            "with headings, or pairs of questions and answers."
        )
    return dataset


def _documents(
    served: Sequence[Passage],
    read: Sequence[Section],
    sections: Sequence[Section],
    asked: Sequence[AskedSection],
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
) -> list[Document]:
    """All documents to index: what is trained on, and the copies and short sections that are not.

    Args:
        served: the passages of the sections that were asked about.
        read: all sections of the source.
        sections: without copies, and with entries of lists apart.
        asked: without short ones.
        tokenizer, limit, settings: see `build_documents`.
    """
    known, used = {section.id for section in sections}, {item.section.id for item in asked}
    left = [
        *(section for section in sections if section.id not in used),
        *(section for section in read if section.id not in known),
    ]
    further = documents_of(left, tokenizer, limit, settings) if left else []
    if settings.max_passages:
        further = further[: max(0, settings.max_passages - len(served))]
    return with_left_out(served, further, [*read, *sections])


def _without_uninformative_questions(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Remove uninformative questions; their passages stay."""
    kept: list[Passage] = []
    for passage in passages:
        if passage.anchor and (reason := uninformative_reason(passage.anchor, passage.judged.content)):
            tally.drop(f"question: {reason}", passage.anchor)
            passage = replace(passage, anchor="")
        kept.append(passage)
    return kept


def _informative(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Leave out passages that no model should be trained on or judged by: copies, contents, bare questions."""
    kept: list[Passage] = []
    for passage in unique(passages, tally):
        if is_contents(passage.judged.text):
            tally.drop("passage that is a table of contents or an index", passage.judged.id)
        else:
            kept.append(passage)
    return _without_passages_that_are_questions(kept, tally)


def _without_passages_that_are_questions(passages: list[Passage], tally: Tally) -> list[Passage]:
    """Leave out passages that consist of nothing but the question of another passage."""
    anchors = {key(passage.anchor) for passage in passages if passage.anchor}
    kept: list[Passage] = []
    for passage in passages:
        if not passage.anchor and key(passage.judged.text) in anchors:
            tally.drop(
                "passage that is word for word the question of another passage",
                f"{passage.judged.id}: {passage.judged.text}",
            )
        else:
            kept.append(passage)
    return kept


def _split(
    passages: list[Passage], groups: Groups, settings: PrepareSettings, seed: int, tally: Tally
) -> dict[str, Split]:
    """Document → split; documents of one group share a split."""
    weights: dict[str, int] = {}
    for group, _ in sorted({(groups.find(p.group), key(p.anchor)) for p in passages if p.anchor}):
        weights[group] = weights.get(group, 0) + 1
    splits = assign(weights, settings.dev_share, settings.test_share, seed, tally)
    return {passage.group: splits.get(groups.find(passage.group), "train") for passage in passages}


def _fill(
    dataset: Dataset,
    passages: list[Passage],
    splits: dict[str, Split],
    settings: PrepareSettings,
    seed: int,
    tally: Tally,
    *,
    cloze_in_test: bool,
) -> None:
    for passage in passages:
        if not passage.anchor:
            continue
        split = splits[passage.group]
        if split != "train" and passage.asked_by == "cloze" and not cloze_in_test:
            tally.drop(
                "question of dev or test: a sentence of its own passage, and there are better questions", passage.anchor
            )
            continue
        id_ = short_id("q", passage.anchor)
        metadata = {"split": split, "group": passage.group, "source": passage.asked_by}
        dataset.queries.setdefault(id_, Query(id_, passage.anchor, metadata))
        dataset.qrels.setdefault(split, {}).setdefault(id_, {})[passage.judged.id] = 1
        if passage.part > (1 if asks_by_title(passage) else settings.pairs_per_section):
            continue  # a title asks for its document: its beginning says best what it is about
        if split == "train" and not settings.supervision.keeps(
            passage.asked_by, passage.anchor, passage.judged.content, seed
        ):
            share = settings.supervision.share(passage.asked_by)
            tally.drop(f"training pair beyond the share of its source, {passage.asked_by}: {share}", passage.anchor)
        else:
            dataset.pairs.setdefault(split, []).append(Pair(passage.anchor, passage.judged.content))
    dataset.qrels = {split: dataset.qrels[split] for split in SPLITS if split in dataset.qrels}
    dataset.pairs = {split: dataset.pairs[split] for split in SPLITS if split in dataset.pairs}


def limit_pairs(dataset: Dataset, limit: int | None, seed: int, tally: Tally) -> None:
    """Keep at most `limit` training pairs, chosen by hash, in their order."""
    pairs = dataset.pairs.get("train", [])
    if limit is None or len(pairs) <= limit:
        return
    order = sorted(range(len(pairs)), key=lambda i: (stable_hash(pairs[i].anchor + "\n" + pairs[i].positive, seed), i))
    kept = set(order[:limit])
    tally.drop(f"training pair beyond max_pairs={limit}", pairs[order[limit]].anchor, len(pairs) - limit)
    dataset.pairs["train"] = [pair for i, pair in enumerate(pairs) if i in kept]
