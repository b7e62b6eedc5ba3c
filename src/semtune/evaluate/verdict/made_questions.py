"""Test questions that were made from the documents: better on them is promising, not proven. See docs/adr/0010."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from semtune.evaluate.result import Scores
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.rule import JudgedComparison
from semtune.types import Query

NAMES = {
    "heading": "headings", "summary": "summaries", "faq": "questions in the text", "definition": "terms",
    "cloze": "sentences of the passages", "link": "link texts", "synthetic": "a language model's questions",
}  # fmt: skip
SHOWN = 3


def count_made(queries: Mapping[str, Query], judged: Iterable[str]) -> dict[str, int]:
    """How many of the judged questions were made from the documents, by what they were made from, the most first.

    `prepare` writes into a question's metadata what it was made from; questions that people asked have no such entry.
    """
    sources = [str(queries[query].metadata.get("source")) for query in judged if query in queries]
    return dict(Counter(source for source in sources if source in NAMES).most_common())


def doubt_made_questions(
    verdict: JudgedComparison, tuned: Scores, made: Mapping[str, int], limits: EvaluateSettings
) -> JudgedComparison:
    """Say what the questions are; without enough questions that people asked, "ship" becomes "promising"."""
    if not made:
        return verdict
    total, word, sentence = sum(made.values()), verdict.verdict, verdict.sentence
    if word == "ship" and tuned.n - total < limits.min_queries and not limits.trust_made_questions:
        word, sentence = "promising", "promising: " + sentence.partition(": ")[2]
    names = [NAMES.get(source, source) for source in made]
    listed = ", ".join(names[:SHOWN]) + (" and others" if len(names) > SHOWN else "")
    return replace(verdict, verdict=word, sentence=f"{sentence}; {_which(total, tuned.n)} made from {listed}")


def _which(made: int, total: int) -> str:
    if made == total:
        return f"the {total:,} questions were"
    return f"{made:,} of the {total:,} questions {'was' if made == 1 else 'were'}"
