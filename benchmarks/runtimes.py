"""Models through every runtime and precision: the metric of each beside torch's, and the agreement of the vectors.

SciFact (with --passages of its corpus: the judged ones and evenly spaced others) and STS-B, from ../shared/data or
$SEMTUNE_DATA. BERT, RoBERTa, DistilBERT and ModernBERT get random weights, so for them only the agreement counts.
python benchmarks/runtimes.py [MODEL ...] [--passages 1500] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from distil import fewer_passages
from processes import semtune
from timing import publish

from semtune.hub import resolve_model

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
BACKBONE = "all-MiniLM-L6-v2"
SIZE = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
RANDOM = {
    "bert": SIZE,
    "roberta": {**SIZE, "max_position_embeddings": 514, "pad_token_id": 0},
    "distilbert": {"dim": 128, "n_layers": 2, "n_heads": 4, "hidden_dim": 256},
    "modernbert": {**SIZE, "pad_token_id": 0, "max_position_embeddings": 512},
}


def main() -> None:
    """Measure and publish."""
    options = argparse.ArgumentParser()
    options.add_argument("models", nargs="*", default=[BACKBONE], help="folders or names")
    options.add_argument("--passages", type=int, default=1500)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sets = prepared(work, given.passages)
        for model in given.models:
            found[Path(model).name] = measured(model, sets, work / "exports" / Path(model).name)
        for kind in RANDOM:
            folder = random_model(kind, work / "models" / kind)
            found[f"{kind}, random"] = measured(str(folder), {"stsb": sets["stsb"]}, work / "exports" / kind)
    what = f"nDCG@10 on SciFact ({given.passages} passages) and Spearman's rho on STS-B of each runtime"
    publish("runtimes", {"what": what, **found})


def prepared(work: Path, passages: int) -> dict[str, Path]:
    """The data sets by name."""
    semtune("prepare", DATA / "scifact", "-o", work / "scifact")
    fewer_passages(work / "scifact", passages)
    rows = work / "rows"
    rows.mkdir()
    for part in ("train", "dev", "test"):
        (rows / f"{part}.csv").symlink_to((DATA / "stsb" / f"stsb-en-{part}.csv").resolve())
    semtune("prepare", rows, "-o", work / "stsb")
    return {"scifact": work / "scifact", "stsb": work / "stsb"}


def random_model(kind: str, folder: Path) -> Path:
    """A model of this architecture with random weights and the backbone's tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(7)
    tokenizer = AutoTokenizer.from_pretrained(str(resolve_model(BACKBONE)))
    start = folder.with_name(f"{kind}-transformer")
    AutoModel.from_config(AutoConfig.for_model(kind, vocab_size=len(tokenizer), **RANDOM[kind])).save_pretrained(start)
    tokenizer.save_pretrained(start)
    transformer = Transformer(str(start), max_seq_length=128)
    SentenceTransformer(modules=[transformer, Pooling(128)], device="cpu").save_pretrained(str(folder))
    return folder


def exported(folder: Path) -> str:
    """Export a model in float and int8, or in float alone where int8 is refused; returns why it was."""
    try:
        semtune("export", folder, "--precision", "fp32,int8")
    except subprocess.CalledProcessError as error:
        semtune("export", folder, "--precision", "fp32")
        return json.loads(error.stdout)["error"]
    return ""


def measured(model: str, sets: dict[str, Path], export: Path) -> dict[str, Any]:
    """The agreement of each exported graph with torch, and the metric of each stage on each set."""
    shutil.copytree(resolve_model(model), export)  # with the source's weights, so that torch is measured, too
    refused = exported(export)
    parity = json.loads((export / "parity.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {"min cosine to torch": {kind: facts["min_cosine"] for kind, facts in parity.items()}}
    if refused:
        found["int8"] = refused
    for name, folder in sets.items():
        stages = semtune("evaluate", export, folder, "--stages")["stages"]
        found[name] = {row["stage"]: round(row["value"], 4) for row in stages["rows"]}
    return found


if __name__ == "__main__":
    main()
