"""What tuning brings on real sets: base against tuned on the untouched test part, with the interval and seconds.

stsb: scored pairs; with --search the plan is found on dev alone, each candidate once, and the best one's seeds are
judged on test. scifact: its own labels. medquad: question-answer pairs, judged by LiveQA. tldr: what an example does →
its page, split by page.

With --small the same with 50, 200 and 1,000 pairs: is a model tuned on so few ever worse than the base?

python benchmarks/lift.py --set stsb [--search] [--seeds 3] [--set scifact ...] [--pairs N] [--passages N] [--small]
    [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from mine import DATA, PRECISION, SEED, capped, medquad, scifact
from passages import MODEL
from timing import RESULTS

from semtune import contract as contracts
from semtune import machine
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import TorchEncoder
from semtune.evaluate.scores import Scores, score
from semtune.hub import resolve_model
from semtune.io import write_jsonl
from semtune.metrics import compare_means, compare_spearman
from semtune.prepare.build.dataset import prepare
from semtune.prepare.settings import PrepareSettings
from semtune.train.settings import TrainSettings
from semtune.train.train_model import Trained, train

PLAN = TrainSettings()  # what `semtune train` does by itself
SMALL = (50, 200, 1_000)
STSB = TrainSettings(eval_per_epoch=1)
CANDIDATES = {
    f"{loss}, {rate:g}, {epochs} epochs": STSB.replace(loss=loss, learning_rate=rate, num_train_epochs=epochs)
    for loss, rate, epochs in (
        ("CoSENTLoss", 2e-5, 4),
        ("CoSENTLoss", 5e-5, 3),
        ("CoSENTLoss", 5e-5, 4),
        ("CoSENTLoss", 1e-4, 4),
        ("AnglELoss", 5e-5, 4),
    )
}


def stsb(_folder: Path, tokenizer: Tokenizer, limit: int, pairs: int, _passages: int | None) -> tuple[Dataset, Dataset]:
    """English, the owner's splits, less what leaks; of few pairs a tenth is the dev part."""
    home = DATA / "stsb"
    source = {split: str(home / f"stsb-en-{split}.csv") for split in ("train", "dev", "test")}
    data = prepare(source, tokenizer, limit, PrepareSettings(), SEED)
    if pairs <= max(SMALL):
        drawn = random.Random(SEED).sample(data.scored["train"], pairs)
        few = max(5, pairs // 10)
        data.scored |= {"dev": drawn[:few], "train": drawn[few:]}
    return data, data


def tldr(folder: Path, tokenizer: Tokenizer, limit: int, pairs: int, passages: int | None) -> tuple[Dataset, Dataset]:
    """Each example's description asks for its page; a page's examples stay in one split."""
    rows: list[dict[str, str]] = []
    with gzip.open(DATA / "tldr" / "pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for page in map(json.loads, lines):
            if page["lang"] != "en":
                continue
            commands = "\n".join(example["cmd"] for example in page["examples"])
            text = f"{page['command']}: {page['description']}\n{commands}"
            rows += [{"query": e["what"], "document": text, "group": page["command"]} for e in page["examples"]]
    write_jsonl(folder / "tldr.jsonl", rows)
    data = prepare(folder / "tldr.jsonl", tokenizer, limit, PrepareSettings(max_pairs=pairs), SEED)
    data.corpus = capped(data, passages)
    return data, data


MAKE = {"stsb": stsb, "scifact": scifact, "medquad": medquad, "tldr": tldr}


class Bench:
    """One set: its data, the base's scores, and runs on it."""

    def __init__(self, name: str, options: argparse.Namespace, scratch: Path) -> None:
        self.base = resolve_model(MODEL)
        contract = contracts.load(self.base)
        self.scratch = scratch
        (scratch / "data").mkdir()
        tokenizer = Tokenizer(self.base, contract)
        passages = options.passages or None
        self.data, self.test = MAKE[name](scratch / "data", tokenizer, contract.max_length, options.pairs, passages)
        self.plan = STSB if name == "stsb" else PLAN
        self.before = self.score(self.base)

    def score(self, model: Path) -> Scores:
        """Of a model on the test part; pairs in fp32, passages in bf16 where the processor has it."""
        precision = "fp32" if self.test.scored.get("test") else PRECISION
        return score(TorchEncoder.load(model, precision), self.test)

    def train(self, settings: TrainSettings, seed: int) -> tuple[Trained, Path, float]:
        """The model, where it lies, and the seconds of training it."""
        out = self.scratch / f"{len(list(self.scratch.iterdir()))}"
        started = time.perf_counter()
        made = train(self.data, self.base, MODEL, out / "model", out / "work", settings, seed)
        return made, out / "model", time.perf_counter() - started


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Base and tuned, all seeds."""
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(name, options, Path(place))
        found: dict[str, Any] = {}
        chosen = bench.plan
        if name == "stsb" and options.search:
            for label, settings in CANDIDATES.items():
                made, _, seconds = bench.train(settings, SEED)
                found[label] = {"dev": made.best, "seconds": round(seconds, 1)}
                say(options, f"  dev {made.best:.4f}  {label}")
            best = max(found, key=lambda label: found[label]["dev"])
            chosen = CANDIDATES[best]
            say(options, f"  chosen on dev: {best}")
        runs: list[dict[str, Any]] = []
        planned = {}
        for seed in range(1, options.seeds + 1):
            made, model, seconds = bench.train(chosen, seed)
            planned = {"rows": made.plan.rows, "plan": made.plan.sentence()}
            after = bench.score(model)
            runs.append(row(bench.before, after) | {"seed": seed, "kept": made.kept(), "seconds": round(seconds, 1)})
            say(options, f"  {name}, seed {seed}: {json.dumps(runs[-1])}")
        main = bench.before.main
        return {
            "benchmark": "lift", "set": name, "model": MODEL, "metric": main, "cpu": machine.cpu_name(),
            **planned, "test": bench.before.n, "test_passages": len(bench.test.corpus),
            "searched on dev": found, "base": round(bench.before.metrics[main], 4),
            "tuned": round(statistics.mean(run["tuned"] for run in runs), 4), "runs": runs,
        }  # fmt: skip


def row(before: Scores, after: Scores) -> dict[str, Any]:
    """The tuned value, and its gain with the paired interval."""
    if after.kind == "similarity":
        found = compare_spearman(after.similarities, before.similarities, after.gold, SEED)
    else:
        found = compare_means(after.per_query["ndcg@10"], before.per_query["ndcg@10"], SEED)
    interval = [round(found.low, 4), round(found.high, 4)]
    return {
        "tuned": round(after.metrics[after.main], 4),
        "gain": round(found.gain, 4),
        "interval": interval,
        "p": round(found.p_value, 4),
    }


def say(options: argparse.Namespace, line: str) -> None:
    if not options.json:
        print(line, flush=True)


def main() -> None:
    """Measure and publish, a file a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--set", choices=tuple(MAKE), action="append", dest="sets")
    parser.add_argument("--search", action="store_true", help="stsb: find the plan on dev first")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--passages", type=int, default=2_000, help="of the corpus, beside those judged; 0: all")
    parser.add_argument("--small", action="store_true", help=f"with {SMALL} pairs, one after the other")
    options = parser.parse_args()
    machine.keep_freed_memory()
    RESULTS.mkdir(exist_ok=True)
    for name in options.sets or tuple(MAKE):
        for pairs in SMALL if options.small else (options.pairs,):
            options.pairs = pairs
            facts = measure(name, options)
            place = RESULTS / f"lift-{name}{f'-{pairs}' if options.small else ''}.json"
            place.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            print(
                json.dumps(facts) if options.json else f"{name}: {facts['base']:.4f} → {facts['tuned']:.4f}", flush=True
            )


if __name__ == "__main__":
    main()
