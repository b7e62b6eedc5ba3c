"""The model folder that a training writes: weights, contract, model card and what was seen on the way."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.errors import InputError
from semtune.io import atomic_folder, write_json
from semtune.train.final_model.model_card import model_card
from semtune.train.planning.plan import Plan
from semtune.train.trainer.lora import ADAPTER_FOLDER

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.train.final_model.final_weights import FinalWeights
    from semtune.train.monitor.finding import Finding
    from semtune.train.trainer.training_job import TrainingJob
    from semtune.train.trainer.training_loop import TrainingResult


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training made.

    Attributes:
        contract: of the model folder.
        plan: what was trained.
        log: the rows of `log.jsonl`.
        best, start: the highest dev metric of a checkpoint, and the base's; None without a dev split.
        final: whether the folder holds the tuned weights, the base's or a mix.
        findings: what the training doctor saw.
    """

    contract: Contract
    plan: Plan
    log: list[dict[str, Any]]
    best: float | None
    start: float | None
    final: FinalWeights | None = None
    findings: list[Finding] = field(default_factory=list)

    def doctor_json(self) -> dict[str, Any]:
        """The content of `doctor.json`."""
        kept = self.final.as_dict() if self.final else {}
        return {**kept, "findings": [finding.as_dict() for finding in self.findings]}

    def kept(self) -> str:
        """Which weights are in the folder, in words."""
        share = self.final.share if self.final else 1.0
        if share == 0.0:
            return "the base's weights: the base is kept"
        return "the tuned weights" if share == 1.0 else f"{share:.0%} tuned and {1 - share:.0%} base weights"


def save_trained(
    job: TrainingJob, result: TrainingResult, findings: list[Finding], base_name: str, out: Path
) -> Trained:
    """Write the model folder in one move, and `doctor.json` into the work folder."""
    metric = f"dev_{job.plan.metric}"
    measured = [row[metric] for row in result.log if metric in row]
    name = out.name if out.name != "model" else f"{Path(base_name).name}-tuned"
    with atomic_folder(out) as scratch:
        if (job.work / ADAPTER_FOLDER).exists() and result.final.kept == "tuned":
            shutil.copytree(job.work / ADAPTER_FOLDER, scratch / ADAPTER_FOLDER)
        contract = _save(result.model, scratch, name, base_name)
        best, start = max(measured[1:], default=None), measured[0] if measured else None
        made = Trained(contract, job.plan, result.log, best, start, result.final, findings)
        write_json(job.work / "doctor.json", made.doctor_json())
        (scratch / "README.md").write_text(_card(made, job.seed), encoding="utf-8")
        contracts.save(contract, scratch)
    return made


def _save(model: SentenceTransformer, folder: Path, name: str, base: str) -> Contract:
    model.eval()
    model.save_pretrained(str(folder), create_model_card=False)
    contract = contracts.describe(folder, name=name, base=base)
    if contract.dimension <= 0:
        raise InputError(
            f"The dimension of the model in {folder} is unknown; its config names none. Choose another base."
        )
    return replace(contract, base=base)


def _card(made: Trained, seed: int) -> str:
    gain = "no dev split"
    if made.best is not None and made.start is not None:
        gain = f"dev {made.plan.metric} {made.start:.4f} → {made.best:.4f}"
    facts = [
        f"plan: {made.plan.sentence()}",
        f"seed: {seed}",
        f"result: {gain}",
        f"kept: {made.kept()}",
        *(finding.line() for finding in made.findings),
    ]
    return model_card(made.contract, "tuned", facts)
