"""Filters, modes, groups and explanations over HTTP, on a local index."""

import pytest
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.index import manifest as manifests
from semtune.index.build import build_index
from semtune.index.open import open_collection
from semtune.index.settings import IndexSettings
from semtune.search.searcher import Searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.types import Document

DOCUMENTS = [
    Document("a#1", "Mend the kettle with solder. It is hot.", "", {"lang": "en", "year": 2019, "source": "a"}),
    Document("a#2", "The kettle boils. Never mend a hot kettle!", "", {"lang": "en", "year": 2021, "source": "a"}),
    Document("b#1", "Den Kessel mit Zinn flicken.", "", {"lang": "de", "year": 2022, "source": "b"}),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "index"
    build_index(DOCUMENTS, ToyEncoder(), folder.parent / "gone", folder, IndexSettings())
    made = Searcher(ToyEncoder(), open_collection(folder, manifests.read(folder)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def local(opened):
    with TestClient(create_app(Catalogue.single(opened.encoder, opened))) as made:
        yield made


@pytest.mark.parametrize(
    "options",
    [
        {"where": {"lang": "en", "year": {">=": 2020}}},
        {"where": "lang=de or year<2020"},
        {"mode": "keyword", "explain": True},
        {"mode": "hybrid", "highlight": True, "group_by": "document", "diversity": 0.5},
    ],
)
def test_the_server_answers_what_the_searcher_says(local, opened, options):
    got = local.post("/search", json={"query": "mend a kettle", "k": 3, **options}).json()
    assert got["hits"] == [hit.as_dict() for hit in opened.search("mend a kettle", 3, **options)]
    assert got["hits"]


def test_a_filter_that_nothing_passes_is_said(local):
    got = local.post("/search", json={"query": "kettle", "where": {"year": "2019"}}).json()
    assert got["hits"] == []
    assert "has no texts" in got["warnings"][-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"where": {"langauge": "de"}}, "which no document has. Did you mean 'lang'?"),
        ({"where": {"year": {"=<": 3}}}, "there is no operator '=<'"),
        ({"where": "a=1; drop table"}, "';' cannot stand in a filter"),
        ({"where": 3}, "'where'"),
        ({"mode": "hybird"}, "'mode'"),
        ({"diversity": 2}, "'diversity'"),
        ({"mode": "keyword", "min_score": 0.2}, "min_score is a similarity of vectors"),
        ({"groupby": "x"}, "Did you mean 'group_by'?"),
    ],
)
def test_mistakes_are_refused_in_words(local, options, message):
    refused = local.post("/search", json={"query": "kettle", **options})
    assert refused.status_code == 422
    assert message in refused.json()["detail"]
