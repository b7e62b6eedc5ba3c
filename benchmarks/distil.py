"""What students keep of all-MiniLM-L6-v2, and how fast they are: the numbers of docs/distil.md.

SciFact with 1,500 of its passages (the judged ones and evenly spaced others) and Tatoeba German-English, from
../shared/data or $SEMTUNE_DATA; the multilingual backbone is a folder of multilingual-e5-small.
python benchmarks/distil.py ME5_FOLDER [--json]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from processes import semtune
from timing import publish

from semtune import dataset as datasets

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
TEACHER = "all-MiniLM-L6-v2"
PASSAGES = 1500
KEPT = (
    "how", "quality", "dev_quality", "before", "metrics", "cosine_before", "cosine", "texts_per_second", "one_query",
    "runtimes", "bytes",
)  # fmt: skip


def main() -> None:
    """Measure and publish."""
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not folders:
        sys.exit("Give the folder of multilingual-e5-small: python benchmarks/distil.py FOLDER")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        scifact, tatoeba = work / "scifact", work / "tatoeba"
        semtune("prepare", DATA / "scifact", "-o", scifact)
        fewer_passages(scifact)
        parts = ["--set", "test_share=0.4", "--set", "dev_share=0.05"]
        semtune("prepare", DATA / "tatoeba" / "tatoeba.deu-eng.eng", "-o", tatoeba, *parts)
        ways = {
            "static": ["--data", scifact],
            "layers": ["--layers", "3", "--data", scifact],
            "query": ["--data", scifact],
            "multilingual": ["--student", folders[0], "--data", tatoeba],
        }
        found = {way: semtune("distil", TEACHER, "--to", way, "-o", work / way, *words) for way, words in ways.items()}
    chosen = {way: {key: facts[key] for key in KEPT if key in facts} for way, facts in found.items()}
    publish("distil", {"what": f"students of {TEACHER}, defaults of `semtune distil`", **chosen})


def fewer_passages(folder: Path, most: int = PASSAGES) -> None:
    """Keep the judged passages and evenly spaced others, if there are more than `most`."""
    data = datasets.load(folder)
    if len(data.corpus) <= most:
        return
    judged = {document for qrels in data.qrels.values() for row in qrels.values() for document in row}
    others = [document.id for document in data.corpus if document.id not in judged]
    free = max(0, most - len(judged))
    kept = judged | {others[int(at * len(others) / free)] for at in range(free)}
    data.corpus = [document for document in data.corpus if document.id in kept]
    datasets.save(data, folder)


if __name__ == "__main__":
    main()
