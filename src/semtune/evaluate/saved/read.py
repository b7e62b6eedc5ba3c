"""Writes and reads the values per query of an evaluation, so that it can be compared later.

metrics.json      what was measured, on which data (by hash), the verdict
per_query.jsonl   {"id", "tuned": {"ndcg@10": ...}, "base": {...}}, one line per query or pair
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from semtune import formats
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.result import KINDS, STATISTICS, Scores
from semtune.io import read_json, read_jsonl, write_jsonl
from semtune.types import Split

METRICS, PER_QUERY, STEP = "metrics.json", "per_query.jsonl", "evaluate"
TOGETHER = ("similarities", "gold")  # of the kinds whose metric is a statistic of all pairs


@dataclass(frozen=True, slots=True, eq=False)
class SavedEvaluation:
    """A saved evaluation: the model's result and its data."""

    folder: Path
    scores: Scores
    data: Mapping[str, str]
    interval: tuple[float, float]


def identify(dataset: Dataset, split: Split, name: str) -> dict[str, str]:
    """The data of an evaluation: a name for people, the split, and a hash of its texts and labels.

    The order of rows and files does not affect the hash.
    """
    hashed = hashlib.sha256()
    for part in _judged(dataset, split):
        for line in sorted(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in part):
            hashed.update(line.encode("utf-8", "surrogatepass") + b"\n")
        hashed.update(b"\0")
    return {"name": name, "split": split, "sha256": hashed.hexdigest()}


def _judged(dataset: Dataset, split: Split) -> Iterator[list[Any]]:
    qrels = dataset.qrels.get(split) or {}
    yield [[query, row] for query, row in qrels.items()]
    yield [[document.id, document.content] for document in dataset.corpus] if qrels else []
    yield [[query, dataset.queries[query].text] for query in qrels if query in dataset.queries]
    for rows in (dataset.scored, dataset.labelled_pairs, dataset.labelled_texts, dataset.parallel):
        yield [asdict(row) for row in rows.get(split) or []]
    labelled = bool(dataset.labelled_texts.get(split))  # few-shot also uses those of train
    yield [asdict(row) for row in dataset.labelled_texts.get("train", [])] if labelled else []
    yield [asdict(row) for row in dataset.pairs.get(split, [])] if not qrels else []


def write_per_query(path: Path, systems: Mapping[str, Scores]) -> None:
    """Write the values of every system for each query or pair."""
    columns = {name: _columns(scores) for name, scores in systems.items()}
    tuned = systems["tuned"]
    ids = tuned.query_ids or tuple(map(str, range(tuned.n)))
    same = [name for name, scores in systems.items() if scores.n == tuned.n]
    write_jsonl(
        path,
        (
            {"id": id_, **{name: {key: _plain(values[row]) for key, values in columns[name].items()} for name in same}}
            for row, id_ in enumerate(ids)
        ),
    )


def read_saved(path: Path) -> SavedEvaluation:
    """Read an evaluation: the folder that `semtune evaluate -o` wrote, or a run.

    Raises:
        InputError: there is none, or it has no values per query.
    """
    folder = path if (path / METRICS).is_file() else path / STEP
    if not (folder / METRICS).is_file():
        raise InputError(
            f"{path} is not an evaluation: it has no {METRICS}. Give a run whose evaluate step has finished, or a "
            "folder written by `semtune evaluate MODEL DATASET -o FOLDER`."
        )
    values = read_json(folder / METRICS)
    if not isinstance(values, dict):
        raise InputError(f"{folder / METRICS} is damaged: it is not a JSON object. Evaluate again.")
    values = formats.EVALUATION.read(values, folder / METRICS).values
    if not values.get("data") or not (folder / PER_QUERY).is_file():
        raise InputError(
            f"{folder} has no {PER_QUERY}, or does not say what it was measured on. Evaluate again: "
            "`semtune evaluate MODEL DATASET -o FOLDER`."
        )
    if values.get("kind") == "mining":
        raise InputError(f"{folder} is of paraphrase mining, whose pairs are not saved. Use --against MODEL.")
    try:
        data = {key: str(values["data"][key]) for key in ("name", "split", "sha256")}
        if values["kind"] not in KINDS:
            raise ValueError(f"kind {values['kind']!r}")
        scores = _scores(values, list(read_jsonl(folder / PER_QUERY)))
        low, high = (_number(bound) for bound in values["intervals"]["tuned"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder} is damaged: {METRICS} and {PER_QUERY} do not fit together ({error!r}).") from None
    return SavedEvaluation(folder, scores, data, (low, high))


def is_saved_evaluation(path: Path) -> bool:
    """Whether a folder was written by `semtune evaluate -o`."""
    return (path / METRICS).is_file()


def _scores(values: Mapping[str, Any], rows: list[dict[str, Any]]) -> Scores:
    identity = values["models"]["tuned"]
    empty = Scores(
        kind=values["kind"],
        model=identity["model"],
        fingerprint=identity["fingerprint"],
        runtime=identity["runtime"],
        metrics={name: _number(value) for name, value in values["systems"]["tuned"].items()},
        query_ids=tuple(row["id"] for row in rows),
        counts=values["counts"],
        truncated=values["truncated"]["tuned"],
        not_finite=identity["not_finite"],
        seconds=identity["seconds"],
        collapsed=bool(identity["broken"]),
    )
    if len(rows) != values["n_queries"]:
        raise ValueError(f"{len(rows)} lines for {values['n_queries']} {empty.unit()}")
    columns = {
        key: np.array([_number(row["tuned"][key]) for row in rows]) for key in (rows[0]["tuned"] if rows else ())
    }
    if empty.main not in empty.metrics or (empty.kind not in STATISTICS and empty.main not in columns):
        raise KeyError(empty.main)
    if empty.kind in STATISTICS:
        return replace(empty, similarities=columns["similarities"], gold=columns["gold"])
    return replace(empty, per_query=columns)


def aligned(kept: Scores, like: Scores, name: str, other: str) -> Scores:
    """A saved result with its items in the order of another result on the same data and task.

    Args:
        kept: the saved result.
        like: the result with the right order.
        name, other: their names for messages.

    Raises:
        InputError: their items differ.
    """
    if kept.query_ids == like.query_ids:
        return kept
    place = {id_: row for row, id_ in enumerate(kept.query_ids)}
    if len(kept.query_ids) != len(like.query_ids) or place.keys() != set(like.query_ids):
        raise InputError(
            f"The {kept.unit()} of {name} and {other} differ although their data are the same: another version of "
            "Semtune saved them. Measure again: `semtune evaluate MODEL DATASET -o FOLDER`."
        )
    rows = [place[id_] for id_ in like.query_ids]

    def ordered(values: Any) -> Any:
        return values[rows] if len(values) == len(rows) else values

    return replace(
        kept,
        query_ids=like.query_ids,
        per_query={metric: ordered(values) for metric, values in kept.per_query.items()},
        similarities=ordered(kept.similarities),
        gold=ordered(kept.gold),
    )


def _columns(scores: Scores) -> dict[str, Any]:
    """Name → (n,) values: the metrics per query, or else the cosines and human scores."""
    if scores.kind in STATISTICS:
        return {name: getattr(scores, name) for name in TOGETHER}
    return {name: values for name, values in scores.per_query.items() if len(values) == scores.n}


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a number")
    return float("nan") if value is None else float(value)
