"""Floors by hand, contexts without repeats, spans that hold in the source, follow-up questions."""

import numpy as np
import pytest

import semtune
from chat_index import QUESTION
from semtune.contract import Contract
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError
from semtune.evaluate.serving.answerable import (
    BestScores,
    answerable_floor,
    best_scores,
    judged_floor,
)
from semtune.search.floor import floor_of, judge
from semtune.tasks.answerability.context import about_tokens, make_context
from semtune.tasks.answerability.follow_up import REWRITE, standalone
from semtune.types import Hit

SOURCE = (
    "The kettle boils water in three minutes. Wipe it with a damp cloth. Never put it into water. "
    "Frost cracks the enamel of a kettle that is full. Keep it dry in winter. A new lid costs ten crowns."
)


def hit(name, text, score=0.9, **metadata):
    return Hit(name, score, text, "", metadata)


def part(name, start, stop, score=0.9):
    return hit(name, SOURCE[start:stop], score, source="kettle.md", span=[start, stop])


def test_best_scores_with_and_without_the_relevant_documents():
    run = {"a": {"x": 0.9, "y": 0.4, "z": 0.5}, "b": {"x": 0.3, "y": 0.8}, "c": {"x": 1.0}, "d": {"x": 0.5, "y": 0.2}}
    qrels = {"a": {"x": 2, "y": 1}, "b": {"x": 1}, "c": {"x": 1}, "d": {"x": 0}}
    found = best_scores(run, qrels, list(run))
    assert found.answerable.tolist() == [0.9, 0.8]  # c has no other document, d no relevant one
    assert found.unanswerable.tolist() == [0.5, 0.8]


def test_the_floor_is_the_highest_that_keeps_nine_in_ten():
    rng = np.random.default_rng(0)
    scores = BestScores(rng.uniform(0.4, 1, 57), rng.uniform(0.1, 0.7, 57))
    floor = answerable_floor(scores)
    assert floor.kept == np.mean(scores.answerable >= floor.score) >= 0.9
    higher = np.sort(scores.answerable[scores.answerable > floor.score])[0]
    assert np.mean(scores.answerable >= higher) < 0.9
    assert floor.refused == np.mean(scores.unanswerable < floor.score)
    assert floor.kept_interval[0] < floor.kept < floor.kept_interval[1]
    assert answerable_floor(BestScores(scores.answerable[:19], scores.unanswerable[:19])) is None
    assert judged_floor(scores, 2.0).refused == 1


def test_the_floor_of_answers_is_preferred_to_that_of_single_ones():
    def contract(**thresholds):
        made = ToyEncoder().contract
        return Contract(**{**{name: getattr(made, name) for name in made.__slots__}, "thresholds": thresholds})

    assert floor_of(contract()) is None
    assert floor_of(contract(**{"best-f1": 0.4})).name == "best-f1"
    both = contract(**{"best-f1": 0.4, "answerable": 0.3})
    assert (floor_of(both).name, floor_of(both).score) == ("answerable", 0.3)
    hits = [hit("a", "x", 0.35)]
    assert judge(hits, "dense", both).answered is True
    assert judge(hits, "dense", contract(**{"best-f1": 0.4})).answered is False


def test_overlapping_passages_of_a_file_become_one_with_their_span():
    hits = [part("b", 41, 150), part("other", 0, 0), part("a", 0, 93), part("c", 94, len(SOURCE))]
    hits[1] = hit("other", "Violins need rosin.", 0.8, source="violin.md", span=[5, 24])
    made = make_context(hits)
    first, second = made.sources
    assert first.text == SOURCE
    assert first.span == (0, len(SOURCE))
    assert [(one.id, one.span) for one in first.passages] == [
        ("a", (0, 93)), ("b", (41, 150)), ("c", (94, len(SOURCE))),
    ]  # fmt: skip
    assert (second.number, second.span, made.joined, made.repeated, made.unfit) == (2, (5, 24), 2, 0, 0)


def test_passages_of_two_files_are_not_joined():
    end = "keep it dry and away from frost"
    made = make_context([hit("a", f"A kettle: {end}", source="a.md"), hit("b", f"{end}, says the man", source="b.md")])
    assert (len(made.sources), made.joined) == (2, 0)


def test_what_is_nearly_the_same_is_dropped_and_counted():
    text = "Frost cracks the enamel of a kettle that is full of water, so keep it dry all through the winter"
    hits = [
        hit("a", text),
        hit("b", f"{text}!"),
        hit("c", text.upper()),
        hit("d", "Frost cracks the enamel"),
        hit("e", " "),
    ]
    made = make_context([*hits, hit("f", "Something else.")])
    assert [source.passages[0].id for source in made.sources] == ["a", "f"]
    assert made.repeated == 4


def test_a_sentence_stands_in_the_context_once():
    made = make_context([
        hit("a", "Wipe it with a cloth. Dry it in the sun. It lasts for years and years then."),
        hit("b", "A candle burns for hours. Wipe it with a cloth. Trim the wick before you light it again."),
    ])  # fmt: skip
    assert made.sources[1].text == "A candle burns for hours. Trim the wick before you light it again."


def test_the_context_keeps_to_its_tokens_and_counts_what_does_not_fit():
    hits = [
        hit(f"h{n}", f"Passage {n} says one thing. And the number {n} says another. Then {n} ends.") for n in range(9)
    ]
    count = lambda text: len(text.split())  # noqa: E731
    for tokens in (1, 5, 20, 50, 500):
        made = make_context(hits, tokens, count)
        assert made.tokens <= tokens
        assert made.tokens == sum(count(f"[{each.number}] {each.title}") + count(each.text) for each in made.sources)
        assert len(made.sources) + made.unfit == len(hits)
    assert make_context(hits, 23, count).cut
    assert not make_context(hits, 500, count).cut
    assert make_context(hits, 1, count).sources == ()
    assert make_context([], 10).text == ""
    with pytest.raises(ConfigError, match="holds nothing"):
        make_context(hits, 0)


def test_tokens_are_estimated_on_the_safe_side():
    assert about_tokens("kettle") >= 2
    assert about_tokens("水" * 100) >= 75
    assert about_tokens("\ud800" * 4) > 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("And in winter?", "How do I clean a kettle? And in winter?"),
        ("Does it also work with steel pans from the last century?", "How do I clean a kettle? Does it also work with "
         "steel pans from the last century?"),
        ("Und was kostet eine neue Kanne im Laden?", "How do I clean a kettle? Und was kostet eine neue Kanne im Laden?"),
        ("How are candles made by hand?", "How are candles made by hand?"),
    ],
)  # fmt: skip
def test_follow_up_questions_get_what_they_lean_on(question, expected):
    assert standalone(question, "How do I clean a kettle?") == expected
    assert standalone(question, "") == question


def test_a_language_model_makes_questions_standalone():
    asked = []

    def ask(rules, text):
        asked.append((rules, text))
        return " How do I clean a kettle in winter? "

    assert standalone("And in winter?", "How do I clean a kettle?", ask) == "How do I clean a kettle in winter?"
    assert asked == [(REWRITE, "How do I clean a kettle?\nAnd in winter?")]
    assert standalone("And in winter?", "Before?", lambda *_: " ") == "And in winter?"


@pytest.mark.slow
def test_one_call_from_a_question_to_its_sources(calibrated_index, plain_index):
    found = semtune.context(calibrated_index, QUESTION, options=semtune.SearchOptions(k=3))
    assert found.answered is True
    assert found.context.sources[0].line == (
        "[1] Cleaning the kettle, kettle.md > The kettle > Cleaning the kettle, characters 40-103"
    )
    assert found.context.text.startswith("[1] Cleaning the kettle\nWipe the kettle")
    away = semtune.context(calibrated_index, "telescope telescope sundial")
    assert (away.answered, away.context.sources) == (False, ())
    assert "Not in these documents" in away.sentence
    opened = semtune.Searcher.open(plain_index)
    unknown = semtune.context(opened, "and the lid?", QUESTION)
    assert (unknown.answered, unknown.question) == (None, f"{QUESTION} and the lid?")
    assert opened.search("kettle")  # an open index stays open
    opened.close()
