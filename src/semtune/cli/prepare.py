"""`semtune prepare`: a source in, a data set out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, SEED, Console


def prepare(
    source: Annotated[
        list[str],
        typer.Argument(
            help="A folder, a CSV/TSV/JSONL file, a BEIR folder, python-docs; or train=FILE dev=FILE test=FILE."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The data set folder to write.")],
    model: Annotated[
        str, typer.Option("--model", help="The backbone whose tokenizer and length limit count.")
    ] = "all-MiniLM-L6-v2",
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Clean, split and pair a source into a data set that does not leak."""
    from semtune import contract as contracts
    from semtune import dataset as datasets
    from semtune.cli.sources import as_source, refuse_foreign
    from semtune.encoders.resolve import resolve
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.io import atomic_folder
    from semtune.prepare import PrepareSettings
    from semtune.prepare import prepare as prepare_dataset

    console = Console(as_json)
    refuse_foreign(out, "prepare.json", "data set")
    folder = resolve(model)
    contract = contracts.load(folder)
    with console.progress() as progress:
        made = prepare_dataset(
            as_source(source), Tokenizer(folder, contract), contract.max_length, PrepareSettings(), seed, progress
        )
        with atomic_folder(out) as scratch:
            datasets.save(made, scratch)
    rows = {split: len(made.scored.get(split) or made.pairs.get(split) or []) for split in ("train", "dev", "test")}
    console.say(
        f"{out}: {len(made.corpus):,} passages; rows train {rows['train']:,}, dev {rows['dev']:,}, test {rows['test']:,}"
    )
    for reason, facts in made.report.get("dropped", {}).items():
        console.say(f"  left out: {facts['count']:,} {reason}")
    for warning in made.report.get("warnings", []):
        console.say(f"  warning: {warning}")
    console.document({"path": str(out), "rows": rows, **made.report})
