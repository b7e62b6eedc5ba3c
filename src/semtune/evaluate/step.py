"""The evaluate step: models on the runtime that serves them, on held-out data; a verdict and a report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.evaluate.served_way import DEFAULT_WAY, ServedWay
from semtune.evaluate.settings import EvaluateSettings
from semtune.index.terms import ANALYSER
from semtune.io import write_json
from semtune.progress import Progress
from semtune.step import LoadDataset, ModelRef
from semtune.types import Truncate

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.encoders.vector_store import VectorStore
    from semtune.evaluate.report.further_results import FurtherResults
    from semtune.evaluate.retrieval.search_mode import ModeChoice
    from semtune.evaluate.serving.calibration import CalibrationResult
    from semtune.evaluate.serving.stages import Stages
    from semtune.evaluate.verdict.outcome import Outcome

LIBRARIES = ("onnxruntime", "tokenizers", "numpy")
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
        way: how the model's index will be searched.
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
    way: ServedWay = DEFAULT_WAY


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
            "truncated": dict(tuned.truncated), "served_sentence": self.outcome.served_sentence,
            **({"search_mode": self.search_mode.as_dict()} if self.search_mode else {}),
        }  # fmt: skip


def key(settings: EvaluateSettings, base: ModelRef, seed: int, way: ServedWay) -> dict[str, Any]:
    """What the evaluation of a run depends on beside the data and the tuned model; the gate changes no number."""
    chosen = settings.model_dump(mode="json", exclude={"gate"})
    served = {"search": way.key, "terms": ANALYSER}
    return chosen | {"base": base.contract.fingerprint, "model": base.name, "seed": seed} | served


def run(inputs: EvaluateInputs, out: Path | None, progress: Progress) -> Evaluated:
    """Measure the model and what it is compared with; write the report, metrics and run files into `out`, if given.

    Everything that is missing is found before the hours of work.

    Raises:
        SemtuneError: a model or result cannot be had, or does not fit the data.
    """
    from semtune.encoders.load import load_encoder
    from semtune.evaluate.measuring import Measuring
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
    outcome, extras, searched = Measuring(inputs, data, kind, encoder, others, progress).measured(identity)
    if out is not None:
        training = inputs.training() if inputs.training else TrainingNotes()
        write_all(out, outcome, data, inputs.title, extras, training.log, training.notes)
        if searched:
            write_json(out / SEARCH_MODE, searched.as_dict())
    rest = [other for other in fitting if other != kind] if not settings.task else []
    return Evaluated(outcome, extras, encoder.runtime, kind, rest, data, search_mode=searched)


def _nothing_to_judge(out: Path | None, progress: Progress) -> Evaluated:
    """Too few documents for a test part: say so; the rest of the way can still be walked."""
    progress.say(NOTHING_TO_JUDGE)
    nothing = Evaluated()
    if out is not None:
        write_json(out / METRICS, {"verdict": nothing.facts()})
    return nothing
