"""A BEIR folder (Thakur et al. 2021): corpus.jsonl, queries.jsonl, qrels/*.tsv."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from semtune.dataset import load, read_qrels
from semtune.errors import InputError
from semtune.prepare.material import Labels, Part
from semtune.prepare.tally import Tally
from semtune.types import Qrels

VALIDATION_NAMES = ("val", "valid", "validation")  # some owners call dev so


def is_beir(folder: Path) -> bool:
    """Whether a folder has BEIR's files."""
    return (folder / "corpus.jsonl").is_file() and (folder / "queries.jsonl").is_file() and (folder / "qrels").is_dir()


def read_beir(folder: Path, tally: Tally) -> Labels:
    """Read a BEIR folder; judgements of unknown ids and queries without judgement are dropped and counted.

    Raises:
        InputError: no usable judgement is left, or a file is not as it should be.
    """
    dataset = load(folder)
    qrels: dict[Part, Qrels] = dict(dataset.qrels)  # type: ignore[arg-type]
    for name in VALIDATION_NAMES:
        if "dev" not in qrels and (path := folder / "qrels" / f"{name}.tsv").is_file():
            qrels["dev"] = read_qrels(path)
    if not qrels:
        found = ", ".join(sorted(path.name for path in (folder / "qrels").iterdir())) or "nothing"
        raise InputError(
            f"{folder / 'qrels'} has no judgements. Expected train.tsv, dev.tsv or test.tsv; found {found}."
        )
    known = {document.id for document in dataset.corpus if document.content.strip()}
    for document in dataset.corpus:
        if document.id not in known:
            tally.drop("empty document", document.id)
    queries = {id_: query for id_, query in dataset.queries.items() if query.text.strip()}
    for split in list(qrels):
        qrels[split] = _known_only(qrels[split], queries.keys(), known, f"qrels/{split}.tsv", tally)
    if not any(grade > 0 for part in qrels.values() for row in part.values() for grade in row.values()):
        raise InputError(
            f"{folder}: no judgement joins a known query with a known document. Do the ids in qrels/ match the _id "
            "fields of queries.jsonl and corpus.jsonl?"
        )
    judged = {query for part in qrels.values() for query in part}
    for id_ in sorted(queries.keys() - judged):
        tally.count("queries without judgement, left out")
        queries.pop(id_)
    return Labels([document for document in dataset.corpus if document.id in known], queries, qrels)


def _known_only(qrels: Qrels, queries: Collection[str], documents: set[str], name: str, tally: Tally) -> Qrels:
    kept: Qrels = {}
    for query, row in qrels.items():
        for document, grade in row.items():
            if query not in queries:
                tally.drop("judgement of an unknown query", f"{name}: {query} {document}")
            elif document not in documents:
                tally.drop("judgement of an unknown document", f"{name}: {query} {document}")
            else:
                kept.setdefault(query, {})[document] = grade
    return kept
