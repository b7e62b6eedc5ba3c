"""Label: people grade the answers to real questions, and a test set comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import ConfigError, SemtuneError
from semtune.io import read_jsonl
from semtune.label.settings import LabelSettings
from semtune.progress import QUIET, Progress
from semtune.text import key

if TYPE_CHECKING:
    from semtune.encoders.vector_store import VectorStore
    from semtune.index.manifest import IndexManifest
    from semtune.label.labelling import Labelling
    from semtune.protocols import Encoder
    from semtune.step_inputs import Context

NO_BASE = "none"


def label(
    index: str | Path,
    queries: Sequence[str | Path] = (),
    *,
    base: str | None = None,
    store: str | Path | None = None,
    column: str = "",
    settings: LabelSettings = LabelSettings(),  # noqa: B008 - frozen
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Labelling:
    """Open a session of labelling: pool the answers of tuned, base and BM25 to real questions.

    `grade`, `ask` and `undo` of what it returns store what people say, `export` writes the data set.

    Args:
        index: an index folder, or a run folder.
        queries: files of questions; see `semtune.label.questions.read_questions`.
        base: a model to pool as well; None: the one that the index's model was tuned from, if it can be had; "none".
        store: the folder that keeps the grades; None: `labels` in the run, or INDEX.labels beside the index.
        column: of tables, the one with the question; empty: the one whose name says so.
        settings: of label.
        runtime: of the models.
        progress: shown while questions are pooled.

    Raises:
        SemtuneError: the index, a file or the base that was named cannot be used.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.label.grades import GradeStore
    from semtune.label.labelling import Labelling
    from semtune.label.questions import read_questions
    from semtune.label.systems import BASE, TUNED, IndexSystem, System, base_system, keyword_system
    from semtune.search.searcher import Searcher, index_folder

    folder = index_folder(Path(index))
    place = Path(store) if store is not None else labels_folder(folder)
    questions, grades = read_questions(map(Path, queries), column), GradeStore(place)
    searcher = Searcher.open(folder, runtime=parse_runtime(runtime))
    with searcher.collection.snapshot() as snapshot:
        documents = list(snapshot.documents())
    notes: list[str] = []
    chosen, vectors = _base(folder, searcher.manifest, base, runtime, progress, notes.append)
    systems: dict[str, System] = {TUNED: IndexSystem(searcher)}
    if chosen is not None:
        systems[BASE] = base_system(chosen, documents, vectors, place, progress)
    systems |= keyword_system(documents, notes.append)
    session = Labelling(
        documents, systems, settings, grades, questions, searcher.manifest.model_name, _trained_on(folder), notes
    )
    session.pool_questions(progress)
    return session


def labels_folder(index: Path) -> Path:
    """Where the grades of an index are kept: outside its folder, which a new index replaces as a whole."""
    run = _run_of(index)
    return run / "labels" if run else index.resolve().with_name(f"{index.resolve().name}.labels")


def _run_of(index: Path) -> Path | None:
    """The run that an index belongs to."""
    from semtune.run_directory import is_run
    from semtune.search.places import RUN_INDEX

    parent = index.resolve().parent
    return parent if index.resolve().name == RUN_INDEX and is_run(parent) else None


def _base(
    folder: Path, manifest: IndexManifest, word: str | None, runtime: str, progress: Progress,
    note: Callable[[str], None],
) -> tuple[Encoder | None, VectorStore | None]:  # fmt: skip
    """The base, and the vectors of it that a run has kept; a note where there is none."""
    if word == NO_BASE:
        return None, None
    if word:
        return _named_base(word, manifest, runtime), None
    try:
        encoder, vectors = _known_base(folder, manifest, runtime, progress)
    except SemtuneError as error:
        note(f"The base is not pooled: {error} Name another with --base.")
        return None, None
    if encoder is None:
        note("The base is not pooled: the index does not say which model its own was tuned from. Name it with --base.")
    elif encoder.contract.fingerprint == manifest.fingerprint:
        note("The base is not pooled: it is the model of the index itself. Name another with --base.")
        return None, None
    return encoder, vectors


def _named_base(word: str, manifest: IndexManifest, runtime: str) -> Encoder:
    from semtune.encoders.load import load_encoder, parse_runtime

    encoder = load_encoder(word, parse_runtime(runtime))
    if encoder.contract.fingerprint == manifest.fingerprint:
        raise ConfigError(
            f"--base {word!r} is the model of the index itself. Give the model it was tuned from, or another one."
        )
    return encoder


def _known_base(
    folder: Path, manifest: IndexManifest, runtime: str, progress: Progress
) -> tuple[Encoder | None, VectorStore | None]:
    """The model that the index's own was tuned from: as its run has served it, or by its name."""
    from semtune import contract as contracts
    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.search.searcher import model_folder

    context = _context(folder, progress)
    if context is not None:
        encoder = context.base_as_evaluated() or load_encoder(str(context.backbone.folder), parse_runtime(runtime))
        return encoder, context.store
    name = contracts.load(model_folder(folder, manifest)).base
    return (load_encoder(name, parse_runtime(runtime)) if name else None), None


def _context(folder: Path, progress: Progress) -> Context | None:
    """The run of an index, with its configuration."""
    from semtune.config import load_config
    from semtune.run_directory import CONFIG, RunDirectory
    from semtune.step_inputs import open_context

    run = _run_of(folder)
    return open_context(load_config(run / CONFIG), RunDirectory(run), progress) if run else None


def _trained_on(folder: Path) -> frozenset[str]:
    """Keys of the questions that the run of an index trained on or chose its checkpoint by."""
    run = _run_of(folder)
    files = [run / "prepare" / f"{split}.jsonl" for split in ("train", "dev")] if run else []
    rows = (row for file in files if file.is_file() for row in read_jsonl(file))
    return frozenset(key(str(row["anchor"])) for row in rows if "anchor" in row)
