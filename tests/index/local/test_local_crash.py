"""A tenth of `benchmarks/crash.py`: killed at any moment, a writer loses no acknowledged write and invents none."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_writers_lose_nothing(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr("semtune.index.local.compaction.SEAL_AT", 400)
    monkeypatch.setattr("semtune.index.local.kinds.EXACT_UP_TO", 900)
    from crash import crash

    found = crash(kills=100, seed=16, folder=tmp_path)
    assert found["wrong"] == []
    assert found["kills"] == 100
    assert found["acknowledged writes"] > 100
