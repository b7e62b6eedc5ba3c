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
    from semtune.errors import ConfigError, InputError
    from semtune.export.build import check_formats, export_name
    from semtune.export.build import export as export_model
    from semtune.hub import resolve

    console = Console(as_json)
    wanted, precisions = ([name.strip() for name in words.split(",") if name.strip()] for words in (formats, precision))
    if not wanted:
        raise ConfigError("--format names no format. Allowed: onnx, torchscript, or both with a comma.")
    if not precisions:
        raise ConfigError("--precision names no precision. Allowed: fp32, int8, or both with a comma.")
    check_formats(wanted, precisions)
    if out is not None:
        refuse_foreign(out, contracts.FILE, "model that semtune made")
        if contracts.weights_files(out):
            raise InputError(
                f"{out} holds a model's weights, which an export would replace; it is left alone. Give a new folder "
                "with -o, or leave -o out to add the graphs to the model folder itself."
            )
    with console.progress() as progress:
        made = export_model(resolve(model), wanted, out, progress=progress, precisions=precisions)
    for name, proof in made.parity.items():
        console.say(
            f"{made.folder / made.contract.exports[export_name(name)].file}: cosine to torch at least {proof.min_cosine:.6f} on {proof.texts} texts"
        )
    if "int8" in precisions:
        console.say(
            "int8 is served only when asked for (--runtime onnx-int8); what it costs on your data: "
            f"`semtune evaluate {made.folder} DATASET --stages`"
        )
    console.document(
        {
            "path": str(made.folder),
            "fingerprint": made.contract.fingerprint,
            "exports": {name: export.file for name, export in made.contract.exports.items()},
            "parity": {name: proof.as_dict() for name, proof in made.parity.items()},
        }
    )
