"""Learning from interactions: against scikit-learn and counts by hand, held out without a leak, and honest verdicts."""

import numpy as np
import pytest
from recommend_parts import collection_of, tastes, write_csv
from sklearn.metrics.pairwise import cosine_similarity

from semtune.errors import InputError, MissingExtraError
from semtune.io import read_jsonl
from semtune.metrics.retrieval import ndcg
from semtune.prepare.readers.source_kind import find_kind
from semtune.tasks.recommend.borrow import LENDERS, PRIOR, with_borrowed
from semtune.tasks.recommend.cooccurrence import Cooccurrence, fit
from semtune.tasks.recommend.evaluation import BLEND, VECTORS
from semtune.tasks.recommend.held_out import Basket, hold_out
from semtune.tasks.recommend.interactions import DISLIKED, REPEATED, read_interactions
from semtune.tasks.recommend.job import learn_from, recommend_from
from semtune.tasks.recommend.measures import gain, gain_of, measure, top
from semtune.tasks.recommend.pairs import ALIKE, OF_BASKET, OTHER_SPLIT, TOO_MANY, make_pairs, write_pairs
from semtune.tasks.recommend.profile import UNKNOWN
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.settings import LearnSettings, RecommendSettings
from semtune.tasks.recommend.systems import fit_factors

BASKETS = [(0, 1, 2), (0, 1), (1, 2, 3), (0, 3), (4, 5), (4, 5, 0), (1,)]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Vectors that say nothing of the tastes, and interactions that say all of them."""
    vectors, events = tastes(users=800)
    path = write_csv(tmp_path_factory.mktemp("told") / "i.csv", ["user", "item", "time"], events)
    return collection_of(vectors), path


def test_items_used_together_are_those_of_scikit_learn():
    learned = fit(BASKETS, 7, "cosine", neighbours=7)
    matrix = np.zeros((len(BASKETS), 7))
    for user, basket in enumerate(BASKETS):
        matrix[user, list(basket)] = 1
    want = cosine_similarity(matrix.T)
    np.fill_diagonal(want, 0)
    found = np.zeros((7, 7))
    for item in range(7):
        for row, score in zip(learned.rows[item], learned.scores[item], strict=True):
            if row >= 0:
                found[item, row] = score
    np.testing.assert_allclose(found, want, atol=1e-6)
    np.testing.assert_array_equal(learned.counts, matrix.sum(axis=0))
    rows, sums = learned.together([0, 3], [0.5, 0.5])
    np.testing.assert_allclose(sums, (want[0] / 2 + want[3] / 2)[rows], atol=1e-6)
    assert learned.novelty()[4] == pytest.approx(-np.log2(3 / 8))


def test_the_best_neighbours_are_kept():
    few = fit(BASKETS, 7, "cosine", neighbours=1)
    whole = fit(BASKETS, 7, "cosine", neighbours=7)
    np.testing.assert_array_equal(few.rows[:, 0], whole.rows[:, 0])


def test_rare_items_borrow_from_used_ones():
    vectors = np.eye(3, dtype=np.float32)[[0, 1, 0, 2]]  # item 2 has no basket, and is like item 0
    counts = np.array([20, 20, 0, 0])
    rows, scores = np.array([[1], [0], [-1], [-1]], np.int32), np.array([[0.5], [0.5], [0], [0]], np.float32)
    made = with_borrowed(Cooccurrence(rows, scores, counts, 20), vectors)
    assert (made.rows[2, 0], made.scores[2, 0]) == (1, 0.5)  # all of it borrowed from item 0
    np.testing.assert_array_equal(made.rows[:2], rows[:2])  # often used: as it was
    assert made.rows[3, 0] == -1  # like nothing that was used
    assert (LENDERS, PRIOR) == (5, 1.0)
    counts = np.array([20, 20, 1, 0])
    half = with_borrowed(Cooccurrence(rows, scores, counts, 20), vectors)
    assert half.scores[2, 0] == pytest.approx(0.25)  # one basket of its own, which says nothing, and one borrowed


def test_measures_are_those_of_trec_eval_and_of_the_definitions():
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 3, 3]]
    scores = np.array([0.9, 0.8, 0.1, 0.5, 0.3, 0.3], np.float32)
    listed = top(scores, (0,), 3)
    assert listed.tolist() == [1, 3, 4]
    run = [str(row) for row in top(scores, (0,), 10)]
    for target in range(1, 6):
        want = ndcg({str(target): 1}, run, 10)
        assert gain(top(scores, (0,), 10), target) == pytest.approx(want)
        assert gain_of(scores, (0,), target) == pytest.approx(want)

    class Case:
        history, target = (0,), 3

    novelty = np.arange(6.0)
    found = measure({"s": lambda _: scores}, [Case], vectors, novelty)["s"]
    assert found.ndcg[0] == pytest.approx(1 / np.log2(3))
    assert (found.recall[0], found.novelty[0], found.coverage) == (1.0, 3.0, 5 / 6)
    cosines = (vectors[1:] @ vectors[1:].T)[np.triu_indices(5, 1)]
    assert found.diversity[0] == pytest.approx(1 - cosines.mean())


def test_als_ranks_what_the_others_of_a_group_had():
    vectors, events = tastes(groups=4)
    baskets: dict[str, list[int]] = {}
    for user, item, _ in events:
        baskets.setdefault(user, []).append(int(item[1:]))
    system = fit_factors(list(baskets.values()), len(vectors), seed=0, factors=8)
    assert {int(row) // 12 for row in top(system((0, 1)), (0, 1))} == {0}


def test_with_times_nothing_later_is_learned_from():
    _, events = tastes()
    by_user: dict[str, list[tuple[int, float]]] = {}
    for user, item, time in events:
        by_user.setdefault(user, []).append((int(item[1:]), float(time)))
    baskets = [Basket(u, tuple(r for r, _ in rows), tuple(t for _, t in rows)) for u, rows in sorted(by_user.items())]
    held = hold_out(baskets, LearnSettings())
    moment = np.quantile([t for basket in baskets for t in basket.times], 0.9, method="higher")
    before = sum(t < moment for basket in baskets for t in basket.times)
    assert sum(map(len, held.test.train)) == before
    last = {(basket.rows[:-1], basket.rows[-1]) for basket in baskets if basket.times[-1] >= moment}
    assert {(case.history, case.target) for case in held.test.cases} == {each for each in last if each[0]}
    assert sum(map(len, held.dev.train)) < before
    assert len(held.dev.cases) > 20


def test_without_times_whole_baskets_are_held_out():
    baskets = [Basket(f"u{n}", (n, n + 1, n + 2)) for n in range(300)]
    held = hold_out(baskets, LearnSettings(seed=4))
    learned = set(held.test.train)
    for case in held.test.cases:
        assert tuple(sorted((*case.history, case.target))) not in learned
    assert len(held.test.cases) + len(held.test.train) == 300
    assert len(held.dev.cases) + len(held.dev.train) == len(held.test.train)
    assert {case.target - min(case.target, *case.history) for case in held.test.cases} == {0, 1, 2}
    assert hold_out(baskets, LearnSettings(seed=4)) == held


def test_learning_is_used_where_it_proves_better(tmp_path, told):
    collection, path = told
    made = learn_from(collection, path, LearnSettings(cases=200), evaluate=True, save=tmp_path / "r")
    assert made.evaluation["proven"]
    assert made.evaluation["gains"][VECTORS]["low"] > 0.2
    assert made.verdict.startswith("The blend is used: +")
    names = ["popularity", "implicit ALS", "implicit items", "embeddings", "blend"]
    assert list(made.evaluation["systems"]) == names
    learned = Recommender.open(tmp_path / "r")
    found = recommend_from(collection, RecommendSettings(like=("d0", "d1"), k=8), learned)
    assert {int(item.id[1:]) // 12 for item in found.items} == {0}
    newcomer = recommend_from(collection, RecommendSettings(k=5), learned)
    assert newcomer.cold
    again = learn_from(collection, path, LearnSettings(cases=200), save=tmp_path / "again")
    assert again.evaluation["gains"][VECTORS] == made.evaluation["gains"][VECTORS]


def test_learning_that_does_not_help_is_not_used(tmp_path):
    vectors, _ = tastes(told=3.0)
    rng = np.random.default_rng(1)
    events = []
    for user in range(800):  # each user has near items that nobody shares: only the vectors say what comes next
        start = int(rng.integers(120))
        near = np.argsort(-(vectors @ vectors[start]))[:3]
        events += [
            (f"u{user}", f"d{item}", user * 10 + step) for step, item in enumerate(rng.permutation(near).tolist())
        ]
    shuffled = [(user, f"d{rng.integers(120)}" if time < 7200 else item, time) for user, item, time in events]
    path = write_csv(tmp_path / "i.csv", ["session", "item", "timestamp"], shuffled)
    made = learn_from(collection_of(vectors), path, LearnSettings(cases=100), save=tmp_path / "r")
    assert not made.evaluation["proven"]
    assert "The embeddings alone are used" in made.verdict
    assert Recommender.open(tmp_path / "r").blend == 0


def test_interactions_are_counted_by_reason(tmp_path):
    rows = [("u", "a", "like", 3), ("u", "b", "view", 1), ("u", "a", "like", 4), ("u", "gone", "like", 2),
            ("v", "a", "dislike", 1), ("v", "b", "click", 2), ("", "b", "view", 5), ("w", "c", "buy", "NaN")]  # fmt: skip
    path = write_csv(tmp_path / "i.csv", ["user_id", "item_id", "event", "time"], rows)
    read = read_interactions(path, {"a": 0, "b": 1, "c": 2})
    assert read.baskets == [Basket("u", (1, 0), (1.0, 3.0)), Basket("v", (1,), (2.0,))]
    assert read.left_out == {"bad row: no user": 1, "bad row: time cannot be understood": 1, UNKNOWN: 1, DISLIKED: 1,
                             REPEATED: 1}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("u", "x"), ("u", "y")], r"2 of 2 events are of items that it does not have, such as 'x'"),
        ([("u", "d0"), ("v", "d1")], "no user, session or basket has two items"),
        ([("u", "d0"), ("u", "d1")], "Only 0 baskets with two or more items can be held out for dev"),
    ],
)
def test_too_few_interactions_are_refused(tmp_path, told, rows, words):
    path = write_csv(tmp_path / "i.csv", ["user", "item"], rows)
    with pytest.raises(InputError, match=words):
        learn_from(told[0], path, LearnSettings(), evaluate=True)


def test_places_that_hold_something_else_are_refused_and_a_missing_extra_is_named(tmp_path, told, monkeypatch):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(InputError, match="nothing was overwritten"):
        learn_from(*told, LearnSettings(), save=tmp_path)
    with pytest.raises(InputError, match="nothing was overwritten"):
        learn_from(*told, LearnSettings(), pairs=tmp_path)
    with pytest.raises(InputError, match="The index has 1 document"):
        learn_from(collection_of([[1, 0]]), told[1], LearnSettings())
    monkeypatch.setattr("semtune.registry.installed", lambda module: module != "implicit")
    with pytest.raises(MissingExtraError, match=r"pip install 'semtune\[recommend\]'"):
        learn_from(*told, LearnSettings(), evaluate=True)


def test_pairs_do_not_leak_and_popular_items_are_capped(tmp_path, told):
    collection, path = told
    settings = LearnSettings(pairs_per_item=4, pairs_per_basket=6)
    made = learn_from(collection, path, settings, pairs=tmp_path / "p")
    rows = {split: list(read_jsonl(tmp_path / "p" / f"{split}.jsonl")) for split in made.pairs}
    assert {split: len(found) for split, found in rows.items()} == made.pairs
    items = {split: {text for row in found for text in row.values()} for split, found in rows.items()}
    assert not items["train"] & (items["dev"] | items["test"])
    assert not items["dev"] & items["test"]
    answers = [row["positive"] for row in rows["train"]]
    assert max(answers.count(answer) for answer in set(answers)) <= 4
    assert made.pairs_left_out.keys() <= {ALIKE, OTHER_SPLIT, OF_BASKET, TOO_MANY}
    again = learn_from(collection, path, settings, pairs=tmp_path / "q")
    assert (tmp_path / "p" / "train.jsonl").read_bytes() == (tmp_path / "q" / "train.jsonl").read_bytes()
    assert again.pairs == made.pairs
    assert find_kind(tmp_path / "p") == "splits"


def test_near_copies_are_no_pair_and_rare_answers_come_first(tmp_path):
    same = "mend the kettle with solder and a small iron on a cold day"
    texts = [same, f"{same} again", *(f"other text number {n} of many about {n * 7}" for n in range(40))]
    baskets = [Basket(f"u{n}", (0, 1, 2, 3 + n % 38)) for n in range(200)]
    pairs = make_pairs(baskets, texts, LearnSettings(pairs_per_basket=2, pairs_per_item=1000))
    assert pairs.left_out[ALIKE] > 0
    drawn = [pair for rows in pairs.by_split.values() for pair in rows]
    assert {frozenset(pair) for pair in drawn}.isdisjoint({frozenset({0, 1})})
    popular = sum(answer == 2 for _, answer in drawn)
    assert popular < len(drawn) / 10  # in all baskets, a third of the plain pairs' answers
    assert write_pairs(pairs, texts, tmp_path / "p").keys() <= {"train", "dev", "test"}


def test_a_blend_is_no_worse_than_its_parts_here(told):
    collection, path = told
    made = learn_from(collection, path, LearnSettings(cases=100), evaluate=True)
    systems = made.evaluation["systems"]
    best = max(row["ndcg@10"]["mean"] for name, row in systems.items() if name != BLEND)
    assert systems[BLEND]["ndcg@10"]["mean"] > 0.9 * best
    assert systems["popularity"]["coverage"] < systems["embeddings"]["coverage"]
