"""The texts that a query student learns from: questions of train, headings and sentences of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from semtune.dataset import Dataset
from semtune.sentences import units
from semtune.train.distil.training_texts import sentences_of, spaced

MOST_TEXTS = 20_000
SHORT = 32  # tokens, as long as most queries are
ENOUGH = 5_000  # texts; with as many, nothing longer is read, which takes most of the time and helps least
Lengths = Callable[[Sequence[str]], Sequence[int]]


def query_texts(
    dataset: Dataset, lengths: Lengths, most: int = MOST_TEXTS, enough: int = ENOUGH
) -> list[str]:  # fmt: skip
    """At most `most` different texts: all questions of train first, then headings, then sentences.

    Sentences of up to `SHORT` tokens come evenly spaced from the whole corpus; longer ones are taken, the shortest
    first, where there would be fewer than `enough` texts. Whatever is a question of dev or test is left out, also
    where it is a heading.

    Args:
        dataset: whose texts are taken.
        lengths: gives the tokens of texts.
        most: number of texts.
        enough: number of texts with which no longer ones are taken.
    """
    left_out = {_folded(text) for text in _held_out(dataset)}
    chosen = _new(_questions(dataset), left_out)[:most]
    headings = _new((document.title for document in dataset.corpus), left_out)
    chosen += spaced(headings, most - len(chosen))
    sentences = _new(_sentences(dataset), left_out)
    return chosen + _short_first(sentences, lengths, most - len(chosen), min(most, enough) - len(chosen))


def _questions(dataset: Dataset) -> list[str]:
    judged = dataset.qrels.get("train", {})
    pairs = [*dataset.scored.get("train", []), *dataset.labelled_pairs.get("train", [])]
    return [
        *(pair.anchor for pair in dataset.pairs.get("train", [])),
        *(dataset.queries[query].text for query in judged if query in dataset.queries),
        *sentences_of(pairs),
        *(row.text for row in dataset.labelled_texts.get("train", [])),
    ]


def _held_out(dataset: Dataset) -> Iterable[str]:
    for split in ("dev", "test"):
        yield from (dataset.queries[query].text for query in dataset.qrels.get(split, {}) if query in dataset.queries)
        yield from (pair.anchor for pair in dataset.pairs.get(split, []))
        yield from sentences_of([*dataset.scored.get(split, []), *dataset.labelled_pairs.get(split, [])])
        yield from (row.text for row in dataset.labelled_texts.get(split, []))


def _sentences(dataset: Dataset) -> Iterable[str]:
    passages = [document.text for document in dataset.corpus]
    passages += [pair.positive for pair in dataset.pairs.get("train", [])]
    for passage in dict.fromkeys(passages):
        yield from (unit.text.strip() for unit in units(passage) if unit.prose)


def _new(texts: Iterable[str], known: set[str]) -> list[str]:
    """The texts that are not known yet, once each; they become known."""
    found = []
    for text in texts:
        folded = _folded(text)
        if folded and folded not in known:
            known.add(folded)
            found.append(text)
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _short_first(texts: Sequence[str], lengths: Lengths, most: int, enough: int) -> list[str]:
    """Evenly spaced short texts, at most `most`; where they are not enough, longer ones too, the shortest first."""
    sizes = lengths(texts) if texts else []
    short = [text for text, size in zip(texts, sizes, strict=True) if size <= SHORT]
    longer = sorted((size, at) for at, size in enumerate(sizes) if size > SHORT)
    return spaced(short, most) + [texts[at] for _, at in longer[: max(0, enough - len(short))]]
