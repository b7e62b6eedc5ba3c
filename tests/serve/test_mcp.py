"""`semtune mcp`: the tools as the SDK's own client sees them."""

import asyncio

import pytest

pytest.importorskip("mcp", reason="needs the extra mcp")

from mcp import Client

from chat_index import DOCUMENTS, LONG, QUESTION, cosines, make_index
from mcp_client import refused, talk, text
from semtune.encoders.load import load_encoder
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.search.following import follow_searcher
from semtune.serve.mcp.schemas import PAGE, SHOWN
from semtune.serve.mcp.server import mcp_server
from semtune.types import Document


@pytest.fixture
def ask():
    """(index, *calls) → the results of tool calls, through the SDK's client in this process."""

    def run(index, *calls):
        followed = follow_searcher(index)
        try:
            return asyncio.run(talk(mcp_server(followed, "semtune-test"), *calls))
        finally:
            followed.close()

    return run


def test_search_gives_what_the_vectors_say_with_sources(ask, calibrated_index, chat_model):
    (result,) = ask(calibrated_index, ("search", {"query": QUESTION, "k": 3}))
    found = result.structured_content
    expected = cosines(chat_model, QUESTION)
    best = sorted(expected, key=lambda id_: -expected[id_])[:3]
    assert [hit["id"] for hit in found["results"]] == best
    assert [hit["score"] for hit in found["results"]] == pytest.approx([expected[id_] for id_ in best], abs=1e-5)
    assert found["answered"] is True
    assert found["mode"] == "dense"
    first = found["results"][0]
    assert (first["id"], first["title"], first["source"]) == ("kettle#clean", "Cleaning the kettle", "kettle.md")
    assert first["headings"] == ["The kettle", "Cleaning the kettle"]
    assert first["text"] == DOCUMENTS[0].text
    assert not first["cut"]
    assert first["probability"] == pytest.approx(1 / (1 + 2.718281828 ** -(10 * first["score"] - 5)), abs=1e-6)
    shown = text(result)
    assert "[1] Cleaning the kettle\nid: kettle#clean\nsource: kettle.md > The kettle > Cleaning the kettle\n" in shown
    assert DOCUMENTS[0].text in shown


def test_below_the_floor_the_answer_is_not_in_these_documents(ask, calibrated_index, chat_model):
    query = "telescope telescope sundial"
    best = max(cosines(chat_model, query).values())
    floor = sum(sorted(cosines(chat_model, QUESTION).values())[-2:]) / 2
    assert best < floor
    (result,) = ask(calibrated_index, ("search", {"query": query}))
    found = result.structured_content
    assert found["answered"] is False
    assert found["results"] == []
    assert found["floor"]["name"] == "best-f1"
    assert found["floor"]["score"] == pytest.approx(floor, abs=1e-5)
    assert text(result) == found["message"]
    assert found["message"] == (
        f"Not in these documents: the best passage scores {best:.3f}, and passages that answer score {floor:.3f} or "
        "more (best-f1)."
    )


def test_without_calibration_no_floor_is_known_and_it_says_so(ask, plain_index):
    (result,) = ask(plain_index, ("search", {"query": "telescope telescope sundial"}))
    found = result.structured_content
    assert found["answered"] is None
    assert found["floor"] is None
    assert len(found["results"]) == 5
    assert {hit["probability"] for hit in found["results"]} == {None}
    assert found["message"].startswith("No floor is known: the model ")
    assert text(result).startswith(found["message"])


def test_words_have_no_floor_and_no_word_is_no_answer(ask, calibrated_index):
    by_words, nothing = ask(
        calibrated_index,
        ("search", {"query": "lantern", "mode": "keyword"}),
        ("search", {"query": "zeppelin", "mode": "keyword"}),
    )
    assert [hit["id"] for hit in by_words.structured_content["results"]] == ["lantern"]
    assert by_words.structured_content["answered"] is None
    assert by_words.structured_content["floor"] is None
    assert nothing.structured_content["answered"] is False
    assert text(nothing) == "Not in these documents: nothing was found."


@pytest.mark.parametrize("where", [{"year": {">=": 2024}}, '{"year": {">=": 2024}}', "year>=2024"])
def test_filters_are_objects_their_text_or_expressions(ask, plain_index, where):
    (result,) = ask(plain_index, ("search", {"query": QUESTION, "where": where}))
    assert {hit["id"] for hit in result.structured_content["results"]} == {"lantern", "web"}


def test_addresses_are_those_of_the_web_only(ask, plain_index):
    (result,) = ask(plain_index, ("search", {"query": QUESTION}))
    urls = {hit["id"]: hit["url"] for hit in result.structured_content["results"]}
    assert (urls["web"], urls["script"]) == ("https://example.org/violin", None)
    assert "javascript" not in text(result)


def test_fetch_gives_the_whole_document_that_search_shows_the_beginning_of(ask, plain_index):
    shown, read, all_of_it = ask(
        plain_index,
        ("search", {"query": "keep the kettle in a dry cupboard", "where": "lang=en"}),
        ("fetch", {"id": "kettle#clean"}),
        ("fetch", {"id": "long"}),
    )
    hit = shown.structured_content["results"][0]
    assert (hit["text"], hit["cut"]) == (LONG[:SHOWN], True)
    assert "… (fetch gives all of it)" in text(shown)
    assert all_of_it.structured_content["text"] == LONG
    assert all_of_it.structured_content["next_offset"] is None
    document = read.structured_content
    assert {key: document[key] for key in ("id", "title", "text", "metadata", "url")} == {
        "id": "kettle#clean", "title": DOCUMENTS[0].title, "text": DOCUMENTS[0].text,
        "metadata": dict(DOCUMENTS[0].metadata), "url": None,
    }  # fmt: skip


def test_a_very_long_document_is_fetched_in_parts_that_join_to_the_whole(ask, chat_model, tmp_path):
    whole = "".join(f"word {n} " for n in range(30_000))
    index = make_index(tmp_path, chat_model, documents=[Document("book", whole), *DOCUMENTS])
    parts, offset = [], 0
    while offset is not None:
        (result,) = ask(index, ("fetch", {"id": "book", "offset": offset}))
        parts.append(result.structured_content["text"])
        offset = result.structured_content["next_offset"]
        assert offset is None or f"fetch with offset {offset}" in text(result)
    assert "".join(parts) == whole
    assert len(parts) == -(-len(whole) // PAGE)
    (beyond,) = ask(index, ("fetch", {"id": "book", "offset": len(whole)}))
    assert "characters; offset is" in refused(beyond)


def test_similar_is_what_the_searcher_says(ask, plain_index):
    followed = follow_searcher(plain_index)
    expected = [(hit.id, hit.score) for hit in followed.value.more_like_this("kettle#clean", 2)]
    followed.close()
    (result,) = ask(plain_index, ("similar", {"id": "kettle#clean", "k": 2}))
    found = result.structured_content["results"]
    assert [(hit["id"], hit["score"]) for hit in found] == expected
    assert {hit["probability"] for hit in found} == {None}


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search", {"query": "x", "top_k": 5}, "unknown key 'top_k'. Allowed: query, k, where, mode"),
        ("search", {}, "'query' is missing"),
        ("search", {"query": ""}, "The query is empty. Give at least one word."),
        ("search", {"query": " "}, "The query is empty. Give at least one word."),
        ("search", {"query": "a" * 32_769}, "The query has 32,769 characters; the limit is 32,768. Shorten it."),
        ("search", {"query": "x", "k": 0}, "k: input should be greater than or equal to 1 (found 0)"),
        ("search", {"query": "x", "k": 10**9}, "less than or equal to 50"),
        ("search", {"query": "x", "mode": "densee"}, "Did you mean 'dense'?"),
        ("search", {"query": "x", "where": "yeer=2020"}, "'yeer', which no document has. Did you mean 'year'?"),
        ("search", {"query": "x", "where": "{broken"}, "begins like JSON, but it is not valid JSON"),
        ("search", {"query": "x", "where": 5}, "where: a filter is an object or a text (found 5)"),
        ("search", {"query": 5}, "query: input should be a valid string"),
        ("search", {"query": "\ud800"}, "surrogate"),
        ("fetch", {"id": "nowhere"}, "There is no document 'nowhere'. Give the id of a result of search, unchanged."),
        ("fetch", {"id": ""}, "There is no document ''."),
        ("fetch", {"id": "long", "offset": -1}, "offset: "),
        ("similar", {"id": "nowhere"}, "no document 'nowhere'"),
        ("serch", {"query": "x"}, "There is no tool 'serch'. Allowed: search, fetch, similar. Did you mean 'search'?"),
    ],
)
def test_mistakes_are_told_in_words_and_the_next_call_works(plain_index, tool, arguments, words):
    from semtune.serve.mcp.server import call

    followed = follow_searcher(plain_index)
    try:
        assert words in refused(call(followed, tool, arguments))
        assert not call(followed, "search", {"query": QUESTION}).is_error
    finally:
        followed.close()


def test_a_bug_is_no_traceback_for_the_model(plain_index, monkeypatch, caplog):
    from semtune.serve.mcp.server import call

    followed = follow_searcher(plain_index)
    monkeypatch.setattr(type(followed.value), "answer", lambda *_: 1 / 0)
    try:
        assert refused(call(followed, "search", {"query": QUESTION})).startswith("Internal error.")
    finally:
        followed.close()
    assert "ZeroDivisionError" in caplog.text


def test_the_tools_are_described_with_the_fields_of_the_index(plain_index):
    followed = follow_searcher(plain_index)

    async def listed():
        async with Client(mcp_server(followed, "semtune-test")) as client:
            return (await client.list_tools()).tools

    try:
        tools = asyncio.run(listed())
    finally:
        followed.close()
    assert tools[0].description.endswith(
        "There are 5 passages. Fields for where: headings, lang, source, span, url, year."
    )
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert {"query", "k", "where", "mode"} == set(tools[0].input_schema["properties"])


def test_another_version_of_the_index_is_picked_up(chat_model, tmp_path):
    index = make_index(tmp_path, chat_model)
    followed = follow_searcher(index, every=0.01)

    async def until_there():
        async with Client(mcp_server(followed, "semtune-test")) as client:
            before = await client.call_tool("search", {"query": QUESTION, "k": 50})
            build_index([DOCUMENTS[1]], load_encoder(str(chat_model)), chat_model, index, IndexSettings())
            for _ in range(500):
                after = await client.call_tool("search", {"query": QUESTION, "k": 50})
                if len(after.structured_content["results"]) == 1:
                    return before, after
                await asyncio.sleep(0.02)
            raise AssertionError("the index was not opened again")

    try:
        before, after = asyncio.run(until_there())
    finally:
        followed.close()
    assert len(before.structured_content["results"]) == 5
    assert after.structured_content["results"][0]["id"] == "lantern"
