"""What is told of each topic: size, stability, words, title, passages, counts over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semtune.prepare.questions.chat_client import Chat
from semtune.progress import Progress
from semtune.tasks.topics import titles
from semtune.tasks.topics.collection import Texts
from semtune.tasks.topics.fit import Fitted
from semtune.tasks.topics.hierarchy import tree_of
from semtune.tasks.topics.model import Assigned, TopicModel
from semtune.tasks.topics.passages import representatives
from semtune.tasks.topics.settings import TopicsSettings
from semtune.tasks.topics.stability import UNSTABLE
from semtune.tasks.topics.times import Counts, as_date, counted
from semtune.tasks.topics.words import names_of

SHOWN = 1_000  # characters of a passage that are kept
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Described:
    """The topics for people.

    Attributes:
        topics: a row for each.
        tree: nested, see `hierarchy.tree_of`.
        times: counts over time.
        stability: mean over the topics, weighted by size.
        notes: what the user should know.
    """

    topics: list[dict[str, Any]]
    tree: dict[str, Any]
    times: Counts
    stability: float
    notes: list[str]


def describe(
    texts: Texts, fitted: Fitted, model: TopicModel, said: Assigned, edited: Mapping[str, str],
    settings: TopicsSettings, progress: Progress,
) -> Described:  # fmt: skip
    """Describe the topics of a model.

    Args:
        texts: with their distinct vectors.
        fitted: how the topics were found.
        model: after people's edits.
        said: the topic of each distinct text.
        edited: titles that people gave, by id.
        settings: numbers of words and passages, and the server for titles.
        progress: shown while a server is asked.
    """
    count = len(model.ids)
    everywhere = said.topic[texts.place]
    sizes = np.bincount(everywhere[everywhere >= 0], minlength=count).tolist()
    stable = fitted.stability_of(said.topic, count)
    own = [texts.texts[row] for row in texts.first.tolist()]
    words = names_of(said.topic, own, settings.words)
    words += [[] for _ in range(count - len(words))]
    middles = model.middles()
    passages = representatives(fitted.projected, middles, said.topic, settings.passages)
    titled = _titles(model.ids, words, [[own[n] for n in rows] for rows in passages], settings, progress)
    times = counted(everywhere.tolist(), [as_date(value) for value in texts.dates], count)
    rows = [
        {
            "topic": id_,
            "title": edited.get(id_, titled.titles[number]),
            "texts": sizes[number],
            "stability": round(float(stable[number]), DIGITS),
            "stable": bool(stable[number] >= UNSTABLE),
            "words": words[number],
            "passages": [_passage(texts, int(texts.first[n]), float(said.cosine[n])) for n in passages[number]],
            **({"counts": times.of[number]} if times.of else {}),
        }
        for number, id_ in enumerate(model.ids)
    ]
    mean = float(np.average(stable, weights=np.maximum(sizes, 1e-9))) if count else 0.0
    return Described(rows, tree_of(middles, sizes, model.ids, words), times, round(mean, DIGITS), titled.notes)


def _titles(
    ids: Sequence[str], words: list[list[str]], passages: list[list[str]], settings: TopicsSettings, progress: Progress
) -> titles.Titles:
    plain = titles.from_words(words, ids)
    if not settings.title_endpoint:
        return titles.Titles(plain, [])
    chat = Chat(
        settings.title_endpoint, settings.title_model, settings.title_key_env, max_tokens=60, temperature=0.0,
        retries=2,
    )  # fmt: skip
    return titles.from_endpoint(chat, plain, words, passages, progress)


def _passage(texts: Texts, row: int, score: float) -> dict[str, Any]:
    return {"id": texts.names[row], "score": round(score, DIGITS), "text": texts.texts[row][:SHOWN]}
