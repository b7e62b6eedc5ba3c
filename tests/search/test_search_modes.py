"""Search by vectors, words and both; filters, groups, diversity, highlights and explanations, against hand-worked cases."""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_collection import MemoryCollection

from semtune.contract import Calibration
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, InputError, ModelError
from semtune.index.collection import Match
from semtune.index.filters import matches
from semtune.index.fusion import Fusion, fuse
from semtune.index.open import create_collection
from semtune.index.settings import IndexSettings
from semtune.index.where import parse_text
from semtune.search import highlight
from semtune.search.arrange import diverse, group_of, grouped
from semtune.search.candidates import Candidate
from semtune.search.mode import chosen_mode, parse_mode
from semtune.search.searcher import Searcher, SearchOptions
from semtune.types import Document

WORDS = ["kettle", "lantern", "violin", "anvil", "barrel", "candle", "mirror", "ladder", "basket", "hammer"]


def documents(n=60, seed=3):
    rng = np.random.default_rng(seed)
    made = []
    for number in range(n):
        words = rng.choice(WORDS, 6)
        text = (
            f"The {words[0]} is {words[1]}. We keep a {words[2]} here! Mend {words[3]} with {words[4]} and {words[5]}."
        )
        made.append(
            Document(
                f"page{number // 4}.md#{number}",
                text,
                str(words[0]),
                {"lang": "de" if number % 3 else "en", "year": 2000 + number % 7, "source": f"page{number // 4}.md"},
            )
        )
    return made


class Asymmetric(ToyEncoder):
    """A toy whose queries have other vectors than documents, and which counts what it embeds."""

    def __init__(self):
        super().__init__(64)
        self.embedded = []

    def encode(self, texts, role="document", progress=None):
        self.embedded += [(role, text) for text in texts]
        return super().encode([f"{text} kettle" if role == "query" else text for text in texts], role)


@pytest.fixture
def encoder():
    return Asymmetric()


@pytest.fixture(params=["memory", "local"])
def collection(request, encoder, tmp_path):
    docs = documents()
    vectors = ToyEncoder(64).encode([d.content for d in docs]).vectors
    made = MemoryCollection(docs, vectors, encoder.contract)
    if request.param == "local":
        settings, manifest = IndexSettings(), replace(made.manifest, backend="local", count=0)
        made = create_collection(tmp_path, tmp_path, settings, manifest)
        made.upsert(docs, vectors)
        made.compact()
    yield made
    made.close()


@pytest.fixture
def searcher(encoder, collection):
    return Searcher(encoder, collection)


def ids(hits):
    return [hit.id for hit in hits]


QUERY = "mend the violin with a hammer"


def rankings(searcher, encoder, query=QUERY, depth=100):
    vector = encoder.encode([query], "query").vectors
    with searcher.collection.snapshot() as snapshot:
        return snapshot.search(vector, depth)[0], snapshot.keyword_search([query], depth)[0], vector[0]


def stored(searcher, wanted):
    with searcher.collection.snapshot() as snapshot:
        return snapshot.vectors(wanted)


def test_dense_hits_are_those_of_exact_search(searcher, encoder):
    dense, _, _ = rankings(searcher, encoder)
    hits = searcher.search(QUERY, k=7, mode="dense")
    assert [(hit.id, hit.score) for hit in hits] == [tuple(match) for match in dense[:7]]
    assert hits == searcher.search(QUERY, k=7)  # an index that remembers nothing is searched by vectors


def test_keyword_hits_have_the_scores_of_bm25(searcher, encoder):
    _, keyword, _ = rankings(searcher, encoder)
    hits = searcher.search(QUERY, k=7, mode="keyword")
    assert [(hit.id, hit.score) for hit in hits] == [tuple(match) for match in keyword[:7]]
    assert all(hit.probability is None for hit in hits)


def reference_rrf(dense, keyword, k=60):
    ranks = [{m.id: rank for rank, m in enumerate(ranked, 1)} for ranked in (dense, keyword)]
    return {i: sum(1 / (k + r[i]) for r in ranks if i in r) for i in {**ranks[0], **ranks[1]}}


def test_hybrid_fuses_both_rankings_and_keeps_the_similarity_as_score(searcher, encoder):
    dense, keyword, vector = rankings(searcher, encoder)
    want = reference_rrf(dense, keyword)
    hits = searcher.search(QUERY, k=30, mode="hybrid")
    got = [want[hit.id] for hit in hits]
    assert got == pytest.approx(sorted(want.values(), reverse=True)[:30])
    similar = stored(searcher, ids(hits)) @ vector
    assert [hit.score for hit in hits] == pytest.approx(similar.tolist(), abs=1e-6)


def test_a_hit_found_by_its_words_alone_has_the_similarity_of_its_vector(encoder):
    docs = documents(160)
    vectors = encoder.encode([d.content for d in docs]).vectors
    query = encoder.encode(["barrel"], "query").vectors[0]
    docs.append(Document("odd", "barrel barrel barrel", "", {"lang": "de"}))
    far = -query  # the vector is as far from the query as can be, the words are its own
    searcher = Searcher(encoder, MemoryCollection(docs, np.vstack([vectors, far]), encoder.contract))
    dense = searcher.collection.search(query[None], 100)[0]
    assert "odd" not in [match.id for match in dense]
    hits = searcher.search("barrel", k=100, mode="hybrid", explain=True)
    odd = next(hit for hit in hits if hit.id == "odd")
    assert odd.score == pytest.approx(-1.0)
    assert odd.explain["dense"] == {"rank": None, "score": odd.score}
    assert odd.explain["keyword"]["rank"] == 1
    assert "odd" not in ids(searcher.search("barrel", k=100, mode="hybrid", min_score=0.0))


@settings(deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=0, max_size=8),
    st.lists(st.floats(0.1, 30), min_size=0, max_size=8),
    st.sampled_from([None, 0.0, 0.3, 1.0]),
)
def test_fused_scores(vectors, words, weight):
    dense = [Match(f"d{n}" if n % 2 else f"{n}", s) for n, s in enumerate(sorted(vectors, reverse=True))]
    keyword = [Match(f"k{n}" if n % 2 else f"{n}", s) for n, s in enumerate(sorted(words, reverse=True))]
    got = fuse(dense, keyword, Fusion(weight))
    if weight is None:
        want = reference_rrf(dense, keyword)
    else:
        low, high = (dense[-1].score, dense[0].score) if dense else (0, 0)
        a = {m.id: weight * ((m.score - low) / (high - low) if high > low else 1) for m in dense}
        b = {m.id: (1 - weight) * m.score / keyword[0].score for m in keyword}
        want = {i: a.get(i, 0) + b.get(i, 0) for i in {**a, **b}}
    assert dict(got) == pytest.approx(want)
    assert [m.score for m in got] == sorted((m.score for m in got), reverse=True)


def test_the_fusion_of_the_manifest_is_used(encoder, collection):
    collection.manifest = replace(collection.manifest, search_mode="hybrid", fusion={"weight": 0.25})
    searcher = Searcher(encoder, collection)
    dense, keyword, _ = rankings(searcher, encoder)
    hits = searcher.search(QUERY, k=9, explain=True)
    assert ids(hits) == [match.id for match in fuse(dense, keyword, Fusion(0.25))][:9]
    assert hits[0].explain["fusion"]["method"] == "weighted sum"
    assert hits[0].explain["fusion"]["weight"] == 0.25
    assert Fusion.of(Fusion(0.25).as_dict()) == Fusion(0.25)
    assert Fusion.of(Fusion().as_dict()) == Fusion.of({}) == Fusion()


def test_auto_is_what_the_index_remembers(collection):
    kept = replace(collection.manifest, search_mode="hybrid")
    assert chosen_mode("auto", kept, True) == "hybrid"
    assert chosen_mode("auto", kept, False) == "dense"
    assert chosen_mode("keyword", kept, True) == "keyword"
    assert chosen_mode("auto", collection.manifest, True) == "dense"
    with pytest.raises(InputError, match=r"no full text \(its back-end is \w+\), so mode hybrid cannot be used"):
        chosen_mode("hybrid", kept, False)
    with pytest.raises(
        ConfigError, match=r"no search mode 'hybird'\. Allowed: auto, dense, keyword, hybrid. Did you mean"
    ):
        parse_mode("hybird")


def test_keyword_search_needs_no_model(collection):
    searcher = Searcher(None, collection, mode="keyword")
    assert searcher.search(QUERY, k=3, highlight=True)
    with pytest.raises(ModelError, match="opened for mode keyword, without its model"):
        _ = searcher.encoder
    with pytest.raises(ModelError, match="without its model"):
        searcher.search(QUERY, mode="dense")


def test_min_score_is_about_vectors(searcher):
    with pytest.raises(InputError, match="min_score is a similarity of vectors, and mode keyword compares none"):
        searcher.search(QUERY, mode="keyword", min_score=0.2)
    for mode in ("dense", "hybrid"):
        every = searcher.search(QUERY, k=60, mode=mode)
        floor = sorted(hit.score for hit in every)[30]
        assert ids(searcher.search(QUERY, k=60, mode=mode, min_score=floor)) == ids(
            [hit for hit in every if hit.score >= floor]
        )


def test_probabilities_are_of_the_similarity(encoder, collection):
    curve = Calibration(9.0, -3.0, "x")
    encoder.contract = replace(encoder.contract, calibration=curve)
    for hit in Searcher(encoder, collection).search(QUERY, k=20, mode="hybrid"):
        assert hit.probability == pytest.approx(1 / (1 + math.exp(-(9 * hit.score - 3))))


@pytest.mark.parametrize("mode", ["dense", "keyword", "hybrid"])
@pytest.mark.parametrize(
    "where", ["lang=de and year>=2004", "year in (2001, 2003)", "not lang=en", "year=2000 and lang=en"]
)
def test_filters_hold_in_every_mode(searcher, mode, where):
    hits = searcher.search(QUERY, k=60, mode=mode, where=where)
    tree = parse_text(where)
    assert hits
    assert all(matches(tree, hit.metadata) for hit in hits)
    if mode != "keyword":
        assert {hit.id for hit in hits} == {d.id for d in documents() if matches(tree, d.metadata)}
    assert hits == searcher.search(QUERY, k=60, mode=mode, where=tree)


def test_a_field_that_no_document_has_is_refused(searcher):
    with pytest.raises(
        InputError, match=r"the field 'langauge', which no document has\. Did you mean 'lang'. Fields of the"
    ):
        searcher.search(QUERY, where="langauge=de")
    with pytest.raises(InputError, match="character 4"):
        searcher.search(QUERY, where="a=1; drop table")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("lang=fr", "No document passes the filter."),
        ("year='2003'", "the field 'year' has no texts, and '2003' is one"),
        ("lang>3", "the field 'lang' has no numbers. Compare it with a text: lang>\"3\""),
    ],
)
def test_a_filter_that_nothing_passes_is_explained(searcher, where, words):
    answer = searcher.answer(QUERY, SearchOptions(where=where))
    assert answer.hits == []
    assert words in answer.warnings[-1]


def test_groups(searcher):
    hits = searcher.search(QUERY, k=60, group_by="document")
    every = searcher.search(QUERY, k=60)
    assert len(hits) == 15
    first = {}
    for hit in every:
        first.setdefault(hit.metadata["source"], hit)
    assert ids(hits) == ids(list(first.values()))
    assert all(hit.others == 3 for hit in hits)
    years = searcher.search(QUERY, k=3, group_by="year")
    assert len({hit.metadata["year"] for hit in years}) == 3


def test_a_group_or_mode_that_is_not_there_is_refused(searcher):
    with pytest.raises(
        InputError, match=r"group_by names the field 'yaer', which no document has\. Did you mean 'year'"
    ):
        searcher.search(QUERY, group_by="yaer")
    with pytest.raises(ConfigError, match="no search mode 'hybird'"):
        searcher.search(QUERY, mode="hybird")


def test_more_candidates_are_found_where_groups_are_few(encoder):
    docs = [Document(f"a#{n}", f"kettle {n}", "", {"source": "a"}) for n in range(300)]
    docs += [Document(f"b#{n}", "lantern", "", {"source": "b"}) for n in range(3)]
    vectors = encoder.encode([d.content for d in docs]).vectors
    searcher = Searcher(encoder, MemoryCollection(docs, vectors, encoder.contract))
    hits = searcher.search("kettle", k=2, group_by="document")
    assert [hit.metadata["source"] for hit in hits] == ["a", "b"]
    assert searcher.collection.depths == [50, 200, 800]
    assert [hit.others for hit in hits] == [299, 2]


def test_what_a_document_is_grouped_by():
    assert group_of(Document("a.md#3", "", "", {"group": "g", "source": "s"}), "document") == "group g"
    assert group_of(Document("a.md#3", "", "", {"source": "s"}), "document") == "source s"
    assert group_of(Document("a.md#3", ""), "document") == group_of(Document("a.md#4", ""), "document") == "id a.md"
    assert group_of(Document("7", ""), "document") == "id 7"
    assert group_of(Document("7", "", "", {"x": {"y": 1}}), "x.y") == "value 1"
    assert group_of(Document("7", "", "", {"x": "1"}), "x") != group_of(Document("7", "", "", {"x": 1}), "x")
    assert group_of(Document("7", ""), "x") != group_of(Document("8", ""), "x")


def reference_mmr(values, vectors, k, diversity):
    """By the definition, one choice after the other."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    low, high = min(values), max(values)
    relevance = [(v - low) / (high - low) if high > low else 1.0 for v in values]
    chosen = []
    while len(chosen) < min(k, len(values)):
        best = max(
            (at for at in range(len(values)) if at not in chosen),
            key=lambda at: (
                (1 - diversity) * relevance[at]
                - diversity * max((float(unit[at] @ unit[other]) for other in chosen), default=0.0),
                -at,
            ),
        )
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.7, 1.0])
def test_diversity_is_maximal_marginal_relevance(diversity):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(20, 8))
    values = sorted(rng.random(20), reverse=True)
    candidates = [Candidate(str(at), value) for at, value in enumerate(values)]
    got = diverse(candidates, {str(at): vector for at, vector in enumerate(vectors)}, 8, diversity)
    assert [int(each.id) for each in got] == reference_mmr(values, vectors, 8, diversity)


def test_diverse_hits_differ_more(searcher):
    plain, diverse_ = (searcher.search(QUERY, k=6, diversity=each) for each in (0.0, 0.8))

    def likeness(hits):
        vectors = stored(searcher, ids(hits))
        return float((vectors @ vectors.T)[~np.eye(6, dtype=bool)].mean())

    assert likeness(diverse_) < likeness(plain)
    assert diverse_[0] == plain[0]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="diversity is"):
            searcher.search(QUERY, diversity=wrong)


def test_more_like_this(searcher, encoder):
    mine = documents()[10]
    with searcher.collection.snapshot() as snapshot:
        found = snapshot.search(snapshot.vectors([mine.id]), 9)[0]
    want = [match for match in found if match.id != mine.id][:8]
    before = len(encoder.embedded)
    hits = searcher.more_like_this(mine.id, k=8)
    assert [(hit.id, hit.score) for hit in hits] == [tuple(match) for match in want]
    assert len(encoder.embedded) == before
    others = searcher.more_like_this(mine.id, k=14, group_by="document")
    assert len(others) == 14
    assert mine.metadata["source"] not in {hit.metadata["source"] for hit in others}
    assert len(searcher.more_like_this(mine.id, k=100)) == 59
    assert all(hit.metadata["lang"] == "en" for hit in searcher.more_like_this(mine.id, where="lang=en"))
    with pytest.raises(InputError, match="The index has no document 'nothing'"):
        searcher.more_like_this("nothing")


def test_explain(searcher, encoder):
    dense, keyword, _ = rankings(searcher, encoder)
    hit = searcher.search(QUERY, k=1, mode="hybrid", explain=True)[0]
    want = reference_rrf(dense, keyword)[hit.id]
    ranks = [next((n for n, m in enumerate(r, 1) if m.id == hit.id), None) for r in (dense, keyword)]
    made = hit.explain
    assert made["mode"] == "hybrid"
    assert made["dense"] == {"rank": ranks[0], "score": hit.score}
    assert made["keyword"]["rank"] == ranks[1]
    assert set(made["keyword"]["terms"]) <= {"mend", "violin", "hammer"}
    assert made["keyword"]["terms"]
    assert made["fusion"] == {"method": "reciprocal rank", "k": 60, "score": pytest.approx(want)}
    assert hit.as_dict()["explain"] == made
    assert searcher.search(QUERY, k=1)[0].explain is None
    assert set(searcher.search(QUERY, k=1, mode="dense", explain=True)[0].explain) == {"mode", "dense"}
    assert set(searcher.search(QUERY, k=1, mode="keyword", explain=True)[0].explain) == {"mode", "keyword"}


TEXT = "Boil water first.  Then\nclean the ket\xadtle with\nvinegar. “Never use soap!” Ok."


def test_sentences_have_places_in_the_passage():
    found = highlight.sentences_of(TEXT)
    assert [TEXT[s.start : s.end] for s in found] == [
        "Boil water first.", "Then\nclean the ket\xadtle with\nvinegar.", "“Never use soap!”",
    ]  # fmt: skip
    assert highlight.sentences_of("") == highlight.sentences_of(" \n ") == []
    assert [(s.start, s.end) for s in highlight.sentences_of("Ok.")] == [(0, 3)]


@settings(deadline=None)
@given(st.text(alphabet="ab .!?\n\xad。日-*#|`>", max_size=80))
def test_the_places_of_sentences_hold_their_letters(text):
    for sentence in highlight.sentences_of(text):
        there = "".join(text[sentence.start : sentence.end].replace("\xad", "").split())
        assert there == "".join(sentence.text.replace("\xad", "").split())


def test_the_answering_sentence_is_the_most_similar_one(encoder):
    text = "The kettle is in the cupboard. Mend a violin with glue. Nothing else matters here."
    span = highlight.by_similarity([text, "", "One."], encoder.encode(["violin glue"]).vectors[0], encoder)
    assert text[slice(*span[0])] == "Mend a violin with glue."
    assert span[1:] == [None, (0, 4)]
    assert text[slice(*highlight.by_words([text], "mended violins", "en")[0])] == "Mend a violin with glue."


def test_hits_are_highlighted_in_text_and_source(encoder):
    text = "The anvil is heavy. Mend a violin with glue. Nothing else matters."
    docs = [
        Document("1", text, "", {"source": "a.md", "span": [100, 100 + len(text)]}),
        Document("2", text, "", {"source": "a.md", "span": [100, 200]}),
        Document("3", text),
    ]
    searcher = Searcher(encoder, MemoryCollection(docs, encoder.encode([text] * 3).vectors, encoder.contract))
    for mode in ("dense", "keyword"):
        hits = searcher.search("violin glue", mode=mode, highlight=True)
        assert len(hits) == 3
        assert all(hit.text[slice(*hit.highlight)] == "Mend a violin with glue." for hit in hits)
        start = text.index("Mend")
        spans = {hit.id: hit.source_highlight for hit in hits}
        assert spans == {"1": (100 + start, 100 + text.index(" Nothing")), "2": None, "3": None}
        assert hits[0].as_dict()["highlight"] == [start, text.index(" Nothing")]
    assert "highlight" not in searcher.search("violin")[0].as_dict()


def test_a_cross_encoder_sorts_the_first_hits_anew(encoder, collection):
    asked = []

    def reranker(pairs):
        asked.extend(pairs)
        return [len(passage) / 1000 for _, passage in pairs]

    searcher = Searcher(encoder, collection, reranker)
    plain = searcher.search(QUERY, k=12)
    hits = searcher.search(QUERY, k=12, rerank=5, explain=True)
    content = {d.id: d.content for d in documents()}
    want = sorted(plain[:5], key=lambda hit: -len(content[hit.id]))
    assert ids(hits) == ids(want) + ids(plain[5:])
    assert [q for q, _ in asked] == [QUERY] * 5
    assert [passage for _, passage in asked] == [content[hit.id] for hit in plain[:5]]
    assert [hit.explain["rerank"]["rank"] for hit in hits] == [1, 2, 3, 4, 5] + [None] * 7
    assert [hit.score for hit in hits[:5]] == [hit.score for hit in want]  # the score stays the similarity
    assert len(searcher.search(QUERY, k=2, rerank=20)) == 2
    with pytest.raises(InputError, match=r"opened without a cross-encoder\. Name one"):
        Searcher(encoder, collection).search(QUERY, rerank=5)
    with pytest.raises(InputError, match="rerank is -1"):
        searcher.search(QUERY, rerank=-1)


def test_everything_together(encoder, collection):
    searcher = Searcher(encoder, collection, lambda pairs: [len(passage) / 1000 for _, passage in pairs])
    options = SearchOptions(
        4, -1.0, where={"lang": "de"}, mode="hybrid", rerank=20, group_by="document", diversity=0.4,
        explain=True, highlight=True,
    )  # fmt: skip
    answer = searcher.answer(QUERY, options)
    assert len(answer.hits) == len({hit.metadata["source"] for hit in answer.hits}) == 4
    assert all(hit.metadata["lang"] == "de" and hit.highlight for hit in answer.hits)
    assert searcher.answer_many([QUERY, "x"], options)[0] == answer


def test_many_queries_are_answered_as_one(searcher):
    for mode in ("dense", "keyword", "hybrid"):
        queries = ["kettle", "violin with a hammer", "nothing here"]
        together = searcher.answer_many(queries, SearchOptions(5, mode=mode))
        assert [ids(answer.hits) for answer in together] == [
            ids(searcher.search(query, 5, mode=mode)) for query in queries
        ]
    assert searcher.answer_many([], SearchOptions(mode="keyword")) == []
    assert searcher.answer_many([], SearchOptions(mode="hybrid")) == []


def test_a_group_keeps_its_best():
    docs = [Document(str(n), "", "", {"g": n % 2}) for n in range(5)]
    found = grouped([Candidate(d.id, 1.0 - n, document=d) for n, d in enumerate(docs)], "g")
    assert [(each.id, each.others) for each in found] == [("0", 2), ("1", 1)]
    assert dataclasses.is_dataclass(found[0])
