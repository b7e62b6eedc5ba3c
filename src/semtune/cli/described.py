"""A data set in a few values, for `semtune info`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from semtune.prepare.drop_log import by_reason
from semtune.types import SPLITS

if TYPE_CHECKING:
    from semtune.dataset import Dataset


def describe_dataset(found: Dataset) -> dict[str, Any]:
    """What a data set holds, by its files, and how it was made, by its report; the whole report comes last.

    `lengths` are in tokens of the backbone's tokenizer; `settings` are those that differ from the defaults.
    """
    report = found.report
    tokens = report.get("tokens", {})
    leaks = report.get("leaks", {})
    return {
        "task": _task(found),
        "source": report.get("kind", "unknown"),
        "counts": {
            "corpus": len(found.corpus),
            "queries": len(found.queries),
            "rows": {split: len(rows) for split, (_, rows) in _rows(found).items()},
            "judged queries": {split: len(qrels) for split, qrels in found.qrels.items()},
        },
        "columns": {split: columns for split, (columns, _) in _rows(found).items()},
        "lengths": {
            name: {key: spread[key] for key in ("median", "p95", "max", "truncated")}
            for name in ("documents", "queries")
            if (spread := tokens.get(name)) and spread["max"]
        },
        "limit": tokens.get("limit"),
        "languages": report.get("languages", {}),
        "leaks": {name: leaks[name] for name in ("held_out", "found", "removed") if name in leaks},
        "left out": by_reason(report.get("dropped", {})),
        "settings": _chosen(report.get("settings", {})),
        "seed": report.get("seed"),
        "warnings": report.get("warnings", []),
        "report": report,
    }


def _task(found: Dataset) -> str:
    if found.scored:
        return "similarity"
    return "classification" if found.labelled_pairs or found.labelled_texts else "retrieval"


def _rows(found: Dataset) -> dict[str, tuple[list[str], Sequence[Any]]]:
    """The rows of each split and what their columns are."""
    rows: dict[str, tuple[list[str], Sequence[Any]]] = {}
    for split in SPLITS:
        if pairs := found.pairs.get(split):
            negatives = [f"negative_{number}" for number in range(1, len(pairs[0].negatives) + 1)]
            rows[split] = ["anchor", "positive", *negatives], pairs
        for columns, parts in (
            (["sentence1", "sentence2", "score"], found.scored),
            (["sentence1", "sentence2", "label"], found.labelled_pairs),
            (["text", "label"], found.labelled_texts),
        ):
            if split in parts:
                rows[split] = columns, parts[split]
        if split in found.pairs and split not in rows:
            rows[split] = [], []
    return rows


def _chosen(settings: dict[str, Any]) -> dict[str, Any]:
    from semtune.prepare.settings import PrepareSettings

    usual = PrepareSettings().facts()
    return {name: value for name, value in settings.items() if name not in usual or _plain(usual[name]) != value}


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value
