"""One distillation, stage by stage, so that a killed one continues."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.encoders.torch import open_sentence_transformer
from semtune.errors import ModelError
from semtune.io import atomic_file, atomic_folder, read_json, sha256_json, write_json
from semtune.model_places import keep_tokenizer, places
from semtune.progress import QUIET, Progress
from semtune.train.distil.imitate import ImitationData, ImitationResult, imitate, vectors_of
from semtune.train.settings import TrainSettings
from semtune.types import Embeddings, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class Student:
    """A student that was made.

    Attributes:
        folder: of the model, inside the work folder.
        how: what was done to make it, in words.
        facts: the same in numbers.
        before: the model before it was trained, where that is usable by itself: the untuned table, the backbone.
        query: the part that reads queries, as a model of its own, where documents are read by the teacher.
        parts: role → contract of a Router's part that is a known model.
    """

    folder: Path
    how: str
    facts: dict[str, Any] = field(default_factory=dict)
    before: Path | None = None
    query: Path | None = None
    parts: Mapping[Role, Contract] = field(default_factory=dict)


class DistillationJob:
    """One distillation: the teacher, and a work folder whose finished stages are not made again.

    Args:
        teacher: the teacher's folder.
        name: what the teacher is called.
        work: the work folder; emptied if it was made with other arguments.
        seed: of everything random.
        arguments: everything else that decides the result.
        progress: where to show it.
    """

    def __init__(
        self, teacher: Path, name: str, work: Path, seed: int, arguments: dict[str, Any], progress: Progress = QUIET
    ) -> None:
        self.teacher, self.name, self.work, self.seed, self.progress = teacher, name, work, seed, progress
        self.contract: Contract = contracts.load(teacher)
        if self.contract.pooling == contracts.STATIC:
            raise ModelError(
                f"{name} is a static model already: it has no layers to learn from. Choose a transformer as teacher."
            )
        if self.contract.pooling == contracts.ROUTER:
            raise ModelError(
                f"{name} is a Router model: it reads queries and documents with a model each, so it is no single "
                f"teacher. Give the model that reads its documents{_made_from(self.contract)}."
            )
        if not contracts.weights_hash(teacher):
            raise ModelError(
                f"{name} is an exported model only, without weights to learn from. Use the folder it was exported from."
            )
        key = sha256_json({"teacher": self.contract.fingerprint, "seed": seed, **arguments})
        marker = work / "distil.json"
        if work.exists() and (not marker.exists() or read_json(marker).get("key") != key):
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"key": key})

    def model(self) -> SentenceTransformer:
        """Open the teacher."""
        return open_sentence_transformer(self.teacher)

    def stage(self, name: str, make: Callable[[], SentenceTransformer], like: Path | None = None) -> Path:
        """The folder of the model that `make` gives; made once, and found again by a later call.

        Args:
            name: of the folder.
            make: gives the model.
            like: the folder of a model with the same tokenizer, whose files are kept.
        """
        folder = self.work / name
        if not folder.exists():
            with atomic_folder(folder) as scratch:
                make().eval().save_pretrained(str(scratch), create_model_card=False)
                if like is not None:
                    keep_tokenizer(places(like), places(scratch))
        return folder

    def targets(self, texts: list[str], bf16: bool) -> Embeddings:
        """The teacher's vectors, (n, dim), for texts that include their prompts; computed once."""
        path = self.work / "targets.npy"
        if path.exists():
            return np.load(path)
        with self.progress.track("ask the teacher", len(texts)) as advance:
            vectors = vectors_of(self.model(), texts, bf16, advance)
        with atomic_file(path, "wb") as out:
            np.save(out, vectors)
        return vectors

    def imitated(self, start: Path, lesson: ImitationData, settings: TrainSettings) -> tuple[Path, ImitationResult]:
        """The student in `start`, trained on the lesson, and how close it came."""
        path = self.work / "imitated.json"

        def learn() -> SentenceTransformer:
            model = open_sentence_transformer(start)
            unit = self.contract.normalize
            result = imitate(model, lesson, unit, self.work, settings, self.seed, self.progress)
            write_json(path, asdict(result))
            return model

        folder = self.stage("imitated", learn, start)
        return folder, ImitationResult(**read_json(path))


def _made_from(pair: Contract) -> str:
    return f"; it was made from {pair.base}" if pair.base else ""
