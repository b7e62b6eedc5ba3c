"""Give an index another model without downtime, go back, and see whether it still fits what is asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.api.index_access import count_of, index_home, read_log
from semtune.api.index_results import RolledBack, Upgraded
from semtune.errors import InputError, ModelError
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.evaluate.verdict.rule import JudgedComparison
    from semtune.index.collection import Collection
    from semtune.index.manifest import IndexManifest
    from semtune.index.upgrade import ComparedAnswers
    from semtune.protocols import Encoder
    from semtune.types import Encoded, Role

UPGRADE_LOCK = ".upgrade.lock"


def upgrade(
    index: str | Path,
    model: str,
    *,
    queries: Sequence[str | Path] = (),
    data: str | Path | None = None,
    anyway: bool = False,
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Upgraded:
    """Encode an index's documents with another model beside the index, compare, and switch to it at one moment.

    The index is searched and may be written meanwhile: what was added, changed or deleted is taken over before the
    switch. A stopped call continues when it is repeated. The old version is kept for `rollback`.

    Args:
        index: an index folder or a run folder.
        model: the new model: a name, a hub id, a model folder or a run folder.
        queries: files of real queries to compare the answers with; without any, chunks of documents are asked.
        data: a data set with labelled queries, whose documents are in the index. If the new model is significantly
            worse on them, the index is not switched.
        anyway: switch also then.
        runtime: of the new model.
        progress: shown while it works.

    Raises:
        InputError: there is no index, another upgrade of it is running, or another process keeps writing.
        ModelError: there is no such model.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.hub import resolve_model
    from semtune.index import manifest as manifests
    from semtune.index import versions
    from semtune.index.current import opened
    from semtune.index.new_version import begin_version, clear_first, drop_version, finish_version, move_aliases
    from semtune.index.sampling import encode_queries
    from semtune.index.upgrade import catch_up
    from semtune.machine import keep_freed_memory

    started, home, chosen = time.monotonic(), index_home(index), parse_runtime(runtime)
    folder = resolve_model(model, serving=chosen != "torch")
    keep_freed_memory()
    with _alone(home), opened(home) as old:
        encoder = _load(folder, chosen, old.manifest)
        names = encoder.contract.name, old.manifest.model_name
        same_model = manifests.made_by(old.manifest, encoder.contract)
        if same_model and manifests.same_arithmetic(old.manifest, encoder.runtime):
            return Upgraded("unchanged", *names, count_of(old))
        labelled = _load_labels(data)
        place = versions.next_folder(home)
        new, _ = begin_version(home, place, old.manifest, encoder, folder)
        with contextlib.closing(new):
            first = catch_up(old, new, encoder, progress)
            asked, asked_with = _queries(old, queries)
            probes = encode_queries(encoder, asked)[1]
            new.compact(progress, probes)
            finish_version(place, new, probes, asked_with)
            compared, verdict = _compare(home, old, new, encoder, asked, asked_with, bool(queries), labelled)
            if verdict is not None and verdict.verdict == "do-not-ship" and not anyway:
                spent = round(time.monotonic() - started, 2)
                return Upgraded(
                    "not switched", *names, count_of(new), first.written.encoded, 0, compared, verdict, spent
                )
            with versions.writing(home):
                late = catch_up(old, new, encoder, progress)
                count = count_of(new)
                versions.switch(home, place)
                move_aliases(old.manifest, manifests.read(place))
                for gone in versions.superseded(home):
                    (clear_first if gone == home else drop_version)(gone)
    encoded = first.written.encoded + late.written.encoded
    spent = round(time.monotonic() - started, 2)
    return Upgraded("switched", *names, count, encoded, late.changed, compared, verdict, spent)


def rollback(index: str | Path, *, model: str | None = None, progress: Progress = QUIET) -> RolledBack:
    """Search the version before the last upgrade again; a second call undoes the first.

    What was added, changed or deleted since the switch is taken over first, so that nothing is lost; only that needs
    the old model.

    Args:
        index: an index folder or a run folder.
        model: where the model of the version before is now; by default where it was.
        progress: shown while it works.

    Raises:
        ConfigError: the index was never upgraded.
        ModelError: documents have to be encoded, and the old model is gone.
    """
    from semtune.index import versions
    from semtune.index.current import opened_version
    from semtune.index.new_version import move_aliases
    from semtune.index.upgrade import catch_up
    from semtune.search.index_encoder import encoder_of

    home = index_home(index)
    with _alone(home), versions.writing(home) as place:
        before = versions.before(home)
        with opened_version(place) as now, opened_version(before) as then:
            encoder = _WhenNeeded(lambda: encoder_of(home, then.manifest, model))
            taken = catch_up(now, then, encoder, progress)
            names, count = (then.manifest.model_name, now.manifest.model_name), count_of(then)
            after = then.manifest, now.manifest
        versions.switch(home, before)
        move_aliases(after[1], after[0])
    return RolledBack(*names, count, taken.changed)


class _WhenNeeded:
    """An encoder that is opened when the first text is to be embedded."""

    def __init__(self, open_: Any) -> None:
        self._open, self._encoder = open_, None

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed texts."""
        self._encoder = self._encoder or self._open()
        return self._encoder.encode(texts, role, progress)


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep other upgrades of this index out.

    Raises:
        InputError: one is running.
    """
    from semtune.locks import holder, lock_file

    with lock_file(home / UPGRADE_LOCK) as ours:
        if not ours:
            pid = holder(home / UPGRADE_LOCK)
            raise InputError(
                f"Another upgrade{f' (pid {pid})' if pid else ''} of {home} is running. Wait until it ends, or stop it."
            )
        yield


def _load(folder: Path, runtime: str, manifest: IndexManifest) -> Encoder:
    from semtune.encoders.load import load_encoder

    return load_encoder(str(folder), runtime, exact=True, truncate=manifest.truncate)


def _load_labels(data: str | Path | None) -> Any:
    if data is None:
        return None
    from semtune.api.deployment import load_dataset

    return load_dataset(data)


def _compare(
    home: Path,
    old: Collection,
    new: Collection,
    encoder: Encoder,
    asked: Sequence[str],
    asked_with: str,
    wanted: bool,
    labelled: Any,
) -> tuple[ComparedAnswers | None, JudgedComparison | None]:
    """The answers before and after, and the verdict; neither where the old model is gone and nothing was `wanted`."""
    from semtune.index.upgrade import compare_answers
    from semtune.search.index_encoder import encoder_of

    try:
        before = encoder_of(home, old.manifest)
    except ModelError as error:
        if wanted or labelled is not None:
            raise ModelError(f"The answers cannot be compared, since the old model is gone. {error}") from None
        return None, None
    with old.snapshot() as one, new.snapshot() as two:
        compared = compare_answers(one, before, two, encoder, asked, asked_with)
        if labelled is None:
            return compared, None
        from semtune.evaluate.serving.two_indexes import judge_versions

        return compared, judge_versions(labelled, (one, before), (two, encoder))


def _queries(old: Collection, files: Sequence[str | Path]) -> tuple[list[str], str]:
    """The queries to compare with, and what they are: those of files, or else chunks of documents."""
    from semtune.index.sampling import sample_chunks
    from semtune.index.upgrade import MOST_QUERIES

    if files:
        return [question.text for question in read_log(files)][:MOST_QUERIES], "queries"
    with old.snapshot() as seen:
        return [chunk for _, chunk in sample_chunks(seen.documents()) if chunk], "chunks"
