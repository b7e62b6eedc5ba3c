"""Parallel texts to evaluate a model on: a folder of Tatoeba files, or of BEIR folders with the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.benchmarks.beir import is_beir, judgement_files, read_beir
from semtune.prepare.readers.benchmarks.judgements import read_judgements
from semtune.prepare.readers.tables.parallel_text import is_parallel, language_pair, read_lines
from semtune.prepare.records import Labels
from semtune.prepare.settings import PrepareSettings
from semtune.types import Parallel


def read_translations(path: Path, tally: Tally, settings: PrepareSettings) -> list[Parallel]:
    """The language pairs of a line file, a folder of line files, or a folder of BEIR folders; empty for anything else.

    BEIR folders must share questions, by id: then the questions of each language are asked of the passages of every
    language.

    Raises:
        InputError: it is one of these, and cannot be read.
    """
    if path.is_file():
        return [_lines(path, tally)] if is_parallel(path) else []
    if not path.is_dir() or is_beir(path):
        return []
    halves = sorted(file for file in path.iterdir() if is_parallel(file))
    if halves:
        # Of two files, the one whose language comes last in the alphabet is searched.
        return [_lines(half, tally) for half in halves if language_pair(half).source < language_pair(half).target]
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and is_beir(folder))
    return _folders(folders, tally, settings) if _common(folders) else []


def _lines(path: Path, tally: Tally) -> Parallel:
    bad = BadRows(path.name, tally)
    rows: list[tuple[int, str, str]] = []
    for number, row in read_lines(path, bad).rows:
        one, two = str(row["anchor"]).strip(), str(row["positive"]).strip()
        if one and two:
            rows.append((number, one, two))
        else:
            bad.refuse(number, "no translation", one or two)
    if not rows:
        raise InputError(f"{path.absolute()} has no line with a translation.")
    named = language_pair(path)
    return Parallel(
        named.source,
        named.target,
        tuple(f"{named.source}-{named.target}:{number}" for number, _, _ in rows),
        tuple(one for _, one, _ in rows),
        tuple(two for _, _, two in rows),
        tuple((at,) for at in range(len(rows))),
        aligned=True,
    )


def _common(folders: Sequence[Path]) -> bool:
    """Whether several BEIR folders judge the same questions."""
    if len(folders) < 2:
        return False
    return bool(set.intersection(*({*read_judgements(_judged(folder), Tally(), 1.0)} for folder in folders)))


def _judged(folder: Path) -> Path:
    files = judgement_files(folder)
    return files.get("test") or next(iter(files.values()))


def _folders(folders: Sequence[Path], tally: Tally, settings: PrepareSettings) -> list[Parallel]:
    sets = {name: read_beir(folder, tally, settings) for name, folder in _names(folders).items()}
    answers = {name: _answers(labels) for name, labels in sets.items()}
    shared = [query for query in next(iter(answers.values())) if all(query in each for each in answers.values())]
    for name, each in answers.items():
        for query in each.keys() - set(shared):
            tally.drop("question missing in some languages", f"{name}: {query}")
    return [
        Parallel(
            one,
            two,
            tuple(shared),
            tuple(sets[one].queries[query].text for query in shared),
            tuple(document.content for document in sets[two].corpus),
            tuple(answers[two][query] for query in shared),
            aligned=False,
        )
        for one in sets
        for two in sets
    ]


def _answers(labels: Labels) -> dict[str, tuple[int, ...]]:
    """Positions of the relevant documents in the corpus, for each query that has one."""
    place = {document.id: at for at, document in enumerate(labels.corpus)}
    qrels = labels.qrels.get("test") or next(iter(labels.qrels.values()))
    found = {
        query: tuple(place[d] for d, grade in row.items() if grade > 0 and d in place) for query, row in qrels.items()
    }
    return {query: places for query, places in found.items() if places}


def _names(folders: Sequence[Path]) -> Mapping[str, Path]:
    """The folders by language, the end of their names ("de" for beir_de); by whole name if these are not unique."""
    short = {folder.name.replace("-", "_").rpartition("_")[2]: folder for folder in folders}
    return short if len(short) == len(folders) and "" not in short else {folder.name: folder for folder in folders}
