"""What a chatbot needs: a context to answer from, or the statement that the documents do not answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semtune.search.options import SearchOptions
    from semtune.search.searcher import Searcher
    from semtune.tasks.answerability.grounds import Grounds


def context(
    index: str | Path | Searcher,
    question: str,
    before: str = "",
    *,
    tokens: int = 2000,
    options: SearchOptions | None = None,
    count: Callable[[str], int] | None = None,
    ask: Callable[[str, str], str] | None = None,
) -> Grounds:
    """The passages that answer a question, joined to a numbered context; or that the documents do not answer it.

    Args:
        index: an index folder, a run folder, or an open `Searcher`, which saves opening it for each question.
        question: of the user.
        before: the question before it, for follow-up questions: `question` of the last result.
        tokens: of the context at most.
        options: of the search: `k`, `where`, `mode`, `rerank` ...
        count: the tokens of a text, by the language model's tokenizer; None: estimated.
        ask: a language model (instructions, text) → answer, that makes follow-up questions standalone; None: by rule.

    Raises:
        SemtuneError: the index cannot be opened, or the question or an option is refused.

    Example:
        >>> found = semtune.context("runs/docs", "how do I read a zip file", tokens=1000)  # doctest: +SKIP
        >>> found.answered, found.context.sources[0].line  # doctest: +SKIP
        (True, '[1] zipfile, zipfile.rst > ZipFile Objects, characters 120-911')
    """
    from semtune.search.searcher import Searcher
    from semtune.tasks.answerability.context import about_tokens
    from semtune.tasks.answerability.follow_up import standalone
    from semtune.tasks.answerability.grounds import find_grounds

    asked = standalone(question, before, ask)
    if isinstance(index, Searcher):
        return find_grounds(index, asked, options, tokens, count or about_tokens)
    searcher = Searcher.open(index)
    try:
        return find_grounds(searcher, asked, options, tokens, count or about_tokens)
    finally:
        searcher.close()
