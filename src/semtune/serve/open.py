"""Opens what the command line names: indexes, runs and models, each under a name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError
from semtune.search.arrange import Reranker
from semtune.search.following import follow_searcher
from semtune.search.searcher import has_index, index_folder
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.uses import Uses, open_classifiers, open_recommenders, open_served_topics
from semtune.types import Truncate


@dataclass(frozen=True, slots=True)
class Target:
    """An index folder, a run folder or a model, and the name under which it is served; empty: the model's own."""

    path: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Target:
        """`PATH` or `NAME=PATH`."""
        name, equals, path = text.partition("=")
        if not equals or "/" in name or Path(text).exists():
            return cls(text)
        if not path or not name:
            raise ConfigError(f"{text!r} is neither PATH nor NAME=PATH.")
        return cls(path, name)


@dataclass(frozen=True, slots=True)
class UsePaths:
    """Folders of what is served beside models and indexes, each with a name or none."""

    classifiers: tuple[Target, ...] = ()
    topics: tuple[Target, ...] = ()
    recommenders: tuple[Target, ...] = ()


NO_USES = UsePaths()


def open_catalogue(
    targets: list[Target],
    *,
    model: str | None = None,
    runtime: str = "auto",
    truncate: Truncate | None = None,
    reranker: str | None = None,
    uses: UsePaths = NO_USES,
) -> Catalogue:
    """Open everything that is to be served.

    Args:
        targets: the first one is the default.
        model: where the model of the index is now; for a single target.
        runtime: of every model.
        truncate: what becomes of long texts; None: as in the index, else cut.
        reranker: folder with the graph of a cross-encoder, for every index.
        uses: folders of classifiers, topics and recommenders.

    Raises:
        ConfigError: `model` with several targets, or two of one name.
        SemtuneError: something cannot be opened.
    """
    if model is not None and len(targets) > 1:
        raise ConfigError("--model is for a single index. Serve the others with the models that they record.")
    scorer = _scorer(reranker)
    with ExitStack() as opened:
        served = []
        for target in targets:
            served.append(_open(target, model, runtime, truncate, scorer))
            opened.callback(served[-1].close)
        made = Catalogue(served, _uses(uses, served, runtime))
        opened.pop_all()  # it is the caller's to close now
        return made


def _uses(paths: UsePaths, served: Sequence[Served], runtime: str) -> Uses:
    encoders = [each.encoder for each in served]
    classifiers, topics, recommenders = (
        [(each.name, each.path) for each in targets]
        for targets in (paths.classifiers, paths.topics, paths.recommenders)
    )
    return Uses(
        open_classifiers(classifiers, encoders, runtime),
        open_served_topics(topics, encoders),
        open_recommenders(recommenders, served),
    )


def _scorer(reranker: str | None) -> Reranker | None:
    if reranker is None:
        return None
    from semtune.encoders.cross_encoder_onnx import open_reranker

    return open_reranker(reranker)


def _open(
    target: Target, model: str | None, runtime: str, truncate: Truncate | None, scorer: Reranker | None
) -> Served:
    path = Path(target.path)
    if not has_index(path):
        encoder = load_encoder(model or target.path, runtime, truncate=truncate or "cut")
        return Served(target.name or encoder.contract.name, encoder, reranker=scorer)
    index = follow_searcher(path, model, runtime, truncate, reranker=scorer)
    encoder = index.value.encoder
    return Served(target.name or encoder.contract.name, encoder, index, index_folder(path), scorer)
