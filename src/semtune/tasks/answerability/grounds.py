"""What a chatbot may say of a question: whether the documents answer it, and the context to answer from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from semtune.search.floor import judge
from semtune.search.options import SearchOptions
from semtune.search.searcher import Searcher
from semtune.tasks.answerability.context import Context, Count, about_tokens, make_context


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a question can be answered from.

    Attributes:
        question: as it was searched for: with what a follow-up question leans on.
        answered: False: the documents do not answer it; None: no floor is known, so that cannot be said.
        sentence: why, for people and for language models.
        context: the passages; empty if the documents do not answer the question.
        warnings: of the search.
    """

    question: str
    answered: bool | None
    sentence: str
    context: Context
    warnings: tuple[str, ...] = ()


def find_grounds(
    searcher: Searcher,
    question: str,
    options: SearchOptions | None = None,
    tokens: int = 2000,
    count: Count = about_tokens,
) -> Grounds:
    """Search for a question, judge whether the documents answer it, and join the hits to a context.

    Args:
        searcher: of the index.
        question: that can be understood alone.
        options: of the search; a minimum score is left to the floor.
        tokens: of the context.
        count: the tokens of a text.

    Raises:
        InputError: the question or an option is refused.
        ConfigError: `tokens` is not positive.
    """
    asked = replace(options or SearchOptions(), min_score=None)
    mode = searcher.mode_of(asked.mode)
    found = searcher.answer(question, asked)
    judged = judge(found.hits, mode, searcher.encoder.contract)
    context = make_context(found.hits if judged.answered is not False else [], tokens, count)
    return Grounds(question, judged.answered, judged.sentence, context, found.warnings)
