"""Decontamination: remove training rows that nearly repeat a held-out question, passage, pair or text."""

from __future__ import annotations

from collections.abc import Sequence

from semtune.dataset import Dataset
from semtune.prepare.drop_log import Tally
from semtune.prepare.split.split_texts import Sort, SplitTexts, both_sides, scored_text
from semtune.text import key
from semtune.types import LabelledText, Pair


def decontaminate(dataset: Dataset, tally: Tally, *, keep_documents: bool = False) -> None:
    """Drop training rows that nearly repeat something in dev or test; each reason is counted.

    Args:
        dataset: changed in place; only its train split.
        tally: receives the counts, and examples of what was alike.
        keep_documents: keep rows whose passage is (nearly) a held-out one (`shared_documents: keep`).
    """
    alike: dict[Sort, dict[str, str]] = {}
    sides = both_sides(dataset)
    for texts in sides:
        alike[texts.sort] = _crosswise(texts, sides)
        if texts.sort == "passage" and keep_documents:
            continue
        for held, train, overlap in texts.nearly():
            alike[texts.sort].setdefault(train, held)
            name = f"training {texts.sort}s left out as near duplicates of one in dev or test"
            tally.pair(name, held, train, max(overlap.similarity, overlap.covered))
    if not any(alike.values()):
        return
    _drop_pairs(dataset, alike, tally)
    _drop_labels(dataset, alike)
    for rows in (dataset.scored, dataset.labelled_pairs):
        kept = [row for row in rows.get("train", []) if scored_text(row) not in alike["scored pair"]]
        if dropped := len(rows.get("train", [])) - len(kept):
            tally.drop(
                "training row: near duplicate of a pair in dev or test", next(iter(alike["scored pair"])), dropped
            )
            rows["train"] = kept  # type: ignore[assignment]
    _drop_texts(dataset, alike.get("labelled text", {}), tally)


def _crosswise(texts: SplitTexts, sides: Sequence[SplitTexts]) -> dict[str, str]:
    """Training questions that equal a held-out passage, or training passages that equal a held-out question.

    A page that lists titles is such a passage.
    """
    other: Sort = "passage" if texts.sort == "question" else "question"
    held = {key(text) for side in sides if side.sort == other for text in side.held}
    return {text: text for text in texts.train if texts.sort in ("question", "passage") and key(text) in held}


def _drop_pairs(dataset: Dataset, alike: dict[Sort, dict[str, str]], tally: Tally) -> None:
    kept: list[Pair] = []
    for pair in dataset.pairs.get("train", []):
        if pair.anchor in alike["question"]:
            tally.drop("training label: question is a near duplicate of one in dev or test", pair.anchor)
        elif pair.positive in alike["passage"]:
            tally.drop("training label: passage is a near duplicate of one in dev or test", pair.positive)
        else:
            kept.append(pair)
    if "train" in dataset.pairs:
        dataset.pairs["train"] = kept


def _drop_texts(dataset: Dataset, alike: dict[str, str], tally: Tally) -> None:
    kept: list[LabelledText] = []
    for row in dataset.labelled_texts.get("train", []):
        if row.text in alike:
            tally.drop("training row: near duplicate of a text in dev or test", row.text)
        else:
            kept.append(row)
    if "train" in dataset.labelled_texts:
        dataset.labelled_texts["train"] = kept


def _drop_labels(dataset: Dataset, alike: dict[Sort, dict[str, str]]) -> None:
    content = {document.id: document.content for document in dataset.corpus}
    for query, row in list(dataset.qrels.get("train", {}).items()):
        left = {d: grade for d, grade in row.items() if grade <= 0 or content.get(d, "") not in alike["passage"]}
        if dataset.queries[query].text in alike["question"] or not any(grade > 0 for grade in left.values()):
            dataset.qrels["train"].pop(query)
        else:
            dataset.qrels["train"][query] = left
