"""Does mteb run a model folder as it is, and find what `semtune evaluate` finds?

A part of SciFact (all test queries; the judged passages and others up to --passages) is written as one folder in mteb's
tables: mteb reads it as an own task, Semtune as a source. Needs `pip install mteb`, which Semtune itself does not.
python benchmarks/mteb_interop.py MODEL_FOLDER [MODEL_FOLDER ...] [--passages 600] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import mteb
from datasets import Dataset as Table
from mine import DATA, capped
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from sentence_transformers import SentenceTransformer
from timing import publish

from semtune.encoders.load import load_encoder
from semtune.evaluate.scores import score
from semtune.hub import resolve_model
from semtune.prepare.build.for_evaluation import load_for_evaluation


class OwnTask(AbsTaskRetrieval):
    """A folder in mteb's tables; set `path` before use."""

    metadata = TaskMetadata(
        name="OwnTask", description="A part of SciFact.", dataset={"path": "own", "revision": "1"}, type="Retrieval",
        category="t2t", eval_splits=["test"], eval_langs=["eng-Latn"], main_score="ndcg_at_10", date=None,
        reference=None, domains=None, task_subtypes=None, license=None, annotations_creators=None, dialect=None,
        sample_creation=None, bibtex_citation=None,
    )  # fmt: skip
    path = Path()

    def load_data(self, **_: Any) -> None:
        """Read the tables."""
        corpus, queries = (Table.from_parquet(str(self.path / name / "test.parquet")) for name in ("corpus", "queries"))
        judged: dict[str, dict[str, int]] = {}
        for row in Table.from_parquet(str(self.path / "qrels" / "test.parquet")).to_list():
            judged.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
        part = {"corpus": corpus, "queries": queries, "relevant_docs": judged, "top_ranked": None}
        self.dataset = {"default": {"test": part}}
        self.data_loaded = True


def write_tables(folder: Path, passages: int) -> None:
    """A part of SciFact."""
    data = load_for_evaluation(DATA / "scifact")
    rows = {
        "corpus": [{"id": d.id, "title": d.title, "text": d.text} for d in capped(data, passages)],
        "queries": [{"id": q, "text": data.queries[q].text} for q in data.qrels["test"]],
        "qrels": [
            {"query-id": q, "corpus-id": d, "score": grade}
            for q, row in data.qrels["test"].items() for d, grade in row.items()
        ],
    }  # fmt: skip
    for name, found in rows.items():
        (folder / name).mkdir()
        Table.from_list(found).to_parquet(str(folder / name / "test.parquet"))


def measure(model: str, folder: Path) -> dict[str, float]:
    """nDCG@10 by mteb, which is given the folder as sentence-transformers opens it, and by Semtune on torch in fp32."""
    place = resolve_model(model)
    task = OwnTask()
    task.path = folder
    result = mteb.evaluate(SentenceTransformer(str(place), device="cpu"), task, cache=None, show_progress_bar=False)
    theirs = result.task_results[0].scores["test"][0]
    ours = score(load_encoder(str(place), "torch"), load_for_evaluation(folder)).metrics
    return {"mteb": round(theirs["ndcg_at_10"], 5), "Semtune": round(ours["ndcg@10"], 5)}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--passages", type=int, default=600)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_tables(Path(name), options.passages)
        found = {Path(model).name: measure(model, Path(name)) for model in options.models}
    publish(
        "mteb",
        {
            "what": f"SciFact, 300 queries, {options.passages} passages, nDCG@10",
            "mteb": mteb.__version__,
            "models": found,
        },
    )


if __name__ == "__main__":
    main()
