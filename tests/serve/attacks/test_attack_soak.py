"""Mixed load, kills in the middle of it, and every acknowledged document afterwards; see `benchmarks/soak.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "tests" / "golden" / "v0_1_before_13" / "run" / "export"


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "kills"), [(0.5, 5), (1.5, 1)], ids=["kills", "memory"])
def test_under_load_nothing_fails_and_after_kills_nothing_is_lost(tmp_path, minutes, kills):
    corpus = tmp_path / "corpus.jsonl"
    rows = [{"_id": f"d{n}", "text": f"The kettle and the lantern, number {n}."} for n in range(2_000)]
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "soak.py", MODEL, corpus, "--minutes", str(minutes), "--kills", str(kills)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["answers"]["Writer 200"] > 50
    assert report["answers"]["Reader 200"] > 100
    assert (report["errors"], report["wrong_documents"]) == ([], [])
    if kills == 1:
        assert report["memory_drift"][0] is not None
