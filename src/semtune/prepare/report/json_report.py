"""The report of preparing a data set as JSON: counts, what was dropped and why, lengths in tokens, leaks, warnings."""

from __future__ import annotations

from typing import Any

from semtune.dataset import Dataset
from semtune.languages.identify import mix
from semtune.prepare.drop_log import Tally
from semtune.prepare.passages.chunk import TokenCounter, count_tokens
from semtune.prepare.passages.token_cache import TokenLengthCache
from semtune.prepare.questions.supervision import by_source, source_of
from semtune.prepare.report.lengths import spread
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.leaks import LeakReport
from semtune.progress import QUIET, Progress
from semtune.text import key, stable_hash
from semtune.types import SPLITS, ScoredPair, SentencePair

SAMPLES = 5
FEW_QUERIES = 50  # with fewer, a paired test can rarely tell a real gain from chance
REMOVED = ("training label:", "training row:")  # reasons with these beginnings are leaks that were removed


def write_report(
    dataset: Dataset,
    kind: str,
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
    seed: int,
    tally: Tally,
    found: LeakReport,
    progress: Progress = QUIET,
) -> dict[str, Any]:
    """Put the report together, and warn about a test split that is small and about documents that are cut."""
    tokens = _tokens(dataset, tokenizer, limit, progress)
    _warn(dataset, tokens, tally)
    removed = sum(entry["count"] for reason, entry in tally.dropped.items() if reason.startswith(REMOVED))
    return {
        "kind": kind,
        "counts": {**tally.counts, **sizes(dataset)},
        "dropped": tally.dropped,
        "alike": tally.alike,
        "tokens": tokens,
        "languages": _languages(dataset),
        "leaks": {"checked": True, "removed": removed, **found.as_dict()},
        "warnings": tally.warnings,
        "settings": settings.facts(),
        "seed": seed,
        "sample": _sample(dataset, seed),
    }


def sizes(dataset: Dataset) -> dict[str, Any]:
    """How many passages, questions, labels and rows a data set holds, by split."""
    return {
        "passages": len(dataset.corpus),
        "documents to index": len(dataset.to_index),
        "queries": {split: len(dataset.qrels[split]) for split in SPLITS if split in dataset.qrels},
        "labels": {split: sum(map(len, dataset.qrels[split].values())) for split in SPLITS if split in dataset.qrels},
        "pairs": {split: len(dataset.pairs[split]) for split in SPLITS if split in dataset.pairs},
        "scored pairs": {split: len(dataset.scored[split]) for split in SPLITS if split in dataset.scored},
        **(
            {"labelled pairs": labelled}
            if (labelled := {s: len(rows) for s, rows in dataset.labelled_pairs.items()})
            else {}
        ),
        **_classes(dataset),
        **({"questions by source": asked} if (asked := by_source(dataset)) else {}),
    }


def _classes(dataset: Dataset) -> dict[str, Any]:
    texts = {split: dataset.labelled_texts[split] for split in SPLITS if split in dataset.labelled_texts}
    if not texts:
        return {}
    return {
        "texts with classes": {split: len(rows) for split, rows in texts.items()},
        "classes": {split: len({row.label for row in rows}) for split, rows in texts.items()},
    }


def _tokens(dataset: Dataset, tokenizer: TokenCounter, limit: int, progress: Progress) -> dict[str, Any]:
    counted = tokenizer if isinstance(tokenizer, TokenLengthCache) else TokenLengthCache(tokenizer)
    queries = [query.text for query in dataset.queries.values()]
    served = counted.of(dataset.to_index, progress)
    judged = served if dataset.documents is None else counted.of(dataset.corpus)
    asked = count_tokens(queries, tokenizer, "query")
    return {
        "limit": limit,
        "documents": spread(served, limit),
        "passages": spread(judged, limit),
        "queries": spread(asked, limit),
        "truncated": sum(length > limit for length in served + asked),
    }


def _languages(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Language → number of texts, for passages and for questions; at most `LOOKED_AT` of each are examined."""
    found = {"passages": mix([document.content for document in dataset.corpus])}
    if dataset.queries:
        homes = _homes(dataset)
        asked = dataset.queries.values()
        found["queries"] = mix([query.text for query in asked], [homes.get(query.id, "") for query in asked])
    return found


def _homes(dataset: Dataset) -> dict[str, str]:
    """Question → the passage it was made from. Questions of people have none: they may be in another language."""
    text = {document.id: document.text for document in dataset.corpus}
    return {
        query: text.get(next(iter(row), ""), "")
        for rows in dataset.qrels.values()
        for query, row in rows.items()
        if query in dataset.queries and "source" in dataset.queries[query].metadata
    }


def _warn(dataset: Dataset, tokens: dict[str, Any], tally: Tally) -> None:
    cut, total = tokens["documents"]["truncated"], len(dataset.to_index)
    if cut > 0.05 * total:
        tally.warn(
            f"{cut:,} of {total:,} documents are longer than the model's limit of {tokens['limit']} tokens; it reads "
            "only their beginning. Choose a model with a higher limit, or split the documents into shorter ones."
        )
    queries, texts = len(dataset.qrels.get("test", {})), len(dataset.labelled_texts.get("test", []))
    if dataset.qrels and 0 < queries < FEW_QUERIES:
        tally.warn(
            f"Only {queries} test question{'s' * (queries != 1)}: only a large gain can be told from chance. "
            "Add documents or labelled questions."
        )
    if 0 < texts < FEW_QUERIES:
        tally.warn(f"Only {texts} test text{'s' * (texts != 1)}: only a large gain can be told from chance. Add more.")
    if not (queries or texts or dataset.sentence_pairs("test")):
        tally.warn("There is no test split, so a tuned model cannot be evaluated on this data set.")


def _sample(dataset: Dataset, seed: int) -> list[dict[str, Any]]:
    """A few training rows for people to look at: of each source of questions, chosen by hash, one row per question."""
    pairs = {pair.anchor: pair for pair in reversed(dataset.pairs.get("train", []))}
    if pairs:
        sources, rows = source_of(dataset), {}
        for anchor in sorted(pairs, key=lambda anchor: stable_hash(anchor, seed)):
            rows.setdefault(sources.get(key(anchor), ""), []).append(pairs[anchor])
        return [
            {"anchor": pair.anchor, "positive": pair.positive[:400], **({"source": source} if source else {})}
            for source in sorted(rows)
            for pair in rows[source][:SAMPLES]
        ]
    if texts := dataset.labelled_texts.get("train"):
        drawn = sorted(texts, key=lambda row: stable_hash(row.text, seed))[:SAMPLES]
        return [{"text": row.text, "label": row.label} for row in drawn]
    judged = dataset.sentence_pairs("train")
    chosen = sorted(judged, key=lambda row: stable_hash(row.sentence1 + row.sentence2, seed))[:SAMPLES]
    return [{"sentence1": row.sentence1, "sentence2": row.sentence2, **_mark(row)} for row in chosen]


def _mark(row: SentencePair) -> dict[str, Any]:
    return {"score": round(row.score, 4)} if isinstance(row, ScoredPair) else {"label": row.label}
