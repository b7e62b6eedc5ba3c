"""`semtune prepare`: a source in, a data set out; with `--audit`, only a look for leaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, SEED, Console

if TYPE_CHECKING:
    from semtune.prepare.settings import PrepareSettings
    from semtune.prepare.step import Prepared

EXAMPLE = 80  # characters of an example


def prepare(
    source: Annotated[
        list[str],
        typer.Argument(
            help="A folder, an archive, a CSV/TSV/JSONL file, a BEIR folder, python-docs; "
            "or train=FILE dev=FILE test=FILE."
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
    from semtune.errors import ConfigError
    from semtune.sources import as_source, prepare_settings

    console = Console(as_json)
    chosen = prepare_settings(settings or [])
    if audit:
        if out is not None:
            raise ConfigError("--audit writes nothing: leave out -o.")
        return _audit(console, as_source(source), chosen)
    if out is None:
        raise ConfigError("Say with -o which folder to write the data set to, or ask for --audit.")
    return _prepare(console, as_source(source), out, model, chosen, seed)


def _audit(console: Console, source: str | dict[str, str], chosen: PrepareSettings) -> int:
    from semtune.prepare.split.audit import audit

    limit = chosen.max_leak_share
    found = audit(source, chosen)
    console.say(
        f"{found.total:,} leaks among {found.held_out:,} held-out texts ({found.share:.2%}; {limit:.2%} are allowed)"
    )
    for sort, count in found.found.items():
        console.say(f"  {count:>6,}  {sort}")
        for example in found.examples.get(sort, []):
            console.say(f"          {' '.join(example.split())}")
    passed = found.passes(limit)
    console.document({"source": source, "leaks": found.as_dict(), "limit": limit, "passed": passed})
    return 0 if passed else 1


def _prepare(
    console: Console, source: str | dict[str, str], out: Path, model: str, chosen: PrepareSettings, seed: int
) -> int:
    from semtune import api

    with console.progress() as progress:
        prepared = api.prepare(source, out, model=model, settings=chosen, seed=seed, progress=progress)
    _show(console, prepared, out)
    console.document({"path": str(out), "rows": prepared.rows, **prepared.dataset.report})
    return 0


def _show(console: Console, prepared: Prepared, out: Path) -> None:
    made, rows = prepared.dataset, prepared.rows
    texts = "sentences" if made.scored or made.labelled_pairs else "passages"
    if made.labelled_texts:
        classes = {row.label for part in made.labelled_texts.values() for row in part}
        texts = f"texts in {len(classes):,} classes"
    console.say(
        f"{out}: {len(made.corpus):,} {texts}; rows train {rows['train']:,}, dev {rows['dev']:,}, test {rows['test']:,}"
    )
    if found := made.report.get("yield"):
        console.say(f"  {_yield(found)}")
    if negatives := made.report.get("negatives"):
        for line in _negatives(negatives, out / "review.jsonl"):
            console.say(f"  {line}")
    for reason, facts in made.report.get("dropped", {}).items():
        console.say(f"  left out: {facts['count']:,} {reason}, e.g. {_start(facts['example'])}")
    for warning in made.report.get("warnings", []):
        console.say(f"  warning: {warning}")


def _yield(found: Mapping[str, Any]) -> str:
    """How many questions the documents gave, in words."""
    sources = ", ".join(f"{source} {rate:.2f}" for source, rate in found["by source"].items())
    return (
        f"{found['questions']:,} questions from {found['documents']:,} documents, "
        f"{found['per document']:.2f} a document{f' ({sources})' if sources else ''}"
    )


def _start(text: str) -> str:
    """The beginning of an example, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= EXAMPLE else flat[: EXAMPLE - 1] + "…"


def _negatives(facts: Mapping[str, Any], review: Path) -> list[str]:
    """What mining came to and what became of the reviewed labels, in words."""
    lines = []
    if per_pair := facts.get("per_pair"):
        lines.append(
            f"hard negatives: {per_pair} for each of {facts['pairs']:,} pairs, by {facts['encoder']['runtime']}; "
            f"{facts['to_review']:,} suspected answers to look at in {review}"
        )
    if done := facts.get("reviewed"):
        lines.append(
            f"reviewed labels: {done['relevant']:,} relevant and {done['negative']:,} negative used, "
            f"{done['unknown'] + done['held_out']:,} not used"
        )
    return lines
