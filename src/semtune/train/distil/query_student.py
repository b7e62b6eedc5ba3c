"""`--to query`: a small encoder of queries in the teacher's vector space, beside the teacher, which reads documents.

The student learns the teacher's own vectors of short texts, as LEAF does (Vujanic & Rueckstiess 2025), so an index of
the teacher stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import InputError, ModelError
from semtune.io import atomic_folder
from semtune.train.data.rows import MIN_ROWS
from semtune.train.distil.fewer_layers import keep_layers
from semtune.train.distil.imitate import ImitationData, closeness_facts
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.distil.query_pair import document_part, write_pair
from semtune.train.distil.query_texts import query_texts
from semtune.train.distil.token_table import token_table
from semtune.train.planning.plan import uses_bf16
from semtune.train.settings import TrainSettings
from semtune.types import Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

QueryEncoder: TypeAlias = Literal["layers", "static"]
LAYERS = 2
RATES: dict[QueryEncoder, float] = {"layers": 3e-4, "static": 1e-2}


Judge: TypeAlias = Callable[[Path], float]  # folder of a query encoder → dev metric beside the teacher's documents


def to_query(
    job: DistillationJob,
    dataset: Dataset,
    kind: QueryEncoder | None,
    layers: int | None,
    settings: TrainSettings,
    judge: Judge | None = None,
) -> Student:
    """A pair: the student for queries, trained on the data set's questions, headings and sentences, and the teacher.

    Args:
        job: of the teacher.
        dataset: whose texts are learned from; labels are not needed.
        kind: what the student is: some of the teacher's layers, or a table of token vectors; None: both are trained,
            and the better one by the judge is taken; without a judge, layers.
        layers: to keep; None: `LAYERS`.
        settings: of training.
        judge: the dev metric; None without a dev split.

    Raises:
        ConfigError: the number of layers is not below the teacher's.
        InputError: there are no texts to learn from.
        ModelError: the teacher is not a transformer that can be shortened, or has no fast tokenizer.
    """
    texts = _texts(job, dataset)
    kinds = _kinds(kind, layers, judge)
    tried, refused = {}, None
    for each in kinds:
        try:
            tried[each] = _taught(job, each, texts, layers, settings)
        except ModelError as error:
            refused = error
    if not tried:
        raise refused or ModelError("No student could be made.")
    dev = {each: judge(made.folder) for each, made in tried.items()} if judge and len(tried) > 1 else {}
    best = max(tried, key=lambda each: dev.get(each, 0.0))
    query = tried[best]
    facts = {"query_encoder": best, **query.facts, "texts": len(texts), "query_encoders": dev}
    parts: dict[Role, Contract] = {"document": document_part(job.contract, job.name)}
    how = f"queries are read by {query.how}, taught on {len(texts):,} texts; documents by the teacher"
    return Student(_pair(job, query.folder), how, facts, parts=parts, query=query.folder)


def _kinds(kind: QueryEncoder | None, layers: int | None, judge: Judge | None) -> tuple[QueryEncoder, ...]:
    if kind is not None:
        return (kind,)
    return ("layers", "static") if layers is None and judge is not None else ("layers",)


def _taught(
    job: DistillationJob, kind: QueryEncoder, texts: list[str], layers: int | None, settings: TrainSettings
) -> Student:
    """A student of this kind by itself, trained in a work folder of its own."""
    own = DistillationJob(job.teacher, job.name, job.work / kind, job.seed, {}, job.progress)
    start, how, facts = _untrained(own, kind, layers)
    lesson = ImitationData({"text": texts}, job.targets(texts, uses_bf16(settings)))
    rate = settings.learning_rate or RATES[kind]
    folder, made = own.imitated(start, lesson, settings.replace(learning_rate=rate))
    return Student(folder, how, {**facts, **closeness_facts(made)})


def _texts(job: DistillationJob, dataset: Dataset) -> list[str]:
    tokenizer = Tokenizer(job.teacher, job.contract)
    texts = query_texts(dataset, lambda some: tokenizer.lengths(some, "query"))
    if len(texts) < MIN_ROWS:
        raise InputError(
            f"The data set has {len(texts)} questions, headings and sentences to learn from; at least {MIN_ROWS} are "
            "needed, thousands are better. Give a larger one with --data."
        )
    return [job.contract.prompt("query") + text for text in texts]


def _untrained(job: DistillationJob, kind: QueryEncoder, layers: int | None) -> tuple[Path, str, dict[str, Any]]:
    """The student before training: its folder, and what it is, in words and numbers."""
    if kind == "static":
        start = job.stage("start", lambda: _table(job))
        return start, f"a table of {job.contract.dimension} numbers per token", {}
    model = job.model()
    kept = [at + 1 for at in keep_layers(model, _number_of_layers(model) if layers is None else layers)]
    start = job.stage("start", lambda: model, job.teacher)
    return start, f"the teacher's layers {', '.join(map(str, kept))}", {"layers": kept}


def _number_of_layers(model: SentenceTransformer) -> int:
    transformer: Any = getattr(model[0], "auto_model", None)
    total = int(transformer.config.num_hidden_layers) if transformer is not None else LAYERS + 1
    if total == 1:
        raise ModelError(
            "The teacher has only one layer, so none can be left out. Choose a larger teacher, or a table of token "
            "vectors as the student: --query-encoder static."
        )
    return min(LAYERS, total - 1)


def _table(job: DistillationJob) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    teacher = job.model()
    table = token_table(teacher, int(teacher.get_embedding_dimension() or 0), job.progress)
    rows = table.rows @ table.rotation.T  # back in the directions of the teacher's own vectors
    return SentenceTransformer(
        modules=[StaticEmbedding(table.tokenizer, rows), *([Normalize()] if job.contract.normalize else [])],
        prompts={name: text or "" for name, text in teacher.prompts.items()},
        similarity_fn_name=teacher.similarity_fn_name,
        truncate_dim=teacher.truncate_dim,
    )


def _pair(job: DistillationJob, query: Path) -> Path:
    folder = job.work / "pair"
    if not folder.exists():
        with atomic_folder(folder) as scratch:
            write_pair(job.teacher, query, scratch)
    return folder
