"""Does `semtune select` rank backbones as whole trainings do, and does it drop a weak one early?

For scifact, tldr and stsb of ../shared/data (or $SEMTUNE_DATA): `select` among all-MiniLM-L6-v2, all-mpnet-base-v2,
multilingual-e5-small and a BERT with random weights, then a whole training of each, judged on the test split. With the
defaults hours on two cores: --pairs, --passages, --epochs and --steps make it shorter, and are written into the result.
Results go to benchmarks/results/select-SET.json. (A script named select.py would hide Python's own.)
python benchmarks/backbones.py MPNET_FOLDER ME5_FOLDER [scifact] [tldr] [stsb] [--pairs N] [--passages N] [--work
    FOLDER] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import semtune
from timing import publish

from semtune import dataset as datasets
from semtune.hub import resolve_model

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
    parser.add_argument(
        "--passages", type=int, default=2_000, help="of the corpus: those judged for dev and test, and others"
    )
    parser.add_argument("--epochs", type=float, help="of the whole trainings")
    parser.add_argument("--steps", type=int, default=32, help="of the first round of trials")
    parser.add_argument(
        "--work", type=Path, help="keep what is done here; a later call with the same options continues"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    mpnet, me5 = options.mpnet, options.me5
    for name in options.sets or SETS:
        with tempfile.TemporaryDirectory() as place:
            work = options.work / name if options.work else Path(place)
            work.mkdir(parents=True, exist_ok=True)
            models = {
                "MiniLM": "all-MiniLM-L6-v2",
                "mpnet": mpnet,
                "me5": me5,
                "random": str(random_bert(work / "random")),
            }
            capped = ["--set", f"max_pairs={options.pairs}"] if options.pairs and name != "stsb" else []
            if not (work / "data").exists():
                semtune("prepare", *source(name, work), "-o", work / "whole", *capped)
                if name != "stsb":
                    fewer_passages(work / "whole", options.passages)
                elif options.pairs:
                    fewer_rows(work / "whole", options.pairs)
                (work / "whole").rename(work / "data")
            for facts in measure(work, models, options):
                publish(f"select-{name}", facts)


def fewer_passages(folder: Path, most: int) -> None:
    """Keep the passages judged for dev and test and others drawn at random; what train learns from stays, as pairs."""
    data = datasets.load(folder)
    judged = {document for split in ("dev", "test") for row in data.qrels[split].values() for document in row}
    others = [document.id for document in data.corpus if document.id not in judged]
    kept = judged | set(random.Random(13).sample(others, min(len(others), max(0, most - len(judged)))))
    data.corpus = [document for document in data.corpus if document.id in kept]
    data.qrels.pop("train", None)
    (folder / "qrels" / "train.tsv").unlink(missing_ok=True)
    datasets.save(data, folder)


def fewer_rows(folder: Path, most: int) -> None:
    """Keep so many scored pairs of train."""
    data = datasets.load(folder)
    data.scored["train"] = random.Random(13).sample(data.scored["train"], most)
    datasets.save(data, folder)


def measure(work: Path, models: dict[str, str], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The choice, and what a whole training makes of each candidate; once more after each, as it takes long."""
    data = work / "data"
    # exit code 1 is an answer, too: none keeps to the limits; here there are none
    choice = semtune(
        "select", data, "--candidates", ",".join(models.values()), "-o", work / "choice", "--steps", options.steps
    )
    done = work / "whole.json"
    whole: dict[str, dict[str, Any]] = json.loads(done.read_text()) if done.exists() else {}
    yield told(choice, models, whole, options)
    epochs = ["--set", f"num_train_epochs={options.epochs}"] if options.epochs else []
    for name, model in models.items():
        if name in whole:
            continue
        started = time.monotonic()
        semtune("train", data, "--model", model, "-o", work / "tuned", *epochs)
        judged = semtune("evaluate", work / "tuned", data)
        whole[name] = {key: judged[key] for key in ("ndcg@10", "spearman", "ap") if key in judged}
        whole[name]["seconds"] = round(time.monotonic() - started)
        shutil.rmtree(work / "tuned")
        done.write_text(json.dumps(whole))
        yield told(choice, models, whole, options)


def told(
    choice: dict[str, Any], models: dict[str, str], whole: dict[str, dict[str, Any]], options: argparse.Namespace
) -> dict[str, Any]:
    """What `select` said beside what whole trainings gave."""
    names = {model: name for name, model in models.items()}
    rows = {names[row["candidate"]]: row for row in choice["candidates"]}
    main = choice["metric"]
    return {
        "what": "semtune select, then a whole training of each candidate, judged on test",
        "options": {
            key: value for key, value in vars(options).items() if key in ("pairs", "passages", "epochs", "steps")
        },
        "recommended": names[choice["recommended"]],
        "dropped": {name: row["status"] for name, row in rows.items() if row["status"].startswith("dropped")},
        "after_trials": {name: row["best"]["value"] for name, row in rows.items()},
        "untouched": {name: row["untouched"]["value"] for name, row in rows.items()},
        "whole_training_on_test": whole,
        "order_after_trials": sorted(rows, key=lambda name: -rows[name]["best"]["value"]),
        "order_of_whole_trainings": sorted(whole, key=lambda name: -whole[name][main]),
        "rounds": choice["rounds"],
        "cost": {name: row["cost"] for name, row in rows.items()},
        "fit": {name: row["fit"] for name, row in rows.items()},
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

    base = resolve_model("all-MiniLM-L6-v2")
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(base)).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (base / file).exists():
            shutil.copyfile(base / file, folder / file)
    return folder


if __name__ == "__main__":
    main()
