"""Real data sets as their owners wrote them."""

from collections import Counter

import pytest

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.benchmarks.beir import read_beir
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.readers.tables.classes_to_pairs import pair_classes
from semtune.prepare.readers.tables.table import read_table
from semtune.prepare.settings import PrepareSettings
from semtune.types import ScoredPair

pytestmark = pytest.mark.data
SETTINGS = PrepareSettings()


def test_stsb(real_data):
    rows = read_table(real_data / "stsb" / "stsb-en-dev.csv", SETTINGS, Tally())
    assert (rows.kind, len(rows.scored)) == ("scored", 1500)
    assert rows.scored[0] == ScoredPair(
        "A man with a hard hat is dancing.", "A man wearing a hard hat is dancing.", 5.0
    )


def test_scifact_and_xquad(real_data):
    tally = Tally()
    labels = read_beir(real_data / "scifact", tally, SETTINGS)
    assert (len(labels.corpus), {part: len(rows) for part, rows in labels.qrels.items()}) == (
        5183,
        {"train": 809, "test": 300},
    )
    assert tally.dropped == {}
    labels = read_beir(real_data / "xquad" / "beir_en", tally, SETTINGS)
    assert (len(labels.corpus), len(labels.queries), sum(map(len, labels.qrels["test"].values()))) == (240, 1190, 1190)
    assert sniff(real_data / "xquad" / "beir_en").counts == {"documents": 240, "queries": 1190, "test labels": 1190}


@pytest.mark.slow
def test_medquad(real_data):
    tally = Tally()
    rows = read_table(real_data / "medquad_liveqa" / "medquad_pairs.jsonl", SETTINGS, tally)
    assert (len(rows.pairs), tally.dropped) == (16407, {})
    assert rows.pairs[0].anchor == "What is (are) Adult Acute Lymphoblastic Leukemia ?"


def test_covid_questions_and_answers_in_html(real_data):
    folder = real_data / "covidqa_faq"
    scored = read_table(folder / "eval_question_similarity_en.csv", SETTINGS, Tally()).scored
    assert Counter(pair.score for pair in scored).keys() == {0.0, 1.0}
    assert scored[0] == ScoredPair("What is a novel coronavirus?", "What is a new coronavirus?", 1.0)
    as_pairs = PrepareSettings(roles={"anchor": "question_1", "positive": "question_2"})
    pairs = read_table(folder / "eval_question_similarity_en.csv", as_pairs, Tally()).pairs
    assert sum(len(row.positives) for row in pairs) == len({p for p in scored if p.score == 1})
    tally = Tally()
    asked = PrepareSettings(roles={"positive": "answer_html"})
    rows = read_table(folder / "faq_covidbert.csv", asked, tally).pairs
    assert tally.counts["cells with HTML, read as text"] >= 200
    assert (
        rows[0]
        .positives[0]
        .text.startswith(
            "A novel coronavirus is a new coronavirus that has not been previously identified. The virus causing "
            "coronavirus disease 2019 (COVID-19), is not the same as the coronaviruses that commonly circulate"
        )
    )
    assert not any("</p>" in row.positives[0].text for row in rows)


@pytest.mark.slow
def test_tldr(real_data):
    path = real_data / "tldr" / "pages.jsonl.gz"
    with pytest.raises(InputError, match="Found: _id, lang, platform, command, description, examples"):
        sniff(path)
    tally = Tally()
    rows = read_table(path, PrepareSettings(roles={"title": "command", "text": "description"}), tally)
    assert rows.kind == "documents"
    assert rows.sections[0].path == ("am",)
    # Of these, 12 are a title alone.
    assert Counter(section.id.partition("/")[0] for section in rows.sections)["en"] == 7425


@pytest.mark.slow
def test_banking_and_clinc(real_data):
    rows = read_table(real_data / "banking77" / "train.csv", SETTINGS, Tally()).classes
    assert (len(rows), len({row.label for row in rows})) == (10003, 77)
    tally = Tally()
    made = pair_classes(rows, tally)
    assert len({row.group for row in made}) == 77
    assert max(len(row.positives) for row in made) == 100
    assert sniff(real_data / "banking77").counts == {"train": 10003, "test": 3080}
    rows = read_table(real_data / "clinc150" / "data_full.json", SETTINGS, Tally()).classes
    assert (len(rows), len({row.label for row in rows} - {"oos"})) == (23700, 150)


def test_tatoeba(real_data):
    tally = Tally()
    rows = read_table(real_data / "tatoeba" / "tatoeba.deu-eng.deu", SETTINGS, tally).pairs
    assert (len(rows), tally.dropped) == (1000, {})
    assert rows[0].anchor == "Maria sagte, sie wisse nicht, wo Tom sei."


@pytest.mark.slow
def test_wordnet_by_roles(real_data):
    chosen = PrepareSettings(roles={"anchor": "gloss", "positive": "lemmas"})
    found = sniff(real_data / "wordnet_glosses" / "synsets.jsonl.gz", chosen)
    assert found.columns == {"anchor": "gloss", "positive": "lemmas", "id": "_id"}
    assert found.counts == {"rows": 117659}
