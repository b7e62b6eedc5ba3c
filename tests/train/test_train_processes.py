"""Two processes that train together over gloo, against one with the joint batch."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from train_parts import SETTINGS, fit, retrieval_set

from semtune.dataset import Dataset
from semtune.io import read_jsonl
from semtune.train.planning.plan import plan
from semtune.types import Pair

CODE = textwrap.dedent("""
    import sys
    from pathlib import Path

    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from test_train_processes import WANTED, rows
    from train_parts import fit

    from semtune.train.processes import leave

    fit(rows(), Path(sys.argv[2]), Path(sys.argv[3]), WANTED)
    leave()
""")
WANTED = SETTINGS.replace(num_train_epochs=3, per_device_train_batch_size=8)


def rows():
    """As many rows as both processes take in a step, so that every step sees all of them, in whatever order."""
    distinct = {pair.positive: pair for pair in retrieval_set().pairs["train"]}
    distinct = {pair.anchor: pair for pair in distinct.values()}
    return Dataset(pairs={"train": list(distinct.values())[:16]})


@pytest.fixture
def still(toy_model, tmp_path):
    """The toy model without dropout, whose draws would differ."""
    import shutil

    folder = shutil.copytree(toy_model, tmp_path / "still")
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.slow  # three processes that import torch
def test_two_processes_train_as_one_with_the_joint_batch(still, tmp_path):
    assert len(rows().pairs["train"]) == 16
    one = fit(rows(), still, tmp_path / "one", WANTED.replace(per_device_train_batch_size=16))
    script = tmp_path / "together.py"
    script.write_text(CODE)
    here = str(Path(__file__).parent)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*launch, str(script), here, str(still), str(tmp_path / "two")]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=one_thread, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    log = list(read_jsonl(tmp_path / "two" / "work" / "log.jsonl"))
    alone = [row["loss"] for row in one.log if "loss" in row]
    together = [row["loss"] for row in log if "loss" in row]
    assert len(together) == len(alone) == 3
    assert together == pytest.approx(alone, rel=1e-3)
    assert alone[0] > alone[-1]
    mine, theirs = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    assert max(np.abs(mine[name] - theirs[name]).max() for name in mine) < 2e-3


def test_the_plan_counts_the_processes(monkeypatch):
    data = Dataset(pairs={"train": [Pair(f"q{i}", f"d{i}") for i in range(100)]})
    monkeypatch.setenv("WORLD_SIZE", "2")
    made = plan(data, WANTED.replace(num_train_epochs=1))
    assert made.steps == 7  # 13 batches of 8 between two
    assert any("16 rows a step, negatives of all of them" in reason for reason in made.reasons)
