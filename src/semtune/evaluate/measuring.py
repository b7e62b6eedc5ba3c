"""Measures everything that an evaluation says: systems as they will be served, stages, thresholds, costs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, InputError
from semtune.io import read_json

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.report.further_results import FurtherResults
    from semtune.evaluate.result import Kind, Scores
    from semtune.evaluate.retrieval.search_mode import ModeChoice
    from semtune.evaluate.retrieval.served import ServedSystems
    from semtune.evaluate.serving.calibration import CalibrationResult
    from semtune.evaluate.serving.stages import Stages
    from semtune.evaluate.step import EvaluateInputs
    from semtune.evaluate.systems import ComparedSystem
    from semtune.evaluate.verdict.gates import Forgetting
    from semtune.evaluate.verdict.outcome import Outcome
    from semtune.index.local.words import Words
    from semtune.progress import Progress
    from semtune.protocols import Encoder

PRECISION = "precision.json"  # written by export


@dataclass(frozen=True, slots=True)
class Measuring:
    """One evaluation: everything opened, nothing measured yet."""

    inputs: EvaluateInputs
    data: Dataset
    kind: Kind
    encoder: Encoder
    others: Sequence[ComparedSystem]
    progress: Progress

    def measured(self, identity: Mapping[str, str]) -> tuple[Outcome, FurtherResults, ModeChoice | None]:
        """Measure everything, and conclude."""
        from semtune.evaluate.verdict.made_questions import count_made
        from semtune.evaluate.verdict.outcome import conclude
        from semtune.evaluate.verdict.unreadable_texts import unreadable_texts

        settings, seed = self.inputs.settings, self.inputs.seed
        forgot = self._forgetting()
        stages = self._stages()
        dense, calibrated, dev = self._tuned(stages)
        found = self._as_served(dense, dev)
        tuned, others = found.tuned, found.others
        outcome = conclude(
            tuned, others, seed, settings, parts=self._parts(tuned) if self.others else (), forgot=forgot,
            leaks=self.inputs.leaks(self.data), data=identity, made=count_made(self.data.queries, tuned.query_ids),
            unread=unreadable_texts(self.encoder, self.data, "test"), beside=found.beside, served=found.ways,
        )  # fmt: skip
        chosen = found.ways.get("tuned")
        if chosen:
            self.progress.say(chosen.sentence)
        extras = self._extras(tuned, stages, calibrated)
        return outcome, replace(extras, served=outcome.served_sentence), chosen

    def _as_served(self, dense: Scores, dev: Scores | None) -> ServedSystems:
        """All systems as they will be served; the way is chosen on dev alone."""
        from semtune.evaluate.retrieval.served import Ways, as_served
        from semtune.evaluate.systems import measure_systems

        settings, seed, beside = self.inputs.settings, self.inputs.seed, "test" if dev is None else "dev"
        with self._words() as words:
            test, second = measure_systems(
                self.others, self.data, dense, self.progress, settings.at, seed, self._over, words, beside
            )
            held = {} if dev is None else {"tuned": dev, **second}
            models = frozenset({"tuned", *second})
            if words is None:
                return as_served(None, {"tuned": dense, **test}, held, models)
            way = replace(self.inputs.way, compared=settings.bm25)
            ways = Ways(self.data, way, settings.alpha, seed, words, self.progress)
            return as_served(ways, {"tuned": dense, **test}, held, models)

    @contextlib.contextmanager
    def _words(self) -> Iterator[Words | None]:
        """The corpus as the words of an index; None where it is not searched by words."""
        from semtune.evaluate.systems import BM25, HYBRID
        from semtune.index.local.words import Words

        way, named = self.inputs.way, any(other.key in (BM25, HYBRID) for other in self.others)
        needed = named or self.inputs.settings.bm25 or way.mode != "auto" or not way.has_words
        if self.kind != "retrieval" or not needed:
            yield None
            return
        with contextlib.closing(Words(self.data.corpus)) as words:
            yield words

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
