"""Make a student: what each of the four ways does, stage by stage, so that a killed one continues."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.torch import open_sentence_transformer
from semtune.errors import ConfigError, InputError, ModelError
from semtune.io import atomic_file, atomic_folder, read_json, sha256_json, write_json
from semtune.progress import QUIET, Progress
from semtune.train.distil.imitate import Imitated, Lesson, imitate, vectors_of
from semtune.train.distil.layers import keep_layers
from semtune.train.distil.multilingual import check_student, into_space, parallel_columns
from semtune.train.distil.projection import project
from semtune.train.distil.table import token_table
from semtune.train.plan import in_bf16
from semtune.train.settings import TrainSettings
from semtune.train.train_model import train
from semtune.types import Embeddings, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MIN_ROWS = 2


@dataclass(frozen=True, slots=True)
class Student:
    """What was made: the model's folder inside the work folder, and how in words and numbers.

    `before` is what it was trained from, where that is a model of use: the table untuned, the backbone as it came.
    """

    folder: Path
    how: str
    facts: dict[str, Any] = field(default_factory=dict)
    before: Path | None = None


class Job:
    """One distillation: the teacher, and the work folder whose finished stages are not made again.

    Args:
        teacher: the teacher's folder.
        name: what the teacher is called.
        work: is emptied when it was made by other arguments.
        arguments: all else that decides the result.
    """

    def __init__(
        self, teacher: Path, name: str, work: Path, seed: int, arguments: dict[str, Any], progress: Progress = QUIET
    ) -> None:
        self.teacher, self.name, self.work, self.seed, self.progress = teacher, name, work, seed, progress
        self.contract: Contract = contracts.load(teacher)
        if self.contract.pooling == contracts.STATIC:
            raise ModelError(
                f"{name} is a static model already: a table has nothing to learn from or to cut. Give a transformer."
            )
        if not contracts.weights_hash(teacher):
            raise ModelError(f"{name} is an exported model only; give the tuned folder that it was exported from.")
        key = sha256_json({"teacher": self.contract.fingerprint, "seed": seed, **arguments})
        marker = work / "distil.json"
        if work.exists() and (not marker.exists() or read_json(marker).get("key") != key):
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"key": key})

    def model(self) -> SentenceTransformer:
        """The teacher, opened."""
        return open_sentence_transformer(self.teacher)

    def stage(self, name: str, make: Callable[[], SentenceTransformer]) -> Path:
        """The folder of a model that `make` gives; made once."""
        folder = self.work / name
        if not folder.exists():
            with atomic_folder(folder) as scratch:
                make().eval().save_pretrained(str(scratch), create_model_card=False)
        return folder

    def targets(self, texts: list[str], bf16: bool) -> Embeddings:
        """The teacher's own vectors for texts that carry their prompts, (n, dim); computed once."""
        path = self.work / "targets.npy"
        if path.exists():
            return np.load(path)
        with self.progress.track("ask the teacher", len(texts)) as advance:
            vectors = vectors_of(self.model(), texts, bf16, advance)
        with atomic_file(path, "wb") as out:
            np.save(out, vectors)
        return vectors

    def imitated(self, start: Path, lesson: Lesson, settings: TrainSettings) -> tuple[Path, Imitated]:
        """The student in `start` after it has learned the lesson."""
        path = self.work / "imitated.json"
        found: list[Imitated] = []

        def learn() -> SentenceTransformer:
            model = open_sentence_transformer(start)
            unit = self.contract.normalize
            found.append(imitate(model, lesson, unit, self.work, settings, self.seed, self.progress))
            write_json(path, asdict(found[0]))
            return model

        folder = self.stage("imitated", learn)
        return folder, Imitated(**read_json(path))


def allowed_dimension(dimension: int | None, teacher: Contract, *, fewer: bool = False) -> int:
    """The dimension of a student: the one asked for, or else the teacher's.

    Args:
        dimension: asked for.
        teacher: whose dimension is the most.
        fewer: the teacher's own makes no sense.

    Raises:
        ConfigError: it is none the teacher has.
    """
    if dimension is None:
        return teacher.dimension
    most = teacher.dimension - fewer
    if not 0 < dimension <= most:
        bound = f"fewer than the teacher's {teacher.dimension}" if fewer else "the teacher's own dimension"
        raise ConfigError(f"--dim is {dimension}; allowed is 1 to {most}, {bound}.")
    return dimension


def to_static(job: Job, dataset: Dataset | None, dimension: int | None, settings: TrainSettings) -> Student:
    """A token table from the teacher, then tuned on the training pairs, if there are any.

    Raises:
        ConfigError: the dimension is none the teacher has.
    """
    dimension = allowed_dimension(dimension, job.contract)

    def table() -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

        made = token_table(job.model(), dimension, job.progress)
        modules = [StaticEmbedding(made.tokenizer, made.rows), *([Normalize()] if job.contract.normalize else [])]
        model = SentenceTransformer(modules=modules)
        model.similarity_fn_name = job.contract.similarity  # type: ignore[assignment]  # a name is turned into one of its own
        return model

    folder = job.stage("table", table)
    how, facts, before = f"a table of {dimension} numbers a token, without training data", {}, None
    if dataset is not None:
        tuned = job.work / "tuned"
        path = job.work / "tuned.json"
        if not path.exists():
            made = train(dataset, folder, job.name, tuned, job.work / "train", settings, job.seed, job.progress)
            write_json(
                path, {"rows": made.plan.rows, "metric": made.plan.metric, "start": made.start, "best": made.best}
            )
        facts, before = {"tuned": read_json(path)}, folder
        folder, how = tuned, f"a table of {dimension} numbers a token, tuned on {facts['tuned']['rows']:,} rows"
    return Student(folder, how, facts, before)


def to_dims(job: Job, kept: NDArray[np.float32], way: str) -> Student:
    """The teacher with vectors of fewer numbers: a dense layer without activation keeps some directions of them.

    Args:
        job: of the teacher.
        kept: (dim, dim kept), a direction a column.
        way: how the directions were chosen, "first" or "pca".
    """
    size, dim = kept.shape

    def cut() -> SentenceTransformer:
        model = job.model()
        project(model, kept)
        return model

    of = {"first": "the first", "pca": "the main directions (PCA of the data's texts),"}[way]
    return Student(job.stage("cut", cut), f"{of} {dim:,} of its {size:,} dimensions")


def to_layers(job: Job, dataset: Dataset, count: int | None, settings: TrainSettings) -> Student:
    """Some of the teacher's layers, taught to give the teacher's vectors for the data set's texts.

    Raises:
        ConfigError: not fewer layers than the teacher has.
        InputError: there are no texts to learn from.
    """
    model = job.model()
    kept = keep_layers(model, count)
    texts = training_texts(dataset, job.contract)
    if len(texts) < MIN_ROWS:
        raise InputError(
            f"The data set has {len(texts)} texts to learn from; at least {MIN_ROWS} are needed, thousands are better."
        )
    start = job.stage("start", lambda: model)
    lesson = Lesson({"text": texts}, job.targets(texts, in_bf16(settings)))
    folder, made = job.imitated(start, lesson, settings)
    numbers = ", ".join(str(at + 1) for at in kept)
    how = f"the teacher's layers {numbers}, taught on {len(texts):,} texts"
    return Student(folder, how, {"layers": [at + 1 for at in kept], **_closeness(made)})


def to_multilingual(job: Job, dataset: Dataset, student: Path, name: str, settings: TrainSettings) -> Student:
    """A multilingual backbone, taught to give the teacher's vector of the source for source and translation.

    Raises:
        InputError: there are no pairs, or the student cannot read them.
        ModelError: the student is no transformer.
    """
    pairs = dataset.pairs.get("train", [])
    if len(pairs) < MIN_ROWS:
        raise InputError(
            f"The data set has {len(pairs)} training pairs; parallel text is needed: the sentence in the teacher's language as "
            "anchor, its translation as positive."
        )

    def prepared() -> SentenceTransformer:
        model = open_sentence_transformer(student)
        check_student(model, [pair.positive for pair in pairs])
        into_space(model, job.contract, job.seed)
        return model

    start = job.stage("start", prepared)
    columns = parallel_columns(pairs, job.contract)
    lesson = Lesson(columns, job.targets(columns["source"], in_bf16(settings)))
    folder, made = job.imitated(start, lesson, settings)
    how = f"{name}, taught on {len(pairs):,} sentences and their translations"
    return Student(folder, how, {"student": name, **_closeness(made)}, student)


def training_texts(dataset: Dataset, contract: Contract) -> list[str]:
    """Passages, and the questions and sentences of the training part, each with its prompt; none of dev or test."""
    pairs = dataset.pairs.get("train", [])
    sentences = [*dataset.scored.get("train", []), *dataset.labelled_pairs.get("train", [])]
    texts: dict[Role, list[str]] = {
        "document": [*(document.content for document in dataset.corpus), *(pair.positive for pair in pairs)],
        "query": [
            *(pair.anchor for pair in pairs),
            *(text for row in sentences for text in (row.sentence1, row.sentence2)),
            *(row.text for row in dataset.labelled_texts.get("train", [])),
        ],
    }
    prompted = (contract.prompt(role) + text for role, some in texts.items() for text in some if text.strip())
    return list(dict.fromkeys(prompted))


def publish(student: Student, job: Job, out: Path, facts: dict[str, Any], lines: list[str]) -> Contract:
    """Put the student at `out` in one move, with its contract, its card and `distil.json`; clears the work folder.

    Args:
        facts: the content of `distil.json`.
        lines: what the card says beside how it was made.
    """
    with atomic_folder(out) as scratch:
        shutil.copytree(student.folder, scratch, dirs_exist_ok=True)
        for old in (contracts.FILE, "README.md"):
            (scratch / old).unlink(missing_ok=True)
        name = out.name if out.name != "model" else f"{Path(job.name).name}-distilled"
        contract = contracts.describe(scratch, name=name, base=job.name)
        write_json(scratch / "distil.json", facts)
        (scratch / "README.md").write_text(_card(contract, student, lines), encoding="utf-8")
        contracts.save(contract, scratch)
    shutil.rmtree(job.work)
    return contract


def _card(contract: Contract, student: Student, lines: list[str]) -> str:
    length = "texts of any length" if contract.max_length >= contracts.NO_LIMIT else f"{contract.max_length} tokens"
    rows = [f"- how: {student.how}", *(f"- {line}" for line in lines)]
    rows += [
        f"- {contract.dimension} dimensions, {length}, {contract.pooling} pooling",
        f"- fingerprint: {contract.fingerprint}",
    ]
    return (
        f"---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\nbase_model: {contract.base}\n"
        f"tags: [sentence-transformers, semtune, distilled]\n---\n\n# {contract.name}\n\n"
        f"A sentence-transformers model distilled by Semtune from {contract.base}.\n\n" + "\n".join(rows) + "\n\n"
        '```python\nfrom sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer("this folder")\n```\n\n'
        "The licence of the teacher applies.\n"
    )


def _closeness(made: Imitated) -> dict[str, Any]:
    return {"cosine_before": made.before, "cosine": made.after}
