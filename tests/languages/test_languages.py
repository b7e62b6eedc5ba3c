"""Codes, names and probabilities of languages, and false alarms on real English."""

import csv
import gzip
import json

import pytest

from semtune.contract import Contract
from semtune.encoders import weak_languages as weak
from semtune.encoders.weak_languages import Languages, languages_of, weak_language, weak_query, weak_texts
from semtune.languages.codes import language_name, short_code
from semtune.languages.identify import probabilities

ENGLISH = Languages("all-MiniLM-L6-v2", {}, frozenset({"en"}))


def contract(name="all-MiniLM-L6-v2", **more):
    return Contract(name, "mean", True, 256, 384, "", "", "", **more)


def test_codes_of_two_and_three_letters_are_one_language():
    codes = {
        "deu": "de",
        "cmn": "zh",
        "pes": "fa",
        "zsm": "ms",
        "lvs": "lv",
        "pt_BR": "pt",
        "zh-Hant": "zh",
        "kab": "kab",
    }
    assert {code: short_code(code) for code in codes} == codes
    assert [language_name(code) for code in ("de", "deu", "cmn", "ell", "hsb", "??")] == [
        "German", "German", "Chinese", "Greek", "Upper Sorbian", "??",
    ]  # fmt: skip


def test_related_languages_share_a_text_between_them():
    found = probabilities("Что пела Леди Гага?")
    assert max(found.values()) < 0.5 < found["ru"] + found["bg"] + found["mk"] + found["uk"]
    assert found["en"] < 1e-6
    assert probabilities("2 + 2") == probabilities("Wort") == probabilities("") == {}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie viele Punkte gab die Verteidigung der Panthers ab?", "de"),
        ("为什么天空是蓝色的", "zh"),
        ("Что пела Леди Гага?", "mk"),
        ("Which court sits at Karlsruhe, Germany?", None),
        ("How are ergänzungsschulen funded?", None),
        ("gaming keyboard", None),
        ("Run diagnostics in /usr/lib/systemd", None),
        ("", None),
    ],
)
def test_a_text_is_in_a_weak_language_only_where_that_is_sure(text, language):
    assert weak_language(text, ENGLISH) == language


def test_measured_accuracy_comes_before_the_catalogue():
    made = languages_of(contract(languages={"de": {"en": 0.31}, "fr": {"en": 0.77}, "en": {"de": 0.3}}), "en")
    assert [made.is_weak(code) for code in ("de", "fr", "it", "en")] == [True, False, True, False]
    said = weak_query(
        "Wie viele Punkte gab die Verteidigung der Panthers ab?", contract(languages={"de": {"en": 0.31}}), "en"
    )
    assert "seems to be in German" in said
    assert "from German to English, the right text came first in 31% of cases" in said
    assert weak_query("Quel système utilise la chaîne Sky ?", contract(languages={"fr": {"en": 0.77}}), "en") == ""


def test_a_language_measured_with_others_counts_by_its_best_pair():
    matrix = {"de": {"en": 0.4, "nl": 0.6}, "sv": {"en": 0.2, "nl": 0.1}}
    made = languages_of(contract("unheard-of", languages=matrix), "fr")
    assert made.measured == {"de": 0.6, "sv": 0.2}
    assert [made.is_weak(code) for code in ("de", "sv", "fr", "xx")] == [False, True, False, False]


def test_a_tuned_model_knows_the_language_of_its_documents():
    tuned = contract("mine", base="all-MiniLM-L6-v2")
    asked = "Wie viele Punkte gab die Verteidigung der Panthers ab?"
    assert weak_query(asked, tuned, "de") == ""
    assert "was made for English" in weak_query(asked, tuned, "en")
    assert "was made for English" in weak_query(asked, contract(), "de")


def test_nothing_is_said_of_a_model_that_is_not_known():
    for name in ("unheard-of", "intfloat/multilingual-e5-small"):
        assert not languages_of(contract(name)).some_weak
        assert weak_query("Wie viele Punkte gab die Verteidigung der Panthers ab?", contract(name), "en") == ""


def test_texts_are_counted_by_language():
    german = ["Die Pumpe wird im Frühjahr mit warmem Wasser gespült.", "Der Kessel kocht das Wasser in zwei Minuten."]
    english = ["The pump is flushed with warm water.", "The kettle boils the water in two minutes."]
    said = weak_texts(german * 2 + english * 8, contract(), "passages")
    assert said.startswith("About 20% of the passages are in languages that the model is weak in (German 20%):")
    assert "all-MiniLM-L6-v2 was made for English" in said
    assert weak_texts(german[:1] + english * 9, contract(), "passages") == ""
    assert weak_texts([], contract()) == ""


def test_a_matrix_is_kept_by_two_letter_codes():
    matrix = {"deu": {"eng": 0.97321}, "eng": {"deu": 0.9, "cmn": 0.8}, "cmn": {"eng": 0.7}}
    assert weak.by_codes(matrix) == {"de": {"en": 0.9732}, "en": {"de": 0.9, "zh": 0.8}, "zh": {"en": 0.7}}


def real_english(place):
    def lines(path):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [json.loads(row) for row in text.splitlines()]

    yield "scifact", [row["text"] for row in lines(place / "scifact" / "queries.jsonl")]
    yield "chorus", [row["text"] for row in lines(place / "chorus_products" / "queries.jsonl")]
    pages = [page for page in lines(place / "tldr" / "pages.jsonl.gz") if page["lang"] == "en"]
    yield "tldr", [example["what"] for page in pages for example in page["examples"]][::8]
    yield "debian", [row["heading"] for row in lines(place / "debian_docs" / "passages.jsonl.gz") if row["_id"]][::40]
    with (place / "banking77" / "test.csv").open(encoding="utf-8", newline="") as table:
        yield "banking77", [row["text"] for row in csv.DictReader(table)]


@pytest.mark.data
@pytest.mark.slow
def test_english_queries_raise_no_false_alarm(real_data):
    shares = {}
    for name, texts in real_english(real_data):
        plain = [text for text in texts if text.strip() and all(ord(char) < 0x250 for char in text)]
        found = [text for text in plain if weak_language(text, ENGLISH) is not None]
        if name == "debian":  # some pages are Italian and Portuguese translations: a probability decides, no list
            found = [
                text for text in found if probabilities(text).get("it", 0) + probabilities(text).get("pt", 0) < 0.5
            ]
        shares[name] = len(found) / len(plain)
    assert max(shares.values()) <= 0.005, shares


@pytest.mark.data
@pytest.mark.slow
def test_questions_in_other_languages_raise_the_alarm(real_data):
    for language in ("de", "es", "ru", "zh", "ar", "tr", "vi"):
        rows = (real_data / "xquad" / f"beir_{language}" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(row)["text"] for row in rows]
        told = sum(weak_language(text, ENGLISH) is not None for text in texts)
        assert told / len(texts) >= 0.95, language
