import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semtune.dataset import Dataset, load
from semtune.errors import GateError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.dedupe.near_duplicates import Rarity, fingerprint, minhash, near_duplicates, similarity
from semtune.prepare.dedupe.overlap import overlaps
from semtune.prepare.drop_log import Tally
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.decontaminate import decontaminate
from semtune.prepare.split.leaks import check_leaks, find_leaks
from semtune.types import Document, Pair, Query, ScoredPair

STORY = (
    "The ferry leaves the northern harbour every morning at seven and carries bread, letters and a few goats to the "
    "islands, where the keeper of the lighthouse waits with his dog and a lantern until the last crate is on land."
)


def triples(text):
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))} if words else set()


def rarity_by_hand(texts, count):
    return 1 + 4 * np.log(1 + texts / count) / np.log(1 + texts)


def by_hand(one, two, texts):
    """Both similarities in plain Python, as the module's docstring defines them."""
    words = [set(re.findall(r"\w+", text.casefold())) for text in texts]
    counts = {word: sum(word in found for found in words) for word in set().union(*words)}
    weight = {word: rarity_by_hand(len(texts), count) for word, count in counts.items()}
    a, b = triples(one), triples(two)
    w, v = (set(re.findall(r"\w+", text.casefold())) for text in (one, two))
    weighted = sum(weight[x] for x in w & v) / sum(weight[x] for x in w | v)
    return min(len(a & b) / len(a | b), weighted)


def edited(text, every, word="xyzzy"):
    words = text.split()
    words[::every] = [word] * len(words[::every])
    return " ".join(words)


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=30).filter(str.strip), min_size=2, max_size=8))
def test_similarity_is_its_definition(texts):
    prints = [fingerprint(text) for text in texts]
    rarity = Rarity(prints)
    for i, one in enumerate(texts):
        for j, two in enumerate(texts):
            assert similarity(prints[i], prints[j], rarity) == pytest.approx(by_hand(one, two, texts))


def test_minhash_estimates_jaccard():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(3000)]
    base = list(rng.choice(words, 400))
    other = base[:300] + list(rng.choice(words, 100))
    one, two = fingerprint(" ".join(base)), fingerprint(" ".join(other))
    exact = len(triples(" ".join(base)) & triples(" ".join(other))) / len(
        triples(" ".join(base)) | triples(" ".join(other))
    )
    signatures = minhash([one.shingles, two.shingles])
    # Standard deviation over 125 permutations: 0.044.
    assert (signatures[0] == signatures[1]).mean() == pytest.approx(exact, abs=0.15)


def test_near_duplicates_are_found_among_many_and_others_are_not():
    rng = np.random.default_rng(1)
    words = [f"w{i}" for i in range(400)]
    texts = [" ".join(rng.choice(words, 40)) for _ in range(500)]
    planted = {(i, 500 + n) for n, i in enumerate(range(0, 500, 25))}
    texts += [edited(texts[i], 25) for i, _ in sorted(planted)]
    found = {(near.first, near.second) for near in near_duplicates([fingerprint(text) for text in texts])}
    assert found == planted


def test_a_crowd_of_alike_texts_is_joined_without_every_pair():
    texts = [f"{STORY} Day {i}." for i in range(200)]
    found = near_duplicates([fingerprint(text) for text in texts])
    assert len({i for near in found for i in (near.first, near.second)}) == 200
    assert len(found) < 200 * 25


def test_texts_of_one_template_are_no_near_duplicates():
    rng = np.random.default_rng(2)
    names = ["".join(rng.choice(list("aeioklmnrst"), 8)) for _ in range(60)]
    templates = (
        "What are the genetic changes related to {}", "How is a case of {} found by doctors", "Who is at risk for {}",
        "What research is being done for {}", "Is {} something that runs in families", "What is {}",
    )  # fmt: skip
    texts = [template.format(name) for name in names for template in templates]
    assert near_duplicates([fingerprint(text) for text in texts]) == []
    assert overlaps(texts[:100], texts[100:]) == []


def test_empty_and_wordless_texts_are_like_nothing():
    assert near_duplicates([fingerprint(text) for text in ("", "", "...", "a", "…")]) == []
    assert overlaps(["", "?"], ["", "text"]) == []
    assert overlaps([], ["text"]) == []


def test_a_text_copied_into_a_longer_one_is_found():
    longer = "A page about boats and the people who sail them in all weathers. " * 3 + STORY + " The end of the page."
    (found,) = overlaps([STORY, "Something else entirely, of which the page says nothing at all."], [longer, "Short."])
    assert (found.held, found.train, found.near) == (0, 0, False)
    assert found.covered == pytest.approx(1.0)


def test_chinese_is_compared_by_characters():
    text = "灯塔的看守人每天早上七点带着狗和灯笼在码头等待渡船的到来"
    (found,) = overlaps([text], [text.replace("七", "八")])
    assert found.near


def planted(edit):
    corpus = [Document("d0", edit(STORY)), Document("d1", STORY), Document("d2", "An innocent text about something.")]
    return Dataset(
        corpus=corpus,
        queries={f"q{i}": Query(f"q{i}", f"question number {i} is asked") for i in range(3)},
        qrels={"train": {"q0": {"d0": 1}, "q2": {"d2": 1}}, "test": {"q1": {"d1": 1}}},
        pairs={
            "train": [Pair("question number 0 is asked", corpus[0].text), Pair("other", corpus[2].text)],
            "test": [Pair("question number 1 is asked", STORY)],
        },
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: edited(text, 17),
        lambda text: text.replace("seven", "eight").replace("goats", "sheep"),
        lambda text: "Introduction. " + text + " More of it follows here.",
        lambda text: text.upper().replace(",", " ;"),
    ],
    ids=["words changed", "two words changed", "wrapped", "case and marks"],
)
def test_a_test_document_with_small_edits_in_train_is_a_leak(edit):
    data = planted(edit)
    found = find_leaks(data)
    assert found.found["near-duplicate passage"] == 1
    assert found.total == 1
    with pytest.raises(GateError, match="1 near-duplicate passage"):
        check_leaks(data)
    check_leaks(data, max_share=0.6)  # one of two held-out texts
    tally = Tally()
    decontaminate(data, tally)
    assert data.pairs["train"] == [Pair("other", "An innocent text about something.")]
    assert data.qrels["train"] == {"q2": {"d2": 1}}
    assert tally.dropped["training label: passage is a near duplicate of one in dev or test"]["count"] == 1
    check_leaks(data)


def test_an_owner_may_keep_passages_but_not_questions():
    data = planted(lambda text: edited(text, 17))
    check_leaks(data, "keep")
    decontaminate(data, Tally(), keep_documents=True)
    assert len(data.pairs["train"]) == 2
    data.pairs["train"].append(Pair("is question number 1 is asked", "y"))
    data.pairs["test"].append(Pair("so question number 1 is asked of all of us today", "z"))
    data.pairs["train"].append(Pair("so question number 1 is asked of all of us today again", "y"))
    with pytest.raises(GateError, match="near-duplicate question"):
        check_leaks(data, "keep")


def test_scored_pairs_that_nearly_repeat_are_taken_out_of_train():
    one, two = STORY, "Somebody waits for a boat."
    data = Dataset(
        scored={
            "train": [ScoredPair(two, edited(one, 20), 0.2), ScoredPair("a b c", "d e f", 0.5)],
            "test": [ScoredPair(one, two, 0.1)],
        }
    )
    assert find_leaks(data).found["near-duplicate scored pair"] == 1
    tally = Tally()
    decontaminate(data, tally)
    assert data.scored["train"] == [ScoredPair("a b c", "d e f", 0.5)]
    assert tally.dropped["training row: near duplicate of a pair in dev or test"]["count"] == 1


def test_a_scored_pair_that_shares_one_sentence_with_a_held_out_pair_is_innocent():
    guitar = "Ein alter Mann spielt auf der kleinen Bühne im Park eine rote Gitarre."
    data = Dataset(
        scored={
            "train": [ScoredPair(guitar, "Zwei Kinder tanzen.", 0.2)],
            "test": [ScoredPair(guitar, guitar.replace(".", "!"), 1.0)],
        }
    )
    assert find_leaks(data).total == 0
    decontaminate(data, Tally())
    assert len(data.scored["train"]) == 1


@pytest.mark.slow
@pytest.mark.data
def test_the_claims_of_scifact_agree_with_plain_python(real_data):
    data = load(real_data / "scifact")
    train, test = ([data.queries[q].text for q in data.qrels[split]] for split in ("train", "test"))
    every = [*test, *train]
    expected = {
        (i, j)
        for i, held in enumerate(test)
        for j, other in enumerate(train)
        if len(triples(held) & triples(other)) >= 0.7 * len(triples(held) | triples(other))
        and by_hand_cached(held, other, every) >= 0.7
    }
    found = {(o.held, o.train) for o in overlaps(test, train) if o.near}
    assert found == expected
    assert len(found) > 20


CACHE = {}


def by_hand_cached(one, two, texts):
    """`by_hand` on short lists is quick; on all claims the weights are counted once."""
    if "weight" not in CACHE:
        words = [set(re.findall(r"\w+", text.casefold())) for text in texts]
        counts = {}
        for found in words:
            for word in found:
                counts[word] = counts.get(word, 0) + 1
        CACHE["weight"] = {word: rarity_by_hand(len(texts), n) for word, n in counts.items()}
    w, v = (set(re.findall(r"\w+", text.casefold())) for text in (one, two))
    weight = CACHE["weight"]
    return sum(weight[x] for x in w & v) / sum(weight[x] for x in w | v)


def test_near_duplicate_documents_stay_in_one_split(tmp_path, tokenizer):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(500)]
    for i in range(40):
        text = " ".join(rng.choice(words, 30))
        for copy in range(2):
            body = edited(text, 29) if copy else text
            (tmp_path / f"page{i}-{copy}.md").write_text(f"# Page {i} of copy {copy}\n\n{body}\n")
    data = prepare(tmp_path, tokenizer, 64, PrepareSettings(), 0)
    homes = {}
    for split, qrels in data.qrels.items():
        for row in qrels.values():
            for id_ in row:
                homes.setdefault(id_.split("-")[0], set()).add(split)
    assert len(homes) == 40
    assert all(len(splits) == 1 for splits in homes.values())
    assert data.report["counts"]["near-duplicate passages across documents, kept in one split"] == 40
    assert data.report["leaks"]["found"] == 0
