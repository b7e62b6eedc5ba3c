"""Do the questions that people ask still fit the index? Counts what it answers badly, and says why that may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from semtune.index.collection import Snapshot
from semtune.index.sampling import sample_chunks
from semtune.types import Document, Embeddings
from semtune.unit_vectors import unit

Advice = Literal["nothing", "add documents", "retrain", "another model", "ask more"]

FEWEST_QUERIES, FEWEST_CHUNKS = 20, 20
PERCENTILE = 5.0  # of the chunks' scores: so many in a hundred texts of the corpus itself would score below
MUCH, FEW = 0.15, 5  # share, and number, of weak queries from which something should be done
MANY_UNKNOWN = 0.10  # share of tokens
MANY_FOREIGN = 0.10  # share of what was asked
ALIKE = 0.6  # cosine of two weak queries of one topic
TOPICS, TERMS, EXAMPLES = 8, 3, 3
COMMON = 0.1  # share of documents; a word that is in more of them says little about a question
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """A query of a log.

    Attributes:
        text, times: the words, and how often they were asked.
        cut_tokens: tokens that the model did not read.
        tokens, unknown: number of its tokens, and of those that the model does not know.
        weak_language: the language it is in, as words, where the model is weak in that; empty where it is not.
    """

    text: str
    times: int = 1
    cut_tokens: int = 0
    tokens: int = 0
    unknown: int = 0
    weak_language: str = ""


@dataclass(frozen=True, slots=True)
class Floor:
    """The score below which the best document is no good answer.

    Attributes:
        score: None where there is nothing to take it from.
        origin: where it comes from, in words.
    """

    score: float | None
    origin: str


@dataclass(frozen=True, slots=True)
class Topic:
    """Weak queries that are alike.

    Attributes:
        terms: words that are in them more than in other queries.
        queries, asked: number of different queries, and how often they were asked.
        examples: the most asked of them.
        missing: words of theirs that no document has.
    """

    terms: tuple[str, ...]
    queries: int
    asked: int
    examples: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """How well an index answers what is asked. Shares count a query as often as it was asked.

    Attributes:
        queries, asked: number of different queries, and of all.
        floor, floor_from: see `Floor`.
        median_score: of the best documents.
        weak, weak_share: queries whose best document scores below the floor.
        not_in_corpus: share of the weak queries of whose telling words most are in no document.
        unseen, unseen_share: queries unlike every training question; None where the training data are not known.
        unknown_token_share: of all tokens, those that the model does not know.
        cut, cut_share: queries longer than the model reads.
        weak_languages, weak_language_share: language → number of queries, of those in which the model is weak; the
            most frequent first.
        topics: of the weak queries, the most asked first.
        recommendation, reason: what to do, and why.
    """

    queries: int
    asked: int
    floor: float | None
    floor_from: str
    median_score: float
    weak: int
    weak_share: float
    not_in_corpus: float
    unseen: int | None
    unseen_share: float | None
    unknown_token_share: float
    cut: int
    cut_share: float
    topics: tuple[Topic, ...]
    weak_languages: Mapping[str, int] = field(default_factory=dict)
    weak_language_share: float = 0.0
    recommendation: Advice = "nothing"
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def floor_of_chunks(seen: Snapshot, encode: Callable[[Sequence[str]], Embeddings]) -> Floor:
    """A floor from the index's own texts: how near the nearest *other* document is to a chunk of each.

    Args:
        seen: the index.
        encode: queries → (n, dim) vectors.
    """
    chunks = [(id_, chunk) for id_, chunk in sample_chunks(seen.documents()) if chunk]
    if len(chunks) < FEWEST_CHUNKS:
        return Floor(None, f"none: the index has fewer than {FEWEST_CHUNKS} documents")
    found = seen.search(encode([chunk for _, chunk in chunks]), 2)
    scores = [
        next((match.score for match in matches if match.id != id_), None)
        for (id_, _), matches in zip(chunks, found, strict=True)
    ]
    kept = [score for score in scores if score is not None]
    return Floor(
        float(np.percentile(kept, PERCENTILE)),
        f"{len(kept)} chunks of the documents: {100 - PERCENTILE:.0f} % have another document at least this near",
    )


def find_drift(
    seen: Snapshot,
    queries: Sequence[AskedQuery],
    vectors: Embeddings,
    floor: Floor,
    unseen: Sequence[bool] | None = None,
) -> Drift:
    """Judge an index by what it was asked.

    Args:
        seen: the index.
        queries: different ones, at least one.
        vectors: (n, dim) of the queries.
        floor: see `Floor`.
        unseen: whether each query is unlike every training question; None: not known.
    """
    scores = np.array([matches[0].score if matches else -np.inf for matches in seen.search(vectors, 1)])
    times = np.array([query.times for query in queries])
    low = np.zeros(len(queries), dtype=bool) if floor.score is None else scores < floor.score
    places = [int(place) for place in np.flatnonzero(low)]
    common, known = _words(seen.documents(), [queries[place].text for place in places], seen.count())
    missing = [_missing(queries[place].text, common, known) for place in places]
    cut = np.array([query.cut_tokens > 0 for query in queries])
    foreign = Counter(query.weak_language for query in queries if query.weak_language)
    new = None if unseen is None else np.array(unseen, dtype=bool)
    tokens = sum(query.tokens * query.times for query in queries)
    made = Drift(
        queries=len(queries),
        asked=int(times.sum()),
        floor=floor.score,
        floor_from=floor.origin,
        median_score=float(np.median(scores)),
        weak=len(places),
        weak_share=_share(low, times),
        not_in_corpus=_share(np.array([is_gone for is_gone, _ in missing], dtype=bool), times[low]),
        unseen=None if new is None else int(new.sum()),
        unseen_share=None if new is None else _share(new, times),
        unknown_token_share=sum(query.unknown * query.times for query in queries) / tokens if tokens else 0.0,
        cut=int(cut.sum()),
        cut_share=_share(cut, times),
        topics=_topics([queries[p] for p in places], vectors[places], [words for _, words in missing], queries, common),
        weak_languages=dict(sorted(foreign.items(), key=lambda item: (-item[1], item[0]))),
        weak_language_share=_share(np.array([bool(query.weak_language) for query in queries], dtype=bool), times),
    )
    word, reason = advise(made)
    return replace(made, recommendation=word, reason=reason)


def _share(chosen: np.ndarray, times: np.ndarray) -> float:
    total = int(times.sum())
    return float(times[chosen].sum()) / total if total else 0.0


def _words(documents: Iterable[Document], texts: Sequence[str], count: int) -> tuple[set[str], set[str]]:
    """Of the words of texts: those that are in so many documents that they say little, and those that are in any."""
    wanted = {word for text in texts for word in _words_of(text)}
    found: Counter[str] = Counter()
    if wanted:
        for document in documents:
            found.update(wanted & _words_of(document.content))
    often = {word for word, number in found.items() if number > max(1, COMMON * count)}
    return often, set(found)


def _words_of(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def _missing(text: str, common: set[str], known: set[str]) -> tuple[bool, tuple[str, ...]]:
    """Whether most telling words of a query are in no document, and which those are."""
    telling = _words_of(text) - common
    gone = tuple(sorted(telling - known))
    return bool(telling) and 2 * len(gone) > len(telling), gone


def _topics(
    weak: Sequence[AskedQuery],
    vectors: Embeddings,
    missing: Sequence[tuple[str, ...]],
    every: Sequence[AskedQuery],
    common: set[str],
) -> tuple[Topic, ...]:
    """Weak queries in groups: each joins the first group whose first query is like it, the most asked ones first."""
    order = sorted(range(len(weak)), key=lambda place: (-weak[place].times, weak[place].text))
    directions = unit(vectors)
    groups: list[list[int]] = []
    for place in order:
        near = [float(directions[place] @ directions[group[0]]) for group in groups]
        if near and max(near) >= ALIKE:
            groups[int(np.argmax(near))].append(place)
        else:
            groups.append([place])
    spread = Counter(word for query in every for word in _words_of(query.text))
    made = [_topic([weak[p] for p in group], [missing[p] for p in group], spread, common) for group in groups]
    return tuple(sorted(made, key=lambda topic: -topic.asked)[:TOPICS])


def _topic(
    queries: Sequence[AskedQuery], missing: Sequence[tuple[str, ...]], spread: Counter[str], common: set[str]
) -> Topic:
    here = Counter(word for query in queries for word in _words_of(query.text) - common)
    terms = sorted(here, key=lambda word: (-(here[word] ** 2) / spread[word], -len(word), word))[:TERMS]
    gone = Counter(word for words in missing for word in words)
    return Topic(
        tuple(terms),
        len(queries),
        sum(query.times for query in queries),
        tuple(query.text for query in queries[:EXAMPLES]),
        tuple(word for word, _ in gone.most_common(TERMS)),
    )


def advise(found: Drift) -> tuple[Advice, str]:
    """What to do about what was found, and why."""
    weak = f"{found.weak_share:.0%} of what was asked ({found.weak:,} queries) has no document above the floor"
    if found.unknown_token_share > MANY_UNKNOWN:
        return "another model", (
            f"the model does not know {found.unknown_token_share:.0%} of the tokens, so it cannot read these queries; "
            "take a multilingual one (`semtune select`), tune it, and `semtune upgrade`"
        )
    if found.weak_language_share > MANY_FOREIGN:
        return "another model", (
            f"{found.weak_language_share:.0%} of what was asked is in languages that the model is weak in "
            f"({', '.join(found.weak_languages)}); take a multilingual one (`semtune select`), tune it, and "
            "`semtune upgrade`"
        )
    if found.queries < FEWEST_QUERIES:
        return "ask more", f"{found.queries} different queries are too few to judge by; {FEWEST_QUERIES} are needed"
    if found.floor is None:
        return "ask more", f"there is no floor to judge by ({found.floor_from})"
    if found.weak_share <= MUCH or found.weak < FEW:
        little = f"not more than {MUCH:.0%}" if found.weak_share <= MUCH else f"fewer than {FEW} queries"
        return "nothing", f"{weak}: {little}"
    if found.not_in_corpus > 0.5:
        return "add documents", (
            f"{weak}, and {found.not_in_corpus:.0%} of those ask about words that no document has: the index lacks the "
            "subject, and no model can find what is not there (`semtune add`)"
        )
    unlike = f"; {found.unseen_share:.0%} are unlike every training question" if found.unseen_share else ""
    return "retrain", (
        f"{weak}, but the words of most are in the documents: the model does not bring them together{unlike}. Label "
        "some of them (`semtune label`), train with them, and `semtune upgrade`"
    )
