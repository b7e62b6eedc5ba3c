"""Classification of BANKING77 at 0, 1, 8, 64 and all examples a class, and what is refused on CLINC150.

Semtune by names, by examples and with a tuned encoder, beside SetFit (20 pairs a text and kind, as in its paper, or
$SETFIT_ITERATIONS; 20 take 25 minutes for 8 examples a class on two cores), TF-IDF with logistic regression, and
model2vec's vectors with logistic regression; all but TF-IDF begin with all-MiniLM-L6-v2. Accuracy on the 3,080 test
texts with its 95 % interval, the paired difference to SetFit, and seconds from the start to the answers.
Out-of-scope: AUROC of CLINC150's test texts, by the largest linear score. Peers that are not installed here are looked
for in $SEMTUNE_PEERS, as in encode.py.
python benchmarks/uses_classify.py [--json] [--shots 0,1,8,64,all] [--ways NAME;NAME] [--seed 0] [--long]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from processes import python_with
from sklearn.metrics import roc_auc_score
from timing import publish
from uses_classify_worker import WAYS, Rows, table

from semtune.encoders.load import load_encoder
from semtune.hub import resolve_model
from semtune.metrics import compare_means
from semtune.metrics.proportions import proportion_interval
from semtune.tasks.classify.classifier import Example
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.fit import make_classifier

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
WORKER = Path(__file__).with_name("uses_classify_worker.py")
MODEL = "all-MiniLM-L6-v2"
MODULES = {"SetFit": "setfit", "model2vec + logistic": "model2vec.distill"}
NO_SHOTS, MANY = "0", {"all"}
FEW = {"SetFit": {"1", "8"}, "Semtune, tuned": {"8", "64"}}  # hours otherwise; a class of one holds nothing out


def banking(split: str) -> Rows:
    """Texts and classes."""
    with (DATA / "banking77" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def drawn(rows: Rows, shots: str, seed: int) -> Rows:
    """So many texts of each class, or all."""
    if shots in MANY:
        return rows
    order = np.random.default_rng(seed).permutation(len(rows))
    kept: dict[str, int] = {}
    found = []
    for at in order.tolist():
        label = rows[at][1]
        kept[label] = kept.get(label, 0) + 1
        if kept[label] <= int(shots):
            found.append(rows[at])
    return found


def measured(name: str, model: str, train: str, test: str) -> dict[str, Any] | None:
    """What a way answers; None: its tool is not installed."""
    python = python_with(MODULES.get(name, ""))
    if python is None:
        return None
    done = subprocess.run([python, str(WORKER), name, model, train, test], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def rounded(values: Sequence[float]) -> list[float]:
    """To four digits."""
    return [round(each, 4) for each in values]


def at_shots(shots: str, ways: Sequence[str], seed: int, long: bool, folder: Path) -> dict[str, Any]:
    """Every way at one number of examples."""
    few = {**FEW, "SetFit": FEW["SetFit"] | {"64"}} if long else FEW
    test = banking("test")
    train = drawn(banking("train"), shots, seed) if shots != NO_SHOTS else test[:0]
    files = table(folder / "train.csv", train), table(folder / "test.csv", test)
    model = str(resolve_model(MODEL))
    found: dict[str, Any] = {}
    for name in ways:
        if (name == "Semtune, names") != (shots == NO_SHOTS) or shots not in few.get(name, {shots}):
            continue
        made = measured(name, model, *files)
        found[name] = made and _row(made["right"], made["seconds"])
    return _compared(found)


def _row(right: Sequence[int], seconds: float) -> dict[str, Any]:
    interval = rounded(proportion_interval(sum(right), len(right)))
    return {"accuracy": round(statistics.mean(right), 4), "interval": interval, "seconds": seconds, "right": right}


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    """Paired differences to SetFit, without the single answers."""
    peer = found.get("SetFit")
    for name, row in found.items():
        if peer and row and name != "SetFit":
            change = compare_means(row["right"], peer["right"])
            row["to SetFit"] = rounded([change.gain, change.low, change.high])
            row["times as fast"] = round(peer["seconds"] / row["seconds"], 1)
    return {name: row and {key: value for key, value in row.items() if key != "right"} for name, row in found.items()}


def out_of_scope() -> dict[str, Any]:
    """How well CLINC150's out-of-scope test texts are told from the others, by Semtune's classifier."""
    data = json.loads((DATA / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    encoder = load_encoder(MODEL)
    shown = [Example(text, (label,)) for text, label in data["train"]]
    distinct = list({example.text: example for example in shown}.values())
    classifier = make_classifier(encoder, ReadExamples(distinct, False, {}, []))
    known, others = ([text for text, _ in data[part]] for part in ("test", "oos_test"))
    inside, outside = (classifier.head.scores(encoder.encode(texts, "query").vectors).max(axis=1)
                       for texts in (known, others))  # fmt: skip
    floor, known_first = classifier.floor(0.05), [1] * len(inside) + [0] * len(outside)
    return {
        "texts": [len(inside), len(outside)],
        "auroc": round(float(roc_auc_score(known_first, np.concatenate([inside, outside]))), 4),
        "at novel 0.05": {"known kept": round(float((inside >= floor).mean()), 4),
                          "others refused": round(float((outside < floor).mean()), 4)},
    }  # fmt: skip


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shots", default="0,1,8,64,all")
    parser.add_argument("--ways", default=";".join(WAYS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long", action="store_true", help="SetFit with 64 examples a class, too")
    asked = parser.parse_args()
    facts: dict[str, Any] = {"what": "BANKING77: accuracy on 3,080 test texts of 77 classes, by examples a class"}
    ways = asked.ways.split(";")
    with tempfile.TemporaryDirectory() as folder:
        for shots in asked.shots.split(","):
            facts[f"{shots} examples a class"] = at_shots(shots, ways, asked.seed, asked.long, Path(folder))
    facts["CLINC150 out of scope"] = out_of_scope()
    publish("uses_classify", facts)


if __name__ == "__main__":
    main()
