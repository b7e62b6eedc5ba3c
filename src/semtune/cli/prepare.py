"""`semtune prepare`: a source in, a data set out; with `--audit`, only a look for leaks."""

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
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The data set folder to write.")] = None,
    model: Annotated[
        str, typer.Option("--model", help="The backbone whose tokenizer and length limit count.")
    ] = "all-MiniLM-L6-v2",
    audit: Annotated[
        bool, typer.Option("--audit", help="Only search train for what dev and test hold; exit code 1 if it leaks.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value of the config's prepare section, e.g. max_pairs=1000")
    ] = None,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Clean, split and pair a source into a data set that does not leak."""
    from semtune.cli.sources import as_source, prepare_settings
    from semtune.errors import ConfigError

    console = Console(as_json)
    chosen = prepare_settings(settings or [])
    if audit:
        if out is not None:
            raise ConfigError("--audit writes nothing: leave out -o.")
        return _audit(console, as_source(source), chosen.max_leak_share)
    if out is None:
        raise ConfigError("Say with -o which folder to write the data set to, or ask for --audit.")
    return _prepare(console, as_source(source), out, model, chosen, seed)


def _audit(console: Console, source, limit: float) -> int:  # noqa: ANN001 - Source, imported late
    from semtune.prepare import audit

    found = audit(source)
    console.say(
        f"{found.total:,} leaks among {found.held_out:,} held-out texts ({found.share:.2%}; {limit:.2%} are allowed)"
    )
    for sort, count in found.found.items():
        console.say(f"  {count:>6,}  {sort}")
        for example in found.examples.get(sort, []):
            console.say(f"          {' '.join(example.split())}")
    leaks = found.total > limit * found.held_out
    console.document({"source": source, "leaks": found.as_dict(), "limit": limit, "passed": not leaks})
    return 1 if leaks else 0


def _prepare(console: Console, source, out: Path, model: str, chosen, seed: int) -> int:  # noqa: ANN001
    from semtune import contract as contracts
    from semtune import dataset as datasets
    from semtune.cli.sources import refuse_foreign
    from semtune.encoders.load import load_encoder
    from semtune.encoders.resolve import resolve
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.io import atomic_folder
    from semtune.prepare import prepare as prepare_dataset
    from semtune.prepare.page import write_page

    refuse_foreign(out, "prepare.json", "data set")
    folder = resolve(model)
    contract = contracts.load(folder)
    with console.progress() as progress:
        tokenizer = Tokenizer(folder, contract)
        encoder = load_encoder(str(folder)) if chosen.needs_encoder else None
        made = prepare_dataset(source, tokenizer, contract.max_length, chosen, seed, progress, encoder)
        with atomic_folder(out) as scratch:
            write_page(made, scratch / "report.html", out.resolve().name)
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
    return 0
