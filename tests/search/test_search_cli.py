"""`semtune search` on a local index: filters, modes, groups, and what is printed."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from semtune.cli.main import app
from semtune.encoders.toy import ToyEncoder
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.types import Document

DOCUMENTS = [
    Document("a.md#1", "Mend the kettle with solder. It is hot.", "Kettles", {"lang": "en", "year": 2019, "source": "a.md"}),
    Document("a.md#2", "The kettle boils. Never mend a hot kettle!", "", {"lang": "en", "year": 2021, "source": "a.md"}),
    Document("b.md#1", "Den Kessel mit Zinn flicken.", "Kessel", {"lang": "de", "year": 2022, "source": "b.md"}),
    Document("c.md#1", "A violin hangs on the wall.", "", {"lang": "en", "year": 2020, "source": "c.md"}),
]  # fmt: skip


@pytest.fixture
def index(tmp_path):
    """An index whose model is gone."""
    build_index(DOCUMENTS, ToyEncoder(), tmp_path / "gone", tmp_path / "index", IndexSettings())
    return tmp_path / "index"


@pytest.fixture
def ask(index, monkeypatch):
    """Run the command; gives its JSON."""

    def run(*words, model=True):
        if model:
            monkeypatch.setattr("semtune.search.index_encoder.load_encoder", lambda *_args, **_named: ToyEncoder())
        done = CliRunner().invoke(app, ["search", str(index), *words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0
        return json.loads(done.stdout)

    return run


def names(found):
    return [hit["id"] for hit in found["hits"]]


def test_keyword_search_needs_no_model(ask):
    found = ask("mending kettles", "--mode", "keyword", "--explain", model=False)
    assert found["mode"] == "keyword"
    assert names(found) == ["a.md#1", "a.md#2"] or names(found) == ["a.md#2", "a.md#1"]
    for hit in found["hits"]:
        assert hit["explain"]["keyword"]["terms"] == ["mend", "kettl"]
        assert "mend" in hit["text"][slice(*hit["highlight"])].lower()


def test_filters_groups_and_hybrid(ask):
    found = ask("mend the kettle", "--mode", "hybrid", "--where", "lang=en and year>=2020", "--explain")
    assert found["mode"] == "hybrid"
    assert names(found) == ["a.md#2", "c.md#1"]
    assert found["hits"][0]["explain"]["fusion"]["method"] == "reciprocal rank"
    grouped = ask("mend the kettle", "--group-by", "document")
    assert grouped["hits"][0]["metadata"]["source"] == "a.md"
    assert grouped["hits"][0]["others"] == 1
    assert grouped["mode"] == "dense"


def test_the_index_remembers_its_mode(ask, index):
    made = manifests.read(index)
    manifests.write(replace(made, search_mode="hybrid", fusion={"weight": 0.3}), index)
    found = ask("mend the kettle", "--explain")
    assert found["mode"] == "hybrid"
    assert found["hits"][0]["explain"]["fusion"]["weight"] == 0.3


def test_people_read_lines(index, monkeypatch):
    monkeypatch.setattr("semtune.search.index_encoder.load_encoder", lambda *_args, **_named: ToyEncoder())
    asked = [
        "search",
        str(index),
        "mend the kettle",
        "-k",
        "2",
        "--group-by",
        "document",
        "--explain",
        "--mode",
        "hybrid",
    ]
    done = CliRunner().invoke(app, asked, catch_exceptions=False, color=True)
    assert "(+1 more)" in done.stdout
    assert "dense #1" in done.stdout
    assert "keyword #" in done.stdout
    assert "\x1b[1m" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--where", "langauge=de"], "the field 'langauge', which no document has. Did you mean 'lang'?"),
        (["--where", "lang=de; drop table documents"], "';' cannot stand in a filter"),
        (["--mode", "hybird"], "There is no search mode 'hybird'"),
        (["--mode", "keyword", "--min-score", "0.2"], "min_score is a similarity of vectors"),
        (["--diversity", "2"], "diversity is 2.0; allowed: 0"),
    ],
)
def test_mistakes_are_refused_in_words(index, monkeypatch, words, message):
    from semtune.errors import SemtuneError

    monkeypatch.setattr("semtune.search.index_encoder.load_encoder", lambda *_args, **_named: ToyEncoder())
    with pytest.raises(SemtuneError) as refused:
        CliRunner().invoke(app, ["search", str(index), "kettle", *words], catch_exceptions=False)
    assert message in str(refused.value)
