"""Follow-up questions that can be understood without the question before them."""

from __future__ import annotations

import re
from collections.abc import Callable

REWRITE = (
    "Rewrite the last question so that it can be understood without the question before it. Reply with the question "
    "alone, in its language."
)
SHORT = 4  # words: a shorter question, such as "And in winter?", leans on the one before
_REFERS = re.compile(
    r"\b(it|its|that|this|those|these|they|them|their|he|she|his|her|there|one|ones|same)\b"
    r"|^\s*(and|or|but|und|oder|aber|et|ou|mais|y|o|pero)\b",
    re.IGNORECASE,
)
Ask = Callable[[str, str], str]


def standalone(question: str, before: str, ask: Ask | None = None) -> str:
    """A question with what it leans on.

    By rule, the question before is put in front of one that is short, that begins with "and" or the like, or that
    refers to something ("it", "those"); search needs no good style. The words of the rule are English, the
    conjunctions also German, French and Spanish; a language model does better, and knows all languages.

    Args:
        question: as it was asked.
        before: the question before it, itself standalone; empty: there is none.
        ask: rewrites the question: takes instructions and a text, returns the answer of a language model.
    """
    if not before.strip():
        return question
    if ask is not None:
        return ask(REWRITE, f"{before}\n{question}").strip() or question
    leans = len(question.split()) <= SHORT or _REFERS.search(question)
    return f"{before} {question}" if leans else question
