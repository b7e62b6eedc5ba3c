"""A session over a few passages, whose systems say what the tests tell them to."""

from pathlib import Path

import pytest

from semtune.label.grades import GradeStore
from semtune.label.labelling import Labelling
from semtune.label.questions import Questions, as_question
from semtune.label.settings import LabelSettings
from semtune.types import Document

LONG = "Sort a list in place.\n" + "\n".join(f"line {n} about keys" for n in range(60))
INJECTION = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
PASSAGES = [
    Document("zip", "Read a zip file and list its members.", "zipfile"),
    Document("csv", "Write rows as comma separated text.", "csv"),
    Document("json", "Parse a string of JSON.", "json"),
    Document("html", f"Escape markup like {INJECTION}.", "html <b>"),
    Document("long", LONG),
    Document("bare", "A passage that nobody finds."),
]
TEXTS = ("how to read a zip file", "write a table", "parse json")


class Fixed:
    """A system with one answer list for each question; unknown questions get the default."""

    def __init__(self, answers, default=("zip", "csv", "json")):
        self.answers, self.default = answers, list(default)

    def rank(self, texts, depth):
        return [list(self.answers.get(text, self.default))[:depth] for text in texts]


SYSTEMS = {
    "tuned": Fixed({TEXTS[0]: ["zip", "csv"], TEXTS[1]: ["csv", "long"], TEXTS[2]: ["json", "html"]}),
    "base": Fixed({TEXTS[0]: ["zip", "csv"], TEXTS[1]: ["long", "csv"], TEXTS[2]: ["long", "zip"]}),
}


def questions_of(*texts):
    found = Questions()
    for text in texts:
        found.add(as_question({"text": text}))
    return found


@pytest.fixture
def session(tmp_path):
    """Texts, and what differs from the defaults → a pooled session; grades are kept in tmp_path/labels."""

    def make(*texts, systems=SYSTEMS, store: Path | None = None, documents=PASSAGES, trained=(), **settings):
        made = Labelling(
            documents, systems, LabelSettings(**settings), GradeStore(store or tmp_path / "labels"),
            questions_of(*(texts or TEXTS)), "toy", frozenset(trained),
        )  # fmt: skip
        made.pool_questions()
        return made

    return make
