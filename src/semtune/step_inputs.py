"""What each step of a run is given: built from the run's configuration and from what earlier steps wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune.config import RunConfig
from semtune.encoders.load import load_encoder
from semtune.encoders.vector_store import VectorStore
from semtune.errors import ModelError
from semtune.evaluate import step as evaluating
from semtune.evaluate.served_way import ServedWay
from semtune.export import step as exporting
from semtune.hub import resolve_model
from semtune.index import step as indexing
from semtune.io import read_json, read_jsonl, sha256_file, sha256_json
from semtune.precision_judge import DevJudge, dev_sample
from semtune.prepare import step as preparing
from semtune.prepare.build import for_other_steps as data_for
from semtune.progress import Progress
from semtune.registry import INDEXES
from semtune.run_directory import RunDirectory
from semtune.search import step as searching
from semtune.select import step as selecting
from semtune.step import ModelRef
from semtune.train import step as training
from semtune.types import Truncate

if TYPE_CHECKING:
    from semtune.protocols import Encoder
    from semtune.select.candidates import Candidates

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
        """The backbone as evaluate opened it; None where that is gone: a few questions are not worth an export."""
        try:
            made = exporting.exported_before(self.backbone, self.run.root / STORE / MODELS)
            return load_encoder(str(made)) if made else None
        except ModelError:
            return None

    def served_base(self) -> Path:
        """The backbone in the form that it would be served in, made the first time that it is needed."""
        return exporting.serving_folder(self.backbone, self.run.root / STORE / MODELS, self.progress)


def open_context(config: RunConfig, run: RunDirectory, progress: Progress) -> Context:
    """Resolve the backbone, or the candidates, of a run.

    Raises:
        ModelError: a model cannot be found.
    """
    if config.select.candidates:
        from semtune.select.candidates import gather

        candidates = gather(config.select.candidates)
        return Context(config, run, candidates, selecting.reader(candidates), progress)
    folder = resolve_model(config.model)
    return Context(config, run, None, ModelRef(config.model, folder, contracts.load(folder)), progress)


def prepare_inputs(context: Context) -> preparing.PrepareInputs:
    """What prepare needs."""
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


def select_inputs(context: Context) -> selecting.SelectInputs:
    """What select needs; only for a run with candidates."""
    assert context.candidates is not None  # noqa: S101 - the step is left out without candidates
    config = context.config
    training = selecting.for_trials(config.train)
    return selecting.SelectInputs(context.data, config.select, training, context.candidates, config.seed, config.name)


def run_select(context: Context, work: Path) -> selecting.Selected:
    """Select a backbone; a run cannot go on without one."""
    selected = selecting.run(select_inputs(context), work, context.progress)
    selecting.require_one(selected)
    return selected


def candidate_fingerprints(context: Context) -> dict[str, str]:
    """Name → fingerprint of the candidates that are here."""
    return {one.asked: one.contract.fingerprint for one in context.candidates.usable} if context.candidates else {}


def train_inputs(context: Context) -> training.TrainInputs:
    """What train needs."""
    settings, base, seed = context.config.train, context.backbone, context.config.seed
    also = {name: data_for.training(place, base, seed) for name, place in settings.also.items()}
    floor = data_for.evaluation(settings.floor.data) if settings.floor.data else None
    return training.TrainInputs(context.data, settings, base, seed, also, floor)


def further_hashes(context: Context) -> dict[str, str]:
    """Hashes of the further data sets that train uses."""
    settings = context.config.train
    floor = {"floor": data_for.content(settings.floor.data)} if settings.floor.data else {}
    return {f"also {name}": data_for.content(place) for name, place in settings.also.items()} | floor


def export_inputs(context: Context) -> exporting.ExportInputs:
    """What export needs."""
    return exporting.ExportInputs(
        context.path("train") / training.MODEL,
        exporting.for_run(context.config.export),
        lambda: [document.content for document in context.data().to_index],
        lambda folder: DevJudge(
            dev_sample(context.data(), context.config.seed), folder, context.config.seed, context.progress
        ),
    )


def evaluate_inputs(context: Context) -> evaluating.EvaluateInputs:
    """What evaluate needs: the exported model, against the backbone exported the same way."""
    config = context.config
    general = config.evaluate.general
    return evaluating.EvaluateInputs(
        context.data,
        config.name,
        config.evaluate,
        str(context.path("export")),
        [str(context.served_base())],
        config.seed,
        f"{config.name}: tuned {context.backbone.name}",
        general=data_for.general(general) if general else None,
        leaks=data_for.leaks_of,
        language_of=data_for.language_of,
        training=lambda: _training_notes(context),
        store=context.store,
        test_needed=False,
        truncate=measured_with(config),
        way=served_way(config),
    )


def served_way(config: RunConfig) -> ServedWay:
    """What decides how the run's index is searched."""
    return ServedWay(config.search.mode, INDEXES.entry(config.index.backend).facts["full_text"])


def measured_with(config: RunConfig) -> Truncate:
    """What evaluate does with long texts: as the index; where that refuses them, the others are measured."""
    return "window" if config.index.truncate == "window" else "cut"


def evaluate_key(context: Context) -> dict[str, Any]:
    """What the evaluation depends on besides the data and the tuned model."""
    config = context.config
    long_texts = {"truncate": "window"} if measured_with(config) == "window" else {}
    return evaluating.key(config.evaluate, context.backbone, config.seed, served_way(config)) | long_texts


def _training_notes(context: Context) -> evaluating.TrainingNotes:
    place = context.path("train")
    seen = read_json(place / training.FINDINGS)["findings"]
    notes = [f"{finding['kind'].capitalize()}: {finding['sentence']} {finding['advice']}" for finding in seen]
    return evaluating.TrainingNotes(list(read_jsonl(place / training.LOG)), notes)


def general_hash(context: Context) -> dict[str, str]:
    """The hash of the general set that evaluate uses, if any."""
    general = context.config.evaluate.general
    return {"general": data_for.content(general)} if general else {}


def publish_thresholds(context: Context) -> None:
    """Lay the thresholds beside the exported model, which was made before they were measured."""
    found, place = context.path("evaluate") / evaluating.THRESHOLDS, context.path("export")
    contracts.publish_thresholds(place, read_json(found) if found.exists() else None)


def thresholds_hash(context: Context) -> dict[str, str]:
    """The hash of the thresholds that search uses, if any."""
    file = context.path("evaluate") / evaluating.THRESHOLDS
    return {"thresholds": sha256_file(file)} if file.exists() else {}


def index_inputs(context: Context) -> indexing.IndexInputs:
    """What index needs."""
    model = context.path("export")
    return indexing.IndexInputs(
        lambda: context.data().to_index,
        lambda: context.store.over(load_encoder(str(model), truncate=context.config.index.truncate)),
        model,
        context.config.index,
        lambda: data_for.held_out_queries(context.data()),
        context.path("index"),
        lambda _folder: search_mode(context),
    )


def search_mode(context: Context) -> dict[str, Any]:
    """How the index is searched: as the config says, else as evaluate chose on dev; {} where neither says anything."""
    wanted = context.config.search.mode
    if wanted != "auto":
        return {"mode": wanted, "fusion": {}, "reason": f"Served: {wanted} search, since the config says so."}
    file = context.path("evaluate") / evaluating.SEARCH_MODE
    found = read_json(file) if file.exists() else {}
    return {"mode": found["mode"], "fusion": found["fusion"], "reason": found["sentence"]} if found else {}


def search_mode_hash(context: Context) -> dict[str, str]:
    """A hash of how the index is searched, if that was chosen."""
    chosen = search_mode(context)
    return {"search mode": sha256_json({name: chosen[name] for name in ("mode", "fusion")})} if chosen else {}


def search_inputs(context: Context) -> searching.SearchInputs:
    """What search needs."""
    return searching.SearchInputs(
        context.path("index"), context.config.search, context.data, context.base_as_evaluated, context.store,
    )  # fmt: skip


def search_key(context: Context) -> dict[str, Any]:
    """What the answers depend on besides the index: the questions, and the backbone they are compared with."""
    base = context.backbone
    facts = {"base": base.contract.fingerprint, "model": base.name, "seed": context.config.seed}
    return context.config.search.as_dict() | facts
