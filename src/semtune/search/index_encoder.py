"""Opens the model of an index, to ask it or to write to it."""

from __future__ import annotations

from pathlib import Path

from semtune.encoders.load import load_encoder
from semtune.index import manifest as manifests
from semtune.index.manifest import IndexManifest
from semtune.protocols import Encoder
from semtune.search.places import model_folder
from semtune.types import Truncate


def encoder_of(
    index: Path,
    manifest: IndexManifest,
    model: str | None = None,
    runtime: str = "auto",
    truncate: Truncate | None = None,
) -> Encoder:
    """The encoder that computes vectors as those of an index.

    Args:
        index: its folder.
        manifest: of the version that is meant.
        model: another folder of the same model; by default the one recorded in the index.
        runtime: of the model; "auto": int8 for an index built with int8, else as in `load_encoder`, without int8.
        truncate: what becomes of texts longer than the model reads; None: as when the index was built.

    Raises:
        ModelError: the index's model cannot be found.
        ContractError: the model has another fingerprint than the index, or the runtime computes other vectors.
    """
    if runtime == "auto" and manifest.runtime == "onnx-int8":
        runtime = "onnx-int8"
    place = model or str(model_folder(index, manifest))
    encoder = load_encoder(place, runtime, exact=True, truncate=truncate or manifest.truncate)
    manifests.require_same_model(manifest, encoder.contract)
    manifests.require_same_arithmetic(manifest, encoder.runtime)
    return encoder
