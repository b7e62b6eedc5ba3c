"""`semtune export`: a model as graphs that serve without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console


def export(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    formats: Annotated[str, typer.Option("--format", help="onnx, torchscript, or both with a comma.")] = "onnx",
    precision: Annotated[str, typer.Option("--precision", help="Of onnx: fp32, int8, or both with a comma.")] = "fp32",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="A new folder with all that serving needs; by default the model folder itself."
        ),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Export the whole pipeline (pooling and normalisation in the graph) and prove it equal to torch."""
    from semtune import contract as contracts
    from semtune.cli.sources import refuse_foreign
    from semtune.errors import InputError
    from semtune.export.settings import ExportSettings
    from semtune.export.step import ExportInputs, run
    from semtune.hub import resolve
    from semtune.io import atomic_folder

    console = Console(as_json)
    chosen = ExportSettings(format=formats, precision=precision)  # type: ignore[arg-type] - the class parts the words
    if out is not None:
        refuse_foreign(out, contracts.FILE, "a model that semtune made")
        if contracts.weights_files(out) and not contracts.static_folder(out):
            raise InputError(
                f"{out} holds a model's weights, which an export would replace; nothing was overwritten. Give a new "
                "folder with -o, or leave -o out to add the graphs to the model folder itself."
            )
    inputs = ExportInputs(resolve(model), chosen)
    with console.progress() as progress:
        if out is None:
            result = run(inputs, None, progress)
        else:
            with atomic_folder(out) as scratch:
                result = run(inputs, scratch, progress)
    made, place = result.exported, out or result.exported.folder
    files = {name: export.file for name, export in made.contract.exports.items()}
    for name, proof in made.parity.items():
        console.say(f"{place}: {name}, cosine to torch at least {proof.min_cosine:.6f} on {proof.texts} texts")
    if "int8" in chosen.precision:
        console.say(
            "int8 is served only when asked for (--runtime onnx-int8); what it costs on your data: "
            f"`semtune evaluate {place} DATASET --stages`"
        )
    console.document(
        {
            "path": str(place),
            "fingerprint": made.contract.fingerprint,
            "exports": files,
            "parity": {name: proof.as_dict() for name, proof in made.parity.items()},
        }
    )
