"""What a query student is worth: the quality it keeps beside its teacher's documents, and the time of one query."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.encoders.load import load_encoder
from semtune.encoders.speed import QUERIES, latencies
from semtune.encoders.wrapped import CachingEncoder
from semtune.errors import SemtuneError
from semtune.evaluate.scores import score
from semtune.evaluate.student_quality import compare_with_teacher
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Encoded, Role, Split

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.train.distil.job import DistillationJob

MEASURED: tuple[tuple[Split, str], ...] = (("dev", "dev_quality"), ("test", "quality"))


class PairedEncoder:
    """One encoder for queries, another for documents."""

    def __init__(self, queries: Encoder, documents: Encoder) -> None:
        self.contract, self.runtime = queries.contract, queries.runtime
        self._parts: dict[Role, Encoder] = {"query": queries, "document": documents}

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        return self._parts[role].encode(texts, role, progress)


def measure_query_student(
    job: DistillationJob,
    query: Path,
    weights: Callable[[Path], int],
    rows: Dataset | None,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """The quality kept on dev and test, the time of one query, and the size of the query part.

    Args:
        job: of the teacher.
        query: the student's folder.
        weights: gives the bytes of a folder's weights.
        rows: the data set.
        seed: of the bootstrap.
        progress: shows the encoding; documents are embedded once, by the teacher.
    """
    facts: dict[str, Any] = {"dev_quality": None, "one_query": None}
    sizes = {"teacher": weights(job.teacher), "query": weights(query)}
    facts["bytes"] = {**sizes, "student": sum(sizes.values())}
    if rows is None:
        return facts
    teacher = CachingEncoder(load_encoder(str(job.teacher), exact=True))
    student = PairedEncoder(load_encoder(str(query), exact=True), teacher)
    for split, name in MEASURED:
        if rows.qrels.get(split) or rows.scored.get(split):
            scores = {
                who: score(encoder, rows, split, progress)
                for who, encoder in (("teacher", teacher), ("student", student))
            }
            facts[name] = compare_with_teacher(scores["student"], scores["teacher"], seed).as_dict()
            facts["metrics"] = {who: dict(found.metrics) for who, found in scores.items()}
    if asked := _timing_queries(rows):
        facts |= time_one_query(job.teacher, query, asked, progress)
    return facts


def _timing_queries(rows: Dataset) -> list[str]:
    """Questions as they are asked: those of test, else of dev or train, else headings."""
    for split in ("test", "dev", "train"):
        found = [rows.queries[query].text for query in rows.qrels.get(split, {}) if query in rows.queries]
        found = found or [pair.anchor for pair in rows.pairs.get(split, [])]
        if found := found or [pair.sentence1 for pair in rows.scored.get(split, [])]:
            return found
    return [document.title or document.text for document in rows.corpus]


def time_one_query(teacher: Path, query: Path, asked: Sequence[str], progress: Progress) -> dict[str, Any]:
    """Milliseconds of one query with each model, in turns, as both are served: from their graphs in fp32."""
    with tempfile.TemporaryDirectory(prefix="semtune-") as name:
        encoders = _served({"teacher": teacher, "student": query}, Path(name), progress)
        found = latencies([lambda text, at=encoder: at.encode([text], "query") for encoder in encoders.values()], asked)
    taken = dict(zip(encoders, found, strict=True))
    one_query: dict[str, Any] = {who: asdict(latency) for who, latency in taken.items()}
    one_query |= {"ratio": taken["teacher"].p50 / taken["student"].p50, "queries": min(QUERIES, len(asked))}
    return {"one_query": one_query, "runtimes": {who: encoder.runtime for who, encoder in encoders.items()}}


def _served(folders: dict[str, Path], scratch: Path, progress: Progress) -> dict[str, Encoder]:
    """Both from a graph or a table; both as they are where one cannot be exported, so that the times compare."""
    from semtune import contract as contracts
    from semtune.export.step import serving_folder
    from semtune.step import ModelRef

    try:
        refs = {who: ModelRef(who, at, contracts.load(at)) for who, at in folders.items()}
        return {who: load_encoder(str(serving_folder(ref, scratch, progress)), exact=True) for who, ref in refs.items()}
    except SemtuneError:
        return {who: load_encoder(str(at), exact=True) for who, at in folders.items()}
