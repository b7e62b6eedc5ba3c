"""`--to multilingual`: a student learns the teacher's space from parallel text (Reimers & Gurevych 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.torch import open_sentence_transformer
from semtune.errors import InputError, ModelError
from semtune.train.data.rows import MIN_ROWS
from semtune.train.distil.imitate import ImitationData, closeness_facts
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.distil.projection import replace_head
from semtune.train.planning.plan import uses_bf16
from semtune.train.settings import TrainSettings
from semtune.types import Pair, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MOST_UNKNOWN_TOKENS = 0.2  # share above which a tokenizer does not know a language
SAMPLED_TRANSLATIONS = 1000
ROLES: tuple[Role, Role] = ("query", "document")


def to_multilingual(
    job: DistillationJob, dataset: Dataset, student: Path, name: str, settings: TrainSettings
) -> Student:
    """A multilingual backbone, trained to give the teacher's vector of the source for source and translation.

    Raises:
        InputError: there are no pairs, or the student cannot read them.
        ModelError: the student is not a transformer.
    """
    pairs = dataset.pairs.get("train", [])
    if len(pairs) < MIN_ROWS:
        raise InputError(
            f"The data set has {len(pairs)} training pairs; parallel text is needed: the sentence in the teacher's "
            "language as anchor, its translation as positive."
        )

    def prepared() -> SentenceTransformer:
        model = open_sentence_transformer(student)
        check_student(model, [pair.positive for pair in pairs])
        adopt_space(model, job.contract, job.seed)
        return model

    start = job.stage("start", prepared)
    columns = parallel_columns(pairs, job.contract)
    lesson = ImitationData(columns, job.targets(columns["source"], uses_bf16(settings)))
    folder, made = job.imitated(start, lesson, settings)
    how = f"{name}, taught on {len(pairs):,} sentences and their translations"
    return Student(folder, how, {"student": name, **closeness_facts(made)}, student)


def adopt_space(student: SentenceTransformer, teacher: Contract, seed: int) -> None:
    """Give `student` the teacher's prompts, dimension, normalisation and similarity, in place.

    If the dimensions differ, a dense layer without activation is added and trained with the rest.
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense

    width, dense = int(student.get_embedding_dimension() or 0), []
    if width != teacher.dimension:
        torch.manual_seed(seed)
        dense = [Dense(width, teacher.dimension, activation_function=torch.nn.Identity()).to(student.device)]
    replace_head(student, dense, normalize=teacher.normalize)
    student.prompts = {role: teacher.prompt(role) for role in ROLES if teacher.prompt(role)}  # type: ignore[assignment]
    student.default_prompt_name = None
    student.similarity_fn_name = teacher.similarity  # type: ignore[assignment]


def parallel_columns(pairs: Sequence[Pair], teacher: Contract) -> dict[str, list[str]]:
    """Source and translation of each pair, with the teacher's prompts.

    Rows take the roles in turn, so that a teacher whose prompts differ by role is imitated in both.
    """
    prompts = [teacher.prompt(ROLES[at % 2]) for at in range(len(pairs))]
    return {
        "source": [prompt + pair.anchor for prompt, pair in zip(prompts, pairs, strict=True)],
        "translation": [prompt + pair.positive for prompt, pair in zip(prompts, pairs, strict=True)],
    }


def check_student(student: SentenceTransformer, texts: Sequence[str]) -> None:
    """Refuse a student that cannot read the texts.

    Raises:
        InputError: its tokenizer does not know too many of their tokens.
        ModelError: the student is a static model.
    """
    from semtune.train.distil.token_table import bare_tokenizer

    if getattr(student[0], "auto_model", None) is None:
        raise ModelError("--student is not a transformer. Choose a multilingual backbone, e.g. multilingual-e5-small.")
    unknown = getattr(student.tokenizer, "unk_token_id", None)
    if unknown is None:
        return  # a tokenizer of bytes: it can read everything
    ids = [
        id
        for encoding in bare_tokenizer(student).encode_batch(
            list(texts[:SAMPLED_TRANSLATIONS]), add_special_tokens=False
        )
        for id in encoding.ids
    ]
    share = ids.count(unknown) / max(1, len(ids))
    if share > MOST_UNKNOWN_TOKENS:
        raise InputError(
            f"The student's tokenizer does not know {share:.0%} of the translations' tokens (allowed: up to "
            f"{MOST_UNKNOWN_TOKENS:.0%}); it was not made for this language. Choose a multilingual --student."
        )
