"""The settings of the toy run, and what a run's files hold."""

import hashlib
import json
import re
from pathlib import Path

STEPS = ["prepare", "train", "export", "evaluate", "index", "search"]
QUESTION = "how to mend a kettle"


def settings(root, model, source, /, **sections):
    """The config of a run named "toy" in `root`/runs, small enough for seconds; `sections` go over it."""
    made = {
        "name": "toy",
        "model": str(model),
        "runs_dir": str(root / "runs"),
        "prepare": {"source": str(source)},
        "train": {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 1e-3},
        "evaluate": {"min_queries": 5},
        "search": {"questions": [QUESTION]},
    }
    for name, section in sections.items():
        made[name] = {**made.get(name, {}), **section} if isinstance(section, dict) else section
    return made


def contents(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of every file under a folder, hidden ones and step records too, without the store.

    What tells the time (seconds of a measurement) is taken out first.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".store" not in path.parts:
            data = path.read_bytes()
            if path.name == "metrics.json":
                values = json.loads(data)
                for model in values.get("models", {}).values():
                    del model["seconds"]
                data = json.dumps(values).encode()
            if path.name == "report.html":
                data = re.sub(rb'<section class="card clock">.*?</section>', b"", data, flags=re.S)
                data = re.sub(rb"\b[\d,]+\.\d s\b", b"", data)
            found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found
