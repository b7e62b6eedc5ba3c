"""Scored or labelled pairs of sentences become a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.records import Part, held_out
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import Groups, assign, missing_shares
from semtune.prepare.split.split_texts import scored_text
from semtune.text import key, short_id
from semtune.types import SPLITS, Document, LabelledPair, ScoredPair, SentencePair, Split


def build_scored(
    parts: Mapping[Part, Sequence[SentencePair]], settings: PrepareSettings, seed: int, tally: Tally
) -> Dataset:
    """Split pairs by connected sentences, unless the source has splits; the corpus is every distinct sentence.

    If the source has splits, training rows whose pair occurs in dev or test, in either order, are dropped. Single
    sentences that occur on both sides are counted and kept, as in published work with such data sets.

    Raises:
        InputError: nothing is left to train on.
    """
    held = held_out(parts)
    train = _without_held_out(parts.get("train", parts.get("all", [])), held, tally)
    wanted = missing_shares(held, settings)
    split_rows: dict[Split, Sequence[SentencePair]] = {**held}
    for split, rows in _carve(train, wanted, seed, tally).items():
        split_rows[split] = rows
    if not split_rows.get("train"):
        raise InputError("No pair is left to train on: all occur in dev or test. Give other training rows.")
    return in_fields({split: split_rows[split] for split in SPLITS if split_rows.get(split)})


def in_fields(split_rows: Mapping[Split, Sequence[SentencePair]]) -> Dataset:
    """A data set with scored and labelled pairs in their fields, and their sentences as its corpus."""
    dataset = Dataset()
    for split, rows in split_rows.items():
        if scored := [row for row in rows if isinstance(row, ScoredPair)]:
            dataset.scored[split] = scored
        if labelled := [row for row in rows if isinstance(row, LabelledPair)]:
            dataset.labelled_pairs[split] = labelled
    dataset.corpus = distinct_sentences(row for split in SPLITS for row in dataset.sentence_pairs(split))
    return dataset


def distinct_sentences(rows: Iterable[SentencePair]) -> list[Document]:
    """Every sentence once, in order of appearance, so that an index can be built from them."""
    found: dict[str, Document] = {}
    for row in rows:
        for text in (row.sentence1, row.sentence2):
            id_ = short_id("s", text)
            found.setdefault(id_, Document(id_, text))
    return list(found.values())


def _without_held_out(
    train: Sequence[SentencePair], held: Mapping[Split, Sequence[SentencePair]], tally: Tally
) -> list[SentencePair]:
    pairs = {key(scored_text(row)) for rows in held.values() for row in rows}
    single = {key(text) for rows in held.values() for row in rows for text in (row.sentence1, row.sentence2)}
    kept: list[SentencePair] = []
    seen: set[tuple[str, float | str]] = set()
    for row in train:
        same = key(scored_text(row)), row.score if isinstance(row, ScoredPair) else row.label
        if same in seen:
            tally.drop("duplicate pair", f"{row.sentence1} | {row.sentence2}")
            continue
        seen.add(same)
        if key(scored_text(row)) in pairs:
            tally.drop("training row: pair occurs in dev or test", f"{row.sentence1} | {row.sentence2}")
            continue
        if key(row.sentence1) in single or key(row.sentence2) in single:
            tally.count("training rows kept with one sentence that occurs in dev or test")
        kept.append(row)
    return kept


def _carve(
    train: list[SentencePair], wanted: Mapping[Split, float], seed: int, tally: Tally
) -> dict[Split, list[SentencePair]]:
    if not any(wanted.values()):
        return {"train": train}
    groups = Groups()
    for row in train:
        groups.join([key(row.sentence1), key(row.sentence2)])
    weights: dict[str, int] = {}
    for row in train:
        group = groups.find(key(row.sentence1))
        weights[group] = weights.get(group, 0) + 1
    splits = assign(weights, wanted.get("dev", 0.0), wanted.get("test", 0.0), seed, tally)
    made: dict[Split, list[SentencePair]] = {}
    for row in train:
        made.setdefault(splits[groups.find(key(row.sentence1))], []).append(row)
    return made
