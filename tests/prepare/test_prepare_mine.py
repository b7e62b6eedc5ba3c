"""Hard negatives: against brute force on hand-made vectors, every guard, and the review that is fed back."""

import json

import numpy as np
import pytest

from semtune.dataset import Dataset, load, save
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, InputError, ModelError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.drop_log import Tally
from semtune.prepare.mine.hard_negatives import mine
from semtune.prepare.mine.mining_report import suspicion
from semtune.prepare.mine.review import apply_review, read_review, sha256_review
from semtune.prepare.mine.review_merge import gather_reviews
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.leaks import find_leaks
from semtune.types import Document, Pair, Query


class Vectors:
    """Gives each text the vector it was told; the contract is the toy encoder's."""

    runtime = "hand-made"

    def __init__(self, vectors, dimension):
        self._toy = ToyEncoder(dimension)
        self.contract = self._toy.contract
        self.vectors = {text: np.asarray(v, dtype=np.float32) for text, v in vectors.items()}

    def encode(self, texts, role="document", progress=None):
        return type(self._toy.encode([]))(
            np.array([self.vectors[t] for t in texts], dtype=np.float32).reshape(-1, self.contract.dimension), 0, 0
        )


def at(cosine, other=1):
    """A unit vector of this cosine with the first axis, the rest on another axis."""
    vector = np.zeros(4)
    vector[0], vector[other] = cosine, np.sqrt(1 - cosine**2)
    return vector


NAMES = ("amber", "basalt", "cedar", "dune", "ember", "fjord", "grove", "heath")


def text_of(name):
    return f"{name} " * 2 + f"tells what {name} is and where one finds the {name}"


def small(cosines, groups=None, question="what is it", **kept):
    """One question whose answer is the first passage; passage i lies at cosine i of it."""
    corpus = [
        Document(name, text_of(name), metadata={"group": (groups or {}).get(name, name)})
        for name, _ in zip(NAMES, cosines, strict=False)
    ]
    vectors = {document.content: at(cosine) for document, cosine in zip(corpus, cosines, strict=True)}
    vectors[question] = at(1.0)
    dataset = Dataset(
        corpus=corpus,
        queries={"q": Query("q", question)},
        qrels={"train": {"q": {NAMES[0]: 1}}},
        pairs={"train": [Pair(question, corpus[0].content)]},
        **kept,
    )
    return dataset, Vectors(vectors, 4)


def names(pair):
    return [text.split()[0] for text in pair.negatives]


def settings(count, **other):
    return PrepareSettings(hard_negatives=count, **{"mine_ranks": (1, 100), **other})


def random_set(seed=0, questions=40, passages=300, dimension=16):
    rng = np.random.default_rng(seed)
    corpus = [Document(f"d{i}", f"word{i} word{i}a word{i}b word{i}c") for i in range(passages)]
    made = rng.normal(size=(passages, dimension))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    vectors = {document.content: vector for document, vector in zip(corpus, made, strict=True)}
    dataset = Dataset(corpus=corpus)
    for i in range(questions):
        split = "train" if i < questions * 0.7 else "dev" if i < questions * 0.85 else "test"
        vector = made[i] + 0.5 * rng.normal(size=dimension) / np.sqrt(dimension)
        vectors[f"question{i} ask{i}"] = 3.0 * vector  # not of unit length: mining must see to that
        dataset.queries[f"q{i}"] = Query(f"q{i}", f"question{i} ask{i}")
        dataset.qrels.setdefault(split, {})[f"q{i}"] = {f"d{i}": 1}
        dataset.pairs.setdefault(split, []).append(Pair(f"question{i} ask{i}", corpus[i].content))
    return dataset, Vectors(vectors, dimension)


def brute_force(dataset, encoder, first, last, count, margin):
    """The same by sorting all cosines; no groups, no equal or like texts."""
    held = {d for split in ("dev", "test") for row in dataset.qrels[split].values() for d in row}
    wanted, suspects = [], {}
    for pair in dataset.pairs["train"]:
        vector = encoder.vectors[pair.anchor].astype(np.float64)
        vector /= np.linalg.norm(vector)
        scores = {d.id: float(encoder.vectors[d.content].astype(np.float64) @ vector) for d in dataset.corpus}
        own = next(d.id for d in dataset.corpus if d.content == pair.positive)
        ranked = [d for d in sorted(scores, key=lambda d: -scores[d]) if d != own][first - 1 : last]
        ranked = [d for d in ranked if d not in held]
        fine = [d for d in ranked if scores[d] < margin * scores[own]]
        suspects.update({(pair.anchor, d): scores[d] / scores[own] for d in ranked if d not in fine})
        wanted.append(fine[:count])
    return wanted, suspects


@pytest.mark.parametrize(("first", "last", "margin"), [(1, 100, 0.95), (4, 30, 0.6), (1, 20, 1.0)])
def test_equals_brute_force(first, last, margin):
    dataset, encoder = random_set()
    wanted, suspects = brute_force(dataset, encoder, first, last, 3, margin)
    mined = mine(dataset, encoder, settings(3, mine_margin=margin, mine_ranks=(first, last)))
    content = {document.content: document.id for document in dataset.corpus}
    found = [[content[text] for text in pair.negatives] for pair in dataset.pairs["train"]]
    assert [row[: len(fine)] for row, fine in zip(found, wanted, strict=True)] == wanted
    assert all(len(set(row)) == 3 for row in found)
    assert mined.mined == sum(map(len, wanted))
    assert mined.filled == 3 * len(wanted) - mined.mined
    assert mined.suspected == mined.refused["margin"] == len(suspects)
    assert {(s.query, s.document_id) for s in mined.review} <= suspects.keys()
    for suspect in mined.review:
        if suspect.positive_score > 0.1:
            assert suspicion(suspect) == pytest.approx(suspects[suspect.query, suspect.document_id], abs=1e-3)


def test_hardest_first_below_the_margin():
    dataset, encoder = small([0.8, 0.79, 0.77, 0.75, 0.5, 0.2])
    mined = mine(dataset, encoder, settings(2))  # the margin lies at 0.76
    assert names(dataset.pairs["train"][0]) == ["dune", "ember"]
    assert mined.refused == {"margin": 2, "relevant": 1}


def test_without_margin_the_hardest_are_taken():
    dataset, encoder = small([0.8, 0.9, 0.77, 0.75])
    mined = mine(dataset, encoder, settings(2, mine_margin=None))
    assert names(dataset.pairs["train"][0]) == ["basalt", "cedar"]
    assert (mined.suspected, mined.review) == (0, [])


def test_absolute_margin():
    dataset, encoder = small([0.8, 0.79, 0.75, 0.65, 0.3])
    encoder.vectors["what is it"] *= 5.0  # distances are of cosines, whatever the length
    mined = mine(dataset, encoder, settings(1, mine_margin=None, mine_absolute_margin=0.1))
    assert names(dataset.pairs["train"][0]) == ["dune"]
    assert mined.refused["absolute margin"] == 2
    assert {s.guard for s in mined.review} == {"absolute margin"}


def test_margin_below_a_positive_of_negative_score():
    dataset, encoder = small([-0.5, -0.51, -0.9])  # 0.95 of it would lie above it: -0.475
    mine(dataset, encoder, settings(1))
    assert names(dataset.pairs["train"][0]) == ["cedar"]


def test_ranks_are_counted_without_what_is_relevant():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    mine(dataset, encoder, settings(2, mine_ranks=(2, 4)))
    assert names(dataset.pairs["train"][0]) == ["cedar", "dune"]


def test_a_label_of_any_split_and_an_equal_question_make_relevant():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6, 0.5])
    dataset.queries |= {"same": Query("same", "What is  IT"), "held": Query("held", "what is it")}
    dataset.qrels["train"]["same"] = {"basalt": 1}
    dataset.qrels["test"] = {"held": {"cedar": 2, "gone": 1}}
    dataset.pairs["train"].append(Pair("WHAT is it", text_of("dune")))
    encoder.vectors["WHAT is it"] = at(1.0)
    mined = mine(dataset, encoder, settings(1, mine_pool="all"))
    assert [names(pair) for pair in dataset.pairs["train"]] == [["ember"], ["ember"]]
    assert mined.refused == {"relevant": 8}


def test_same_document_and_equal_texts_are_refused():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6, 0.5], groups={"amber": "rocks", "basalt": "rocks"})
    dataset.corpus.append(Document("copy", text_of("amber").upper(), metadata={"group": "elsewhere"}))
    dataset.corpus.append(Document("second", text_of("cedar")))
    dataset.corpus.append(Document("third", text_of("heath"), metadata={"group": "elsewhere"}))
    encoder.vectors[text_of("amber").upper()] = at(0.85)
    encoder.vectors[text_of("heath")] = at(0.65)
    mined = mine(dataset, encoder, settings(2))
    # the copy of the answer makes its own document one that answers, too
    assert names(dataset.pairs["train"][0]) == ["cedar", "dune"]
    assert mined.refused == {"relevant": 2, "same document": 2, "same text": 1}


def test_near_duplicates_of_the_positive_are_refused_and_no_suspects():
    dataset, encoder = small([0.9, 0.5, 0.4])
    alike = text_of("amber") + " indeed"
    dataset.corpus += [Document("close", alike), Document("far", alike + " yes")]
    encoder.vectors |= {alike: at(0.89), alike + " yes": at(0.6)}
    mined = mine(dataset, encoder, settings(1))
    assert names(dataset.pairs["train"][0]) == ["basalt"]
    assert mined.refused["near duplicate"] == 2
    assert mined.review == []


@pytest.mark.parametrize(
    ("pool", "wanted"),
    [("not-held-out", ["heath", "fjord"]), ("all", ["basalt", "cedar"]), ("train", ["fjord", "grove"])],
)
def test_pools(pool, wanted):
    # basalt answers test; cedar is of the same document, dune copies it, ember nearly is it; fjord, grove answer train
    dataset, encoder = small([0.9, 0.8, 0.79, 0.78, 0.77, 0.6, 0.5, 0.7], groups={"basalt": "b", "cedar": "b"})
    texts = {"dune": "Long ago. " + text_of("basalt") + ". The end.", "ember": text_of("basalt") + " now"}
    for place, document in enumerate(dataset.corpus):
        if document.id in texts:
            encoder.vectors[texts[document.id]] = encoder.vectors[document.content]
            dataset.corpus[place] = Document(document.id, texts[document.id], metadata=document.metadata)
    dataset.queries |= {"t": Query("t", "of basalt"), "o": Query("o", "other thing")}
    dataset.qrels["test"] = {"t": {"basalt": 1}}
    dataset.qrels["train"]["o"] = {"fjord": 1, "grove": 1}
    mined = mine(dataset, encoder, settings(2, mine_pool=pool))
    assert names(dataset.pairs["train"][0]) == wanted
    if pool == "not-held-out":
        assert mined.refused["held out"] == 4
    if pool == "train":
        assert mined.refused["no answer to train"] == 5


def test_every_pair_has_as_many():
    dataset, encoder = small([0.9, 0.8, 0.7])
    dataset.pairs["train"].append(Pair("other", text_of("basalt"), ("given of old", text_of("basalt"), "more")))
    dataset.pairs["train"].append(Pair("bad", "nowhere in the corpus"))
    encoder.vectors |= {"other": at(1.0, 2), "bad": at(1.0), "nowhere in the corpus": at(0.1)}
    mined = mine(dataset, encoder, settings(2))
    first, second = dataset.pairs["train"]
    assert names(first) == ["basalt", "cedar"]
    assert second.negatives == ("given of old", "more")
    assert (mined.given, mined.given_left_out, mined.left_out) == (2, 1, ["bad"])  # all score above what it calls true


def test_what_the_source_gave_is_not_mined_a_second_time():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6])
    dataset.pairs["train"] = [Pair("what is it", text_of("amber"), (text_of("basalt"),))]
    mine(dataset, encoder, settings(3))
    assert names(dataset.pairs["train"][0]) == ["basalt", "cedar", "dune"]


def test_an_empty_pool_leaves_nothing():
    dataset, encoder = small([0.9, 0.8])
    dataset.queries["t"] = Query("t", "other")
    dataset.qrels["test"] = {"t": {"amber": 1, "basalt": 1}}
    with pytest.raises(InputError, match=r"for any of 1 pairs; refused: {'relevant': 1, 'held out': 1}"):
        mine(dataset, encoder, settings(1))


def test_too_small_a_corpus_repeats():
    dataset, encoder = small([0.9, 0.8])
    mined = mine(dataset, encoder, settings(3))
    assert names(dataset.pairs["train"][0]) == ["basalt"] * 3
    assert mined.repeated == 2


def test_ranks_that_hold_too_few_are_filled_under_the_same_guards():
    dataset, encoder = random_set()
    ranks = (1, 4)
    wanted, _ = brute_force(dataset, encoder, *ranks, 4, 0.95)
    mined = mine(dataset, encoder, settings(4, mine_ranks=ranks))
    assert mined.filled == 4 * len(wanted) - sum(map(len, wanted)) > 0
    held = {dataset.corpus[int(d[1:])].content for s in ("dev", "test") for r in dataset.qrels[s].values() for d in r}
    for pair in dataset.pairs["train"]:
        vector = encoder.vectors[pair.anchor] / np.linalg.norm(encoder.vectors[pair.anchor])
        limit = 0.95 * float(encoder.vectors[pair.positive] @ vector)
        assert len(set(pair.negatives)) == 4
        assert all(float(encoder.vectors[text] @ vector) < limit + 1e-6 for text in pair.negatives)
        assert not held & set(pair.negatives)


def test_sampled_by_the_seed():
    def negatives(seed, sample=True):
        dataset, encoder = random_set()
        mine(dataset, encoder, settings(3, mine_sample=sample, mine_ranks=(1, 50)), seed)
        return [pair.negatives for pair in dataset.pairs["train"]]

    assert negatives(1) == negatives(1)
    assert negatives(1) != negatives(2)
    assert negatives(1) != negatives(1, sample=False)
    dataset, encoder = random_set()
    wanted, _ = brute_force(dataset, encoder, 1, 50, 50, 0.95)
    content = {document.content: document.id for document in dataset.corpus}
    for drawn, fine in zip(negatives(1), wanted, strict=True):
        assert len(fine) < 3 or {content[text] for text in drawn} <= set(fine)


def test_a_second_round_makes_room_for_itself():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6])
    mined = mine(dataset, encoder, settings(1))
    dataset.report = {"negatives": mined.as_dict()}
    encoder.vectors[text_of("basalt")] = at(0.1)
    mine(dataset, encoder, settings(1))
    assert names(dataset.pairs["train"][0]) == ["cedar"]


def test_judge_has_the_last_word():
    asked = []

    def judge(pairs):
        asked.append([(query, text.split()[0]) for query, text in pairs])
        return [{"amber": 0.9, "basalt": 0.88}.get(text.split()[0], 0.1) for _, text in pairs]

    dataset, encoder = small([0.9, 0.8, 0.7, 0.6])
    mined = mine(dataset, encoder, settings(2), judge=judge)
    assert names(dataset.pairs["train"][0]) == ["cedar", "dune"]
    assert mined.refused["judge"] == 1
    assert [(s.document_id, s.guard, s.score, s.positive_score) for s in mined.review] == [
        ("basalt", "judge", 0.88, 0.9)
    ]
    # the positive is read once
    assert asked == [[("what is it", name) for name in ("amber", "basalt", "cedar")], [("what is it", "dune")]]
    assert mined.judged == 4


def test_refused_inputs():
    dataset, encoder = small([0.9, 0.8])
    encoder.vectors[text_of("basalt")] = np.full(4, np.nan)
    with pytest.raises(ModelError, match="NaN or infinit"):
        mine(dataset, encoder, settings(1))
    with pytest.raises(InputError, match="no training pairs"):
        mine(Dataset(corpus=dataset.corpus), encoder, settings(1))
    dataset, encoder = small([0.5, 0.8])
    with pytest.raises(InputError, match=r"for any of 1 pairs; refused: .*'margin': 1"):
        mine(dataset, encoder, settings(1))
    for wrong in (
        {"hard_negatives": -1},
        {"mine_margin": 0.0},
        {"mine_margin": 1.1},
        {"mine_absolute_margin": -0.1},
        {"mine_ranks": (0, 5)},
        {"mine_ranks": (5, 4)},
        {"hard_negatives": 3, "mine_ranks": (1, 2)},
        {"mine_pool": "everything"},
    ):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            PrepareSettings(**wrong)


# --- the review ------------------------------------------------------------------------------------------------

PLANTED = "Boil vinegar, and no lime is left in the kettle."


def table(write_jsonl, planted=True):
    """Pairs of unlike words; one has a second answer that nobody labelled, as another question's negative."""
    things = ["kettle", "lantern", "violin", "bicycle", "telescope", "loom", "anvil", "compass", "sundial", "barrel"]
    deeds = ["polish", "paint", "carry", "sell", "wrap", "lift", "measure", "count"]
    rows = [
        {
            "anchor": f"how to {deed} a {thing} of {thing}{i}{j}",
            "positive": f"{thing}{i}{j} {deed} {thing} x{i}{j} y{i}{j} z{i}{j} w{i}{j} v{i}{j}",
        }
        for i, thing in enumerate(things)
        for j, deed in enumerate(deeds)
    ]
    rows.append({"anchor": "lime kettle vinegar boil", "positive": "lime in a kettle goes when you boil some vinegar"})
    rows.append({"anchor": "entirely another matter", "positive": "entirely another matter altogether is this one"})
    if planted:
        rows[-1]["negative"] = PLANTED
    return write_jsonl("pairs.jsonl", rows)


def made(path, tokenizer, **other):
    chosen = PrepareSettings(**{"hard_negatives": 3, "dev_share": 0.1, "test_share": 0.1, **other})
    return prepare(path, tokenizer, 64, chosen, 5, encoder=ToyEncoder(2048, salt="m"))


def test_prepare_mines_without_leaks_and_says_so(write_jsonl, tokenizer, tmp_path):
    data = made(table(write_jsonl), tokenizer)
    assert find_leaks(data).total == 0
    held = {d for split in ("dev", "test") for row in data.qrels[split].values() for d in row}
    banned = {document.content for document in data.corpus if document.id in held}
    assert banned
    for pair in data.pairs["train"]:
        assert len(pair.negatives) == 3
        assert not banned & set(pair.negatives)
        assert pair.positive not in pair.negatives
    facts = data.report["negatives"]
    assert facts["pairs"] == len(data.pairs["train"])
    assert facts["refused"]["held out"] > 0
    assert facts["mined"] + facts["filled"] + facts["given"] == 3 * facts["pairs"]
    assert len(facts["examples"]) == 5
    assert facts["scores"]["positive"]["median"] > facts["scores"]["negative"]["median"]
    save(data, tmp_path / "set")
    assert json.loads((tmp_path / "set" / "prepare.json").read_text())["negatives"] == json.loads(json.dumps(facts))
    assert load(tmp_path / "set").pairs == data.pairs
    again = made(tmp_path / "pairs.jsonl", tokenizer)
    assert (again.pairs, again.review, again.report) == (data.pairs, data.review, data.report)


def test_a_planted_false_negative_heads_the_review_and_a_reviewed_label_is_used(write_jsonl, tokenizer, tmp_path):
    path = table(write_jsonl)
    data = made(path, tokenizer)
    pair = next(p for p in data.pairs["train"] if p.anchor == "lime kettle vinegar boil")
    assert PLANTED not in pair.negatives
    assert data.review[0].text == PLANTED
    assert data.review[0].query == pair.anchor
    assert data.review[0].guard == "margin"
    assert [suspicion(s) for s in data.review] == sorted(map(suspicion, data.review), reverse=True)
    save(data, tmp_path / "set")
    file = tmp_path / "set" / "review.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {"id", "query", "document_id", "text", "score", "positive_score", "label"} <= rows[0].keys()
    assert {row["label"] for row in rows} == {""}

    def reviewed(label):
        write_jsonl("edited.jsonl", [rows[0] | {"label": label}, *rows[1:]])
        return made(path, tokenizer, review=str(tmp_path / "edited.jsonl"))

    right = reviewed("relevant")
    assert Pair(pair.anchor, PLANTED) in [Pair(p.anchor, p.positive) for p in right.pairs["train"]]
    query = next(q for q in right.queries.values() if q.text == pair.anchor)
    assert right.qrels["train"][query.id][rows[0]["document_id"]] == 1
    assert all(s.text != PLANTED or s.label for s in right.review if s.query == pair.anchor)
    assert right.review[-1].label == "relevant"
    assert right.report["negatives"]["reviewed"]["relevant"] == 1
    assert find_leaks(right).total == 0

    wrong = reviewed("negative")
    assert PLANTED in next(p for p in wrong.pairs["train"] if p.anchor == pair.anchor).negatives
    assert wrong.qrels["train"][query.id][rows[0]["document_id"]] == 0
    assert [(s.id, s.label) for s in wrong.review if s.id == rows[0]["id"]] == [(rows[0]["id"], "negative")]
    save(wrong, tmp_path / "second")
    # what comes out can be fed back again and says the same
    said = sha256_review(read_review(tmp_path / "edited.jsonl"))
    assert (
        sha256_review(read_review(tmp_path / "second" / "review.jsonl")) == wrong.report["review_sha256"] == said != ""
    )
    third = made(path, tokenizer, review=str(tmp_path / "second" / "review.jsonl"))
    assert (third.pairs, third.qrels, third.review) == (wrong.pairs, wrong.qrels, wrong.review)


def test_bad_reviews_are_refused_with_line_numbers(write_jsonl):
    good = {"query": "q", "document_id": "d", "text": "t", "label": ""}
    path = write_jsonl("r.jsonl", [good, good | {"label": "relevent"}, {"query": "q"}])
    path.write_text(
        path.read_text() + "\n[1]\n{broken\n" + "[" * 100_000 + "\n" + json.dumps(good | {"text": "\ud800"})
    )
    with pytest.raises(InputError) as error:
        read_review(path)
    for part in (
        "line 2: unknown label 'relevent'. Did you mean 'relevant'?",
        "line 3 has no document_id and no text and no label",
        "line 5 holds list",
        "line 6 is not valid JSON",
        "nested too deep); and 1 more",
    ):
        assert part in str(error.value)
    path = write_jsonl("c.jsonl", [good | {"label": "relevant"}, good, good | {"label": "negative"}])
    with pytest.raises(InputError, match="line 3: 'negative' contradicts line 1"):
        read_review(path)
    with pytest.raises(InputError, match="no review file"):
        read_review(path.parent / "missing.jsonl")


def test_reviews_of_version_0_1_are_read_with_their_old_key(write_jsonl):
    row = {"query": "q", "document_id": "d", "text": "t"}
    old = [row | {"verdict": "Relevant "}, row | {"document_id": "e", "verdict": ""}]
    new = [row | {"label": "relevant"}, row | {"document_id": "e", "label": ""}]
    assert read_review(write_jsonl("old.jsonl", old)) == read_review(write_jsonl("new.jsonl", new))
    both = write_jsonl("both.jsonl", [row | {"label": "", "verdict": "negative"}])  # someone was used to the old key
    assert [suspect.label for suspect in read_review(both)] == ["negative"]
    torn = write_jsonl("torn.jsonl", [row | {"label": "relevant", "verdict": "negative"}])
    with pytest.raises(InputError, match="line 1: label is 'relevant' and verdict is 'negative'"):
        read_review(torn)


def test_labels_copied_into_a_data_set_of_version_0_1_give_way_to_the_named_file(write_jsonl, tmp_path):
    row = {"query": "q", "document_id": "d", "text": "t"}
    old = tmp_path / "set"
    old.mkdir()
    review = old / "review.jsonl"
    review.write_text(json.dumps(row | {"verdict": "relevant"}) + "\n")
    copied = sha256_review(read_review(review))
    (old / "prepare.json").write_text(json.dumps({"verdicts": copied}))  # written by the run, not by a person
    named = write_jsonl("named.jsonl", [row | {"label": "negative"}])
    assert [suspect.label for suspect in gather_reviews(named, "python-docs", old)] == ["negative"]
    (old / "prepare.json").write_text("{}")
    with pytest.raises(InputError, match="Change one of them so that they agree"):
        gather_reviews(named, "python-docs", old)


def test_unknown_and_held_out_reviewed_labels_are_counted(write_jsonl):
    dataset, _ = small([0.9, 0.8, 0.7])
    dataset.queries["t"] = Query("t", "held")
    dataset.qrels["test"] = {"t": {"basalt": 1}}
    row = {"query": "What is it", "document_id": "cedar", "text": text_of("cedar"), "label": "relevant"}
    rows = [
        row | {"document_id": "renamed"},  # found by its text
        row | {"text": "of another corpus"},
        row | {"query": "of another set"},
        row | {"document_id": "basalt", "text": text_of("basalt")},
        row | {"document_id": "amber", "label": ""},
    ]
    tally = Tally()
    done = apply_review(dataset, read_review(write_jsonl("r.jsonl", rows)), tally)
    assert done.as_dict() == {"relevant": 1, "negative": 0, "unknown": 2, "held_out": 1, "open": 1}
    assert dataset.qrels["train"]["q"] == {"amber": 1, "cedar": 1}
    assert [p.positive for p in dataset.pairs["train"]] == [text_of("amber"), text_of("cedar")]
    assert {reason: facts["count"] for reason, facts in tally.dropped.items()} == {
        "reviewed label: unknown question or passage": 2,
        "reviewed label: the passage answers dev or test": 1,
    }


def test_prepare_needs_an_encoder_to_mine(write_jsonl, tokenizer):
    with pytest.raises(ConfigError, match="hard_negatives=2 needs a model"):
        prepare(table(write_jsonl), tokenizer, 64, PrepareSettings(hard_negatives=2))


def test_a_finished_set_is_mined_again(write_jsonl, tokenizer, tmp_path):
    save(made(table(write_jsonl, planted=False), tokenizer), tmp_path / "set")
    again = made(tmp_path / "set", tokenizer, hard_negatives=2)
    assert {len(pair.negatives) for pair in again.pairs["train"]} == {2}
    assert again.report["negatives"]["given"] == 0


def test_a_second_round_keeps_what_the_source_gave_and_nothing_else():
    def twice(*given):
        dataset, encoder = small([0.9, 0.8, 0.7, 0.6])
        dataset.pairs["train"] = [
            Pair("what is it", text_of("amber"), given[0]),
            Pair("other", text_of("fjord"), given[1]),
        ]
        encoder.vectors |= {"other": at(1.0), text_of("fjord"): at(0.95)}
        dataset.report = {"negatives": mine(dataset, encoder, settings(2)).as_dict()}
        encoder.vectors[text_of("basalt")] = at(0.1)
        mined = mine(dataset, encoder, settings(2))
        return mined, [[text.split()[0] for text in pair.negatives] for pair in dataset.pairs["train"]]

    mined, negatives = twice(("given",), ("given",))
    assert (mined.given, negatives, mined.warning) == (2, [["given", "cedar"], ["given", "amber"]], "")
    mined, negatives = twice(("given",), ())  # the first pair's own cannot be told from what was mined
    assert negatives == [["given", "basalt"], ["amber", "basalt"]]
    assert "all of them stay" in mined.warning


def test_copies_of_a_text_take_one_place_together():
    dataset, encoder = small([0.9, 0.8, 0.7, 0.6])
    dataset.corpus += [Document(f"a{i}", text_of("amber")) for i in range(50)]
    dataset.corpus += [Document(f"b{i}", text_of("basalt")) for i in range(50)]
    mined = mine(dataset, encoder, settings(3, mine_ranks=(1, 3)))
    assert names(dataset.pairs["train"][0]) == ["basalt", "cedar", "dune"]
    assert (mined.mined, mined.refused) == (3, {"relevant": 51, "same text": 50})
