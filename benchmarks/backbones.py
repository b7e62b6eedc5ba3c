"""Does `semtune select` rank backbones as whole trainings do, and does it drop a weak one early?

For scifact, tldr and stsb of ../shared/data (or $SEMTUNE_DATA): `select` among all-MiniLM-L6-v2, all-mpnet-base-v2,
multilingual-e5-small and a BERT with random weights, then a whole training of each, judged on the test split. With the defaults
hours on two cores: --pairs, --passages, --epochs and --steps make it shorter, and are written into the result.
Results go to benchmarks/results/select-SET.json. (A script named select.py would hide Python's own.)
python benchmarks/backbones.py MPNET_FOLDER ME5_FOLDER [scifact] [tldr] [stsb] [--pairs N] [--passages N] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from distil import fewer_passages
from timing import publish

from semtune import dataset as datasets
from semtune.encoders.resolve import resolve

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
SETS = ("scifact", "tldr", "stsb")
TLDR_PAIRS = 5_000


def main() -> None:
    """Choose, then train each candidate in full, and publish both orders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mpnet", help="the folder of all-mpnet-base-v2")
    parser.add_argument("me5", help="the folder of multilingual-e5-small")
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--pairs", type=int, help="training pairs at most")
    parser.add_argument("--passages", type=int, default=2_000, help="of the corpus: the judged ones and others")
    parser.add_argument("--epochs", type=float, help="of the whole trainings")
    parser.add_argument("--steps", type=int, default=32, help="of the first round of trials")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    mpnet, me5 = options.mpnet, options.me5
    for name in options.sets or SETS:
        with tempfile.TemporaryDirectory() as place:
            work = Path(place)
            models = {
                "MiniLM": "all-MiniLM-L6-v2",
                "mpnet": mpnet,
                "me5": me5,
                "random": str(random_bert(work / "random")),
            }
            capped = ["--set", f"max_pairs={options.pairs}"] if options.pairs and name != "stsb" else []
            semtune("prepare", *source(name, work), "-o", work / "data", *capped)
            if name != "stsb":
                fewer_passages(work / "data", options.passages)
            elif options.pairs:
                fewer_rows(work / "data", options.pairs)
            publish(f"select-{name}", measure(work, models, options))


def fewer_rows(folder: Path, most: int) -> None:
    """Keep so many scored pairs of train."""
    data = datasets.load(folder)
    data.scored["train"] = random.Random(13).sample(data.scored["train"], most)
    datasets.save(data, folder)


def measure(work: Path, models: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    """The choice, and what a whole training makes of each candidate."""
    data = work / "data"
    # exit code 1 is an answer, too: none keeps to the limits; here there are none
    choice = semtune(
        "select", data, "--candidates", ",".join(models.values()), "-o", work / "choice", "--steps", options.steps
    )
    rows = {row["candidate"]: row for row in choice["candidates"]}
    whole = {}
    epochs = ["--set", f"num_train_epochs={options.epochs}"] if options.epochs else []
    for name, model in models.items():
        started = time.monotonic()
        semtune("train", data, "--model", model, "-o", work / "tuned", *epochs)
        judged = semtune("evaluate", work / "tuned", data)
        whole[name] = {key: judged[key] for key in ("ndcg@10", "spearman", "ap") if key in judged}
        whole[name]["seconds"] = round(time.monotonic() - started)
        shutil.rmtree(work / "tuned")
    names = {model: name for name, model in models.items()}
    main = choice["metric"]
    return {
        "what": "semtune select, then a whole training of each candidate, judged on test",
        "options": {
            key: value for key, value in vars(options).items() if key in ("pairs", "passages", "epochs", "steps")
        },
        "recommended": names[choice["recommended"]],
        "dropped": {names[model]: row["status"] for model, row in rows.items() if row["status"].startswith("dropped")},
        "after_trials": {names[model]: row["best"]["value"] for model, row in rows.items()},
        "untouched": {names[model]: row["untouched"]["value"] for model, row in rows.items()},
        "whole_training_on_test": whole,
        "order_after_trials": sorted(names.values(), key=lambda name: -rows[models[name]]["best"]["value"]),
        "order_of_whole_trainings": sorted(whole, key=lambda name: -whole[name][main]),
        "rounds": choice["rounds"],
        "cost": {names[model]: row["cost"] for model, row in rows.items()},
        "fit": {names[model]: row["fit"] for model, row in rows.items()},
        "why": choice["why"],
    }


def source(name: str, work: Path) -> list[str]:
    """What `semtune prepare` reads for a set."""
    if name == "stsb":
        return [f"{part}={DATA / 'stsb' / f'stsb-en-{part}.csv'}" for part in ("train", "dev", "test")]
    if name == "scifact":
        return [str(DATA / "scifact")]
    path = work / "tldr.jsonl"
    with (
        gzip.open(DATA / "tldr" / "pages.jsonl.gz", "rt", encoding="utf-8") as pages,
        path.open("w", encoding="utf-8") as out,
    ):
        for row in english(pages)[:TLDR_PAIRS]:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return [str(path)]


def english(pages: Any) -> list[dict[str, str]]:
    """(query, document) pairs: what an example does, for the page it is on; one a page."""
    rows = []
    for line in pages:
        page = json.loads(line)
        if page["lang"] == "en" and page["examples"]:
            text = "\n".join([page["description"], *(example["cmd"] for example in page["examples"])])
            rows.append({"query": page["examples"][0]["what"], "document": f"{page['command']}\n{text}"})
    return rows


def random_bert(folder: Path) -> Path:
    """all-MiniLM-L6-v2's architecture and tokenizer with the weights that a training from nothing begins with."""
    import torch
    from transformers import AutoConfig, AutoModel

    base = resolve("all-MiniLM-L6-v2")
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(base)).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (base / file).exists():
            shutil.copyfile(base / file, folder / file)
    return folder


def semtune(*words: Any) -> dict[str, Any]:
    """Run a command; returns its JSON document."""
    command = [sys.executable, "-m", "semtune", *map(str, words), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
