"""Search by vectors, by words and by both, on indexes of real passages, as `Searcher` serves them.

For each set the way to search is chosen on dev, as in a run, and everything is measured on test: nDCG@10 by vectors, by
words (FTS5), by both (reciprocal rank), and by both with the weight found on dev, with the paired test against vectors.
Dev: 200 of scifact's training queries; half of the queries elsewhere. The corpus is every relevant passage and others
drawn by a hash, up to --passages. Writes benchmarks/results/hybrid.json, a row for each set, kept between calls.

python benchmarks/hybrid.py MODEL [scifact] [tldr] [medquad] [chorus] [--passages 1500] [--out FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from semtune import dataset as datasets
from semtune.dataset import Dataset
from semtune.encoders.load import load_encoder
from semtune.evaluate.retrieval.bm25 import served_keyword_run
from semtune.evaluate.retrieval.search_mode import METRIC, choose_mode
from semtune.hub import resolve_model
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.fusion import DEPTH, Fusion
from semtune.index.settings import IndexSettings
from semtune.io import read_json, write_json
from semtune.metrics import compare_means, retrieval
from semtune.search.mode import Mode
from semtune.search.searcher import Searcher, SearchOptions
from semtune.text import stable_hash
from semtune.types import Document, Qrels, Query, Run

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
RESULTS = Path(__file__).parent / "results" / "hybrid.json"
FOLDERS = {"scifact": "scifact", "medquad": "medquad_liveqa", "chorus": "chorus_products"}
DEV_QUERIES, TLDR_QUERIES = 200, 400


def halves(qrels: Qrels) -> dict[str, Qrels]:
    """The queries in two equal parts, by a hash."""
    order = sorted(qrels, key=stable_hash)
    return {"dev": {q: qrels[q] for q in order[::2]}, "test": {q: qrels[q] for q in order[1::2]}}


def of_folder(name: str) -> Dataset:
    """A set in BEIR's layout with a dev and a test part."""
    data = datasets.load(DATA / FOLDERS[name])
    if data.qrels.get("train"):
        dev = sorted(data.qrels["train"], key=stable_hash)[:DEV_QUERIES]
        parts = {"dev": {query: data.qrels["train"][query] for query in dev}, "test": data.qrels["test"]}
    else:
        parts = halves(data.qrels["test"])
    return replace(data, qrels=parts)


def tldr() -> Dataset:
    """English pages without the descriptions of their examples, each of which asks for its page."""
    corpus, queries, qrels = [], {}, {}
    with gzip.open(DATA / "tldr" / "pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for page in map(json.loads, lines):
            if page["lang"] != "en":
                continue
            commands = "\n".join(example["cmd"] for example in page["examples"])
            corpus.append(Document(page["_id"], f"{page['description']}\n{commands}", page["command"]))
            for number, example in enumerate(page["examples"]):
                name = f"{page['_id']}#{number}"
                queries[name] = Query(name, example["what"])
                qrels[name] = {page["_id"]: 1}
    asked = sorted(qrels, key=stable_hash)[:TLDR_QUERIES]
    return Dataset(corpus=corpus, queries=queries, qrels=halves({query: qrels[query] for query in asked}))


def smaller(data: Dataset, passages: int) -> Dataset:
    """With the passages that are relevant to a query, and others up to a number."""
    wanted = {d for part in data.qrels.values() for row in part.values() for d, grade in row.items() if grade > 0}
    others = sorted((d for d in data.corpus if d.id not in wanted), key=lambda d: stable_hash(d.id))
    kept = wanted | {document.id for document in others[: max(0, passages - len(wanted))]}
    return replace(data, corpus=[document for document in data.corpus if document.id in kept])


def runs(folder: Path, data: Dataset, part: str, mode: Mode, fusion: Fusion) -> Run:
    """What the searcher of an index answers."""
    made = manifests.read(folder)
    manifests.write(replace(made, fusion=fusion.as_dict()), folder)
    searcher = Searcher.open(folder)
    qrels = {q: row for q, row in data.qrels[part].items() if any(grade > 0 for grade in row.values())}
    answers = searcher.answer_many([data.queries[query].text for query in qrels], SearchOptions(DEPTH, mode=mode))
    searcher.close()
    # By rank: the score of a hit is its similarity, whatever it was ranked by.
    return {
        query: {hit.id: float(DEPTH - at) for at, hit in enumerate(answer.hits)}
        for query, answer in zip(qrels, answers, strict=True)
    }


def by_similarity(folder: Path, data: Dataset) -> Run:
    """The similarities on dev."""
    searcher = Searcher.open(folder)
    asked = list(data.qrels["dev"])
    answers = searcher.answer_many([data.queries[query].text for query in asked], SearchOptions(DEPTH, mode="dense"))
    searcher.close()
    return {query: {hit.id: hit.score for hit in answer.hits} for query, answer in zip(asked, answers, strict=True)}


def measured(name: str, model: str, passages: int, folder: Path) -> dict[str, Any]:
    """One row of the table."""
    data = smaller(tldr() if name == "tldr" else of_folder(name), passages)
    encoder = load_encoder(model)
    build_index(data.corpus, encoder, resolve_model(model, serving=True), folder, IndexSettings())
    dev = data.qrels["dev"]
    choice = choose_mode(by_similarity(folder, data), served_keyword_run(data, dev, DEPTH), dev)
    ways: dict[str, tuple[Mode, Fusion]] = {
        "dense": ("dense", Fusion()), "bm25": ("keyword", Fusion()), "hybrid": ("hybrid", Fusion()),
        "hybrid, tuned": ("hybrid", Fusion(choice.weight)),
    }  # fmt: skip
    test = data.qrels["test"]
    each = {way: retrieval(test, runs(folder, data, "test", *how), (METRIC,))[METRIC] for way, how in ways.items()}
    compared = {way: compare_means(each[way], each["dense"]) for way in ways if way != "dense"}
    return {
        "model": encoder.contract.name, "passages": len(data.corpus), "dev": choice.queries, "test": len(each["dense"]),
        "ndcg@10": {way: round(float(values.mean()), 4) for way, values in each.items()},
        "p": {way: round(found.p_value, 4) for way, found in compared.items()},
        "chosen": choice.mode, "weight": choice.weight, "on_dev": {k: round(v, 4) for k, v in choice.values.items()},
        "sentence": choice.sentence,
    }  # fmt: skip


def main() -> None:
    """Measure the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sets", nargs="*", choices=[[], *FOLDERS, "tldr"])
    parser.add_argument("--passages", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = read_json(options.out) if options.out.exists() else {}
    for name in options.sets or [*FOLDERS, "tldr"]:
        with tempfile.TemporaryDirectory() as scratch:
            rows[name] = measured(name, options.model, options.passages, Path(scratch) / "index")
        print(name, json.dumps(rows[name], indent=1), flush=True)
        write_json(options.out, rows)


if __name__ == "__main__":
    main()
