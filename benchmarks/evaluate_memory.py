"""Memory of an evaluation beyond the model: 113,230 passages, base, BM25, hybrid, index, report.

The passages are debian_docs of ../shared/data or $SEMTUNE_DATA; the queries are their own first words, with the passage
as the answer. The encoder is a table of random vectors by hashed word, 384 dimensions, so that what is measured is the
evaluation. Each part's number is the highest memory of the process up to its end, less that before the data was read.

python benchmarks/evaluate_memory.py [--queries 5000] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from timing import publish

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.recorder import ObservedEncoder, VectorRecorder
from semtune.evaluate.report.further_results import FurtherResults, charts
from semtune.evaluate.report.page import write_report
from semtune.evaluate.retrieval.bm25 import score_bm25
from semtune.evaluate.retrieval.exact_search import tie_order
from semtune.evaluate.retrieval.hybrid import score_hybrid
from semtune.evaluate.saved.write import write_files
from semtune.evaluate.scores import score
from semtune.evaluate.serving.calibration import calibrate
from semtune.evaluate.serving.index_stage import index_in_memory
from semtune.evaluate.two_splits import score_two_splits
from semtune.evaluate.verdict.outcome import conclude
from semtune.progress import Progress
from semtune.types import Document, Encoded, Query, Role

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
DIMENSION, TABLE = 384, 8192


class Hashed:
    """The mean of random vectors by hashed word: as wide as MiniLM's, and costing next to nothing."""

    runtime = "hashed"

    def __init__(self, seed: int) -> None:
        self.contract = replace(ToyEncoder(DIMENSION, salt=str(seed)).contract, name=f"hashed-{seed}")
        self._table = np.random.default_rng(seed).standard_normal((TABLE, DIMENSION)).astype(np.float32)

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:  # noqa: ARG002 - Protocol
        """Embed `texts`, (n,) → (n, 384) float32."""
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            words = [zlib.crc32(word.encode()) % TABLE for word in text.lower().split()[:64]] or [0]
            vectors[row] = self._table[words].sum(axis=0)
        return Encoded(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), 0, 0)


def main() -> None:
    """Measure part by part and publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    before = peak()
    parts: dict[str, int] = {}

    def done(part: str) -> None:
        parts[part] = round(peak() - before)
        print(part, parts[part], "MB", file=sys.stderr, flush=True)

    data = read(asked.queries)
    done("data")
    tuned_encoder, base_encoder = Hashed(0), Hashed(1)
    both = score_two_splits(tuned_encoder, data, "test", "dev")
    done("tuned, test and dev")
    base = score(base_encoder, data, "test")
    done("base")
    bm25 = score_bm25(data, "test")
    done("BM25")
    hybrid = score_hybrid(both["test"], bm25, data.qrels["test"])
    done("hybrid")
    outcome = conclude(both["test"], {"base": base, "bm25": bm25, "hybrid": hybrid})
    done("intervals and tests")
    calibrated = calibrate(both["dev"], data, "dev")
    with tempfile.TemporaryDirectory() as name:
        maps = charts({"tuned": tuned_encoder, "base": base_encoder}, data, "test")
        write_report(
            Path(name) / "report.html", outcome, data, "test", extras=FurtherResults(maps, calibrated=calibrated)
        )
        write_files(Path(name), outcome)
    done("report and files")
    record = VectorRecorder(len(data.corpus), DIMENSION)
    score(ObservedEncoder(tuned_encoder, record.add), data, "test")
    index = index_in_memory(record.documents, tie_order(data.corpus), "hashed")
    index.vectors.search(record.queries, 100)
    done("index, HNSW")
    queries = f"{asked.queries:,} test and {asked.queries // 5:,} dev queries"
    what = f"{len(data.corpus):,} passages, {queries}, {DIMENSION} dimensions"
    publish("evaluate_memory", {"what": what, "peak_mb": parts})


def peak() -> float:
    """The highest memory that the process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(count: int) -> Dataset:
    """The passages, with `count` queries for test and a fifth as many for dev."""
    with gzip.open(DATA / "debian_docs" / "passages.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        corpus = [Document(str(row["_id"]), row["text"], row.get("title") or "") for row in rows]
    chosen = np.random.default_rng(0).choice(len(corpus), count + count // 5, replace=False)
    queries, qrels = {}, {"test": {}, "dev": {}}
    for number, row in enumerate(chosen.tolist()):
        name = f"q{number}"
        queries[name] = Query(name, " ".join(corpus[row].text.split()[:6]))
        qrels["test" if number < count else "dev"][name] = {corpus[row].id: 1}
    return Dataset(corpus=corpus, queries=queries, qrels=qrels)


if __name__ == "__main__":
    main()
