"""Millions of short lines through `semtune encode` with a static model: texts a second, and the memory over time.

    python benchmarks/bulk.py --lines 10000000

Without --model, the model is a random table of 256 dimensions for the default model's tokenizer: as fast as a real one.
The command runs in a process of its own, whose resident memory is read while it works.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from semtune.hub import resolve_model
from semtune.io import write_json

BACKBONE, DIMENSION = "all-MiniLM-L6-v2", 256
_WORDS = (
    "the a how to install open read write file disk network server package update remove error why does not work "
    "with of in my new old printer sound screen kernel driver password user group mount backup restore log boot"
)
WORDS = _WORDS.split()
QUARTERS = (0.05, 0.25, 0.5, 0.75, 1.0)  # of the shards


def write_model(folder: Path) -> Path:
    """A static model of random rows, in the files of sentence-transformers."""
    from tokenizers import Tokenizer

    (folder / "1_Normalize").mkdir(parents=True)
    shutil.copy(resolve_model(BACKBONE) / "tokenizer.json", folder)
    size = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    rows = np.random.default_rng(0).normal(size=(size, DIMENSION)).astype("<f4")
    header = json.dumps({"embedding.weight": {"dtype": "F32", "shape": rows.shape, "data_offsets": [0, rows.nbytes]}})
    head = header.encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + rows.tobytes())
    kinds = (("", "StaticEmbedding"), ("1_Normalize", "Normalize"))
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    return folder


def write_lines(path: Path, count: int) -> Path:
    """Lines of three to twelve words, each with its number."""
    dice = random.Random(0)
    with path.open("w") as out:
        for start in range(0, count, 10_000):
            block = [
                f"{' '.join(dice.choices(WORDS, k=dice.randint(3, 12)))} {number}\n"
                for number in range(start, min(count, start + 10_000))
            ]
            out.write("".join(block))
    return path


def resident(pid: int) -> float:
    """Memory of a process and its children in MB."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in pids)
    return pages * 4096 / 1e6


def measure(command: list[str], notes: Path, shards: int) -> dict[str, object]:
    """Run the command; its memory when each quarter of the shards was done, and the most it was."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    at_quarter: dict[str, float] = {}
    peak = 0.0
    while process.poll() is None:
        try:
            now, done = resident(process.pid), sum(1 for name in notes.glob("*.json"))
        except (OSError, IndexError):  # it ended meanwhile
            continue
        peak = max(peak, now)
        for quarter in QUARTERS:
            if done >= quarter * shards and f"{quarter:.2f}" not in at_quarter:
                at_quarter[f"{quarter:.2f}"] = round(now)
                print(f"{quarter:.0%} done: {now:,.0f} MB, at most {peak:,.0f} MB", file=sys.stderr)
        time.sleep(0.25)
    assert process.stdout is not None
    made = json.loads(process.stdout.read())
    facts = {key: made[key] for key in ("texts", "seconds", "runtime", "dimension", "shards")}
    speed = round(made["texts"] / made["seconds"])
    return {**facts, "texts_per_second": speed, "resident_mb": at_quarter, "peak_mb": round(peak)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--model", default="")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", default="vectors", help="vectors (a folder), vectors.npy or vectors.parquet")
    parser.add_argument("--place", type=Path, default=None, help="a folder with room for the texts and the vectors")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.place) as folder:
        place = Path(folder)
        model = given.model or str(write_model(place / "model"))
        file, out = write_lines(place / "lines.txt", given.lines), place / given.out
        command = [sys.executable, "-m", "semtune", "encode", model, str(file), "-o", str(out), "--json"]
        command += ["--rows", str(given.rows), "--workers", str(given.workers)]
        shards = -(-given.lines // given.rows)
        print(json.dumps(measure(command, place / f".{given.out}.work" / "notes", shards), indent=2))


if __name__ == "__main__":
    main()
