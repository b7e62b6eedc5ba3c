"""The order of the steps, and nothing else: what each one is, its own `step.py` says.

prepare → (select →) train → export → evaluate → index → search. The exported models are what is judged: tuned and base, on
the runtime that will serve. A step runs when its key (arguments, inputs, versions) differs from its record, when its output
is damaged, or when it never ran; see `semtune.step_runner`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune.config import RunConfig, write_config
from semtune.encoders.load import load_encoder
from semtune.encoders.vector_store import VectorStore
from semtune.errors import ModelError
from semtune.evaluate import step as evaluating
from semtune.export import step as exporting
from semtune.hub import resolve_model
from semtune.index import step as indexing
from semtune.io import read_json, read_jsonl, sha256_file
from semtune.machine import keep_freed_memory
from semtune.prepare import step as preparing
from semtune.prepare.build import for_other_steps as data_for
from semtune.progress import QUIET, Progress
from semtune.run_directory import RunDirectory
from semtune.search import step as searching
from semtune.select import step as selecting
from semtune.step import ModelRef
from semtune.step_runner import PlannedStep, Rerun, RunReport, StepReport, plan_steps, run_steps
from semtune.train import step as training

if TYPE_CHECKING:
    from semtune.protocols import Encoder
    from semtune.select.candidates import Candidates

EXIT_CODES = {"ship": 0, "do-not-ship": 1, "cannot-judge": 2}
STORE, VECTORS, MODELS = ".store", "vectors", "models"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """What the steps are made from."""

    config: RunConfig
    run: RunDirectory
    candidates: Candidates | None  # candidates, where the run has a select step
    reader: ModelRef  # whose tokens documents are counted in
    progress: Progress

    @property
    def backbone(self) -> ModelRef:
        """The model that is tuned: with `select`, once it is finished, the recommended one."""
        return (selecting.chosen(self.candidates, self.path("select")) if self.candidates else None) or self.reader

    @property
    def store(self) -> VectorStore:
        """Vectors that the steps share."""
        return VectorStore(self.run.root / STORE / VECTORS, self.config.store_mb * MB)

    def path(self, step: str) -> Path:
        """The folder of a finished step."""
        return self.run.root / step

    def data(self) -> datasets.Dataset:
        """The prepared data set."""
        return datasets.load(self.path("prepare"))

    def base_as_evaluated(self) -> Encoder | None:
        """The backbone as evaluate opened it; None where that is gone, since it is not made anew for a few questions."""
        try:
            made = exporting.exported_before(self.backbone, self.run.root / STORE / MODELS)
            return load_encoder(str(made)) if made else None
        except ModelError:
            return None

    def served_base(self) -> Path:
        """The backbone in the form that it would be served in, made the first time that it is needed."""
        return exporting.serving_folder(self.backbone, self.run.root / STORE / MODELS, self.progress)


def run_pipeline(
    config: RunConfig, *, rerun: Rerun = "changed", dry_run: bool = False, progress: Progress = QUIET,
    on_step: Callable[[StepReport], None] = lambda _report: None, on_start: Callable[[str, str], None] = lambda _step, _why: None,
    keep_store: bool = True,
) -> RunReport:  # fmt: skip
    """Walk the whole way, running what has to be run.

    Args:
        config: of the run.
        rerun: "changed" runs what changed, "always" everything, "never" only what was never finished.
        dry_run: only say what would run and why; nothing is written.
        progress: shown to the user.
        on_start: called with a step's name and the reason before it runs.
        on_step: called with each step's report.
        keep_store: keep the run's store of vectors for the next call; False removes it at the end.

    Raises:
        SemtuneError: a step failed; the finished ones stay, and the next call continues there.
    """
    root = Path(config.runs_dir) / config.name
    context = _start(config, RunDirectory(root), progress)
    steps = chosen_steps(config)
    _general_hash(context)  # a path that does not exist is refused before any step
    if dry_run:
        reports = plan_steps(context, context.run, steps, rerun)
        for report in reports:
            on_step(report)
        return RunReport(config.name, str(root), tuple(reports), 0)
    keep_freed_memory()
    with context.run.locked():
        context.run.sweep()
        write_config(config, root / "config.yaml")
        try:
            return run_steps(
                context, context.run, steps, rerun, config.name, config.seed, on_start, on_step,
                lambda report: _gate(config, report),
            )  # fmt: skip
        finally:
            if not keep_store:
                shutil.rmtree(root / STORE, ignore_errors=True)


def chosen_steps(config: RunConfig) -> list[PlannedStep[Context]]:
    """The steps of this run, in order; select only where there are candidates, search only where there are questions."""
    asked = {"select": config.select.candidates, "search": config.search.questions}
    return [step for step in STEPS if asked.get(step.name, True)]


def _start(config: RunConfig, run: RunDirectory, progress: Progress) -> Context:
    if config.select.candidates:
        from semtune.select.candidates import gather

        candidates = gather(config.select.candidates)
        return Context(config, run, candidates, selecting.reader(candidates), progress)
    folder = resolve_model(config.model)
    return Context(config, run, None, ModelRef(config.model, folder, contracts.load(folder)), progress)


def _gate(config: RunConfig, report: StepReport) -> int:
    """The exit code that ends the run after this step; 0: it goes on."""
    return EXIT_CODES[report.result["verdict"]] if report.step == "evaluate" and config.evaluate.gate else 0


def _prepare(context: Context) -> preparing.PrepareInputs:
    settings = context.config.prepare
    return preparing.PrepareInputs(
        settings.source,
        settings,
        context.reader,
        context.config.seed,
        context.config.name,
        context.path("prepare"),
        store=context.store,
    )


def _select(context: Context) -> selecting.SelectInputs:
    assert context.candidates is not None  # noqa: S101 - the step is left out without candidates
    config = context.config
    training = selecting.for_trials(config.train)
    return selecting.SelectInputs(context.data, config.select, training, context.candidates, config.seed, config.name)


def _run_select(context: Context, work: Path) -> selecting.Selected:
    selected = selecting.run(_select(context), work, context.progress)
    selecting.require_one(selected)
    return selected


def _candidates(context: Context) -> dict[str, str]:
    """Name → fingerprint of the candidates that are here."""
    return {one.asked: one.contract.fingerprint for one in context.candidates.usable} if context.candidates else {}


def _train(context: Context) -> training.TrainInputs:
    settings, base, seed = context.config.train, context.backbone, context.config.seed
    also = {name: data_for.training(place, base, seed) for name, place in settings.also.items()}
    floor = data_for.evaluation(settings.floor.data) if settings.floor.data else None
    return training.TrainInputs(context.data, settings, base, seed, also, floor)


def _further_hashes(context: Context) -> dict[str, str]:
    settings = context.config.train
    floor = {"floor": data_for.content(settings.floor.data)} if settings.floor.data else {}
    return {f"also {name}": data_for.content(place) for name, place in settings.also.items()} | floor


def _export(context: Context) -> exporting.ExportInputs:
    return exporting.ExportInputs(
        context.path("train") / training.MODEL,
        exporting.for_run(context.config.export),
        lambda: [document.content for document in context.data().to_index],
    )


def _evaluate(context: Context) -> evaluating.EvaluateInputs:
    config = context.config
    general = config.evaluate.general
    return evaluating.EvaluateInputs(
        context.data, config.name, config.evaluate, str(context.path("export")), [str(context.served_base())], config.seed,
        f"{config.name}: tuned {context.backbone.name}", general=data_for.general(general) if general else None,
        leaks=data_for.leaks_of, language_of=data_for.language_of, training=lambda: _training_notes(context),
        store=context.store, test_needed=False,
    )  # fmt: skip


def _training_notes(context: Context) -> evaluating.TrainingNotes:
    place = context.path("train")
    seen = read_json(place / training.FINDINGS)["findings"]
    notes = [f"{finding['kind'].capitalize()}: {finding['sentence']} {finding['advice']}" for finding in seen]
    return evaluating.TrainingNotes(list(read_jsonl(place / training.LOG)), notes)


def _general_hash(context: Context) -> dict[str, str]:
    general = context.config.evaluate.general
    return {"general": data_for.content(general)} if general else {}


def _publish_thresholds(context: Context) -> None:
    """Lay the thresholds beside the exported model, which was made before they were measured."""
    found, place = context.path("evaluate") / evaluating.THRESHOLDS, context.path("export")
    contracts.publish_thresholds(place, read_json(found) if found.exists() else None)


def _thresholds_hash(context: Context) -> dict[str, str]:
    file = context.path("evaluate") / evaluating.THRESHOLDS
    return {"thresholds": sha256_file(file)} if file.exists() else {}


def _index(context: Context) -> indexing.IndexInputs:
    model = context.path("export")
    return indexing.IndexInputs(
        lambda: context.data().to_index, lambda: context.store.over(load_encoder(str(model))), model, context.config.index,
        lambda: data_for.held_out_queries(context.data()), context.path("index"),
    )  # fmt: skip


def _search(context: Context) -> searching.SearchInputs:
    return searching.SearchInputs(
        context.path("index"), context.config.search, context.data, context.base_as_evaluated, context.store,
    )  # fmt: skip


def _search_key(context: Context) -> dict[str, Any]:
    base = context.backbone
    facts = {"base": base.contract.fingerprint, "model": base.name, "seed": context.config.seed}
    return context.config.search.as_dict() | facts


STEPS: tuple[PlannedStep[Context], ...] = (
    PlannedStep(
        "prepare", (), preparing.LIBRARIES, lambda context: preparing.key(_prepare(context)),
        lambda context, work: preparing.run(_prepare(context), work, context.progress),
        lambda context: preparing.sources(_prepare(context)), resumable=True,
    ),
    PlannedStep(
        "select", ("prepare",), selecting.LIBRARIES, lambda context: selecting.key(_select(context)), _run_select, _candidates,
        resumable=True,
    ),
    PlannedStep(
        "train", ("prepare",), training.LIBRARIES, lambda context: training.key(_train(context)),
        lambda context, work: training.run(_train(context), work, context.progress),
        _further_hashes, chosen_by=("select",), resumable=True,
    ),
    PlannedStep(
        "export", ("train",), exporting.LIBRARIES, lambda context: exporting.key(_export(context)),
        lambda context, work: exporting.run(_export(context), work, context.progress),
    ),
    PlannedStep(
        "evaluate", ("prepare", "train", "export"), evaluating.LIBRARIES,
        lambda context: evaluating.key(context.config.evaluate, context.backbone, context.config.seed),
        lambda context, work: evaluating.run(_evaluate(context), work, context.progress),
        _general_hash, afterwards=_publish_thresholds,
    ),
    PlannedStep(
        "index", ("prepare", "export"), indexing.LIBRARIES, lambda context: indexing.key(_index(context)),
        lambda context, work: indexing.run(_index(context), work, context.progress),
    ),
    PlannedStep(
        "search", ("index",), searching.LIBRARIES, _search_key,
        lambda context, work: searching.run(_search(context), work, context.progress), _thresholds_hash,
    ),
)  # fmt: skip
