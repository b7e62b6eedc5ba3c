"""The examples that changed most between two systems: queries, scored pairs, or items of other tasks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.evaluate.result import Scores, label
from semtune.metrics import ranking, ranks
from semtune.report.elements import Answer, Example, Examples, Side, Tone
from semtune.types import Document, Qrels, Split

TOP = 3  # answers shown of each system
SHOWN = 15  # examples that gained, and examples that lost


def comparable(tuned: Scores, other: Scores) -> bool:
    """Whether two results can be compared item by item."""
    same = tuned.kind == other.kind and tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    return same and bool(np.isfinite(tuned.metrics[tuned.main]) and np.isfinite(other.metrics[other.main]))


def gains(tuned: Scores, other: Scores) -> NDArray[np.float64]:
    """Gain of each item in the main metric; (n,), bigger is better.

    For a scored pair: how much closer its rank is to the gold rank. For a pair of two classes: how far its rank moved
    in the right direction, as a share of all pairs.
    """
    if tuned.kind == "similarity":
        return rank_errors(other) - rank_errors(tuned)
    if tuned.kind == "pairs":
        moved = ranks(tuned.similarities) - ranks(other.similarities)
        return np.where(tuned.gold > 0, moved, -moved) / max(tuned.n, 1)
    return tuned.per_query[tuned.main] - other.per_query[tuned.main]


def rank_errors(scores: Scores) -> NDArray[np.float64]:
    """Distance between each pair's rank by cosine and its rank by gold score, as a share of all pairs; (n,)."""
    return np.abs(ranks(scores.similarities) - ranks(scores.gold)) / max(scores.n, 1)


def most_changed(gain: NDArray[np.float64], count: int) -> tuple[list[int], list[int]]:
    """Positions that gained most and that lost most, the largest change first; unchanged ones are in neither."""
    order = np.argsort(-gain, kind="stable")
    won = [int(i) for i in order[:count] if gain[i] > 0]
    lost = [int(i) for i in order[::-1][:count] if gain[i] < 0]
    return won, lost


def examples(tuned: Scores, other: Scores, names: tuple[str, str], dataset: Dataset, split: Split) -> list[Examples]:
    """What lost most, then what gained most; empty for saved results without answers.

    Args:
        tuned, other: comparable results.
        names: of the other system and of the tuned one, in this order.
        dataset, split: what was measured on.
    """
    if tuned.kind != "similarity" and not (other.run or other.items):
        return []
    gain = gains(tuned, other)
    won, lost = most_changed(gain, SHOWN)
    unit = tuned.unit().capitalize()
    parts = (("lost", lost, int((gain < 0).sum())), ("gained", won, int((gain > 0).sum())))
    return [
        Examples(
            f"{unit} that {verb} most",
            f"{len(rows)} of {total:,}",
            _cards(tuned, other, names, dataset, split, rows),
        )
        for verb, rows, total in parts
    ]


def _cards(
    tuned: Scores, other: Scores, names: tuple[str, str], dataset: Dataset, split: Split, rows: list[int]
) -> list[Example]:
    if tuned.kind == "retrieval":
        return _queries(tuned, other, names, dataset, split, rows)
    if tuned.kind == "similarity":
        return _pairs(tuned, other, names, dataset, split, rows)
    return _items(tuned, other, names, rows)


def _queries(
    tuned: Scores, other: Scores, names: tuple[str, str], dataset: Dataset, split: Split, rows: list[int]
) -> list[Example]:
    """Queries with the first answers of both systems."""
    documents = {document.id: document for document in dataset.corpus}
    qrels = dataset.qrels[split]
    cards = []
    for row in rows:
        query = tuned.query_ids[row]
        before, after = float(other.per_query[tuned.main][row]), float(tuned.per_query[tuned.main][row])
        cards.append(
            Example(
                lines=[dataset.queries[query].text],
                note=f"{label(tuned.main)} {before:.2f} → {after:.2f}",
                change=f"{after - before:+.2f}",
                tone=_tone(after - before),
                sides=[
                    _answers(name, scores, query, documents, qrels)
                    for name, scores in zip(names, (other, tuned), strict=True)
                ],
            )
        )
    return cards


def _pairs(
    tuned: Scores, other: Scores, names: tuple[str, str], dataset: Dataset, split: Split, rows: list[int]
) -> list[Example]:
    """Sentence pairs with the score people gave, both cosines, and how far each rank is from the gold rank."""
    before, after = rank_errors(other), rank_errors(tuned)
    cards = []
    for row in rows:
        pair = dataset.scored[split][row]
        note = (
            f"score by people {pair.score:.2f} · cosine {names[0]} {other.similarities[row]:.2f} → "
            f"{names[1]} {tuned.similarities[row]:.2f} · rank off by {before[row]:.0%} → {after[row]:.0%} "
            "of all pairs"
        )
        gain = before[row] - after[row]
        cards.append(Example([pair.sentence1, pair.sentence2], note, f"{gain:+.2f}", _tone(gain)))
    return cards


def _items(tuned: Scores, other: Scores, names: tuple[str, str], rows: list[int]) -> list[Example]:
    """Items with the answers of both systems."""
    gain = gains(tuned, other)
    return [
        Example(
            lines=tuned.items[row],
            change=f"{gain[row]:+.2f}",
            tone=_tone(gain[row]),
            sides=[Side(names[0], other.answers[row]), Side(names[1], tuned.answers[row])],
        )
        for row in rows
    ]


def _tone(gain: float) -> Tone:
    return "good" if gain > 0 else "bad"


def _answers(name: str, scores: Scores, query: str, documents: Mapping[str, Document], qrels: Qrels) -> Side:
    """The first answers of one system, and the rank of the first relevant one."""
    ranked = ranking(scores.run.get(query, {}))
    if not ranked:
        return Side(name, "no answer: no word in common")
    relevant = [qrels[query].get(document, 0) > 0 for document in ranked]
    found = f"first relevant at rank {relevant.index(True) + 1}" if any(relevant) else f"none relevant in {len(ranked)}"
    top = [(documents[name], good) for name, good in zip(ranked[:TOP], relevant, strict=False)]
    answers = [Answer(rank, good, document.title, document.text) for rank, (document, good) in enumerate(top, start=1)]
    return Side(f"{name} · {found}", answers=answers)
