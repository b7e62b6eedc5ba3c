"""A multilingual student learns a teacher's space from parallel text (Reimers & Gurevych 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from semtune.contract import Contract
from semtune.errors import InputError, ModelError
from semtune.train.distil.projection import rebuild
from semtune.types import Pair, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MOST_UNKNOWN = 0.2  # share of unknown tokens above which a tokenizer does not know a language
PROBE = 1000
ROLES: tuple[Role, Role] = ("query", "document")


def into_space(student: SentenceTransformer, teacher: Contract, seed: int) -> None:
    """Give `student` the teacher's prompts, dimension, normalisation and similarity, in place.

    Another dimension gets a dense layer without activation, which is learned with the rest.
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense

    width, dense = int(student.get_embedding_dimension() or 0), []
    if width != teacher.dimension:
        torch.manual_seed(seed)
        dense = [Dense(width, teacher.dimension, activation_function=torch.nn.Identity()).to(student.device)]
    rebuild(student, dense, normalize=teacher.normalize)
    student.prompts = {role: teacher.prompt(role) for role in ROLES if teacher.prompt(role)}  # type: ignore[assignment]
    student.default_prompt_name = None
    student.similarity_fn_name = teacher.similarity  # type: ignore[assignment]


def parallel_columns(pairs: Sequence[Pair], teacher: Contract) -> dict[str, list[str]]:
    """Source and translation of each pair, with the teacher's prompts: rows take the roles in turn.

    So a teacher whose prompts differ by role is learned in both; without prompts nothing is added.
    """
    prompts = [teacher.prompt(ROLES[at % 2]) for at in range(len(pairs))]
    return {
        "source": [prompt + pair.anchor for prompt, pair in zip(prompts, pairs, strict=True)],
        "translation": [prompt + pair.positive for prompt, pair in zip(prompts, pairs, strict=True)],
    }


def check_student(student: SentenceTransformer, texts: Sequence[str]) -> None:
    """Refuse a student whose tokenizer cannot read the texts.

    Raises:
        InputError: too many of their tokens are unknown to it.
        ModelError: the student is static.
    """
    from semtune.train.distil.table import bare_tokenizer

    if getattr(student[0], "auto_model", None) is None:
        raise ModelError("--student is no transformer. Give a multilingual backbone, e.g. multilingual-e5-small.")
    unknown = getattr(student.tokenizer, "unk_token_id", None)
    if unknown is None:
        return  # bytes: everything can be read
    ids = [
        id
        for encoding in bare_tokenizer(student).encode_batch(list(texts[:PROBE]), add_special_tokens=False)
        for id in encoding.ids
    ]
    share = ids.count(unknown) / max(1, len(ids))
    if share > MOST_UNKNOWN:
        raise InputError(
            f"The student's tokenizer does not know {share:.0%} of the translations' tokens (at most {MOST_UNKNOWN:.0%} is "
            "allowed): it was not made for this language. Give a multilingual --student."
        )
