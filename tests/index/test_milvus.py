"""What is Milvus' own: names and aliases, databases, tokens and TLS, long documents, filters without injection."""

import base64
import subprocess
import time
from concurrent import futures
from contextlib import closing
from dataclasses import replace

import grpc
import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from semtune.errors import ConfigError, InputError
from semtune.index import manifest as manifests
from semtune.index.filters import Comparison, Not, matches
from semtune.index.legacy import OldCollection
from semtune.index.milvus import MilvusBackend, searching
from semtune.index.milvus import collection as writing
from semtune.index.open import open_collection
from semtune.index.settings import IndexSettings
from semtune.testing import toy_manifest
from semtune.testing.collection_contract.subject import numbered, whole_numbers
from semtune.types import Document

DIMENSION = 8


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return str(tmp_path_factory.mktemp("milvus") / "lite.db")


def settings_for(uri, **more):
    return IndexSettings(backend="milvus", uri=uri, **more)


def create(uri, home, count=5, **more):
    """An index folder with a collection of some documents, published."""
    made = MilvusBackend.create(home, home, settings_for(uri, **more), toy_manifest(DIMENSION, "milvus"))
    made.upsert(numbered(count), whole_numbers(count))
    made.compact()
    home.mkdir(exist_ok=True)
    manifests.write(made.manifest, home)
    return made


def names(uri):
    with closing(MilvusClient(uri=uri)) as client:
        return set(client.list_collections())


def count(uri, name):
    with closing(MilvusClient(uri=uri)) as client:
        return client.query(name, output_fields=["count(*)"])[0]["count(*)"]


def test_a_new_build_takes_the_next_letter_and_drops_the_one_before_the_last(uri, tmp_path):
    home, made = tmp_path / "my index", []
    for number in range(1, 5):
        made.append(create(uri, home, number, collection="things").manifest.collection)
        assert count(uri, "things") == number  # the alias
        assert len(names(uri) & set(made)) == min(number, 2)
    assert [name[-2:] for name in made] == ["_a", "_b", "_a", "_b"]
    assert made[0].startswith("things_")


def test_an_unfinished_build_is_dropped_and_a_moved_index_is_not(uri, tmp_path):
    first = create(uri, tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    unfinished = MilvusBackend.create(
        tmp_path / "here", tmp_path / "here", settings_for(uri), toy_manifest(DIMENSION, "milvus")
    )
    unfinished.upsert(numbered(3), whole_numbers(3))
    second = create(uri, tmp_path / "here", 2)
    assert second.manifest.collection == unfinished.manifest.collection != first.manifest.collection
    moved = open_collection(tmp_path / "there", manifests.read(tmp_path / "there"))
    with moved.snapshot() as snapshot:
        assert snapshot.count() == 5
    with second.snapshot() as snapshot:
        assert snapshot.count() == 2


def test_aliases_move_with_a_switch_and_back_and_a_collection_can_be_dropped(uri, tmp_path):
    old = create(uri, tmp_path / "old", 2, collection="moving").manifest
    new = create(uri, tmp_path / "new", 3).manifest
    assert count(uri, "moving") == 2
    MilvusBackend.switch(old, new)
    assert count(uri, "moving") == 3
    MilvusBackend.switch(new, old)
    assert count(uri, "moving") == 2
    MilvusBackend.drop(new)
    MilvusBackend.drop(new)
    assert {old.collection, new.collection} & names(uri) == {old.collection}
    with pytest.raises(InputError, match="has no collection"):
        MilvusBackend.open(tmp_path / "new", new)


def test_collections_lie_in_the_database_that_is_named(uri, tmp_path):
    with pytest.raises(InputError, match="has no database 'shelf'"):
        create(uri, tmp_path / "index", database="shelf")
    with closing(MilvusClient(uri=uri)) as client:
        client.create_database("shelf")
    made = create(uri, tmp_path / "index", 4, database="shelf")
    assert made.manifest.database == "shelf"
    assert made.manifest.collection not in names(uri)
    opened = open_collection(tmp_path / "index", manifests.read(tmp_path / "index"))
    with opened.snapshot() as snapshot:
        assert [d.id for d in snapshot.documents()] == ["d0", "d1", "d2", "d3"]


class Guard(grpc.ServerInterceptor):
    """Lets in who brings the token, as a Milvus server does."""

    def __init__(self, token):
        self.word = base64.b64encode(token.encode()).decode()

    def intercept_service(self, continuation, details):
        if dict(details.invocation_metadata).get("authorization") == self.word:
            return continuation(details)

        def refuse(_request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check username and password")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture
def guarded(tmp_path):
    """A server that speaks TLS and wants a token: its address and certificate."""
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    database = MilvusLite(str(tmp_path / "guarded.db"))
    server = grpc.server(futures.ThreadPoolExecutor(2), interceptors=[Guard("root:secret word")])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    port = server.add_secure_port("localhost:0", credentials)
    server.start()
    yield f"https://localhost:{port}", str(certificate)
    server.stop(0).wait()
    database.close()


def test_a_server_with_token_and_tls_is_used_and_the_token_is_written_nowhere(guarded, tmp_path, monkeypatch):
    address, certificate = guarded
    with pytest.raises(InputError, match=r"wants a token, and that in \$SEMTUNE_MILVUS_TOKEN is missing"):
        create(address, tmp_path / "index", tls_ca=certificate)
    monkeypatch.setenv("MY_TOKEN", "root:wrong")
    with pytest.raises(InputError, match=r"wants a token, and that in \$MY_TOKEN was refused"):
        create(address, tmp_path / "index", tls_ca=certificate, token_env="MY_TOKEN")
    monkeypatch.setenv("MY_TOKEN", "root:secret word")
    with pytest.raises(InputError, match="No Milvus server answers"):
        create(address, tmp_path / "index", token_env="MY_TOKEN")  # the certificate is nobody's
    made = create(address, tmp_path / "index", 7, tls_ca=certificate, token_env="MY_TOKEN")
    made.close()
    text = (tmp_path / "index" / "manifest.json").read_text()
    assert "secret" not in text
    assert '"MY_TOKEN"' in text
    opened = open_collection(tmp_path / "index", manifests.read(tmp_path / "index"))
    with opened.snapshot() as snapshot:
        assert snapshot.count() == 7
    opened.close()
    with pytest.raises(InputError, match="There is no file"):
        MilvusBackend.open(tmp_path, replace(made.manifest, tls_ca=str(tmp_path / "none.pem")))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"uri": "https://root:secret@host:19530"}, r"must not hold a password.*\$SEMTUNE_MILVUS_TOKEN"),
        ({"uri": "https://host", "tls_key": "key.pem"}, "it needs tls_key"),
        ({"uri": "https://host", "tls_key": "key.pem", "tls_certificate": "c.pem"}, "needed beside tls_certificate"),
    ],
)
def test_settings_with_secrets_or_half_of_a_certificate_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        IndexSettings(backend="milvus", **settings)


def test_what_is_too_long_is_refused_before_anything_is_written(uri, tmp_path, monkeypatch):
    made = create(uri, tmp_path / "index", 2)
    fine = Document("fine", "x")
    with pytest.raises(InputError, match=r"has 4,098 bytes in UTF-8, but Milvus takes at most 4,096"):
        made.upsert([fine, Document("ä" * 2049, "x")], whole_numbers(2))
    monkeypatch.setattr("semtune.index.milvus.schema.PIECES", 2)
    with pytest.raises(InputError, match=r"'long' has 140,\d+ bytes as JSON, but Milvus takes at most 131,070"):
        made.upsert([fine, Document("long", "x" * 140_000)], whole_numbers(2))
    made.upsert([Document("ä" * 2048, "x" * 131_000)], whole_numbers(1))
    with made.snapshot() as snapshot:
        assert snapshot.get(["fine", "ä" * 2048]) == [None, Document("ä" * 2048, "x" * 131_000)]


def test_above_the_limit_a_server_chooses_the_index_and_no_answer_changes(uri, tmp_path, monkeypatch):
    made = create(uri, tmp_path / "index", 300)
    assert made.manifest.index_type == "FLAT"
    monkeypatch.setattr(writing, "EXACT_UP_TO", 100)
    made.compact()
    assert made.manifest.index_type == "FLAT"  # milvus-lite: its graph misses much where a filter leaves few
    monkeypatch.setattr("semtune.index.milvus.schema.is_lite", lambda client: False)
    with made.snapshot() as snapshot:
        before = snapshot.search(whole_numbers(5, seed=1), 10, Comparison("even", "=", True))
    made.compact()
    assert made.manifest.index_type == "AUTOINDEX"
    with made.snapshot() as snapshot:
        after = snapshot.search(whole_numbers(5, seed=1), 10, Comparison("even", "=", True))
    assert [[m.score for m in one] for one in after] == [[m.score for m in one] for one in before]


def test_what_a_request_cannot_return_is_compared_one_by_one(uri, tmp_path, monkeypatch):
    made = create(uri, tmp_path / "index", 200)
    where = Comparison("number", ">=", 20)
    with made.snapshot() as snapshot:
        asked = whole_numbers(3, seed=1)
        want = [snapshot.search(asked, k, where) for k in (5, 150)]
        monkeypatch.setattr(searching, "MOST", 20)
        assert [snapshot.search(asked, k, where) for k in (5, 150)] == want


def test_collections_of_rows_from_before_still_answer(uri, tmp_path):
    from semtune.index.documents import write_store

    documents, vectors = numbered(20), whole_numbers(20)
    with closing(MilvusClient(uri=uri)) as client:
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
        schema.add_field("row", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
        index = client.prepare_index_params()
        index.add_index(field_name="vector", index_type="FLAT", metric_type="IP")
        client.create_collection("of_before_a", schema=schema, index_params=index)
        rows = [{"id": d.id, "row": i, "vector": vectors[i].tolist()} for i, d in enumerate(documents)]
        client.insert("of_before_a", rows)
    write_store(documents, tmp_path)
    manifest = replace(toy_manifest(DIMENSION, "milvus"), uri=uri, collection="of_before_a", count=20)
    opened = open_collection(tmp_path, manifest)
    assert isinstance(opened, OldCollection)
    with opened.snapshot() as snapshot:
        (found,) = snapshot.search(vectors[4:5], 3)
        np.testing.assert_array_equal([m.score for m in found], -np.sort(-(vectors @ vectors[4]))[:3])
    opened.close()
    with pytest.raises(InputError, match="holds 20 vectors, but its index expects 21: something else changed it"):
        open_collection(tmp_path, replace(manifest, count=21))


def test_documents_that_no_expression_reaches_are_filtered_all_the_same(uri, tmp_path):
    odd = [
        Document("big", "x", metadata={"n": 2**70, "lang": "de"}),
        Document("many", "x", metadata={"n": list(range(5000)), "lang": "de"}),
        Document("long", "x", metadata={"n": 3, "lang": "de", "text": "ä" * 70_000}),
        Document("plain", "x", metadata={"n": 3, "lang": "en"}),
    ]
    made = create(uri, tmp_path / "index", 0)
    made.upsert(odd, whole_numbers(4))
    with made.snapshot() as snapshot:
        for where in (
            Comparison("n", ">", 2**69), Comparison("n", ">", 2), Comparison("n", "=", 4999), Comparison("n", "!=", 3),
            Comparison("lang", "=", "de"), Not(Comparison("n", "<", 1)), Comparison("n", "<", float("inf")),
        ):  # fmt: skip
            passing = {d.id for d in odd if matches(where, d.metadata)}
            assert snapshot.count(where) == len(passing)
            assert {m.id for m in snapshot.search(whole_numbers(1), 10, where)[0]} == passing


@pytest.mark.slow
def test_it_answers_after_a_pause(uri, tmp_path):
    """Idle for longer than a gRPC server of default settings forgives a client that pings every ten seconds."""
    made = create(uri, tmp_path / "index", 8)
    time.sleep(60)
    with made.snapshot() as snapshot:
        assert snapshot.count() == 8
