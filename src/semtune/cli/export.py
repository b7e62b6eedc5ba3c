"""`semtune export`: a model as graphs that serve without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console


def export(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    formats: Annotated[str, typer.Option("--format", help="onnx, torchscript, or both with a comma.")] = "onnx",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="Of onnx: fp32, int8, or both with a comma; auto: int8 only where --data proves that it keeps the "
            "metric.",
        ),
    ] = "fp32",
    data: Annotated[
        Path | None, typer.Option("--data", help="A data set, whose dev split proves --precision auto.")
    ] = None,
    max_loss: Annotated[
        float, typer.Option("--max-loss", min=0, max=1, help="What the metric may lose for auto to keep int8.")
    ] = 0.005,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="A new folder with all that serving needs; by default the model folder itself."
        ),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Export the whole pipeline (pooling and normalisation in the graph) and prove it equal to torch."""
    from semtune import api
    from semtune.export.settings import ExportSettings

    console = Console(as_json)
    chosen = ExportSettings(format=formats, precision=precision, max_loss=max_loss)  # type: ignore[arg-type] - words
    with console.progress() as progress:
        result = api.export(model, out, settings=chosen, data=data, progress=progress)
    made, place = result.exported, out or result.exported.folder
    files = {name: export.file for name, export in made.contract.exports.items()}
    for name, proof in made.parity.items():
        beside = proof.invariance
        console.say(
            f"{place}: {name}, cosine to torch at least {proof.min_cosine:.6f} on {proof.texts} texts"
            + (f"; beside other texts at least {beside.min_cosine:.6f} to the same text alone" if beside else "")
        )
    if "int8" in chosen.precision:
        console.say(
            "int8 is served only when asked for (--runtime onnx-int8); what it costs on your data: "
            f"`semtune evaluate {place} DATASET --stages`"
        )
    for line in result.proof.sentences if result.proof else []:
        console.say(line)
    console.document(
        {
            "path": str(place),
            "fingerprint": made.contract.fingerprint,
            "exports": files,
            "parity": {name: proof.as_dict(near="int8" in name) for name, proof in made.parity.items()},
            "precision": result.proof.as_dict() if result.proof else None,
        }
    )
