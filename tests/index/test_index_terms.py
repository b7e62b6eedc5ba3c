"""Terms of keyword search: hand-worked cases, and parity with bm25s on real data."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semtune.index.terms import STEMMERS, analyse, language_of, query_terms
from semtune.languages.common_words import COMMON_WORDS


@pytest.mark.parametrize(
    ("language", "text", "terms"),
    [
        ("en", "The Dogs' cafés were running!", "the dog cafe were run"),
        ("en", "read_file(3.12) don't", "read file 3 12 don t"),
        ("en", "Gödel ŁÓDŹ ﬁle ＡＢＣ", "godel lodz file abc"),
        ("", "The running Dogs", "the running dogs"),
        ("xx", "running", "running"),
        ("de", "Die Häuser der Straße", "die haus der strass"),
        ("de", "HÄUSER STRASSE", "haus strass"),
        ("fr", "élèves eleves l'eau", "elev elev l eau"),
        ("sv", "hår har", "hår har"),
        ("tr", "INDIR İSTANBUL ışık", "ın istanbul ışık"),
        ("ru", "Ёлки ёлка елка", "елк елк елк"),
        ("hi", "हिन्दी", "हिन्द"),
        ("ja", "日本語です", "日 日本 本 本語 語 語で です"),
        ("ja", "水", "水"),
        ("zh", "Python编程", "python 编 编程 程"),
        ("th", "ไทย", "ไท ทย"),
        ("ko", "학교에서 공부", "학교 교에 에서 공부"),
        ("", "", ""),
        ("en", " \t\n—…!", ""),
    ],
)
def test_terms(language, text, terms):
    assert analyse(text, language) == terms.split()


@settings(deadline=None)
@given(st.text(), st.sampled_from(["", "en", "de", "tr", "ja", "sv", "fr"]))
def test_terms_are_words_in_one_form(text, language):
    terms = analyse(text, language)
    assert terms == analyse(text, language)
    assert not any(" " in term or '"' in term or "\x00" in term or not term for term in terms)


def test_composed_and_decomposed_letters_are_the_same():
    assert analyse("café", "fr") == analyse("cafe\u0301", "fr") == analyse("CAFÉ", "fr")


def test_common_words_are_left_out_of_queries():
    assert query_terms("who is the dog of the dogs", "en") == ["dog"]
    assert query_terms("to be or not to be", "en") == ["to", "be", "or", "not"]
    assert query_terms("the dog", "") == ["the", "dog"]
    assert query_terms("", "en") == []


LANGUAGES = {
    "de": "Der Hund ist in dem Haus und die Katze schläft auch nicht auf dem Sofa",
    "en": "The cat is in the house and it was not on the roof",
    "fr": "Le chat est dans la maison et il ne veut pas sortir avec nous",
    "es": "El gato está en la casa y no quiere salir con los perros",
    "ru": "Кот в доме и не хочет на улицу, но он был там",
    "ja": "吾輩は猫である。名前はまだ無い。",
    "zh": "我是一只猫，还没有名字。",
    "th": "แมวอยู่ในบ้าน",
    "ko": "고양이는 집에 있습니다",
    "": "zipfile.ZipFile os.path",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_a_corpus(language):
    assert language_of([LANGUAGES[language]] * 3) == language


def test_a_corpus_without_a_clear_language_has_none():
    assert language_of([]) == language_of(["", "!?"]) == ""
    assert language_of([LANGUAGES["de"], LANGUAGES["en"], LANGUAGES["fr"], LANGUAGES["ru"]]) == ""
    assert language_of([LANGUAGES["en"]] * 9 + [LANGUAGES["ja"]]) == "en"


def test_every_language_that_is_told_has_a_stemmer():
    import Stemmer

    assert set(COMMON_WORDS) <= set(STEMMERS)
    assert set(STEMMERS.values()) <= set(Stemmer.algorithms())


def test_many_threads_get_the_same_terms():
    text = " ".join(f"running{n} houses{n % 7} flies" for n in range(300))
    want = analyse(text, "en")
    wrong = []

    def work():
        wrong.extend(n for n in range(30) if analyse(text, "en") != want)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
