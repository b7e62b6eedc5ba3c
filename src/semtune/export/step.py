"""The export step: turns a model folder into one that serves without torch, with a parity proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.errors import ConfigError
from semtune.export.settings import ExportSettings
from semtune.progress import Progress
from semtune.step import ModelRef

if TYPE_CHECKING:
    from semtune.export.build import Exported
    from semtune.export.precision import Judge, Proof

LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime")
PARITY_TEXTS = 20
INT8, AUTO = "onnx-int8", "auto"


@dataclass(frozen=True, slots=True)
class ExportInputs:
    """What export needs.

    Attributes:
        model: the model folder.
        settings: of the step.
        texts: returns some of the user's own texts for the parity check.
        judge: makes what compares precisions from the folder of the fp32 graph; needed for `precision: auto`.
    """

    model: Path
    settings: ExportSettings
    texts: Callable[[], Sequence[str]] = tuple
    judge: Callable[[Path], Judge] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ExportResult:
    """The exported graphs, and with `precision: auto` which precision was proven."""

    exported: Exported
    formats: Sequence[str]
    proof: Proof | None = None
    external: Sequence[str] = ()

    @property
    def cosines(self) -> Mapping[str, float]:
        """Graph → minimum cosine to torch."""
        return {name: proof.min_cosine for name, proof in self.exported.parity.items()}

    def facts(self) -> dict[str, Any]:
        """Formats and the minimum cosine to torch, with int8 graphs listed separately."""
        whole = min(value for name, value in self.cosines.items() if name != INT8)
        int8 = {"int8_min_cosine": self.cosines[INT8]} if INT8 in self.cosines else {}
        proven = {"precision": self.proof.precision} if self.proof else {}
        return {"formats": list(self.formats), "min_cosine": whole, **int8, **proven}


def key(inputs: ExportInputs) -> dict[str, Any]:
    """What the graphs depend on besides the model."""
    return inputs.settings.as_dict()


def run(inputs: ExportInputs, out: Path | None, progress: Progress) -> ExportResult:
    """Export the model into the folder `out`; None adds the graphs to the model's own folder.

    Raises:
        ModelError: the model cannot be opened or exported.
        GateError: a graph's vectors differ from torch's.
        ConfigError: the precision is to be proven, and there is no data.
    """
    from semtune.export.build import export_into, export_model

    auto = AUTO in inputs.settings.precision
    if auto and inputs.judge is None:
        raise ConfigError(
            "precision auto needs data to prove it with: --data DATASET, whose dev split has labels. Or name the "
            "precision: fp32, or int8."
        )
    formats = inputs.settings.format
    precisions = [one for one in inputs.settings.precision if one != AUTO] or ["fp32"]
    every = inputs.texts()
    texts = some_of(every)
    if out is None:
        made = export_model(inputs.model, formats, None, texts, progress, precisions)
    else:
        made = export_into(inputs.model, formats, out, texts, progress, precisions)
    proof = _prove(inputs, made, every, progress) if auto else None
    if proof is not None:
        made = replace(made, contract=contracts.load(made.folder))
    return ExportResult(made, formats if made.contract.exports else (), proof)


def _prove(inputs: ExportInputs, made: Exported, texts: Sequence[str], progress: Progress) -> Proof | None:
    """Try int8, and keep it where the metric allows; nothing to try for a model without a graph."""
    from semtune.export.precision import prove_precision

    assert inputs.judge is not None  # noqa: S101 - checked by `run`
    if "onnx-fp32" not in made.contract.exports or made.contract.parts:
        return None
    return prove_precision(made.folder, inputs.judge(made.folder), texts, inputs.settings.max_loss, progress)


def for_run(settings: ExportSettings) -> ExportSettings:
    """The settings for a run, whose index and server always need an fp32 ONNX graph."""
    formats = dict.fromkeys(("onnx", *settings.format))
    return settings.replace(format=tuple(formats), precision=tuple(dict.fromkeys(("fp32", *settings.precision))))


def some_of(texts: Sequence[str], most: int = PARITY_TEXTS) -> list[str]:
    """At most `most` of the texts, evenly spaced."""
    return list(texts[:: max(1, len(texts) // most)][:most])


def serving_folder(model: ModelRef, cache: Path, progress: Progress, precision: str = "fp32") -> Path:
    """A folder from which a model can be served without torch: its own, or an export in `cache`.

    Raises:
        ModelError: it cannot be exported.
        GateError: the graph's vectors are not torch's.
        MissingExtraError: torch is not installed, and the model was not exported.
    """
    from semtune.export.build import export_model

    if made := exported_before(model, cache, precision):
        return made
    out = _place(model, cache, precision)
    export_model(model.folder, ["onnx"], out, progress=progress, precisions=[precision])
    return out


def exported_before(model: ModelRef, cache: Path, precision: str = "fp32") -> Path | None:
    """As `serving_folder`, but None if the model would have to be exported."""
    if model.contract.pooling == contracts.STATIC or f"onnx-{precision}" in model.contract.exports:
        return model.folder
    out = _place(model, cache, precision)
    return out if (out / contracts.FILE).exists() else None


def _place(model: ModelRef, cache: Path, precision: str) -> Path:
    return cache / f"{precision}-{model.contract.fingerprint[:16]}"
