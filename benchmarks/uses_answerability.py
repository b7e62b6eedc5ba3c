"""Answerability: does a floor tell questions that the documents answer from those that they do not?

Every question is asked twice: of all documents, and of those that are not labelled relevant to it. A floor is chosen on
dev questions, and judged on test ones: the share of answerable questions that stay answered, and of unanswerable ones
that are refused, with 95 % intervals (Wilson). Compared are
- answerable: the best score that keeps 90 % of the dev questions, which `evaluate --calibrate` stores;
- best-f1: the threshold with the best F1 over single answers, the floor of models that were calibrated before;
- signals: a logistic model over the best score, its distance to the next nine, and the share of the question's words,
  weighted by rarity, in the best document; also at 90 % of the dev questions;
- reranked: the best score of a cross-encoder over the first 20, where --reranker names one.

scifact: dev is 400 training questions; medquad_liveqa and covidqa_faq (paraphrased questions, FAQ entries as
documents): halves by a hash. Vectors are kept in --work between calls.
foreign_refused: the share of 308 questions to a bank (banking77) that the floor refuses.

python benchmarks/uses_answerability.py [--model all-MiniLM-L6-v2] [--sets covidqa,medquad,scifact] [--reranker FOLDER]
    [--work FOLDER] [--json]
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import publish

from semtune import dataset as datasets
from semtune.encoders.load import load_encoder
from semtune.encoders.vector_store import VectorStore
from semtune.evaluate.retrieval.topk import TopK
from semtune.evaluate.serving.answerable import BestScores, answerable_floor, judged_floor
from semtune.evaluate.serving.calibration import SHOWN, find_cuts
from semtune.text import stable_hash
from semtune.types import Qrels

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
DEPTH, RERANKED, DEV = 300, 20, 400
ROOM = 1 << 30  # bytes of vectors
WORD = re.compile(r"\w+")
Reranker = Callable[[Sequence[tuple[str, str]]], Sequence[float]]


@dataclass(frozen=True)
class Questions:
    """Documents, questions, and the labels of two parts."""

    documents: dict[str, str]
    questions: dict[str, str]
    dev: Qrels
    test: Qrels


def halves(qrels: Qrels) -> tuple[Qrels, Qrels]:
    """The questions in two equal parts, by a hash."""
    order = sorted(qrels, key=stable_hash)
    return {q: qrels[q] for q in order[::2]}, {q: qrels[q] for q in order[1::2]}


def of_folder(name: str) -> Questions:
    """A set in BEIR's layout."""
    data = datasets.load(DATA / name)
    good = {part: {q: row for q, row in rows.items() if max(row.values()) > 0} for part, rows in data.qrels.items()}
    if good.get("train"):
        chosen = sorted(good["train"], key=stable_hash)[:DEV]
        dev, test = {q: good["train"][q] for q in chosen}, good["test"]
    else:
        dev, test = halves(good["test"])
    asked = {q: data.queries[q].text for q in (*dev, *test)}
    return Questions({each.id: each.content for each in data.corpus}, asked, dev, test)


def covidqa() -> Questions:
    """Paraphrased questions; the documents are the questions of the FAQ with their answers."""
    with (DATA / "covidqa_faq" / "faq_covidbert.csv").open(encoding="utf-8") as lines:
        answers = {row["question"]: row["answer"] for row in csv.DictReader(lines)}
    with (DATA / "covidqa_faq" / "eval_question_similarity_en.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["similar"] == "1"]
    documents = {row["question_1"]: f"{row['question_1']} {answers.get(row['question_1'], '')}" for row in rows}
    asked = {f"q{number}": row["question_2"] for number, row in enumerate(rows)}
    qrels = {f"q{number}": {row["question_1"]: 1} for number, row in enumerate(rows)}
    return Questions(documents, asked, *halves(qrels))


def bank_questions() -> list[str]:
    """Every tenth question of banking77, which no set here answers."""
    with (DATA / "banking77" / "test.csv").open(encoding="utf-8") as lines:
        return [row["text"] for row in csv.DictReader(lines)][::10]


SETS = {"covidqa": covidqa, "medquad": lambda: of_folder("medquad_liveqa"), "scifact": lambda: of_folder("scifact")}


@dataclass(frozen=True)
class Asked:
    """(2 n, signals) of n questions, first with their documents, then without; and the same reranked."""

    signals: np.ndarray
    reranked: np.ndarray

    @property
    def gold(self) -> np.ndarray:
        """(2 n,) whether the documents answer."""
        return np.arange(len(self.signals)) < len(self.signals) // 2

    def best(self, values: np.ndarray) -> BestScores:
        """Values of both halves."""
        return BestScores(values[self.gold], values[~self.gold])


class Signals:
    """What is known of a question's results."""

    def __init__(self, documents: Mapping[str, str], reranker: Reranker | None) -> None:
        self.names, self.texts = list(documents), list(documents.values())
        self.words = [set(WORD.findall(text.lower())) for text in self.texts]
        self.counts = Counter(word for words in self.words for word in words)
        self.reranker = reranker

    def of(self, question: str, rows: np.ndarray, scores: np.ndarray) -> tuple[list[float], float]:
        """Best score, distance to the next nine, share of the question's words in the best document; reranked best."""
        asked = set(WORD.findall(question.lower()))
        rarity = {word: float(np.log1p(len(self.texts) / (1 + self.counts[word]))) for word in asked}
        have = sum(weight for word, weight in rarity.items() if word in self.words[rows[0]])
        gap = float(scores[0] - scores[1:SHOWN].mean())
        best = float("nan")
        if self.reranker is not None:
            best = max(self.reranker([(question, self.texts[row]) for row in rows[:RERANKED]]))
        return [float(scores[0]), gap, have / (sum(rarity.values()) or 1.0)], best


def asked_of(data: Questions, qrels: Qrels, signals: Signals, vectors: np.ndarray, corpus: np.ndarray) -> Asked:
    """The signals of each question, with and without its documents."""
    best = TopK(vectors, min(DEPTH, len(corpus)))
    best.add(corpus)
    found = best.neighbours()
    both: list[list[tuple[list[float], float]]] = [[], []]
    for at, (name, row) in enumerate(qrels.items()):
        relevant = {document for document, grade in row.items() if grade > 0}
        others = np.array([signals.names[place] not in relevant for place in found.rows[at]])
        for half, mask in zip(both, (np.ones_like(others), others), strict=True):
            half.append(signals.of(data.questions[name], found.rows[at][mask], found.scores[at][mask]))
    whole = [*both[0], *both[1]]
    return Asked(np.array([one for one, _ in whole]), np.array([one for _, one in whole]))


def best_f1(data: Questions, vectors: np.ndarray, corpus: np.ndarray) -> float:
    """The threshold over single answers, on dev."""
    names = list(data.documents)
    best = TopK(vectors, SHOWN)
    best.add(corpus)
    found = best.neighbours()
    right = [
        data.dev[query].get(names[row], 0) > 0 for query, rows in zip(data.dev, found.rows, strict=True) for row in rows
    ]
    wanted = sum(grade > 0 for row in data.dev.values() for grade in row.values())
    return find_cuts(found.scores.ravel().astype(np.float64), np.array(right), wanted)["best-f1"].score


def measured(data: Questions, model: str, reranker: Reranker | None, work: Path) -> dict[str, Any]:
    """What each floor does on test."""
    encoder = VectorStore(work, ROOM).over(load_encoder(model))
    corpus = encoder.encode(list(data.documents.values())).vectors
    signals = Signals(data.documents, reranker)
    parts = {}
    for name, qrels in (("dev", data.dev), ("test", data.test)):
        vectors = encoder.encode([data.questions[query] for query in qrels], "query").vectors
        parts[name] = asked_of(data, qrels, signals, vectors, corpus), vectors
    (dev, dev_vectors), (test, _) = parts["dev"], parts["test"]
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(dev.signals, dev.gold)
    ways = {
        "answerable": (dev.signals[:, 0], test.signals[:, 0]),
        "signals": (fitted.decision_function(dev.signals), fitted.decision_function(test.signals)),
    }
    if reranker is not None:
        ways["reranked"] = (dev.reranked, test.reranked)
    foreign = encoder.encode(bank_questions(), "query").vectors
    strange = (foreign @ corpus.T).max(axis=1)
    rows: dict[str, Any] = {}
    for name, (on, values) in ways.items():
        floor = answerable_floor(dev.best(on))
        assert floor is not None
        judged = asdict(judged_floor(test.best(values), floor.score))
        rows[name] = {**judged, "auroc": float(roc_auc_score(test.gold, values))}
    cut = best_f1(data, dev_vectors, corpus)
    rows["best-f1"] = asdict(judged_floor(test.best(test.signals[:, 0]), cut))
    for name in ("answerable", "best-f1"):
        rows[name]["foreign_refused"] = float((strange < rows[name]["score"]).mean())
    return {"documents": len(data.documents), "dev": len(data.dev), "test": len(data.test), "ways": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--reranker", default="")
    parser.add_argument("--work", default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    reranker = None
    if given.reranker:
        from semtune.encoders.cross_encoder_onnx import open_reranker

        reranker = open_reranker(given.reranker)
    with tempfile.TemporaryDirectory() as name:
        work = Path(given.work or name)
        found = {each: measured(SETS[each](), given.model, reranker, work) for each in given.sets.split(",")}
    facts = {"what": "questions kept and refused by a floor", "model": given.model, "reranker": given.reranker}
    publish("uses_answerability", {**facts, "sets": found})


if __name__ == "__main__":
    main()
