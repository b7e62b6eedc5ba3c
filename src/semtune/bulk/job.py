"""A bulk encoding from the file to the result; a stopped one continues where it was."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semtune.bulk.encoding import Job, Opened, open_model, settled
from semtune.bulk.engine import Engine, Here, Start, engine_for
from semtune.bulk.manifest import VectorsManifest
from semtune.bulk.meter import Meter
from semtune.bulk.outputs import Output, form_of, output_for, shard_files
from semtune.bulk.result import EncodedFile
from semtune.bulk.rows import texts
from semtune.bulk.settings import EncodeSettings
from semtune.bulk.shards import Shard, Vectors, shards
from semtune.bulk.source import Source, open_source
from semtune.bulk.store import NAMED, Record, Store
from semtune.bulk.survey import Survey, survey
from semtune.encoders.load import parse_runtime
from semtune.encoders.unreadable import check_readable, multilingual
from semtune.errors import ConfigError, InputError, RunLockedError
from semtune.hub import resolve_model
from semtune.io import storage_errors
from semtune.machine import keep_freed_memory
from semtune.prepare.drop_log import BadRows, Tally
from semtune.progress import Progress
from semtune.text import one_line
from semtune.work_cache import work_beside

FORMAT = 1  # of the work folder
WORDS = {  # facts by what people call them
    "input": "the file",
    "reading": "the column or the reading of the file",
    "fingerprint": "the model",
    "runtime": "the runtime",
    "role": "the role",
    "truncate": "how long texts are cut",
    "rows": "the number of texts a shard",
    "output": "the columns of the result",
    "format": "Semtune",
}


@dataclass(frozen=True, slots=True)
class Task:
    """All that is known before the first text is encoded."""

    source: Source
    output: Output
    out: Path
    settings: EncodeSettings
    job: Job
    opened: Opened
    found: Survey

    @property
    def facts(self) -> dict[str, Any]:
        """What decides which bytes a shard has."""
        kept = {"text": self.settings.keep_text, "id": self.source.id_column, "ending": self.out.suffix}
        return {
            "format": FORMAT,
            "input": self.found.sha256,
            "reading": self.source.facts,
            "fingerprint": self.job.fingerprint,
            "runtime": self.job.opened,
            "role": self.job.role,
            "truncate": self.job.truncate,
            "rows": self.settings.rows,
            "output": kept,
        }


@dataclass(slots=True)
class Counts:
    """What is counted while the texts pass by."""

    bad: BadRows
    records: list[Record] = field(default_factory=list)
    empty: int = 0
    resumed: int = 0


def encode_file(
    model: str, file: Path, out: Path, settings: EncodeSettings, runtime: str, progress: Progress
) -> EncodedFile:
    """Embed the texts of a file; see `semtune.api.encode_file`."""
    started = time.perf_counter()
    form, start = form_of(out, keep_text=settings.keep_text), engine_for(settings)
    if out.exists() and file.exists() and out.samefile(file):
        raise ConfigError(f"{out} is the file that is read. Give another name with -o.")
    source = open_source(file, settings.column)
    output = output_for(form, keep_text=settings.keep_text, with_ids=bool(source.id_column))
    output.check(out)
    task = _opened(model, source, output, out, settings, runtime, progress)
    with work_beside(out) as work:
        if work is None:
            raise RunLockedError(f"Another process is writing {out}. Wait for it, or choose another place.")
        with storage_errors(out):
            store = Store(work, output)
            counts = _encoded(task, store, start, progress)
            task.found.check_unchanged(file)
            counts.records.sort(key=lambda record: record.number)
            manifest = _manifest(task, store, counts)
            output.finish(store, counts.records, manifest, out)
    return _result(task, counts, manifest, time.perf_counter() - started)


def _opened(
    model: str, source: Source, output: Output, out: Path, settings: EncodeSettings, runtime: str, progress: Progress
) -> Task:
    chosen = parse_runtime(runtime)
    folder = resolve_model(model, serving=chosen != "torch")
    keep_freed_memory()
    job = Job(str(folder), chosen, settings.role, settings.truncate)
    opened = open_model(job)
    return Task(source, output, out, settings, settled(job, opened), opened, survey(source.path, progress))


def _encoded(task: Task, store: Store, start: Start | None, progress: Progress) -> Counts:
    """Encode the shards that are not whole yet."""
    if differ := store.open(task.facts):
        changed = ", ".join(WORDS[name] for name in differ)
        progress.say(f"{task.out.name} is begun anew: {changed} changed since it was stopped.")
    counts = Counts(BadRows(task.source.path.name, Tally()))
    with progress.track("encode", _total(task)) as advance:
        meter = Meter(advance)
        with _engine(task, start, meter) as engine:
            for shard, done in _through(task, store, engine, counts):
                record = done if isinstance(done, Record) else store.put(shard, done)
                counts.records.append(record)
                meter.finish(len(shard.texts))
    return counts


@contextlib.contextmanager
def _engine(task: Task, start: Start | None, meter: Meter) -> Iterator[Engine]:
    if start is None:
        yield Here(task.opened, task.job, meter)
        return
    with start(task.job) as engine:
        yield engine


def _through(
    task: Task, store: Store, engine: Engine, counts: Counts
) -> Iterator[tuple[Shard, Vectors] | tuple[Shard, Record]]:
    """Each shard with its record or its new vectors, in the order in which they are finished."""
    waiting: dict[Future[Vectors], Shard] = {}
    for shard in shards(texts(task.source, counts.bad), task.settings.rows):
        counts.empty += shard.empty
        if (record := store.record(shard)) is not None:
            counts.resumed += 1
            yield shard, record
            continue
        if shard.number == 0:
            names = [f"{_unit(task.source)} {line}" for line in shard.lines]
            check_readable(shard.texts, names, task.opened.tokenizer, allow=task.settings.allow_unreadable)
        waiting[engine.submit(shard.texts)] = shard
        while len(waiting) >= engine.at_once:
            yield from _finished(waiting)
    while waiting:
        yield from _finished(waiting)


def _finished(waiting: dict[Future[Vectors], Shard]) -> Iterator[tuple[Shard, Vectors]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


def _total(task: Task) -> int | None:
    """About how many rows there are; None if unknown."""
    if task.source.kind == "parquet" and task.source.path.suffix == ".parquet":
        from semtune.prepare.readers.tables.columnar import count_rows

        return count_rows(task.source.path)
    return task.found.lines if task.source.kind in ("lines", "jsonl", "csv") else None


def _manifest(task: Task, store: Store, counts: Counts) -> VectorsManifest:
    """What was made.

    Raises:
        InputError: there was no text.
    """
    source, records, left_out = task.source, counts.records, _left_out(counts)
    if not records:
        why = "; ".join(f"{number:,} × {reason}" for reason, number in left_out.items())
        raise InputError(f"{source.path} has no text that can be read ({why})." if why else f"{source.path} is empty.")
    contract = task.opened.encoder.contract
    return VectorsManifest(
        input=source.path.name,
        input_sha256=task.found.sha256,
        column=source.column or None,
        role=task.job.role,
        model=contract.name,
        fingerprint=contract.fingerprint,
        runtime=task.job.opened,
        truncate=task.job.truncate,
        dimension=contract.dimension,
        rows=counts.bad.seen,
        texts=sum(record.texts for record in records),
        empty=counts.empty,
        tokens=sum(record.tokens for record in records),
        truncated=sum(record.truncated for record in records),
        cut_tokens=sum(record.cut_tokens for record in records),
        left_out=left_out,
        rows_a_shard=task.settings.rows,
        shards=shard_files(store, records),
    )


def _left_out(counts: Counts) -> dict[str, int]:
    return {_reason(name): entry["count"] for name, entry in counts.bad.tally.dropped.items()}


def _reason(name: str) -> str:
    return name.removeprefix("bad row: ")


def _result(task: Task, counts: Counts, manifest: VectorsManifest, seconds: float) -> EncodedFile:
    examples = {_reason(name): one_line(entry["example"]) for name, entry in counts.bad.tally.dropped.items()}
    return EncodedFile(
        path=str(task.out),
        texts=manifest.texts,
        truncated=manifest.truncated,
        cut_tokens=manifest.cut_tokens,
        seconds=round(seconds, 3),
        runtime=manifest.runtime,
        rows=manifest.rows,
        left_out=manifest.left_out,
        examples=examples,
        empty=manifest.empty,
        column=manifest.column,
        dimension=manifest.dimension,
        tokens=manifest.tokens,
        fingerprint=manifest.fingerprint,
        shards=len(counts.records),
        resumed=counts.resumed,
        warnings=_warnings(task, counts, manifest, examples),
    )


def _warnings(task: Task, counts: Counts, manifest: VectorsManifest, examples: dict[str, str]) -> list[str]:
    said = list(task.source.warnings)
    if unread := sum(record.unread for record in counts.records):
        lines = [line for record in counts.records for line in record.unread_lines][:NAMED]
        shown = ", ".join(f"{_unit(task.source)} {line}" for line in lines)
        said.append(
            f"The model cannot read {unread:,} of {manifest.texts:,} texts (e.g. {shown}): it does not know their "
            "letters, and their vectors are all alike. A multilingual model may read them, for example "
            f"{multilingual()}."
        )
    said += [
        f"{count:,} of {manifest.rows:,} rows were left out: {reason} (e.g. {examples[reason]})"
        for reason, count in manifest.left_out.items()
    ]
    return said


def _unit(source: Source) -> str:
    return "line" if source.kind in ("lines", "jsonl", "csv") else "row"
