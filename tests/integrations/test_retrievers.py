"""The retrievers and embeddings for LangChain and LlamaIndex, with the real packages, from a folder and a server."""

import asyncio
import threading

import httpx
import numpy as np
import pytest
import uvicorn

pytest.importorskip("langchain_core", reason="needs the extra langchain")
pytest.importorskip("llama_index.core", reason="needs the extra llamaindex")

from chat_index import DOCUMENTS, QUESTION, cosines
from semtune.encoders.load import load_encoder
from semtune.errors import ConfigError, InputError, SemtuneError
from semtune.integrations.langchain import SemtuneEmbeddings
from semtune.integrations.langchain import SemtuneRetriever as LangChainRetriever
from semtune.integrations.llamaindex import SemtuneEmbedding
from semtune.integrations.llamaindex import SemtuneRetriever as LlamaRetriever
from semtune.integrations.passages import ServerError, facts, judged, open_passages
from semtune.search.options import SearchOptions
from semtune.serve.app import create_app
from semtune.serve.open import Target, open_catalogue
from semtune.serve.server import listen, url
from semtune.types import Hit

AWAY = "telescope telescope sundial"


@pytest.fixture(scope="module")
def address(calibrated_index):
    """A server of two indexes: the second is named "other"."""
    catalogue = open_catalogue([Target(str(calibrated_index), "first"), Target(str(calibrated_index), "other")])
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(catalogue), log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield url(listener)
    server.should_exit = True
    thread.join(20)
    catalogue.close()


@pytest.fixture(params=["folder", "server", "named"])
def place(request, calibrated_index):
    if request.param == "folder":
        return str(calibrated_index)
    return request.getfixturevalue("address") + ("/?index=other" if request.param == "named" else "")


def best(chat_model, k):
    expected = cosines(chat_model, QUESTION)
    return [(id_, expected[id_]) for id_ in sorted(expected, key=lambda each: -expected[each])[:k]]


def test_langchain_retrieves_what_the_vectors_say(place, chat_model):
    retriever = LangChainRetriever(index=place, k=3)
    found = retriever.invoke(QUESTION)
    assert [document.id for document in found] == [id_ for id_, _ in best(chat_model, 3)]
    np.testing.assert_allclose([d.metadata["score"] for d in found], [s for _, s in best(chat_model, 3)], atol=1e-5)
    first = found[0]
    assert first.page_content == DOCUMENTS[0].text
    assert first.metadata["title"] == DOCUMENTS[0].title
    assert first.metadata["source"] == "kettle.md"
    assert first.metadata["headings"] == ["The kettle", "Cleaning the kettle"]
    assert 0 < first.metadata["probability"] < 1
    assert [d.id for d in asyncio.run(retriever.ainvoke(QUESTION))] == [d.id for d in found]
    retriever.close()


def test_llamaindex_retrieves_what_the_vectors_say(place, chat_model):
    retriever = LlamaRetriever(place, 3)
    found = retriever.retrieve(QUESTION)
    assert [each.node.node_id for each in found] == [id_ for id_, _ in best(chat_model, 3)]
    np.testing.assert_allclose([each.score for each in found], [s for _, s in best(chat_model, 3)], atol=1e-5)
    first = found[0].node
    assert first.text == DOCUMENTS[0].text
    assert first.metadata["source"] == "kettle.md"
    shown = first.get_content(metadata_mode="llm")
    assert "source: kettle.md" in shown
    assert "score:" not in shown
    assert [each.node.node_id for each in asyncio.run(retriever.aretrieve(QUESTION))] == [
        each.node.node_id for each in found
    ]
    retriever.close()


def test_filters_and_the_floor_are_those_of_the_search(place):
    for where in ("year>=2024", {"year": {">=": 2024}}):
        chain, llama = LangChainRetriever(index=place, where=where), LlamaRetriever(place, where=where)
        assert {d.id for d in chain.invoke(QUESTION)} == {"lantern", "web"}
        assert {each.node.node_id for each in llama.retrieve(QUESTION)} == {"lantern", "web"}
        chain.close()
        llama.close()
    chain = LangChainRetriever(index=place, min_score="best-f1")
    assert [d.id for d in chain.invoke(QUESTION)] == ["kettle#clean"]
    assert chain.invoke(AWAY) == []
    chain.close()
    llama = LlamaRetriever(place, min_score="best-f2")
    with pytest.raises(InputError, match="no threshold 'best-f2'"):
        llama.retrieve(QUESTION)
    llama.close()


def test_what_answers_is_judged_by_the_floor(place):
    passages = open_passages(place)
    assert judged(passages, QUESTION, SearchOptions(k=2)).answered is True
    away = judged(passages, AWAY, SearchOptions(k=2))
    assert (len(away.hits), away.answered) == (2, False)
    assert judged(passages, "lantern", SearchOptions(mode="keyword")).answered is None
    assert judged(passages, "zeppelin", SearchOptions(mode="keyword")) == ([], False)
    passages.close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, '{"detail": "No index is served here."}', "answered 404: No index is served here."),
        (401, '{"detail": "Give a key."}', "answered 401: Give a key."),
        (429, '{"detail": "busy"}', "answered 429: busy"),
        (502, "<html>bad gateway</html>", "answered 502: <html>bad gateway</html>"),
        (200, "<html>hello</html>", "did not answer with hits: '<html>hello</html>'. Is it `semtune serve`"),
        (200, "[]", "did not answer with hits"),
        (200, '{"hits": [{"id": "a"}]}', "did not answer with hits"),
    ],
)
def test_a_bad_server_is_told_in_words(monkeypatch, status, body, words):
    passages = open_passages("http://127.0.0.1:9", "secret")
    sent = []

    def answer(request):
        sent.append(request)
        return httpx.Response(status, text=body)

    passages._http = httpx.Client(transport=httpx.MockTransport(answer), headers=passages._http.headers)
    with pytest.raises(ServerError) as failed:
        passages.search(QUESTION, SearchOptions())
    assert words in str(failed.value)
    assert "secret" not in str(failed.value)
    assert sent[0].headers["authorization"] == "Bearer secret"
    assert str(sent[0].url) == "http://127.0.0.1:9/search"


def test_nobody_there_a_wrong_address_and_a_key_for_a_folder(calibrated_index, tmp_path):
    with pytest.raises(
        ServerError, match=r"http://127.0.0.1:9/search cannot be reached: .* Is `semtune serve` running"
    ):
        LangChainRetriever(index="http://127.0.0.1:9").invoke(QUESTION)
    for wrong in ("http://host:port", "http://", "https:///search"):
        with pytest.raises(ConfigError, match="is not the address of a server"):
            open_passages(wrong)
    with pytest.raises(ConfigError, match="api_key is for a server"):
        open_passages(calibrated_index, "secret")
    with pytest.raises(SemtuneError, match="There is no folder"):
        LlamaRetriever(str(tmp_path / "none"))


def test_fields_of_the_index_are_kept_beside_title_and_score():
    made = facts(Hit("a", 0.5, "text", "title", {"score": 7, "title": "old", "probability": "high", "lang": "de"}))
    assert made == {
        "document_score": 7, "document_title": "old", "probability": "high", "lang": "de", "title": "title", "score": 0.5
    }  # fmt: skip


def test_embeddings_are_the_encoders_with_the_prompt_of_each_role(exported):
    folder = exported("dense").folder  # has prompts
    encoder = load_encoder(str(folder))
    texts = ["a kettle", "light the lantern"]
    documents, query = encoder.encode(texts).vectors, encoder.encode(["a kettle"], "query").vectors[0]
    assert not np.allclose(documents[0], query)
    chain, llama = SemtuneEmbeddings(str(folder)), SemtuneEmbedding(str(folder))
    np.testing.assert_allclose(chain.embed_documents(texts), documents, atol=1e-6)
    np.testing.assert_allclose(chain.embed_query("a kettle"), query, atol=1e-6)
    np.testing.assert_allclose(llama.get_text_embedding_batch(texts), documents, atol=1e-6)
    np.testing.assert_allclose(llama.get_text_embedding("a kettle"), documents[0], atol=1e-6)
    np.testing.assert_allclose(llama.get_query_embedding("a kettle"), query, atol=1e-6)
    np.testing.assert_allclose(asyncio.run(llama.aget_query_embedding("a kettle")), query, atol=1e-6)
    assert chain.embed_documents([]) == []


def test_langchains_openai_embeddings_work_where_they_send_texts(address, chat_model):
    openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai")
    encoder = load_encoder(str(chat_model))
    texts = ["a kettle", "light the lantern"]
    for name, role in (("first:document", "document"), ("first:query", "query")):
        made = openai.OpenAIEmbeddings(
            base_url=f"{address}/v1", api_key="none", model=name, check_embedding_ctx_length=False
        )
        np.testing.assert_allclose(made.embed_documents(texts), encoder.encode(texts, role).vectors, atol=1e-5)
        np.testing.assert_allclose(
            made.embed_query("a kettle"), encoder.encode(["a kettle"], role).vectors[0], atol=1e-5
        )
