"""The finished student: its model folder with contract, card and `distil.json`."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.io import atomic_folder, write_json
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.final_model.model_card import model_card


def publish(student: Student, job: DistillationJob, out: Path, facts: dict[str, Any], lines: list[str]) -> Contract:
    """Put the student at `out` in one move, with its contract, card and `distil.json`, and remove the work folder.

    Args:
        student: that was made.
        job: it was made by.
        out: the model folder.
        facts: the content of `distil.json`.
        lines: what the card says besides how the student was made.
    """
    with atomic_folder(out) as scratch:
        shutil.copytree(student.folder, scratch, dirs_exist_ok=True)
        for old in (contracts.FILE, "README.md"):
            (scratch / old).unlink(missing_ok=True)
        name = out.name if out.name != "model" else f"{Path(job.name).name}-distilled"
        contract = contracts.describe(scratch, name=name, base=job.name)
        if student.parts:
            contract = replace(contract, parts={**contract.parts, **student.parts})
        write_json(scratch / "distil.json", facts)
        (scratch / "README.md").write_text(
            model_card(contract, "distilled", [f"how: {student.how}", *lines]), encoding="utf-8"
        )
        contracts.save(contract, scratch)
    shutil.rmtree(job.work)
    return contract
