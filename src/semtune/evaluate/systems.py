"""The systems that a model is compared with: other models, saved evaluations, BM25, hybrid search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.errors import ConfigError

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.result import Kind, Scores
    from semtune.index.local.words import Words
    from semtune.progress import Progress
    from semtune.protocols import Encoder
    from semtune.types import Split, Truncate

BM25, HYBRID = "bm25", "hybrid"
MOST_AT = 1_000


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """A system to compare with: a model to measure or a saved result; neither for BM25 and hybrid.

    Attributes:
        key: its name among the systems: "base" for the first model, "bm25", "hybrid", or the model's own.
        word: as the user named it.
        encoder: of a model.
        saved: of a saved evaluation.
    """

    key: str
    word: str
    encoder: Encoder | None = None
    saved: Scores | None = None


def open_systems(
    words: Sequence[str], runtime: str, data: Mapping[str, str], kind: Kind, truncate: Truncate = "cut"
) -> list[ComparedSystem]:
    """Open all systems named by `--against`, so that errors are found before hours of work.

    Args:
        words: as the user typed them.
        runtime: of the models.
        data: the data of the evaluation; saved results must have the same.
        kind: the task; likewise.
        truncate: what becomes of texts longer than a model reads.

    Raises:
        SemtuneError: a system cannot be opened, is named twice, or was measured on other data or by another task.
    """
    from semtune.encoders.load import load_encoder
    from semtune.evaluate.saved.compare import refuse_other_data, refuse_other_task
    from semtune.evaluate.saved.read import is_saved_evaluation, read_saved

    twice = next((word for at, word in enumerate(words) if word in words[:at]), None)
    if twice:
        raise ConfigError(f"--against names {twice!r} twice. Name each system once.")
    found: list[ComparedSystem] = []
    for word in words:
        if word in (BM25, HYBRID):
            found.append(ComparedSystem(word, word))
        elif is_saved_evaluation(Path(word)):
            kept = read_saved(Path(word))
            refuse_other_data(kept.data, word, data, "this data set")
            refuse_other_task(kept.scores.kind, word, kind, "this data set")
            found.append(ComparedSystem(_key(kept.scores.model, found), word, saved=kept.scores))
        else:
            encoder = load_encoder(word, runtime, truncate=truncate)
            found.append(ComparedSystem(_key(encoder.contract.name, found), word, encoder))
    return found


def parse_at(text: str) -> tuple[int, ...]:
    """The numbers of `--at`.

    Raises:
        ConfigError: one is not a number from 1 to 1,000.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    wrong = next((word for word in words if not (word.isdecimal() and 1 <= int(word) <= MOST_AT)), None)
    if wrong is not None:
        raise ConfigError(
            f"--at {text!r}: {wrong!r} is not a whole number from 1 to {MOST_AT:,}. Give e.g. --at 1,3,10."
        )
    return tuple(sorted({int(word) for word in words}))


def kind_of(dataset: Dataset, task: str | None, words: Sequence[str]) -> Kind:
    """The task of the test split; retrieval if `--against` names keyword search and the data allows it.

    Raises:
        SemtuneError: the task does not fit the data, or keyword search does not fit the task.
    """
    from semtune.evaluate.tasks import choose_task, tasks

    keywords = next((word for word in words if word in (BM25, HYBRID)), None)
    if keywords and task is None and "retrieval" in tasks(dataset, "test"):
        return "retrieval"
    kind = choose_task(dataset, "test", task)
    if keywords and kind != "retrieval":
        raise ConfigError(
            f"--against {keywords} needs a corpus, queries and qrels, but the task is {kind}. Leave it out."
        )
    return kind


def measure_systems(
    others: Sequence[ComparedSystem],
    dataset: Dataset,
    tuned: Scores,
    progress: Progress,
    at: Sequence[int] = (),
    seed: int = 0,
    over: Callable[[Encoder], Encoder] = lambda encoder: encoder,
    words: Words | None = None,
    beside: Split = "test",
) -> tuple[dict[str, Scores], dict[str, Scores]]:
    """The result of every system on the test split, in the order given, measured as `tuned` was.

    Args:
        others: the systems.
        dataset: with a test split.
        tuned: the result of the model that is judged.
        progress: shown meanwhile.
        at: as in `score`.
        seed: as in `score`.
        over: wraps each encoder first, for example with a store of vectors.
        words: the corpus for BM25, if it was read before.
        beside: a second split that models are measured on.

    Returns:
        The results on test, and those of the models on the second split.
    """
    from semtune.evaluate.retrieval.bm25 import score_bm25
    from semtune.evaluate.retrieval.hybrid import score_hybrid
    from semtune.evaluate.saved.read import aligned
    from semtune.evaluate.two_splits import score_two_splits

    keys = {other.key for other in others}
    bm25 = score_bm25(dataset, "test", progress, at, words) if keys & {BM25, HYBRID} else None
    found: dict[str, Scores] = {}
    second: dict[str, Scores] = {}
    for other in others:
        if other.encoder is not None:
            both = score_two_splits(over(other.encoder), dataset, "test", beside, progress, tuned.kind, at, seed)
            found[other.key], second[other.key] = both["test"], both[beside]
        elif other.saved is not None:
            found[other.key] = aligned(other.saved, tuned, other.saved.model, "this data set")
        elif bm25 is not None:
            hybrid = other.key == HYBRID
            found[other.key] = score_hybrid(tuned, bm25, dataset.qrels["test"]) if hybrid else bm25
    return found, second


def _key(model: str, found: Sequence[ComparedSystem]) -> str:
    taken = {"tuned", "base", BM25, HYBRID, *(other.key for other in found)}
    if not any(other.key not in (BM25, HYBRID) for other in found):
        return "base"
    name = model.replace("/", "-")
    return next(key for number in range(1, 1000) if (key := name if number == 1 else f"{name}-{number}") not in taken)
