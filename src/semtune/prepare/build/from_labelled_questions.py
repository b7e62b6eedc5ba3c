"""Labelled questions (BEIR folders, tables of pairs) become a retrieval data set."""

from __future__ import annotations

from collections.abc import Mapping

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.records import Labels, Part, held_out
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import Groups, assign, join_near, missing_shares
from semtune.text import key
from semtune.types import SPLITS, Pair, Qrels, Split


def build_labelled(labels: Labels, settings: PrepareSettings, seed: int, tally: Tally) -> Dataset:
    """Make the splits that the source lacks, remove shared documents from train, and make the training pairs.

    Raises:
        InputError: nothing is left to train on.
    """
    content = {document.id: document.content for document in labels.corpus}
    qrels = _complete(labels, content, settings, seed, tally)
    dataset = Dataset(corpus=labels.corpus, queries=labels.queries)
    for split in SPLITS:
        if qrels.get(split):
            dataset.qrels[split] = qrels[split]
            dataset.pairs[split] = _pairs(qrels[split], labels, content)
    if not dataset.pairs.get("train"):
        raise InputError(
            "No labelled question is left to train on"
            + (": all share their document with dev or test. " if qrels.get("test") else ". ")
            + "Give more labels, or set shared_documents: keep to train on them nevertheless."
        )
    return dataset


def _complete(
    labels: Labels, content: Mapping[str, str], settings: PrepareSettings, seed: int, tally: Tally
) -> dict[Split, Qrels]:
    """Make the splits that the source lacks from its training labels."""
    given: dict[Part, Qrels] = dict(labels.qrels)
    if "train" not in given and "all" not in given:
        tally.warn(
            f"The source has no training labels, only {', '.join(given)}: these were split again. Scores on the new "
            "test split cannot be compared with published ones."
        )
        merged: Qrels = {}
        for part in given.values():
            for query, row in part.items():
                merged.setdefault(query, {}).update(row)
        given = {"all": merged}
    held = held_out(given)
    train = _without_held_out(given.get("train", given.get("all", {})), held, labels, content, settings, tally)
    wanted = missing_shares(held, settings)
    if not any(wanted.values()):
        return {**held, "train": train}
    groups = _groups(train, labels, content, tally)
    weights: dict[str, int] = {}
    for query in train:
        weights[groups.find(query)] = weights.get(groups.find(query), 0) + 1
    splits = assign(weights, wanted.get("dev", 0.0), wanted.get("test", 0.0), seed, tally)
    made: dict[Split, Qrels] = {**held}
    for query, row in train.items():
        made.setdefault(splits[groups.find(query)], {})[query] = row
    return made


def _without_held_out(
    train: Qrels,
    held: Mapping[Split, Qrels],
    labels: Labels,
    content: Mapping[str, str],
    settings: PrepareSettings,
    tally: Tally,
) -> Qrels:
    """Drop training labels whose question is asked in dev or test, or whose document is an answer there."""
    asked = {key(labels.queries[query].text) for part in held.values() for query in part}
    answers = {
        key(content[d]) for part in held.values() for row in part.values() for d, grade in row.items() if grade > 0
    }
    kept: Qrels = {}
    for query, row in train.items():
        text = labels.queries[query].text
        for document, grade in row.items():
            shares = grade > 0 and key(content[document]) in answers
            if key(text) in asked:
                tally.drop("training label: question is asked in dev or test", text)
            elif shares and settings.shared_documents == "drop":
                tally.drop("training label: document answers a question of dev or test", f"{text} → {document}")
            else:
                if shares:
                    tally.count("training labels kept whose document answers a question of dev or test")
                kept.setdefault(query, {})[document] = grade
    positive = {query: row for query, row in kept.items() if any(grade > 0 for grade in row.values())}
    tally.count("training questions left without a label", len(train) - len(positive))
    return positive


def _groups(qrels: Qrels, labels: Labels, content: Mapping[str, str], tally: Tally) -> Groups:
    """Groups of query ids: questions that share a text, or a group named by the source, belong together."""
    groups = Groups()
    for query, row in qrels.items():
        texts = [key(content[document]) for document, grade in row.items() if grade > 0]
        texts.append(key(labels.queries[query].text))
        named = [f"\x00group {labels.groups[query]}"] if query in labels.groups else []
        groups.join([query, *("\x00text " + text for text in texts), *named])
    join_near(groups, [(labels.queries[query].text, query) for query in qrels], "questions", tally)
    answers = {d: query for query, row in qrels.items() for d, grade in row.items() if grade > 0}
    join_near(groups, [(content[document], query) for document, query in answers.items()], "answers", tally)
    return groups


def _pairs(qrels: Qrels, labels: Labels, content: Mapping[str, str]) -> list[Pair]:
    return [
        Pair(labels.queries[query].text, content[document], labels.negatives.get(query, ()))
        for query, row in qrels.items()
        for document, grade in row.items()
        if grade > 0
    ]
