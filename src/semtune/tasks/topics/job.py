"""Finds the topics of a file or an index and writes them, or gives new texts the topics of a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import ConfigError
from semtune.io import write_jsonl
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.tasks.topics.collection import Texts
from semtune.tasks.topics.describe import Described, describe
from semtune.tasks.topics.edits import Edits, apply_edits, carried_ids, read_edits
from semtune.tasks.topics.fit import Fitted, fit, keep
from semtune.tasks.topics.level import Level
from semtune.tasks.topics.model import NOISE, Assigned, TopicModel
from semtune.tasks.topics.page import page_of
from semtune.tasks.topics.quality import agreement
from semtune.tasks.topics.settings import TopicsSettings
from semtune.tasks.topics.store import FILE, Stored, open_topics, refuse_foreign, save

FITTING = ("topics", "min_size", "noise")  # settings that decide which topics are found
FAR = 0.05  # share of the texts, beyond the noise, that may be far from the topics of the last run
MOVED = (
    "The topics were found anew, since the settings changed, or many texts are far from the topics of the last run. "
    "Those that are still there have their old ids."
)
RUN = {
    "fresh",
    "topics_from",
    "title_endpoint",
    "title_key_env",
    "allow_unreadable",
}  # settings that are no fact of the topics


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a collection of texts.

    Attributes:
        topics: id, title, texts, stability, words and passages of each, the largest first.
        stability: mean over the topics, weighted by size, from 0 to 1; of the folder where new texts were assigned.
        tree: which topics belong together.
        texts, distinct, noise: numbers of texts, of different ones, and of those without a topic.
        unstable: number of topics that are found again in fewer than half of the resamples' texts.
        periods: names of the periods of the counts over time; `undated`: texts without a date.
        labels: agreement with the classes of `labels_column`; empty without.
        levels: numbers of topics that were tried, with the stability of each.
        joined, dissolved: topics that were unstable and joined to a sister, or too small.
        left_out: reason → rows that are not texts.
        truncated, cut_tokens: of the texts.
        warnings: what the user should know.
        out: the folder, or the file of the assignments.
        seconds: that it took.
    """

    topics: list[dict[str, Any]]
    stability: float
    tree: dict[str, Any] = field(default_factory=dict)
    texts: int = 0
    distinct: int = 0
    noise: int = 0
    unstable: int = 0
    periods: list[str] = field(default_factory=list)
    undated: int = 0
    labels: dict[str, float] = field(default_factory=dict)
    levels: list[dict[str, Any]] = field(default_factory=list)
    joined: int = 0
    dissolved: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    truncated: int = 0
    cut_tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    out: str = ""
    seconds: float = 0.0


def check_place(settings: TopicsSettings, out: Path | None) -> None:
    """Refuse what cannot be written, before hours of work.

    Raises:
        InputError: the folder holds something else.
        ConfigError: there is no place, or the wrong kind.
    """
    if settings.topics_from:
        if out is not None and out.suffix != ".jsonl":
            raise ConfigError(f"--out {out}: with --topics-from it is a file whose name ends in .jsonl.")
        return
    if out is None:
        raise ConfigError("The topics need a folder: give it with -o.")
    need("jinja2", "markupsafe")
    refuse_foreign(out)
    if (out / FILE).is_file():
        read_edits(out)


def find_topics(texts: Texts, settings: TopicsSettings, out: Path, progress: Progress = QUIET) -> Topics:
    """Find the topics of texts and write them into a folder; edits and ids of an older run in it are kept.

    Topics of an older run are kept as they are while they fit, so that more texts change no topic.

    Raises:
        InputError: the folder holds something else, its edits are not readable, or there are too few texts.
        ContractError: the folder's topics were made with another model.
    """
    began = time.monotonic()
    check_place(settings, out)
    old = open_topics(out) if (out / FILE).is_file() else None
    if old is not None:
        old.require(texts.model, texts.fingerprint, out)
    edits = read_edits(out) if old is not None else Edits()
    kept = old is not None and _still_fits(old, texts, settings)
    if old is not None and kept:
        levels = [Level(**level) for level in old.manifest["levels"]]
        fitted = keep(old.found, texts.vectors, texts.keys, levels, settings.seed, progress)
    else:
        fitted = fit(
            texts.vectors, texts.keys, topics=settings.topics, min_size=settings.min_size, noise=settings.noise,
            seed=settings.seed, progress=progress,
        )  # fmt: skip
    found = fitted.model if kept else _with_old_ids(old, fitted, texts)
    edited = apply_edits(found, edits, fitted.projected, texts.keys, settings.noise)
    said = edited.model.assign_projected(fitted.projected)
    described = describe(texts, fitted, edited.model, said, edits.title, settings, progress)
    notes = [MOVED] if old is not None and not kept and not settings.fresh else []
    warnings = [
        *texts.warnings,
        *notes,
        *edited.notes,
        *described.notes,
        *_cautions(texts, fitted, edited.model, settings),
    ]
    made = _made(texts, fitted, said, described, warnings)
    manifest = _manifest(made, texts, settings)
    page = page_of(made, texts, fitted, said, progress)
    save(out, manifest, found, edited.model, edits, _rows(texts, edited.model, said), page)
    return replace(made, out=str(out), seconds=round(time.monotonic() - began, 2))


def assign_texts(texts: Texts, folder: Path, out: Path | None = None) -> Topics:
    """Give texts the topics of a folder; those far from all of them get none.

    Raises:
        InputError: it is no folder of topics.
        ContractError: the topics were made with another model.
    """
    began = time.monotonic()
    stored = open_topics(folder)
    stored.require(texts.model, texts.fingerprint, folder)
    said = stored.model.assign(texts.vectors)
    if out is not None:
        write_jsonl(out, _rows(texts, stored.model, said))
    everywhere = said.topic[texts.place]
    sizes = np.bincount(everywhere[everywhere >= 0], minlength=len(stored.model.ids)).tolist()
    kept = ("topic", "title", "stability", "stable", "words")
    rows = [
        {**{name: row[name] for name in kept}, "texts": sizes[stored.model.ids.index(row["topic"])]}
        for row in stored.manifest["topics"]
    ]
    return Topics(
        rows, stored.manifest["stability"], texts=len(texts.texts), distinct=len(texts.keys),
        noise=int((everywhere == NOISE).sum()), labels=_agreement(texts, said), left_out=texts.left_out,
        truncated=texts.truncated, cut_tokens=texts.cut_tokens, warnings=[*texts.warnings], out=str(out or ""),
        seconds=round(time.monotonic() - began, 2),
    )  # fmt: skip


def _still_fits(old: Stored, texts: Texts, settings: TopicsSettings) -> bool:
    """Whether the topics of the last run are kept: the same is asked for, and not many more texts are far from all."""
    before = old.manifest["settings"]
    if settings.fresh or any(before[name] != getattr(settings, name) for name in FITTING):
        return False
    return float((old.found.assign(texts.vectors).topic == NOISE).mean()) <= settings.noise + FAR


def _with_old_ids(old: Stored | None, fitted: Fitted, texts: Texts) -> TopicModel:
    if old is None:
        return fitted.model
    return replace(fitted.model, ids=carried_ids(old.found, fitted.model, texts.vectors, fitted.projected))


def _cautions(texts: Texts, fitted: Fitted, model: TopicModel, settings: TopicsSettings) -> list[str]:
    found = []
    if len(texts.keys) == 1 and len(texts.texts) > 1:
        found.append("All texts are equal, so there is one topic.")
    elif len(model.ids) == 1 and settings.topics != 1:
        few = f"{len(texts.keys)} different texts are" if len(texts.keys) > 1 else "One text is"
        found.append(f"{few} too few to tell topics apart, so there is one topic.")
    elif len(model.ids) < settings.topics and fitted.resamples:
        found.append(f"{settings.topics} topics were asked for; {len(model.ids)} were found.")
    return found


def _made(texts: Texts, fitted: Fitted, said: Assigned, described: Described, warnings: list[str]) -> Topics:
    return Topics(
        topics=described.topics,
        stability=described.stability,
        tree=described.tree,
        texts=len(texts.texts),
        distinct=len(texts.keys),
        noise=int((said.topic[texts.place] == NOISE).sum()),
        unstable=sum(not row["stable"] for row in described.topics),
        periods=described.times.periods,
        undated=described.times.undated,
        labels=_agreement(texts, said),
        levels=[{"topics": level.topics, "stability": round(level.stability, 4)} for level in fitted.levels],
        joined=fitted.joined,
        dissolved=fitted.dissolved,
        left_out=texts.left_out,
        truncated=texts.truncated,
        cut_tokens=texts.cut_tokens,
        warnings=warnings,
    )


def _agreement(texts: Texts, said: Assigned) -> dict[str, float]:
    if not texts.labels:
        return {}
    known = np.array([value is not None and str(value).strip() != "" for value in texts.labels])
    if not known.any():
        return {}
    labels = [value for value, there in zip(texts.labels, known.tolist(), strict=True) if there]
    return agreement(labels, said.topic[texts.place][known], said.near[texts.place][known])


def _manifest(made: Topics, texts: Texts, settings: TopicsSettings) -> dict[str, Any]:
    facts = {name: value for name, value in settings.as_dict().items() if name not in RUN}
    kept = {name: getattr(made, name) for name in Topics.__slots__ if name not in {"out", "seconds"}}
    return {"model": texts.model, "fingerprint": texts.fingerprint, "settings": facts, **kept}


def _rows(texts: Texts, model: TopicModel, said: Assigned) -> Iterator[dict[str, Any]]:
    for name, place in zip(texts.names, texts.place.tolist(), strict=True):
        topic = int(said.topic[place])
        yield {
            "id": name,
            "topic": None if topic == NOISE else model.ids[topic],
            "near": model.ids[int(said.near[place])],
            "score": round(float(said.cosine[place]), 4),
        }
