"""Which precision a model keeps its quality in: int8 graphs are tried in turn, and one is kept only with proof.

The proof is the user's own metric on the dev split, paired with the fp32 graph's: the 95 % interval of the loss must
end below the limit. Tried are, in this order: weights and activations quantised dynamically; statically, with ranges
measured on the user's texts; dynamically, with the layers that hurt most left in float.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from semtune import contract as contracts
from semtune.contract import Contract, Export
from semtune.encoders import canary
from semtune.encoders.graph import GraphEncoder
from semtune.encoders.invariance import limit_of, measure_invariance
from semtune.encoders.onnx import OnnxRunner
from semtune.encoders.speed import texts_a_second
from semtune.encoders.tokenizer import Tokenizer
from semtune.export.build import FILES, INT8
from semtune.export.quantize import layers_of, write_int8, write_static_int8
from semtune.export.step import some_of
from semtune.io import sha256_file, write_json
from semtune.metrics import Comparison
from semtune.model_places import optional_json
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Role
from semtune.unit_vectors import unit

FILE = "precision.json"
FP32 = "onnx-fp32"
LEAST_ITEMS = 20  # queries or pairs; with fewer the interval is unreliable
CALIBRATION_TEXTS, SPEED_TEXTS, PROBES = 100, 64, 48
SHARES = (0.25, 0.5)  # of the layers that are left in float, the worst first
LAYERS = 6  # assumed where config.json does not say


class Judge(Protocol):
    """Compares an encoder with the fp32 graph on the user's dev split."""

    metric: str
    items: int
    reference: float

    def compare(self, encoder: Encoder) -> tuple[float, Comparison | None]:
        """The encoder's metric, and its paired change; None if the metric is not a number."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One int8 graph that was tried.

    Attributes:
        name: how it was quantised.
        layers_in_float: how many layers stayed in fp32.
        value, loss, low, high: its metric, how much less that is than the fp32 graph's, and the loss's 95 % interval.
        mean_cosine: of vectors of the user's texts to those of the fp32 graph.
        speed: times the fp32 graph's texts per second, both in onnxruntime on this machine.
        megabytes: of the file.
        kept: whether the loss is proven to be below the limit.
        why: the reason in words.
    """

    name: str
    layers_in_float: int
    value: float
    loss: float
    low: float
    high: float
    mean_cosine: float
    speed: float
    megabytes: float
    kept: bool
    why: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried and kept.

    Attributes:
        precision: "int8" if one was proven, else "fp32".
        metric, items, reference: the judge's metric, its queries or pairs, and the fp32 graph's value.
        max_loss: the limit.
        trials: in the order tried.
        why: why nothing was tried, if so.
    """

    precision: str
    metric: str
    items: int
    reference: float
    max_loss: float
    trials: Sequence[Trial]
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `precision.json`."""
        return asdict(self)

    @property
    def sentences(self) -> list[str]:
        """What was tried, one line each, and the outcome."""
        lines = [
            f"{trial.name}: {'kept' if trial.kept else 'refused'}; {trial.why}; {trial.speed:.2f} times the speed of "
            f"fp32 here, {trial.megabytes:,.0f} MB"
            for trial in self.trials
        ]
        return [*lines, self.why or f"precision: {self.precision}"]


def prove_precision(
    folder: Path, judge: Judge, texts: Sequence[str], max_loss: float, progress: Progress = QUIET
) -> Proof:
    """Try int8 graphs of an exported model, and add the first that keeps the metric to its folder and contract.

    Args:
        folder: with an fp32 graph; gets `precision.json` and perhaps an int8 graph.
        judge: measures on the dev split.
        texts: of the user, to calibrate and to measure the speed with.
        max_loss: the most that the metric may lose.
        progress: shows the trials.
    """
    contract = contracts.load(folder)
    if why := _not_tried(contract, judge):
        return _written(folder, Proof("fp32", judge.metric, judge.items, judge.reference, max_loss, (), why))
    trials = []
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".int8.") as name,
        progress.track("try int8", 2 + len(SHARES)) as advance,
    ):
        bench = _Bench(folder, contract, judge, texts, max_loss, Path(name))
        for what, left, write in bench.ways():
            trials.append(bench.trial(what, left, write))
            advance(1)
            if trials[-1].kept:
                _keep(folder, contract, bench)
                break
    precision = "int8" if trials[-1].kept else "fp32"
    return _written(folder, Proof(precision, judge.metric, judge.items, judge.reference, max_loss, trials))


class _Bench:
    """Writes and measures one trial after another."""

    def __init__(
        self, folder: Path, contract: Contract, judge: Judge, texts: Sequence[str], max_loss: float, scratch: Path
    ) -> None:
        self._folder, self._contract, self._judge = folder, contract, judge
        self._max_loss, self._scratch = max_loss, scratch
        self._texts = _spread(texts, SPEED_TEXTS)
        self._tokenizer = Tokenizer(folder, contract)
        self._graph = folder / contract.exports[FP32].file
        self._whole = self._open(self._graph, "fp32")
        self._probes = _spread(texts, PROBES)
        self._wanted = self._whole.encode(self._probes).vectors
        self._calibration = self._tokenizer.encode(_spread(texts, CALIBRATION_TEXTS), "document").ids
        self.path, self.lowest_cosine = scratch / "none", 0.0
        self.encoder = self._whole

    def ways(self) -> Iterator[tuple[str, int, Callable[[Path], None]]]:
        """What is tried: a name, the layers that stay in float, and what writes the graph."""
        yield "int8", 0, lambda path: write_int8(self._graph, path)
        yield (
            "int8 with ranges measured on your texts", 0,
            lambda path: write_static_int8(self._graph, path, self._calibration),
        )  # fmt: skip
        worst = self._layers_by_harm()
        for share in SHARES:
            count = max(1, round(share * len(worst)))
            names = [name for layer in worst[:count] for name in layer]
            what = f"int8 with {count} of {len(worst)} layers in float"
            yield what, count, lambda path, names=names: write_int8(self._graph, path, names)

    def trial(self, name: str, left: int, write: Callable[[Path], None]) -> Trial:
        """Write a graph and measure it."""
        self.path = self._scratch / f"{len(list(self._scratch.iterdir()))}.onnx"
        write(self.path)
        self.encoder = encoder = self._open(self.path, "int8")
        cosines = self._cosines(encoder)
        self.lowest_cosine = float(cosines.min())
        value, change = self._judge.compare(encoder)
        bulk = texts_a_second([self._whole, encoder], self._texts)
        kept, why = _ruling(change, self._judge, self._max_loss)
        if kept and (harm := self._harm_of_neighbours(encoder)):
            kept, why = False, harm
        loss, low, high = (-change.gain, -change.high, -change.low) if change else (float("nan"),) * 3
        size = self.path.stat().st_size / 1e6
        return Trial(
            name, left, value, loss, low, high, float(cosines.mean()), bulk[1] / bulk[0], round(size, 3), kept, why
        )

    def _harm_of_neighbours(self, encoder: Encoder) -> str:
        """What speaks against a graph whose vectors depend too much on the batch; empty if they do not."""
        found = measure_invariance(_embedding(encoder)("document"), self._tokenizer.lengths, self._contract.max_length)
        if found.min_cosine >= (limit := limit_of("int8")):
            return ""
        return (
            f"beside other texts its vectors have a cosine of {found.min_cosine:.5f} to those alone (required: {limit})"
        )

    def _layers_by_harm(self) -> list[list[str]]:
        """Layers, the one first whose staying in float brings the vectors nearest to those of the fp32 graph."""
        config = optional_json(self._folder / "config.json")
        layers = layers_of(self._graph, int(config.get("num_hidden_layers") or LAYERS))
        nearness = []
        for layer in layers:
            path = self._scratch / "layer.onnx"
            write_int8(self._graph, path, layer)
            nearness.append(float(self._cosines(self._open(path, "int8")).mean()))
        return [layers[at] for at in np.argsort(-np.array(nearness), kind="stable")]

    def _open(self, path: Path, precision: str) -> GraphEncoder:
        return GraphEncoder(self._contract, self._tokenizer, OnnxRunner(path, precision))

    def _cosines(self, encoder: Encoder) -> np.ndarray:
        got = encoder.encode(self._probes).vectors
        return (unit(got) * unit(self._wanted)).sum(axis=1)


def _not_tried(contract: Contract, judge: Judge) -> str:
    if contract.parts:
        return "a Router model's parts are served in fp32: int8 was not tried"
    if FP32 not in contract.exports:
        return "a static model has no graph: int8 was not tried"
    if judge.items < LEAST_ITEMS:
        return f"dev has {judge.items} labelled items, {LEAST_ITEMS} are needed to prove anything: int8 was not tried"
    return ""


def _ruling(change: Comparison | None, judge: Judge, max_loss: float) -> tuple[bool, str]:
    """Whether a trial is kept, and why."""
    if change is None:
        return False, f"its {judge.metric} is not a number"
    said = f"{judge.metric} {change.gain:+.4f} [{change.low:+.4f}, {change.high:+.4f}] on {judge.items:,} of dev"
    if change.low >= -max_loss:
        return True, said
    return False, f"{said}: a loss above {max_loss} cannot be ruled out"


def _embedding(encoder: Encoder) -> Callable[[Role], Callable[[list[str]], Embeddings]]:
    return lambda role: lambda texts: encoder.encode(texts, role).vectors


def _keep(folder: Path, contract: Contract, bench: _Bench) -> None:
    target = folder / FILES[INT8]
    target.parent.mkdir(exist_ok=True)
    shutil.move(bench.path, target)
    if known := canary.read(folder, contract.fingerprint):
        new = canary.vectors_of(INT8, _embedding(bench.encoder))
        canary.write(folder, contract.fingerprint, {**known.vectors, **new})
    export = Export(FILES[INT8], sha256_file(target), "int8", round(bench.lowest_cosine, 7), proven=True)
    contracts.save(replace(contract, exports={**contract.exports, INT8: export}), folder)


def _written(folder: Path, proof: Proof) -> Proof:
    write_json(folder / FILE, proof.as_dict())
    return proof


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """At most `count` of the texts that are not blank, evenly spaced."""
    return some_of([text for text in texts if text.strip()], count)
