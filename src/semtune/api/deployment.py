"""Export, encode, index and run: from a tuned model to search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.bulk.settings import EncodeSettings
from semtune.config import RunConfig, load_config, parse_config
from semtune.errors import ConfigError, InputError
from semtune.export.settings import ExportSettings
from semtune.index.settings import IndexSettings
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.bulk.result import EncodedFile
    from semtune.dataset import Dataset
    from semtune.export.step import ExportResult
    from semtune.index.manifest import IndexManifest
    from semtune.protocols import Encoder
    from semtune.step_runner import Rerun, RunReport, StepReport
    from semtune.types import Encoded, Role, Truncate


def export(
    model: str,
    out: str | Path | None = None,
    *,
    settings: ExportSettings = ExportSettings(),  # noqa: B008
    data: str | Path | None = None,
    progress: Progress = QUIET,
) -> ExportResult:
    """Export the whole pipeline (pooling and normalisation in the graph) and prove it equal to torch.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        out: a new folder with all that serving needs; None: the graphs are added to the model folder itself.
        settings: of the step.
        data: a data set: its texts are part of the parity check, and its dev split proves `precision: auto`.
        progress: shown while it works.

    Raises:
        ModelError: the model cannot be exported.
        GateError: a graph's vectors are not torch's.
        ConfigError: `precision: auto` without data.
    """
    from semtune import contract as contracts
    from semtune.export.step import ExportInputs, run
    from semtune.hub import resolve_model
    from semtune.io import atomic_folder
    from semtune.sources import refuse_foreign

    inputs = ExportInputs(resolve_model(model), settings)
    if data is not None:
        from semtune.precision_judge import DevJudge, dev_sample
        from semtune.select.sample import fit_texts

        dataset = load_dataset(data)
        part = dev_sample(dataset)
        inputs = replace(
            inputs, texts=lambda: fit_texts(dataset), judge=lambda folder: DevJudge(part, folder, progress=progress)
        )
    if out is None:
        return run(inputs, None, progress)
    place = Path(out)
    refuse_foreign(place, contracts.FILE, "a model that semtune made")
    if contracts.weights_files(place) and not contracts.static_folder(place):
        raise InputError(
            f"{place} holds a model's weights, which an export would replace; nothing was overwritten. Give a new "
            "folder with -o, or leave -o out to add the graphs to the model folder itself."
        )
    with atomic_folder(place) as scratch:
        return run(inputs, scratch, progress)


def encode(
    model: str,
    texts: Sequence[str],
    *,
    role: Role = "document",
    runtime: str = "auto",
    truncate: Truncate = "cut",
    progress: Progress = QUIET,
) -> Encoded:
    """Embed texts, (n,) → (n, dim) float32, by a model's contract.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        texts: of any length.
        role: "query" or "document".
        runtime: of the model.
        truncate: what becomes of texts longer than the model reads: "cut", "error" or "window".
        progress: shown while it works.

    Returns:
        The vectors, with the numbers of texts and tokens that were cut.

    Raises:
        ConfigError: `role` is neither "query" nor "document", or the runtime is unknown.
        InputError: an input is not a text, or is too long and may not be cut.
        ModelError: there is no such model, or its vectors are not finite numbers.
    """
    from semtune.encoders.load import parse_runtime

    if role not in ("query", "document"):
        raise ConfigError(f"The role is {role!r}. Allowed: query, document.")
    return load_encoder(model, parse_runtime(runtime), truncate).encode(texts, role, progress)


def encode_file(
    model: str,
    file: str | Path,
    out: str | Path,
    *,
    settings: EncodeSettings = EncodeSettings(),  # noqa: B008
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> EncodedFile:
    """Embed the texts of a file of any size, in constant memory; a stopped call continues when it is repeated.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        file: text lines, JSON lines, CSV, TSV or Parquet, each also as .gz; or another table, which is read whole.
        out: NAME.npy, one array; NAME.parquet, one table; or a name without an ending, a folder of .npy shards.
        settings: role, column, size of the shards, workers.
        runtime: of the model.
        progress: shown while it works.

    Raises:
        InputError: the file cannot be read, has no texts, or changed meanwhile; or `out` is something else.
        ModelError: there is no such model, or its vectors are not finite numbers.
        StorageError: the disk is full; what is finished stays.
    """
    from semtune.bulk.job import encode_file as encode_whole_file

    return encode_whole_file(model, Path(file), Path(out), settings, runtime, progress)


def index(
    model: str,
    corpus: str | Path,
    out: str | Path,
    *,
    settings: IndexSettings = IndexSettings(),  # noqa: B008
    runtime: str = "auto",
    allow_unreadable: bool = False,
    progress: Progress = QUIET,
) -> IndexManifest:
    """Embed documents and index them, with their texts beside the vectors.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        corpus: a data set, a run, a corpus.jsonl, or any folder, archive, text file or table. Every document of it is
            indexed, and columns without another meaning become metadata.
        out: the index folder to write.
        settings: of the step; with `truncate="error"` a document longer than the model reads is refused by its id.
        runtime: of the model.
        allow_unreadable: go on where the model does not know the letters of more than a fifth of the documents.
        progress: shown while it works.

    Raises:
        InputError: there are no documents, the model cannot read them, or `out` exists and was not made by Semtune.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.hub import resolve_model
    from semtune.index import manifest as manifests
    from semtune.index.step import IndexInputs, run
    from semtune.io import atomic_folder
    from semtune.machine import keep_freed_memory
    from semtune.sources import documents_to_index, indexed_queries, refuse_foreign

    place, source, chosen = Path(out), Path(corpus), parse_runtime(runtime)
    refuse_foreign(place, manifests.FILE, "an index", manifests.KIND)
    if not source.exists():
        raise InputError(f"{source.resolve()} does not exist; there is nothing to index.")
    folder = resolve_model(model, serving=chosen != "torch")
    keep_freed_memory()
    encoder = load_encoder(str(folder), chosen, settings.truncate)
    found = documents_to_index(source, folder, encoder.contract, progress, allow_unreadable)
    inputs = IndexInputs(
        lambda: found.documents, lambda: encoder, folder, settings, lambda: indexed_queries(source), place,
        lambda made: _mode_by_dev(made, encoder, source, progress),
    )  # fmt: skip
    with atomic_folder(place) as scratch:
        made = run(inputs, scratch, progress).manifest
        made = replace(made, left_out=dict(found.left_out), warnings=list(found.warnings))
        manifests.write(made, scratch)
    return made


def _mode_by_dev(index: Path, encoder: Encoder, source: Path, progress: Progress) -> dict[str, Any]:
    """How a built index is searched: the best way on the labelled dev queries of its source, else by vectors."""
    from semtune import dataset as datasets
    from semtune.evaluate.retrieval.index_mode import mode_of_index
    from semtune.prepare.build.for_other_steps import dataset_folder

    place = dataset_folder(source)
    data = datasets.load(place) if (place / "queries.jsonl").is_file() else datasets.Dataset()
    way = mode_of_index(index, encoder, data)
    progress.say(way.sentence)
    return {"mode": way.mode, "fusion": way.fusion.as_dict(), "reason": way.sentence}


def run(
    config: RunConfig | Mapping[str, Any] | str | Path,
    *,
    rerun: Rerun = "changed",
    dry_run: bool = False,
    keep_store: bool = True,
    progress: Progress = QUIET,
    on_start: Callable[[str, str], None] = lambda _step, _why: None,
    on_step: Callable[[StepReport], None] = lambda _report: None,
) -> RunReport:
    """Walk the whole way: prepare, select where there are candidates, train, export, evaluate, index, search.

    Args:
        config: a `RunConfig`, its values, or the path of a config file.
        rerun: "changed" runs what changed, "always" everything, "never" only what was never finished.
        dry_run: only say what would run and why.
        keep_store: keep the run's store of vectors for the next call.
        progress: shown while it works.
        on_start: called with a step's name and the reason before it runs.
        on_step: called with each step's report.

    Raises:
        SemtuneError: a step failed; the finished ones stay, and the next call continues there.
    """
    from semtune.pipeline import run_pipeline

    if isinstance(config, str | Path):
        chosen = load_config(Path(config))
    else:
        chosen = config if isinstance(config, RunConfig) else parse_config(dict(config))
    return run_pipeline(
        chosen,
        rerun=rerun,
        dry_run=dry_run,
        progress=progress,
        on_step=on_step,
        on_start=on_start,
        keep_store=keep_store,
    )


def load_encoder(model: str, runtime: str = "auto", truncate: Truncate = "cut") -> Encoder:
    """Open a model by folder, run, name or hub id; see `semtune.encoders.load.load_encoder`."""
    from semtune.encoders import load

    return load.load_encoder(model, runtime, truncate=truncate)


def load_dataset(folder: str | Path) -> Dataset:
    """Read a data set folder, one that `prepare` wrote, that of a run, or any BEIR folder."""
    from semtune import dataset
    from semtune.prepare.build.for_other_steps import dataset_folder

    return dataset.load(dataset_folder(Path(folder)))
