"""The evaluate step: models on the runtime that serves them, on held-out data; a verdict and a report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, InputError
from semtune.evaluate.settings import EvaluateSettings
from semtune.io import read_json, write_json
from semtune.progress import Progress
from semtune.step import LoadDataset, ModelRef
from semtune.types import Truncate

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.encoders.vector_store import VectorStore
    from semtune.evaluate.report.further_results import FurtherResults
    from semtune.evaluate.result import Kind, Scores
    from semtune.evaluate.retrieval.search_mode import ModeChoice
    from semtune.evaluate.serving.calibration import CalibrationResult
    from semtune.evaluate.serving.stages import Stages
    from semtune.evaluate.systems import ComparedSystem
    from semtune.evaluate.verdict.gates import Forgetting
    from semtune.evaluate.verdict.outcome import Outcome
    from semtune.protocols import Encoder

LIBRARIES = ("onnxruntime", "tokenizers", "bm25s", "numpy")
THRESHOLDS, METRICS = "thresholds.json", "metrics.json"
SEARCH_MODE = "search_mode.json"
PRECISION = "precision.json"  # written by export
NOTHING_TO_JUDGE = "cannot judge: the data set has no test part. Give documents from at least three files, or labels."


@dataclass(frozen=True, slots=True)
class TrainingNotes:
    """What the report says of the training: the rows of its log, and sentences."""

    log: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EvaluateInputs:
    """What evaluate needs.

    Attributes:
        data: the data set.
        data_name: what `metrics.json` calls it.
        settings: of the step.
        model: what is judged: a folder, a run, a name.
        against: what it is compared with: models, saved evaluations, "bm25", "hybrid"; the first decides.
        seed: of resampling, k-means and drawn examples.
        title: of the report.
        runtime: of all models.
        general: the general set of `settings.general`.
        leaks: what train shares with what is held out, from the data set.
        language_of: tells the language of a text, for the slices.
        training: what the report says of it.
        store: keeps vectors; None: nothing is kept.
        stages: also measure what is served, stage by stage; `index` is an index folder to measure.
        thresholds_needed: refuse where thresholds cannot be calibrated, in place of leaving them out.
        test_needed: refuse data without a test part, in place of saying "cannot judge".
        truncate: what becomes of texts longer than a model reads.
    """

    data: LoadDataset
    data_name: str
    settings: EvaluateSettings
    model: str
    against: Sequence[str]
    seed: int
    title: str
    runtime: str = "auto"
    general: LoadDataset | None = None
    leaks: Callable[[Dataset], Mapping[str, Any]] = lambda _dataset: {}
    language_of: Callable[[Sequence[str]], list[str]] | None = None
    training: Callable[[], TrainingNotes] | None = None
    store: VectorStore | None = None
    stages: bool = False
    index: Path | None = None
    thresholds_needed: bool = False
    test_needed: bool = True
    truncate: Truncate = "cut"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What an evaluation came to; `outcome` is None where the data has no test part.

    Attributes:
        outcome: systems, comparisons and the verdict.
        extras: further parts of the report.
        runtime: of the model.
        kind: what it was judged by.
        other_kinds: what the data would allow too.
        data: that it was measured on.
        search_mode: how the model's index should be searched; None: it was not measured.
    """

    outcome: Outcome | None = None
    extras: FurtherResults | None = None
    runtime: str = ""
    kind: str = ""
    other_kinds: Sequence[str] = ()
    data: Dataset | None = None
    external: Sequence[str] = field(default=())
    search_mode: ModeChoice | None = None

    @property
    def calibrated(self) -> CalibrationResult | None:
        """The thresholds, where they were measured."""
        return self.extras.calibrated if self.extras else None

    @property
    def stages(self) -> Stages | None:
        """The stages, where they were measured."""
        return self.extras.stages if self.extras else None

    def facts(self) -> dict[str, Any]:
        """The verdict and every system's metric."""
        if self.outcome is None:
            nothing = dict.fromkeys(("gain", "interval", "p_value"))
            return {"verdict": "cannot-judge", "sentence": NOTHING_TO_JUDGE, **nothing}
        tuned = self.outcome.tuned
        systems = {name: scores.metrics[scores.main] for name, scores in self.outcome.systems.items()}
        return {
            **self.outcome.summary(), "metric": tuned.main, "systems": systems, "runtime": self.runtime,
            "truncated": dict(tuned.truncated),
            **({"search_mode": self.search_mode.as_dict()} if self.search_mode else {}),
        }  # fmt: skip


def key(settings: EvaluateSettings, base: ModelRef, seed: int) -> dict[str, Any]:
    """What the evaluation of a run depends on beside the data and the tuned model; the gate changes no number."""
    chosen = settings.model_dump(mode="json", exclude={"gate"})
    return chosen | {"base": base.contract.fingerprint, "model": base.name, "seed": seed}


def run(inputs: EvaluateInputs, out: Path | None, progress: Progress) -> Evaluated:
    """Measure the model and what it is compared with; write the report, metrics and run files into `out`, if given.

    Everything that is missing is found before the hours of work.

    Raises:
        SemtuneError: a model or result cannot be had, or does not fit the data.
    """
    from semtune.encoders.load import load_encoder
    from semtune.evaluate.report.write_all import write_all
    from semtune.evaluate.saved.read import identify
    from semtune.evaluate.systems import kind_of, open_systems
    from semtune.evaluate.tasks import tasks

    data, settings = inputs.data(), inputs.settings
    fitting = tasks(data, "test")
    if not fitting and not inputs.test_needed:
        return _nothing_to_judge(out, progress)
    kind = kind_of(data, settings.task or None, inputs.against)
    identity = identify(data, "test", inputs.data_name)
    against = [
        *inputs.against,
        *(["bm25"] if settings.bm25 and kind == "retrieval" and "bm25" not in inputs.against else []),
    ]
    encoder = load_encoder(inputs.model, inputs.runtime, truncate=inputs.truncate)
    others = open_systems(against, inputs.runtime, identity, kind, inputs.truncate)
    work = _Work(inputs, data, kind, encoder, others, progress)
    outcome, extras, searched = work.measured(identity)
    if out is not None:
        training = inputs.training() if inputs.training else TrainingNotes()
        write_all(out, outcome, data, inputs.title, extras, training.log, training.notes)
        if searched:
            write_json(out / SEARCH_MODE, searched.as_dict())
    rest = [other for other in fitting if other != kind] if not settings.task else []
    return Evaluated(outcome, extras, encoder.runtime, kind, rest, data, search_mode=searched)


@dataclass(frozen=True, slots=True)
class _Work:
    """One evaluation: everything opened, nothing measured yet."""

    inputs: EvaluateInputs
    data: Dataset
    kind: Kind
    encoder: Encoder
    others: Sequence[ComparedSystem]
    progress: Progress

    def measured(self, identity: Mapping[str, str]) -> tuple[Outcome, FurtherResults, ModeChoice | None]:
        """Measure everything, and conclude."""
        from semtune.evaluate.retrieval.search_mode import measure_mode
        from semtune.evaluate.systems import measure_systems
        from semtune.evaluate.verdict.made_questions import count_made
        from semtune.evaluate.verdict.outcome import conclude
        from semtune.evaluate.verdict.unreadable_texts import unreadable_texts

        settings, seed = self.inputs.settings, self.inputs.seed
        forgot = self._forgetting()
        stages = self._stages()
        tuned, calibrated, dev = self._tuned(stages)
        systems = measure_systems(self.others, self.data, tuned, self.progress, settings.at, seed, self._over)
        outcome = conclude(
            tuned, systems, seed, settings, parts=self._parts(tuned) if self.others else (), forgot=forgot,
            leaks=self.inputs.leaks(self.data), data=identity, made=count_made(self.data.queries, tuned.query_ids),
            unread=unreadable_texts(self.encoder, self.data, "test"),
        )  # fmt: skip
        searched = measure_mode(self.data, dev, settings.alpha, seed, self.progress) if settings.bm25 else None
        extras = self._extras(tuned, stages, calibrated)
        return outcome, replace(extras, served=searched.sentence if searched else ""), searched

    def _over(self, encoder: Encoder) -> Encoder:
        return self.inputs.store.over(encoder) if self.inputs.store else encoder

    def _forgetting(self) -> Forgetting | None:
        """What the model forgot of general text; measured first, since it is what can be refused."""
        from semtune.evaluate.scores import score
        from semtune.evaluate.verdict.gates import forgetting

        if self.inputs.general is None:
            return None
        base = next((other.encoder for other in self.others if other.encoder is not None), None)
        if base is None:
            raise ConfigError("--general is measured against the base: name its model with --against.")
        text = self.inputs.general()
        mine, theirs = (score(each, text, "test", self.progress) for each in (self.encoder, base))
        name = Path(self.inputs.settings.general).name
        return forgetting(name, mine, theirs, self.inputs.seed, self.inputs.settings.min_queries)

    def _stages(self) -> Stages | None:
        from semtune.evaluate.serving.measure_stages import StageTestSet, measure_stages

        if not self.inputs.stages:
            return None
        test = StageTestSet(self.data, "test", self.kind, self.inputs.settings.at, self.inputs.seed)
        return measure_stages(self.inputs.model, test, self.inputs.index, self.inputs.runtime, self.progress)

    def _tuned(self, stages: Stages | None) -> tuple[Scores, CalibrationResult | None, Scores | None]:
        """The results on test, thresholds, and results on dev, if measured; nothing is measured again after stages."""
        from semtune.evaluate.scores import score
        from semtune.evaluate.serving.calibration import calibrate, calibration_split, can_calibrate, require_labels
        from semtune.evaluate.two_splits import score_two_splits

        settings, seed, progress = self.inputs.settings, self.inputs.seed, self.progress
        if self.inputs.thresholds_needed:
            require_labels(self.data, self.kind)
        if settings.calibrate and (self.inputs.thresholds_needed or can_calibrate(self.kind)):
            beside = calibration_split(self.data, self.kind)
            both = score_two_splits(
                self._over(self.encoder), self.data, "test", beside, progress, self.kind, settings.at, seed
            )
            dev = both[beside] if beside == "dev" else None
            try:
                return both["test"], calibrate(both[beside], self.data, beside), dev
            except InputError as error:
                if self.inputs.thresholds_needed:
                    raise
                progress.say(f"no calibrated thresholds: {error}")
                return both["test"], None, dev
        known = [row.scores for row in stages.rows if row.scores.runtime == self.encoder.runtime] if stages else []
        if known:
            return known[0], None, None
        return score(self._over(self.encoder), self.data, "test", progress, self.kind, settings.at, seed), None, None

    def _parts(self, tuned: Scores) -> Sequence[Any]:
        from semtune.evaluate.verdict.slices import partition

        return partition(self.data, "test", tuned, self.inputs.language_of) if self.inputs.language_of else ()

    def _extras(self, tuned: Scores, stages: Stages | None, calibrated: CalibrationResult | None) -> FurtherResults:
        """What the report shows beside the metrics; speed is measured on the encoders themselves, without the store."""
        from semtune.encoders.load import model_bytes
        from semtune.evaluate.report.further_results import FurtherResults, charts, measure_costs
        from semtune.hub import resolve_model

        words = {other.key: other.word for other in self.others if other.encoder is not None}
        encoders = {"tuned": self.encoder, **{o.key: o.encoder for o in self.others if o.encoder is not None}}
        sizes = {
            name: model_bytes(
                resolve_model(
                    {"tuned": self.inputs.model, **words}[name], serving=not encoder.runtime.startswith("torch")
                ),
                encoder.runtime,
            )
            for name, encoder in encoders.items()
        }
        stored = {name: self._over(encoder) for name, encoder in encoders.items()}
        maps = charts(stored, self.data, "test", self.inputs.seed)
        tried = resolve_model(self.inputs.model, serving=True) / PRECISION
        precision = read_json(tried) if tried.exists() else None
        return FurtherResults(maps, measure_costs(encoders, self.data, tuned, sizes), stages, calibrated, precision)


def _nothing_to_judge(out: Path | None, progress: Progress) -> Evaluated:
    """Too few documents for a test part: say so; the rest of the way can still be walked."""
    progress.say(NOTHING_TO_JUDGE)
    nothing = Evaluated()
    if out is not None:
        write_json(out / METRICS, {"verdict": nothing.facts()})
    return nothing
