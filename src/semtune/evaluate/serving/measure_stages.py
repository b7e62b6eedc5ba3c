"""Measures the existing stages of a model, each with its runtime; see `semtune.evaluate.serving.stages`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semtune.dataset import Dataset
from semtune.encoders.load import load_encoder, model_bytes
from semtune.encoders.speed import latencies, texts_a_second
from semtune.errors import MissingExtraError, ModelError
from semtune.evaluate.recorder import ObservedEncoder, VectorRecorder
from semtune.evaluate.report.further_results import READ, asked_texts, read_texts
from semtune.evaluate.result import Scores
from semtune.evaluate.retrieval.exact_search import DEPTH, tie_order
from semtune.evaluate.scores import retrieval_scores, score
from semtune.evaluate.serving.index_stage import ServedIndex, index_in_memory, open_index_of_corpus
from semtune.evaluate.serving.stages import FP32, INDEX, INT8, OPENVINO, TORCH, Stage, Stages, change
from semtune.hub import resolve_model
from semtune.metrics import depth_of
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Query, Run, Split

RUNTIMES: dict[str, str] = {TORCH: "torch", FP32: "onnx", OPENVINO: "openvino", INT8: "onnx-int8"}
TOP = 10  # documents per query when search is timed
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class StageTestSet:
    """The data that stages are measured on; fields as the arguments of `score`."""

    dataset: Dataset
    split: Split = "test"
    task: str | None = None
    at: Sequence[int] = ()
    seed: int = 0


def measure_stages(
    model: str, test: StageTestSet, index: Path | None = None, served: str = "auto", progress: Progress = QUIET
) -> Stages:
    """Measure every stage that exists.

    Args:
        model: as in `load_encoder`; in a run folder, torch uses the tuned model and the graphs the exported one.
        test: the data to measure on.
        index: an index of the test's corpus, or a run with one; None: build one in memory.
        served: the runtime whose vectors are indexed if no index is given; "auto" as in `load_encoder`.
        progress: shows the encoding.

    Raises:
        ModelError: no stage can be measured, or the one for serving cannot.
        InputError: the index has another corpus.
        ContractError: the index was built with another model.
    """
    encoders, missing = _open(model)
    main = _served(encoders, missing, served)
    given = open_index_of_corpus(index, encoders[main].contract, test.dataset) if index is not None else None
    if given is not None:
        main = next((name for name, encoder in encoders.items() if encoder.runtime == given.runtime), main)
    record = VectorRecorder(len(test.dataset.corpus) if given is None else 0, encoders[main].contract.dimension)
    observed = encoders | {main: ObservedEncoder(encoders[main], record.add)}
    how = (test.split, progress, test.task, test.at, test.seed)
    scores = {name: score(encoder, test.dataset, *how) for name, encoder in observed.items()}
    index_of = None
    if scores[main].kind == "retrieval":
        index_of = given or index_in_memory(
            record.documents, tie_order(test.dataset.corpus), encoders[main].runtime, record.queries
        )
        scores[INDEX] = _searched(index_of, record, scores[main], test)
    else:
        missing[INDEX] = f"a test of {scores[main].unit()} does not use an index"
    try:
        return Stages(
            _rows(scores, encoders, main, index_of, test, resolve_model(model), resolve_model(model, serving=True)),
            missing,
        )
    finally:
        if index_of is not None:
            index_of.vectors.close()


def _open(model: str) -> tuple[dict[str, Encoder], dict[str, str]]:
    """The encoders of one model by stage, and why others are missing."""
    found: dict[str, Encoder] = {}
    missing: dict[str, str] = {}
    for name, runtime in RUNTIMES.items():
        try:
            encoder = load_encoder(model, runtime)
        except (ModelError, MissingExtraError) as error:
            missing[name] = str(error)
            continue
        if encoder.runtime.startswith("static") and "static" in found:
            continue
        first = next(iter(found.values()), encoder)
        if first.contract.fingerprint != encoder.contract.fingerprint:
            missing[name] = f"it was exported from other weights than {model} has now. Export again"
        else:
            found["static" if encoder.runtime.startswith("static") else name] = encoder
    if not found:
        raise ModelError(f"No stage of {model} can be measured. {' '.join(missing.values())}")
    return found, missing


def _served(encoders: dict[str, Encoder], missing: dict[str, str], served: str) -> str:
    """The stage whose vectors are indexed."""
    if served != "auto":
        wanted = (
            "static"
            if served == "onnx" and "static" in encoders
            else next(n for n, r in RUNTIMES.items() if r == served)
        )
        if wanted not in encoders:
            raise ModelError(missing[wanted])
        return wanted
    return next(name for name in (FP32, "static", TORCH, INT8) if name in encoders)


def _searched(index: ServedIndex, record: VectorRecorder, exact: Scores, test: StageTestSet) -> Scores:
    """The result of searching the index with the query vectors of the exact search."""
    names = tuple(exact.per_query)
    found = index.vectors.search(record.queries, min(max(DEPTH, depth_of(names)), len(index.ids)))
    run: Run = {
        query: {index.ids[int(row)]: float(value) for row, value in zip(rows, values, strict=True) if row >= 0}
        for query, rows, values in zip(exact.query_ids, found.rows, found.scores, strict=True)
    }
    qrels = test.dataset.qrels[test.split]
    queries = [Query(query, "") for query in exact.query_ids]
    return retrieval_scores(
        exact.model, qrels, queries, run, exact.counts, fingerprint=exact.fingerprint,
        runtime=f"{exact.runtime} + {index.kind}", truncated=exact.truncated, not_finite=exact.not_finite, names=names,
    )  # fmt: skip


def _rows(
    scores: dict[str, Scores],
    encoders: dict[str, Encoder],
    main: str,
    index: ServedIndex | None,
    test: StageTestSet,
    tuned: Path,
    served: Path,
) -> list[Stage]:
    queries = asked_texts(test.dataset, scores[main])
    texts = read_texts(test.dataset) or queries[:READ]
    bulk = dict(zip(encoders, texts_a_second(list(encoders.values()), texts), strict=True))
    asks: dict[str, Callable[[str], object]] = {name: _asking(encoder) for name, encoder in encoders.items()}
    if index is not None:
        asks[INDEX] = _searching(encoders[main], index)
    waits = dict(zip(asks, latencies(list(asks.values()), queries), strict=True))
    before = {FP32: TORCH, OPENVINO: FP32, INT8: FP32, "static": TORCH, INDEX: main}
    rows = []
    for name in (TORCH, FP32, "static", OPENVINO, INT8, INDEX):
        if name in scores:
            against = before.get(name, "") if before.get(name, "") in scores else ""
            rows.append(
                Stage(
                    name=name,
                    scores=scores[name],
                    against=against,
                    change=change(scores[name], scores[against], test.seed) if against else None,
                    texts_per_second=bulk.get(name, NAN),
                    latency=waits[name],
                    bytes=index.bytes
                    if name == INDEX and index
                    else model_bytes(tuned if name == TORCH else served, encoders[name].runtime),
                    detail=index.kind if name == INDEX and index else "",
                )
            )
    return rows


def _asking(encoder: Encoder) -> Callable[[str], object]:
    return lambda query: encoder.encode([query], "query")


def _searching(encoder: Encoder, index: ServedIndex) -> Callable[[str], object]:
    return lambda query: index.vectors.search(encoder.encode([query], "query").vectors, min(TOP, len(index.ids)))
