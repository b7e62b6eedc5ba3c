"""`semtune train`: a data set and a backbone in, a tuned model folder with its contract out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import InputError
from semtune.io import atomic_folder, read_json, sha256_json, storage_errors, write_json, write_jsonl
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.train.adapters import ADAPTER
from semtune.train.data.rows import as_wanted, columns, material
from semtune.train.data.trainer_tables import LABELS
from semtune.train.memory import Backbone, is_out_of_memory
from semtune.train.plan import MAIN, Plan, halved, plan
from semtune.train.processes import is_first, meet, world
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.train.final_weights import Settled
    from semtune.train.forgetting_floor import FloorSet
    from semtune.train.monitor.diagnosis import Finding
    from semtune.train.training_loop import Fitted

LENGTHS = 2_000  # training rows whose lengths are looked at


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made: the folder's contract, the plan, the log and the best dev value.

    `settled` says whether the folder holds the tuned weights, the base's or a mix; `findings` is what the doctor saw.
    """

    contract: Contract
    plan: Plan
    log: list[dict[str, Any]]
    best: float | None
    start: float | None
    settled: Settled | None = None
    findings: list[Finding] = field(default_factory=list)

    def doctor_json(self) -> dict[str, Any]:
        """What `doctor.json` holds."""
        kept = self.settled.as_dict() if self.settled else {}
        return {**kept, "findings": [finding.as_dict() for finding in self.findings]}

    def kept(self) -> str:
        """Which weights are in the folder, in words."""
        share = self.settled.share if self.settled else 1.0
        if share == 0.0:
            return "the base's weights: the base is kept"
        return "the tuned weights" if share == 1.0 else f"{share:.0%} tuned and {1 - share:.0%} base weights"


def train(
    dataset: Dataset,
    base: Path,
    base_name: str,
    out: Path,
    work: Path,
    settings: TrainSettings,
    seed: int,
    progress: Progress = QUIET,
    also: Mapping[str, Dataset] | None = None,
    floor: FloorSet | None = None,
) -> Trained:
    """Tune the model in `base` on `dataset` and write it to `out`.

    Args:
        dataset: with train rows, and dev rows if a best checkpoint is to be chosen.
        base: a sentence-transformers folder.
        base_name: what the base is called in the contract and the model card.
        out: the model folder; appears when training is done.
        work: holds checkpoints and `log.jsonl`; a later call with the same arguments continues from there.
        seed: of the order of rows and the dropout; the same seed gives the same model on one machine.
        progress: where to show it; of several processes only the first one speaks and writes.
        also: further data sets to train on, by name, each with the loss that fits it.
        floor: what the model must not become worse on; weights are mixed with the base's if it does.

    Raises:
        InputError: nothing to train on, or the data's shape does not fit.
        TrainingError: the loss is no number any more.
        StorageError: the disk is full.
    """
    need("sentence_transformers", "torch", "datasets", "accelerate")
    if not is_first():
        progress = QUIET
    base_contract = contracts.load(base)
    dataset = as_wanted(dataset, settings.loss)
    also = {name: as_wanted(one, "auto") for name, one in (also or {}).items()}
    data = {MAIN: dataset, **also}
    chosen = plan(
        dataset, settings, Backbone.read(base), _lengths(data, base, base_contract), base_contract.max_length, also
    )
    progress.say(f"plan: {chosen.sentence()}")
    for reason in chosen.reasons:
        progress.say(f"  {reason}")
    with storage_errors(work):
        if is_first():
            work.mkdir(parents=True, exist_ok=True)
            _forget_other_work(
                work,
                {
                    "data": {name: _data_hash(one) for name, one in data.items()},
                    "plan": _of_the_result(chosen),
                    "base": base_contract.fingerprint,
                    "seed": seed,
                    "settings": repr(settings),
                    "processes": world(),
                    "floor": [_judged_hash(floor.dataset), floor.max_drop] if floor else None,
                },
            )
        meet()
        from semtune.train.training_loop import fit

        def train_once(chosen: Plan) -> Fitted:
            with progress.track("train", chosen.steps) as advance:
                return fit(data, base, base_contract, work, settings, chosen, seed, progress, advance, floor)

        chosen, fitted = _fit_in_memory(train_once, chosen, progress)
        rows, settled = fitted.rows, fitted.settled
        if not is_first():
            return Trained(base_contract, chosen, rows, None, None)
        write_jsonl(work / "log.jsonl", rows)
        findings = _findings(rows, chosen, settings, floor, settled)
        for finding in settled.findings:
            progress.say(f"doctor: {finding.line()}")
        measured = [row[f"dev_{chosen.metric}"] for row in rows if f"dev_{chosen.metric}" in row]
        with atomic_folder(out) as scratch:
            if (work / ADAPTER).exists() and settled.kept == "tuned":
                shutil.copytree(work / ADAPTER, scratch / ADAPTER)
            contract = _save(
                fitted.model, scratch, out.name if out.name != "model" else f"{Path(base_name).name}-tuned", base_name
            )
            best, start = max(measured[1:], default=None), measured[0] if measured else None
            made = Trained(contract, chosen, rows, best, start, settled, findings)
            write_json(work / "doctor.json", made.doctor_json())
            _write_card(scratch, made, base_name, seed)
            contracts.save(contract, scratch)
    return made


def _fit_in_memory(fit: Callable[[Plan], Fitted], chosen: Plan, progress: Progress) -> tuple[Plan, Fitted]:
    """Fit; where memory gives out, go on from the last checkpoint with a mini-batch of half the size.

    Raises:
        TrainingError: not even the smallest mini-batch fits.
    """
    from semtune.train.monitor.callbacks import TrainingError

    while True:
        try:
            return chosen, fit(chosen)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = halved(chosen)
            if smaller is None:
                raise TrainingError(
                    f"The memory does not suffice for {chosen.mini_batch_size} rows at a time with {chosen.loss}. Lower "
                    "train.max_length or train.per_device_train_batch_size, or take a smaller model."
                ) from error
            chosen = smaller
        progress.say(f"out of memory: {chosen.reasons[-1]}")
        _free_memory()


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _findings(
    rows: list[dict[str, Any]], chosen: Plan, settings: TrainSettings, floor: FloorSet | None, settled: Settled
) -> list[Finding]:
    """What the log shows and what was settled; of two of a kind the settled one, which knows the end."""
    from semtune.train.monitor.diagnosis import diagnose

    seen = diagnose(
        rows, chosen.metric, chosen.steps, settings.early_stopping_patience, floor.max_drop if floor else None
    )
    known = {finding.kind for finding in settled.findings}
    if settled.floor or settled.kept == "base":
        known.add("forgetting")  # was it in the end, it is among the settled ones
    return [*settled.findings, *(finding for finding in seen if finding.kind not in known)]


def _judged_hash(dataset: Dataset) -> str:
    return sha256_json(
        [{split: [astuple(row) for row in rows] for split, rows in dataset.scored.items()}, dataset.qrels]
    )


def _lengths(data: Mapping[str, Dataset], base: Path, contract: Contract) -> list[int]:
    """Tokens of some training texts of each data set; none if the tokenizer is a slow one."""
    if not (base / "tokenizer.json").exists():
        return []
    tokenizer = Tokenizer(base, contract)
    texts: list[str] = []
    for dataset in data.values():
        rows = columns(dataset, material(dataset), "train", LENGTHS)
        texts += [text for name, column in rows.items() if name not in LABELS for text in column]
    return tokenizer.lengths(texts)


def _of_the_result(chosen: Plan) -> dict[str, Any]:
    """What of a plan the trained weights depend on; how much is computed at a time is not among it."""
    left_out = {"mini_batch_size", "gradient_accumulation_steps", "memory_mb", "reasons", "loss"}
    kept = {key: value for key, value in chosen.as_dict().items() if key not in left_out}
    return kept | {"loss": chosen.loss.removeprefix("Cached")}


def _data_hash(dataset: Dataset) -> str:
    """Hash of the rows that are trained on, and of what chooses the checkpoint."""
    found = material(dataset)
    dev = [
        [astuple(row) for row in part.get("dev", [])]
        for part in (dataset.scored, dataset.labelled_pairs, dataset.labelled_texts)
    ]
    return sha256_json([found.shape, columns(dataset, found, "train"), dev, dataset.qrels.get("dev")])


def _forget_other_work(work: Path, key: dict[str, Any]) -> None:
    """Remove checkpoints that were made with other data or settings."""
    wanted = sha256_json(key)
    marker = work / "training.json"
    if marker.exists() and read_json(marker).get("key") != wanted:
        shutil.rmtree(work / "checkpoints", ignore_errors=True)
    write_json(marker, {"key": wanted, **key})


def _save(model: SentenceTransformer, folder: Path, name: str, base: str) -> Contract:
    model.eval()
    model.save_pretrained(str(folder), create_model_card=False)
    contract = contracts.describe(folder, name=name, base=base)
    if contract.dimension <= 0:
        raise InputError(f"The model in {folder} has no known dimension.")
    return replace(contract, base=base)


def _write_card(folder: Path, made: Trained, base: str, seed: int) -> None:
    """A model card: what this model is, how it was made, how to use it."""
    chosen = made.plan
    gain = (
        f"dev {chosen.metric} {made.start:.4f} → {made.best:.4f}"
        if made.best is not None and made.start is not None
        else "no dev split"
    )
    (folder / "README.md").write_text(
        f"---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\nbase_model: {base}\n"
        "tags: [sentence-transformers, semtune]\n---\n\n"
        f"# {made.contract.name}\n\nA sentence-transformers model tuned by Semtune from {base}.\n\n"
        f"- plan: {chosen.sentence()}\n- seed: {seed}\n- result: {gain}\n- kept: {made.kept()}\n"
        f"{''.join(f'- {finding.line()}{chr(10)}' for finding in made.findings)}"
        f"- {made.contract.dimension} dimensions, {made.contract.max_length} tokens, {made.contract.pooling} pooling\n"
        f"- fingerprint: {made.contract.fingerprint}\n\n"
        '```python\nfrom sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer("this folder")\n```\n\n'
        "The licence of the base model applies.\n",
        encoding="utf-8",
    )
