"""Questions made from the documents: what the sentence says of them, and when "ship" becomes "promising"."""

import pytest

from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.made_questions import count_made, doubt_made_questions
from semtune.evaluate.verdict.rule import EXIT_CODES, JudgedComparison
from semtune.types import Query

LIMITS = EvaluateSettings()


class Result:
    """As much of a result as is looked at."""

    def __init__(self, n):
        self.n = n


def judged(word):
    sentence = f"{word.replace('-', ' ')}: nDCG@10 is better by +0.051"
    return JudgedComparison(word, sentence, "ndcg@10", "base", 0.051, (0.03, 0.07), 0.0002, 200)


def test_questions_are_counted_by_what_they_were_made_from():
    made = {"a": "heading", "b": "summary", "c": "heading", "d": "forum", "e": None, "f": "heading"}
    queries = {name: Query(name, name, {"source": source} if source else {}) for name, source in made.items()}
    # "f" is not judged; "d" and "e" are people's: a source of the user's own is none of ours.
    assert count_made(queries, ["b", "a", "c", "d", "e", "gone"]) == {"heading": 2, "summary": 1}


@pytest.mark.parametrize(
    ("word", "made", "trust", "expected"),
    [
        ("ship", {}, False, ("ship", "")),
        ("ship", {"heading": 143}, False, ("promising", "; 143 of the 150 questions were made from headings")),
        ("ship", {"heading": 131}, False, ("promising", "; 131 of the 150 questions were made from headings")),
        ("ship", {"heading": 130}, False, ("ship", "; 130 of the 150 questions were made from headings")),  # 20 asked
        ("ship", {"heading": 150}, True, ("ship", "; the 150 questions were made from headings")),
        (
            "ship",
            {"summary": 100, "heading": 30, "definition": 15, "faq": 5},
            False,
            ("promising", "; the 150 questions were made from summaries, headings, terms and others"),
        ),
        ("do-not-ship", {"cloze": 150}, False, ("do-not-ship", "; the 150 questions were made from sentences of the "
                                                "passages")),
        ("cannot-judge", {"faq": 1}, False, ("cannot-judge", "; 1 of the 150 questions was made from questions in the "
                                             "text")),
    ],
)  # fmt: skip
def test_the_word_and_the_sentence(word, made, trust, expected):
    verdict = judged(word)
    found = doubt_made_questions(verdict, Result(150), made, LIMITS.replace(trust_made_questions=trust))
    start = expected[0].replace("-", " ")
    assert (found.verdict, found.sentence) == (expected[0], f"{start}: nDCG@10 is better by +0.051{expected[1]}")
    assert (
        found.exit_code == EXIT_CODES[expected[0]] == {"promising": 0, "ship": 0, "do-not-ship": 1}.get(expected[0], 2)
    )
