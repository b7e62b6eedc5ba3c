"""What hard negatives are worth: trained without, with the guard against false negatives, and without the guard.

The same backbone, pairs, steps, batch and seed; nDCG@10 on the test questions, compared question by question. SciFact
trains on its own labels; MedQuAD's question-answer pairs train for the questions of LiveQA. "all passages" mines from
the whole corpus, so no test label chooses what is trained on; "not-held-out", the default of `semtune prepare`, leaves
out what answers dev and test.

python benchmarks/mine.py [--json] [--quick] [--set scifact] [--pairs N] [--passages N] [--queries N] [--epochs E]
    [--negatives N]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from passages import MODEL
from timing import RESULTS

from semtune import contract as contracts
from semtune import machine
from semtune.dataset import Dataset, write_documents
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.evaluate.scores import Scores, score
from semtune.hub import resolve_model
from semtune.io import read_jsonl, write_jsonl
from semtune.metrics import compare_means
from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.mine.hard_negatives import mine
from semtune.prepare.settings import PrepareSettings
from semtune.progress import Progress
from semtune.train.settings import TrainSettings
from semtune.train.train_model import train
from semtune.types import Document, Encoded, Role

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
QUICK = {"pairs": 1_500, "passages": 2_000, "epochs": 1.0}
FULL = {"pairs": 4_000, "passages": None, "epochs": 2.0}
SEED, BATCH, LENGTH = 13, 32, 128  # tokens texts are cut at in training; they are judged whole
PRECISION: Precision = "bf16" if machine.has_bf16() else "fp32"
NONE = "without negatives"
VARIANTS: dict[str, dict[str, Any] | None] = {
    NONE: None,
    "mined with the guard, all passages": {"mine_pool": "all"},
    "mined without the guard, all passages": {"mine_pool": "all", "mine_margin": None},
    "mined with the guard, not-held-out": {},
}


class Remembering:
    """An encoder that embeds each text once for all variants."""

    def __init__(self, encoder: TorchEncoder) -> None:
        self.contract, self.runtime, self._encoder = encoder.contract, encoder.runtime, encoder
        self._kept: dict[tuple[str, str], np.ndarray] = {}

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:  # noqa: ARG002 - Protocol
        """Embed what is new, look up the rest."""
        new = list(dict.fromkeys(text for text in texts if (role, text) not in self._kept))
        if new:
            self._kept.update(zip([(role, text) for text in new], self._encoder.encode(new, role).vectors, strict=True))
        return Encoded(np.array([self._kept[role, text] for text in texts]), 0, 0)


def scifact(
    folder: Path, tokenizer: Tokenizer, limit: int, pairs: int, passages: int | None
) -> tuple[Dataset, Dataset]:
    """Its own labels to train on, its own test to judge by; both on the same, perhaps capped, corpus."""
    del folder
    data = prepare(DATA / "scifact", tokenizer, limit, PrepareSettings(max_pairs=pairs), SEED)
    data.corpus = capped(data, passages)
    return data, data


def medquad(
    folder: Path, tokenizer: Tokenizer, limit: int, pairs: int, passages: int | None
) -> tuple[Dataset, Dataset]:
    """MedQuAD's pairs and LiveQA's test as one BEIR folder, so that what they share is dropped from train."""
    home = DATA / "medquad_liveqa"
    test = load_for_evaluation(home)
    known = {document.content: document.id for document in test.corpus}
    asked: dict[str, str] = {}
    labels: list[tuple[str, str]] = []
    extra: list[Document] = []
    for row in read_jsonl(home / "medquad_pairs.jsonl"):
        question, answer = str(row["question"]).strip(), str(row["answer"]).strip()
        if question and answer:
            if answer not in known:
                known[answer] = f"medquad-{len(extra)}"
                extra.append(Document(known[answer], answer))
            labels.append((asked.setdefault(question, f"train-{len(asked)}"), known[answer]))
    write_documents(folder / "corpus.jsonl", [*test.corpus, *extra])
    queries = {q.id: q.text for q in test.queries.values()} | {id_: text for text, id_ in asked.items()}
    write_jsonl(folder / "queries.jsonl", ({"_id": id_, "text": text} for id_, text in queries.items()))
    grades = [(q, d, grade) for q, row in test.qrels["test"].items() for d, grade in row.items()]
    for split, rows in {"test": grades, "train": [(q, d, 1) for q, d in dict.fromkeys(labels)]}.items():
        (folder / "qrels").mkdir(exist_ok=True)
        with (folder / "qrels" / f"{split}.tsv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, delimiter="\t").writerows([("query-id", "corpus-id", "score"), *rows])
    data = prepare(folder, tokenizer, limit, PrepareSettings(max_pairs=pairs), SEED)
    data.corpus = capped(data, passages)
    if passages:
        test.corpus = capped(test, passages)
    return data, test


def capped(data: Dataset, passages: int | None) -> list[Document]:
    """Passages that a label or pair needs, then others in their order up to the limit."""
    if passages is None:
        return data.corpus
    needed = {
        d for qrels in (data.qrels.get("dev", {}), data.qrels.get("test", {})) for row in qrels.values() for d in row
    }
    texts = {pair.positive for pair in data.pairs.get("train", [])}
    kept = {d.id for d in data.corpus if d.id in needed or d.content in texts}
    for document in data.corpus:
        if len(kept) >= passages:
            break
        kept.add(document.id)
    return [document for document in data.corpus if document.id in kept]


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """All variants on one set."""
    base = resolve_model(MODEL)
    contract = contracts.load(base)
    encoder = Remembering(TorchEncoder.load(base, PRECISION))
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        (scratch / "beir").mkdir()
        make = {"scifact": scifact, "medquad": medquad}[name]
        data, test = make(
            scratch / "beir", Tokenizer(base, contract), contract.max_length, options.pairs, options.passages
        )
        steps = max(1, round(-(-len(data.pairs["train"]) // BATCH) * options.epochs))
        if options.queries:
            test.qrels["test"] = dict(list(test.qrels["test"].items())[: options.queries])
            test.corpus = capped(test, options.passages)
        before = score(encoder, test)
        results: dict[str, Scores] = {}
        rows: dict[str, Any] = {}
        for number, (variant, chosen) in enumerate(VARIANTS.items()):
            started = time.perf_counter()
            copy = replace(data, pairs=dict(data.pairs))
            learned = replace(copy, qrels={})  # no dev split: all variants are judged at their last step
            if chosen is not None:
                settings = PrepareSettings(hard_negatives=options.negatives, **chosen)
                facts = mine(copy, encoder, settings, SEED).as_dict()
                learned = replace(copy, qrels={})
                rows[variant] = {
                    "negatives": {
                        key: facts[key]
                        for key in ("mined", "filled", "refused", "suspected", "pairs_left_out", "scores")
                    }
                }
            out = scratch / str(number)
            train(
                learned, base, MODEL, out / "model", out / "work",
                TrainSettings(max_steps=steps, per_device_train_batch_size=BATCH, max_length=LENGTH), SEED,
            )  # fmt: skip
            results[variant] = score(TorchEncoder.load(out / "model", PRECISION), test)
            rows.setdefault(variant, {})["seconds"] = round(time.perf_counter() - started, 1)
            rows[variant] |= compared(results[variant], before, results[NONE])
            print(f"  {name}: {rows[variant]['ndcg@10']:.4f}  {variant}", flush=True) if not options.json else None
        guard, bare = list(VARIANTS)[1:3]
        return {
            "pairs": len(data.pairs["train"]),
            "passages": len(data.corpus),
            "steps": steps,
            "test_passages": len(test.corpus),
            "test_queries": before.n,
            "base": round(before.metrics["ndcg@10"], 4),
            "variants": rows,
            "guard_over_no_guard": paired(results[guard], results[bare]),
        }


def compared(scores: Scores, base: Scores, none: Scores) -> dict[str, Any]:
    return {
        "ndcg@10": round(scores.metrics["ndcg@10"], 4),
        "over_base": paired(scores, base),
        "over_none": paired(scores, none),
    }


def paired(one: Scores, two: Scores) -> dict[str, float]:
    found = compare_means(one.per_query["ndcg@10"], two.per_query["ndcg@10"], SEED)
    return {
        "gain": round(found.gain, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "p": round(found.p_value, 4),
    }


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help=f"capped: {QUICK}")
    parser.add_argument("--set", choices=("scifact", "medquad"), action="append", dest="sets")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--passages", type=int)
    parser.add_argument("--queries", type=int, help="of the test; only to see that it runs")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--negatives", type=int, default=1)
    options = parser.parse_args()
    for key, value in (QUICK if options.quick else FULL).items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    machine.keep_freed_memory()
    whole = {
        "benchmark": "mine",
        "what": f"{MODEL}, batch {BATCH}, {options.epochs:g} epochs, {LENGTH} tokens in training, "
        f"{options.negatives} negative(s) a pair, nDCG@10",
        "precision": PRECISION,
        "cpu": machine.cpu_name(),
        "cpus": machine.usable_cpus(),
    }
    RESULTS.mkdir(exist_ok=True)
    sets = {}
    for name in options.sets or ("scifact", "medquad"):
        sets[name] = measure(name, options)
        # A file a set: they are long, and run one at a time.
        (RESULTS / f"mine-{name}.json").write_text(json.dumps(whole | sets[name], indent=2) + "\n", encoding="utf-8")
    whole["sets"] = sets
    if options.json:
        print(json.dumps(whole))
        return
    for name, facts in whole["sets"].items():
        print(f"{name}: {facts['pairs']:,} pairs, {facts['steps']} steps, base {facts['base']:.4f}")
        for variant, row in facts["variants"].items():
            gain = row["over_none"]
            print(
                f"  {row['ndcg@10']:.4f}  {gain['gain']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] "
                f"p {gain['p']:.3f}  {variant}"
            )


if __name__ == "__main__":
    main()
