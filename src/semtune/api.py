"""The Python API: a function for each command, with the same settings, the same checks and the same files.

`semtune/__init__.py` gives these lazily; the commands call them too.

Example:
    >>> import semtune  # doctest: +SKIP
    >>> semtune.prepare("docs/", "data")  # doctest: +SKIP
    >>> semtune.train("data", "all-MiniLM-L6-v2", "model")  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.config import RunConfig, load_config, parse_config
from semtune.errors import ConfigError, InputError, RunLockedError
from semtune.evaluate.settings import EvaluateSettings
from semtune.export.settings import ExportSettings
from semtune.index.settings import IndexSettings
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.select.settings import SelectSettings
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.distillation import Distilled
    from semtune.evaluate.saved.compare import EvaluationComparison
    from semtune.evaluate.step import Evaluated
    from semtune.export.step import ExportResult
    from semtune.index.manifest import IndexManifest
    from semtune.pipeline import RunReport
    from semtune.prepare.step import Prepared
    from semtune.protocols import Encoder
    from semtune.select.select_backbone import Selection
    from semtune.step import ModelRef
    from semtune.step_runner import Rerun, StepReport
    from semtune.train.step import TrainInputs
    from semtune.train.train_model import Trained
    from semtune.types import Encoded, Role

DEFAULT_MODEL = "all-MiniLM-L6-v2"
SEED = 13
MEASURE = EvaluateSettings(bm25=False, calibrate=False)
TRAINING = ("sentence_transformers", "torch", "datasets", "accelerate")


def prepare(
    source: str | Path | Mapping[str, str],
    out: str | Path,
    *,
    model: str = DEFAULT_MODEL,
    settings: PrepareSettings = PrepareSettings(),  # noqa: B008 - frozen
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Prepared:
    """Clean, split and pair a source into a data set that does not leak.

    Args:
        source: a folder, an archive, a table, a BEIR folder, "python-docs", or {"train": FILE, "dev": FILE, "test": FILE}.
        out: the data set folder to write.
        model: the backbone whose tokenizer and length limit count.
        settings: of the step.
        seed: of the split.
        progress: shown while it works.

    Raises:
        InputError: the source cannot be read, or `out` is something else.
        GateError: the data set would leak.
    """
    from semtune.io import atomic_folder, restore_folder
    from semtune.prepare.step import PrepareInputs, run
    from semtune.sources import model_ref, refuse_foreign
    from semtune.work_cache import work_beside

    place, given = Path(out), dict(source) if isinstance(source, Mapping) else str(source)
    restore_folder(place)
    refuse_foreign(place, "prepare.json", "a data set")
    reader = model_ref(model)
    with work_beside(place) as work, atomic_folder(place) as scratch:
        inputs = PrepareInputs(given, settings, reader, seed, place.resolve().name, place, work)
        return run(inputs, scratch, progress)


def select(
    dataset: str | Path,
    candidates: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    settings: SelectSettings = SelectSettings(),  # noqa: B008
    training: TrainSettings = TrainSettings(),  # noqa: B008
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Selection:
    """Measure backbones on a data set, tune each for a short while, and recommend one.

    Args:
        dataset: a data set, a run, or a source that can be prepared.
        candidates: names, hub ids or folders; none: the well-known ones on this machine that fit the language.
        out: a folder for `select.json`, the report and what was measured; None: nothing is kept.
        settings: of the step.
        training: settings of the trials; those that a trial sets itself have no effect and are refused.
        seed: of all that is drawn, and of the trials.
        progress: shown while it works.

    Raises:
        InputError: the data set has no dev split, or none of the candidates can be used.
    """
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.registry import need
    from semtune.select.candidates import gather, languages_of, usual
    from semtune.select.step import SelectInputs, reader, run, trial_settings
    from semtune.sources import report_of

    need(*TRAINING)
    trial = trial_settings(training)
    with _select_folder(Path(out) if out is not None else None) as work:
        found = gather(list(candidates) or usual(languages_of(report_of(Path(dataset)))))
        data = data_for.training(dataset, reader(found), seed, None, progress)()
        title = Path(dataset).resolve().name if out is not None else ""
        return run(
            SelectInputs(lambda: data, settings, trial, found, seed, title, str(dataset)), work, progress
        ).selection


@contextlib.contextmanager
def _select_folder(out: Path | None) -> Iterator[Path]:
    """Where measurements are kept: the folder asked for, held against other processes, or a temporary one."""
    from semtune.io import held
    from semtune.select.candidate_trials import KEPT
    from semtune.sources import refuse_foreign

    if out is None:
        with tempfile.TemporaryDirectory(prefix="semtune-select-") as name:
            yield Path(name)
        return
    refuse_foreign(out, KEPT, "a choice that semtune made")
    with held(out / KEPT) as ours:
        if not ours:
            raise RunLockedError(
                f"Another process is choosing in {out}. Wait until it ends, or give another folder with -o."
            )
        yield out


def train(
    dataset: str | Path,
    model: str,
    out: str | Path,
    *,
    dev: str | Path | None = None,
    settings: TrainSettings = TrainSettings(),  # noqa: B008
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Trained:
    """Fine-tune a backbone; killed, the same call continues.

    Args:
        dataset: a data set, a run, or a table of pairs.
        model: the backbone: a name, a hub id or a folder.
        out: the model folder to write; its log and curve go into `training` inside it.
        dev: a table of pairs that chooses the best checkpoint.
        settings: of the step.
        seed: of everything random.
        progress: shown while it works.

    Raises:
        InputError: nothing to train on, or the data's shape does not fit.
    """
    from semtune import contract as contracts
    from semtune.machine import keep_freed_memory
    from semtune.registry import need
    from semtune.sources import model_ref, refuse_foreign
    from semtune.train.processes import is_first, leave
    from semtune.train.step import run

    need(*TRAINING)
    place = Path(out)
    refuse_foreign(place, contracts.FILE, "a model that semtune made")
    base = model_ref(model)
    if place.resolve() == base.folder.resolve():
        raise InputError(f"{out} is the model to be tuned; nothing was overwritten. Give a new folder with -o.")
    work = place.parent / f".{place.name}.training"
    keep_freed_memory()
    made = run(_train_inputs(dataset, dev, settings, base, place, seed, progress), work, progress).trained
    leave()
    if is_first():
        _keep_log(work, place)
    return made


def _train_inputs(
    dataset: str | Path, dev: str | Path | None, settings: TrainSettings, base: ModelRef, out: Path, seed: int, progress: Progress
) -> TrainInputs:  # fmt: skip
    """Everything is read before the training begins, so that what is missing is found first."""
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.train.losses import takes_labels
    from semtune.train.step import TrainInputs

    floor = data_for.evaluation(settings.floor.data)() if settings.floor.data else None
    labels = takes_labels(settings.loss)
    rows = data_for.training(dataset, base, seed, Path(dev) if dev else None, progress, keep_labels=labels)()
    also = {name: data_for.training(place, base, seed, None, progress)() for name, place in settings.also.items()}
    return TrainInputs(
        lambda: rows, settings, base, seed, {name: _given(data) for name, data in also.items()},
        _given(floor) if floor else None, out,
    )  # fmt: skip


def _given(data: Dataset) -> Callable[[], Dataset]:
    return lambda: data


def _keep_log(work: Path, out: Path) -> None:
    """Move the log, the doctor's findings and the curve into the model folder."""
    from semtune.train.step import CURVE, FINDINGS, LOG

    (out / "training").mkdir(exist_ok=True)
    for name in (LOG, FINDINGS, CURVE):
        shutil.copyfile(work / name, out / "training" / name)
    shutil.rmtree(work)


def distil(
    teacher: str,
    to: str,
    out: str | Path,
    *,
    data: str | Path | None = None,
    layers: int | None = None,
    student: str | None = None,
    dim: int | None = None,
    settings: TrainSettings | None = None,
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Distilled:
    """Make a faster or multilingual student of a model and measure it against its teacher; killed, the same call continues.

    Args:
        teacher: a name, a hub id, a model folder or a run folder.
        to: "static", a table of token vectors; "layers", fewer of its layers; "dims", shorter vectors; "multilingual", its
            vector space in `student`.
        out: the model folder to write.
        data: what is learned from, and whose test part is measured on.
        layers: to keep, with "layers"; None: half.
        student: the multilingual backbone.
        dim: dimensions of the vectors, with "static" and "dims".
        settings: of training; None: those that suit the way.
        seed: of everything random.
        progress: shown while it works.

    Raises:
        ConfigError: options that do not belong to this way.
        InputError: data is needed, or `out` is something else.
    """
    from semtune import distillation

    return distillation.distil(
        teacher, to, Path(out), Path(data) if data else None, layers=layers, student=student, dim=dim, settings=settings,
        seed=seed, progress=progress,
    )  # fmt: skip


def evaluate(
    model: str,
    dataset: str | Path,
    *,
    against: Sequence[str] = (),
    out: str | Path | None = None,
    settings: EvaluateSettings = MEASURE,
    runtime: str = "auto",
    stages: bool = False,
    index: str | Path | None = None,
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Evaluated:
    """Measure a model on the test part; with `against`, say whether to ship it.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        dataset: a data set, a BEIR folder, a run, a table of labelled rows, or a folder of parallel texts.
        against: models, folders of saved evaluations, "bm25" or "hybrid"; the first decides.
        out: a folder for metrics, the report and run files.
        settings: of the step; with `calibrate`, thresholds are written into the model folder.
        runtime: of the models.
        stages: also measure what is served, stage by stage; `index` names an index to measure in place of a new one.
        seed: of resampling and drawn examples.
        progress: shown while it works.

    Raises:
        SemtuneError: a model or result cannot be had, or does not fit the data.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.evaluate.step import EvaluateInputs, run
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.sources import folder_to_calibrate, index_to_measure, store_thresholds

    target = folder_to_calibrate(model) if settings.calibrate else None
    data = data_for.evaluation(dataset)()
    inputs = EvaluateInputs(
        lambda: data, str(dataset), settings, model, list(against), seed, model, parse_runtime(runtime),
        data_for.general(settings.general) if settings.general else None, data_for.leaks_of, data_for.language_of,
        stages=stages, index=index_to_measure(Path(index) if index else None, stages), thresholds_needed=settings.calibrate,
    )  # fmt: skip
    keep_freed_memory()
    found = run(inputs, Path(out) if out is not None else None, progress)
    if found.calibrated and target:
        store_thresholds(found.calibrated, target)
    return found


def compare(runs: Sequence[str | Path], *, seed: int = SEED) -> EvaluationComparison:
    """Compare saved evaluations on the same data with the first of them; nothing is computed anew."""
    from semtune.evaluate.saved.compare import compare_saved

    return compare_saved([Path(run) for run in runs], seed)


def export(
    model: str,
    out: str | Path | None = None,
    *,
    settings: ExportSettings = ExportSettings(),  # noqa: B008
    progress: Progress = QUIET,
) -> ExportResult:
    """Export the whole pipeline (pooling and normalisation in the graph) and prove it equal to torch.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        out: a new folder with all that serving needs; None: the graphs are added to the model folder itself.
        settings: of the step.
        progress: shown while it works.

    Raises:
        ModelError: the model cannot be exported.
        GateError: a graph's vectors are not torch's.
    """
    from semtune import contract as contracts
    from semtune.export.step import ExportInputs, run
    from semtune.hub import resolve_model
    from semtune.io import atomic_folder
    from semtune.sources import refuse_foreign

    inputs = ExportInputs(resolve_model(model), settings)
    if out is None:
        return run(inputs, None, progress)
    place = Path(out)
    refuse_foreign(place, contracts.FILE, "a model that semtune made")
    if contracts.weights_files(place) and not contracts.static_folder(place):
        raise InputError(
            f"{place} holds a model's weights, which an export would replace; nothing was overwritten. Give a new "
            "folder with -o, or leave -o out to add the graphs to the model folder itself."
        )
    with atomic_folder(place) as scratch:
        return run(inputs, scratch, progress)


def encode(
    model: str, texts: Sequence[str], *, role: Role = "document", runtime: str = "auto", progress: Progress = QUIET
) -> Encoded:
    """Embed texts, (n,) → (n, dim) float32, by a model's contract.

    Raises:
        ConfigError: `role` is neither "query" nor "document", or the runtime is unknown.
        ModelError: there is no such model.
    """
    from semtune.encoders.load import parse_runtime

    if role not in ("query", "document"):
        raise ConfigError(f"The role is {role!r}. Allowed: query, document.")
    return load_encoder(model, parse_runtime(runtime)).encode(texts, role, progress)


def index(
    model: str,
    corpus: str | Path,
    out: str | Path,
    *,
    settings: IndexSettings = IndexSettings(),  # noqa: B008
    runtime: str = "auto",
    seed: int = SEED,
    progress: Progress = QUIET,
) -> IndexManifest:
    """Embed documents and index them, with their texts beside the vectors.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        corpus: a data set, a run, a corpus.jsonl, or any folder or table of texts.
        out: the index folder to write.
        settings: of the step.
        runtime: of the model.
        seed: of what is drawn when the corpus has to be prepared.
        progress: shown while it works.

    Raises:
        InputError: there are no documents, or `out` is something else.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.hub import resolve_model
    from semtune.index import manifest as manifests
    from semtune.index.step import IndexInputs, run
    from semtune.io import atomic_folder
    from semtune.machine import keep_freed_memory
    from semtune.sources import documents_to_index, indexed_queries, refuse_foreign

    place, source, chosen = Path(out), Path(corpus), parse_runtime(runtime)
    refuse_foreign(place, manifests.FILE, "an index", manifests.KIND)
    if not source.exists():
        raise InputError(f"{source.resolve()} does not exist; there is nothing to index.")
    folder = resolve_model(model, serving=chosen != "torch")
    keep_freed_memory()
    encoder = load_encoder(str(folder), chosen)
    documents = documents_to_index(source, folder, encoder.contract, seed, progress)
    inputs = IndexInputs(lambda: documents, lambda: encoder, folder, settings, lambda: indexed_queries(source), place)
    with atomic_folder(place) as scratch:
        return run(inputs, scratch, progress).manifest


def run(
    config: RunConfig | Mapping[str, Any] | str | Path,
    *,
    rerun: Rerun = "changed",
    dry_run: bool = False,
    keep_store: bool = True,
    progress: Progress = QUIET,
    on_start: Callable[[str, str], None] = lambda _step, _why: None,
    on_step: Callable[[StepReport], None] = lambda _report: None,
) -> RunReport:
    """Walk the whole way: prepare, select where there are candidates, train, export, evaluate, index, search.

    Args:
        config: a `RunConfig`, its values, or the path of a config file.
        rerun: "changed" runs what changed, "always" everything, "never" only what was never finished.
        dry_run: only say what would run and why.
        keep_store: keep the run's store of vectors for the next call.
        progress: shown while it works.
        on_start: called with a step's name and the reason before it runs.
        on_step: called with each step's report.

    Raises:
        SemtuneError: a step failed; the finished ones stay, and the next call continues there.
    """
    from semtune.pipeline import run_pipeline

    if isinstance(config, str | Path):
        chosen = load_config(Path(config))
    else:
        chosen = config if isinstance(config, RunConfig) else parse_config(dict(config))
    return run_pipeline(
        chosen,
        rerun=rerun,
        dry_run=dry_run,
        progress=progress,
        on_step=on_step,
        on_start=on_start,
        keep_store=keep_store,
    )


def load_encoder(model: str, runtime: str = "auto") -> Encoder:
    """Open a model by folder, run, name or hub id; see `semtune.encoders.load.load_encoder`."""
    from semtune.encoders import load

    return load.load_encoder(model, runtime)


def load_dataset(folder: str | Path) -> Dataset:
    """Read a data set folder, one that `prepare` wrote, that of a run, or any BEIR folder."""
    from semtune import dataset
    from semtune.prepare.build.for_other_steps import dataset_folder

    return dataset.load(dataset_folder(Path(folder)))
