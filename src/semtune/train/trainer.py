"""`semtune train`: a data set and a backbone in, a tuned model folder with its contract out."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.io import atomic_folder, read_json, sha256_json, storage_errors, write_json, write_jsonl
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.train.plan import Plan, plan
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

DEV_LOSS_ROWS = 512
LOGS = 60  # loss points in a curve


@dataclass(frozen=True, slots=True)
class Trained:
    """What training made: the folder's contract, the plan, the log and the best dev value."""

    contract: Contract
    plan: Plan
    log: list[dict[str, Any]]
    best: float | None
    start: float | None


def train(
    dataset: Dataset,
    base: Path,
    base_name: str,
    out: Path,
    work: Path,
    settings: TrainSettings,
    seed: int,
    progress: Progress = QUIET,
) -> Trained:
    """Tune the model in `base` on `dataset` and write it to `out`.

    Args:
        dataset: with train rows, and dev rows if a best checkpoint is to be chosen.
        base: a sentence-transformers folder.
        base_name: what the base is called in the contract and the model card.
        out: the model folder; appears when training is done.
        work: holds checkpoints and `log.jsonl`; a later call with the same arguments continues from there.
        seed: of the order of rows and the dropout; the same seed gives the same model on one machine.

    Raises:
        InputError: nothing to train on, or the data's shape does not fit.
        TrainingError: the loss is no number any more.
        StorageError: the disk is full.
    """
    need("sentence_transformers", "torch", "datasets", "accelerate")
    chosen = plan(dataset, settings)
    progress.say(f"plan: {chosen.sentence()}")
    base_contract = contracts.load(base)
    with storage_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        _forget_other_work(
            work,
            {
                "data": _data_hash(dataset),
                "plan": chosen.as_dict(),
                "base": base_contract.fingerprint,
                "seed": seed,
                "settings": repr(settings),
            },
        )
        with progress.track("train", chosen.steps) as advance:
            trainer, model = _fit(dataset, base, base_contract, work, settings, chosen, seed, advance)
        history = trainer.state.log_history
        from semtune.train.callbacks import log_rows

        rows = log_rows(history, chosen.metric)
        write_jsonl(work / "log.jsonl", rows)
        measured = [row[f"dev_{chosen.metric}"] for row in rows if f"dev_{chosen.metric}" in row]
        with atomic_folder(out) as scratch:
            contract = _save(
                model, scratch, out.name if out.name != "model" else f"{Path(base_name).name}-tuned", base_name
            )
            made = Trained(contract, chosen, rows, max(measured[1:], default=None), measured[0] if measured else None)
            _write_card(scratch, made, base_name, seed)
            contracts.save(contract, scratch)
    return made


def _data_hash(dataset: Dataset) -> str:
    """Hash of the rows that are trained on, and of what chooses the checkpoint."""
    rows = [astuple(row) for row in dataset.scored.get("train") or dataset.pairs["train"]]
    dev = [astuple(row) for row in dataset.scored.get("dev", [])]
    return sha256_json([rows, dev, dataset.qrels.get("dev")])


def _forget_other_work(work: Path, key: dict[str, Any]) -> None:
    """Remove checkpoints that were made with other data or settings."""
    wanted = sha256_json(key)
    marker = work / "training.json"
    if marker.exists() and read_json(marker).get("key") != wanted:
        shutil.rmtree(work / "checkpoints", ignore_errors=True)
    write_json(marker, {"key": wanted, **key})


def _fit(
    dataset: Dataset,
    base: Path,
    contract: Contract,
    work: Path,
    settings: TrainSettings,
    chosen: Plan,
    seed: int,
    advance: Any,
) -> tuple[SentenceTransformerTrainer, SentenceTransformer]:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import PrinterCallback, set_seed

    from semtune.encoders.torch import open_sentence_transformer
    from semtune.train.attention import fast_on_cpu
    from semtune.train.callbacks import Bedside, newest_whole

    set_seed(seed)  # before the model: a fresh head, if any, starts the same
    model = open_sentence_transformer(base)
    model.model_card_data.widget = [{"text": ""}]  # a bar would be shown while examples for one are looked for
    rows, dev_rows = _tables(dataset)
    checkpoint = newest_whole(work / "checkpoints")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(
                work / "checkpoints",
                settings,
                chosen,
                contract,
                seed,
                negatives=len(rows.column_names) - 2,
                fresh=checkpoint is None,
            ),
            train_dataset=rows,
            eval_dataset=dev_rows if chosen.metric else None,
            loss=_loss(chosen, model),
            evaluator=_evaluator(dataset, contract, settings, chosen, seed),
            callbacks=[Bedside(work, chosen.metric, advance)],
        )
        trainer.remove_callback(PrinterCallback)
        with fast_on_cpu(model):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return trainer, model


def _tables(dataset: Dataset) -> tuple[Any, Any]:
    """Training and dev rows as `datasets.Dataset`; the dev rows only for the loss, so not all of them."""
    from datasets import Dataset as Table
    from datasets import disable_progress_bars

    disable_progress_bars()
    if dataset.scored.get("train"):

        def table(split: str, most: int | None) -> Table:
            chosen = dataset.scored.get(split, [])[:most]  # type: ignore[call-overload]
            columns = {name: [getattr(pair, name) for pair in chosen] for name in ("sentence1", "sentence2", "score")}
            return Table.from_dict(columns)

        return table("train", None), table("dev", DEV_LOSS_ROWS)
    width = min(len(pair.negatives) for pair in dataset.pairs["train"])

    def pairs(split: str, most: int | None) -> Table:
        chosen = [p for p in dataset.pairs.get(split, []) if len(p.negatives) >= width][:most]  # type: ignore[call-overload]
        columns = {"anchor": [p.anchor for p in chosen], "positive": [p.positive for p in chosen]}
        return Table.from_dict(columns | {f"negative_{i + 1}": [p.negatives[i] for p in chosen] for i in range(width)})

    return pairs("train", None), pairs("dev", DEV_LOSS_ROWS)


def _loss(chosen: Plan, model: SentenceTransformer) -> Any:
    from sentence_transformers.sentence_transformer import losses

    return getattr(losses, chosen.loss)(model)


def _evaluator(dataset: Dataset, contract: Contract, settings: TrainSettings, chosen: Plan, seed: int) -> Any:
    from semtune.train.dev import DevRetrieval, DevSimilarity

    if not chosen.metric:
        return None
    if chosen.shape == "scored pairs":
        return DevSimilarity(dataset, contract, chosen.bf16)
    return DevRetrieval(dataset, contract, chosen.bf16, settings.max_dev_passages, seed)


def _arguments(
    folder: Path, settings: TrainSettings, chosen: Plan, contract: Contract, seed: int, *, negatives: int, fresh: bool
) -> Any:
    import torch
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from semtune.train.sampler import LengthBatchSampler

    query, document = contract.prompt("query"), contract.prompt("document")
    columns = ["positive", *(f"negative_{i + 1}" for i in range(negatives))]
    prompts = {"anchor": query, **dict.fromkeys(columns, document)} if query or document else None
    judged = bool(chosen.metric)
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.num_train_epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=chosen.batch_size,
        per_device_eval_batch_size=chosen.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="linear",
        bf16=chosen.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=seed,
        data_seed=seed,
        batch_sampler=LengthBatchSampler,
        prompts=prompts if chosen.shape == "pairs" else None,
        eval_strategy="steps" if judged else "no",
        eval_steps=chosen.eval_steps,
        eval_on_start=judged and fresh,  # a resumed run has it in its log already
        save_strategy="steps",
        save_steps=chosen.eval_steps,
        save_total_limit=2,
        load_best_model_at_end=judged,
        metric_for_best_model=f"eval_{chosen.metric}" if judged else None,
        greater_is_better=True if judged else None,
        logging_steps=max(1, chosen.steps // LOGS),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


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
        f"- plan: {chosen.sentence()}\n- seed: {seed}\n- result: {gain}\n"
        f"- {made.contract.dimension} dimensions, {made.contract.max_length} tokens, {made.contract.pooling} pooling\n"
        f"- fingerprint: {made.contract.fingerprint}\n\n"
        '```python\nfrom sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer("this folder")\n```\n\n'
        "The licence of the base model applies.\n",
        encoding="utf-8",
    )
