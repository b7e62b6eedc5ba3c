"""Items for a history: scores by hand, against exact search, and what is refused or said in words."""

import json

import numpy as np
import pytest
from recommend_parts import collection_of, write_csv

import semtune
from semtune.errors import ConfigError, ContractError, InputError
from semtune.tasks.recommend.cooccurrence import Cooccurrence
from semtune.tasks.recommend.events import BAD_TIME, BAD_WEIGHT, NO_ITEM, NO_KIND, NO_TIME, Event, read_events
from semtune.tasks.recommend.job import recommend_from
from semtune.tasks.recommend.profile import DAY, MOST, TOO_OLD, UNKNOWN, weighed
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.scoring import blended, dislike, similarity
from semtune.tasks.recommend.settings import SHARPNESS, RecommendSettings


def asked(**given):
    return RecommendSettings(**given)


def ids_of(found):
    return [item.id for item in found.items]


@pytest.fixture(scope="module")
def random_vectors():
    made = np.random.default_rng(3).normal(size=(200, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def collection(random_vectors):
    return collection_of(random_vectors, metadata=[{"even": n % 2 == 0} for n in range(200)])


def recommender_of(rows, scores, counts, blend=1.0, ids=None, fingerprint="toy-8"):
    learned = Cooccurrence(np.array(rows, np.int32), np.array(scores, np.float32), np.array(counts), max(counts))
    return Recommender(ids or [f"d{n}" for n in range(len(counts))], learned, blend, "toy", fingerprint)


def test_the_similarity_lies_between_the_mean_and_the_largest_cosine():
    cosines = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.3]], np.float32)
    weights = np.array([3.0, 1.0], np.float32)
    np.testing.assert_allclose(similarity(cosines, weights, 0), [0.7, 0.5, 0.15], atol=1e-6)  # Rocchio
    np.testing.assert_allclose(similarity(cosines, weights, np.inf), [0.9, 0.5, 0.3], atol=1e-6)
    by_hand = np.log(0.75 * np.exp(5 * 0.9) + 0.25 * np.exp(5 * 0.1)) / 5
    assert similarity(cosines, weights, 5.0)[0] == pytest.approx(by_hand, abs=1e-6)
    assert similarity(cosines, weights, 1e-3)[0] == pytest.approx(0.7, abs=1e-3)
    assert similarity(cosines, weights, 1e4)[0] == pytest.approx(0.9, abs=1e-3)


def test_dislikes_lower_and_use_raises_the_score():
    np.testing.assert_allclose(
        dislike(np.array([[0.5, -0.5], [0.2, -0.1]], np.float32), np.array([0.5, 4.0], np.float32)), [0.25, 0.0]
    )
    np.testing.assert_allclose(
        blended(np.array([0.1, 0.2], np.float32), np.array([4.0, 1.0], np.float32), 2.0), [2.1, 0.7], atol=1e-6
    )
    unused = np.zeros(2, np.float32)
    np.testing.assert_array_equal(blended(np.array([0.1, 0.2], np.float32), unused, 2.0), np.float32([0.1, 0.2]))


def test_one_like_gives_what_exact_search_gives(collection, random_vectors):
    found = recommend_from(collection, asked(like="d7", k=5))
    cosines = random_vectors @ random_vectors[7]
    want = [n for n in np.argsort(-cosines) if n != 7][:5]
    assert ids_of(found) == [f"d{n}" for n in want]
    assert [item.score for item in found.items] == pytest.approx(cosines[want].tolist(), abs=1e-4)
    assert found.items[0].because[0].id == "d7"
    assert found.items[0].because[0].similarity == pytest.approx(cosines[want[0]], abs=1e-4)


def test_a_history_gives_what_all_items_scored_by_hand_give(collection, random_vectors):
    found = recommend_from(collection, asked(like=("d1", "d2"), viewed="d3", dislike="d4", k=8))
    cosines = random_vectors[[1, 2, 3]] @ random_vectors.T
    near = np.log((np.array([1, 1, 0.5]) / 2.5) @ np.exp(SHARPNESS * cosines)) / SHARPNESS
    want = near - 0.5 * np.maximum(random_vectors @ random_vectors[4], 0)
    order = [n for n in np.argsort(-want) if n not in {1, 2, 3, 4}][:8]
    assert ids_of(found) == [f"d{n}" for n in order]
    assert [item.score for item in found.items] == pytest.approx(want[order].tolist(), abs=1e-4)
    assert found.history == {"liked": 3, "disliked": 1, "seen": 4}


def test_a_person_with_two_interests_gets_both():
    rng = np.random.default_rng(0)
    one, two = np.eye(8)[0], np.eye(8)[1]
    between = (one + two) / np.sqrt(2)
    points = [one, two, *(one + 0.1 * rng.normal(size=8) for _ in range(5)),
              *(two + 0.1 * rng.normal(size=8) for _ in range(5)), *(between + 0.1 * rng.normal(size=8) for _ in "123")]  # fmt: skip
    made = collection_of(points)
    found = ids_of(recommend_from(made, asked(like=("d0", "d1"), k=10)))
    assert {f"d{n}" for n in range(2, 7)} & set(found)
    assert {f"d{n}" for n in range(7, 12)} & set(found)


def test_what_was_seen_is_left_out_unless_it_is_wanted_again(collection):
    seen = {"d1", "d2", "d3"}
    new = recommend_from(collection, asked(like="d1", viewed="d2", dislike="d3", k=190))
    assert not seen & set(ids_of(new))
    assert len(new.items) == 190
    again = recommend_from(collection, asked(like="d1", again=True, k=3))
    assert ids_of(again)[0] == "d1"
    assert "d1" not in [each.id for each in again.items[0].because]


def test_the_filter_holds_for_all_ways(collection):
    rows = [[n + 1 if n + 1 < 200 else -1, 198] for n in range(200)]
    learned = recommender_of(rows, [[1.0, 0.5]] * 200, [5] * 200, blend=5.0)
    for recommender in (None, learned):
        found = recommend_from(collection, asked(like=("d7", "d8"), where="even=true", k=20), recommender)
        assert all(item.metadata["even"] for item in found.items)
    with pytest.raises(InputError, match="odd"):
        recommend_from(collection, asked(like="d1", where="odd=true"))
    nothing = recommend_from(collection, asked(like="d1", where="even=true and not even=true"))
    assert (nothing.items, nothing.warnings) == ([], ["No item passes the filter."])


def test_diversity_makes_lists_more_varied(collection, random_vectors):
    def spread(found):
        rows = random_vectors[[int(id_[1:]) for id_ in ids_of(found)]]
        return float((rows @ rows.T).mean())

    plain = recommend_from(collection, asked(like="d7", k=10))
    varied = recommend_from(collection, asked(like="d7", k=10, diversity=0.5))
    assert spread(varied) < spread(plain)
    assert ids_of(varied)[0] == ids_of(plain)[0]


def test_recent_events_count_more():
    events = [Event("a", "like", 0.0), Event("b", "like", 10 * DAY), Event("c", "view", 20 * DAY)]
    found = weighed(events, asked(half_life=10.0, view_weight=0.5))
    assert found.liked == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.5})
    assert weighed(events, asked()).liked == {"a": 1.0, "b": 1.0, "c": 0.5}


def test_the_last_opinion_of_an_item_counts_and_views_do_not_undo_it():
    events = [Event("a", "like", 5.0), Event("a", "dislike", 9.0), Event("a", "view", 11.0), Event("b", "dislike", 1.0),
              Event("b", "like", 2.0), Event("c", "view", 1.0)]  # fmt: skip
    found = weighed(events, asked())
    assert (found.liked, found.disliked, found.seen) == ({"b": 1.0, "c": 0.5}, {"a": 1.0}, {"a", "b", "c"})


def test_a_long_history_is_cut_to_what_weighs_most_and_says_so():
    events = [Event(f"d{n}", "like", float(n)) for n in range(MOST + 20)]
    found = weighed(events, asked(half_life=1.0))
    assert next(iter(found.liked)) == f"d{MOST + 19}"
    assert (len(found.liked), len(found.seen)) == (MOST, MOST + 20)
    assert found.left_out == {f"older or weaker than the {MOST} that count": 20}


def test_what_is_too_old_to_weigh_anything_is_counted():
    events = [Event("old", "like", 0.0), Event("new", "like", 100 * DAY)]
    found = weighed(events, asked(half_life=1.0))
    assert (found.liked, found.left_out) == ({"new": 1.0}, {TOO_OLD: 1})
    assert found.seen == {"old", "new"}
    none = weighed([Event("a", "view")], asked(view_weight=0))
    assert (none.liked, none.left_out) == ({}, {TOO_OLD: 1})


def test_a_history_is_read_from_a_file(tmp_path, collection):
    rows = [("d1", "like", "2026-01-01"), ("d2", "view", "2026-01-05T10:00:00Z"), ("gone", "like", "1767225600"),
            ("d3", "dislike", "1767225600000"), ("d4", "like", "yesterday"), ("d5", "loves", "2026-01-01"),
            ("", "like", "2026-01-01"), ("d6", "like", ""), ("d7", "click", "2026-02-01")]  # fmt: skip
    path = write_csv(tmp_path / "h.csv", ["item", "event", "time"], rows)
    found = recommend_from(collection, asked(history=str(path)))
    assert found.history == {"liked": 3, "disliked": 1, "seen": 4}
    assert found.left_out == {f"bad row: {BAD_TIME}": 1, f"bad row: {NO_KIND}": 1, f"bad row: {NO_ITEM}": 1,
                              f"bad row: {NO_TIME}": 1, UNKNOWN: 1}  # fmt: skip
    assert "'gone'" in found.warnings[0]


def test_times_are_understood_in_each_form(tmp_path):
    forms = ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "1767225600", "1767225600000"]
    path = write_csv(tmp_path / "h.csv", ["id", "ts"], [(f"d{n}", form) for n, form in enumerate(forms)])
    assert {event.time for event in read_events(path, False, "--history").events} == {1767225600.0}


def test_weights_that_are_no_numbers_are_counted(tmp_path):
    rows = [("d1", "nan"), ("d2", "-1"), ("d3", "2"), ("d4", ""), ("d5", "1e999"), ("d6", "0.5"), ("d7", "1")]
    read = read_events(write_csv(tmp_path / "h.csv", ["item", "weight"], rows), False, "--history")
    assert [(event.item, event.weight) for event in read.events] == [("d3", 2.0), ("d4", 1.0), ("d6", 0.5), ("d7", 1.0)]
    assert read.left_out == {f"bad row: {BAD_WEIGHT}": 3}


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (["thing"], [("d1",)], "no column of items"),
        (["item", "time"], [("d1", "soon"), ("d2", "later")], "2 of 2 rows cannot be used.*time cannot be understood"),
        (["item", "event"], [("d1", "x")], "none of like, dislike, view"),
    ],
)
def test_histories_that_cannot_be_used_are_refused(tmp_path, collection, header, rows, words):
    path = write_csv(tmp_path / "h.csv", header, rows)
    with pytest.raises(InputError, match=words):
        recommend_from(collection, asked(history=str(path)))


def test_unknown_ids_are_named_with_the_nearest(collection):
    with pytest.raises(InputError, match=r"no item 'd1999'. Did you mean 'd199'\?"):
        recommend_from(collection, asked(like=("d1", "d1999")))
    with pytest.raises(ConfigError, match="'d1' is both liked and disliked"):
        asked(like="d1", dislike="d1")
    with pytest.raises(InputError, match="does not exist"):
        recommend_from(collection, asked(history="no/such.csv"))


def test_newcomers_get_popular_items_that_differ():
    points = [[1, 0, 0], [1, 0.01, 0], [1, 0.02, 0], [0, 1, 0], [0, 0, 1]]
    made = collection_of(points, metadata=[{"n": n} for n in range(5)])
    learned = recommender_of([[-1]] * 5, [[0.0]] * 5, [50, 49, 48, 30, 0], fingerprint="toy-3")
    found = recommend_from(made, asked(k=2, diversity=0.7), learned)
    assert (ids_of(found), found.cold) == (["d0", "d3"], True)
    assert found.items[0].score == 50
    assert "popular" in found.warnings[0]
    assert ids_of(recommend_from(made, asked(k=9, dislike="d0", where="n>=2"), learned)) == ["d2", "d3"]
    for given in ({}, {"dislike": "d1"}):
        with pytest.raises(InputError, match="Nothing is known of this person: give likes or views"):
            recommend_from(made, asked(**given))


def test_a_recommender_adds_what_is_used_together(collection, random_vectors):
    far = int(np.argmin(random_vectors @ random_vectors[7]))
    rows = np.full((200, 1), -1)
    scores = np.zeros((200, 1))
    rows[7], scores[7] = far, 0.8
    learned = recommender_of(rows, scores, [3] * 200, blend=5.0)
    found = recommend_from(collection, asked(like="d7", k=3), learned)
    assert found.items[0].id == f"d{far}"
    assert (found.items[0].together, found.items[0].because[0].together) == (1.0, 0.8)
    assert found.items[0].score == pytest.approx(float(random_vectors[far] @ random_vectors[7]) + 5.0, abs=1e-4)
    unproven = recommender_of(rows, scores, [3] * 200, blend=0.0)
    plain = recommend_from(collection, asked(like="d7", k=3))
    assert recommend_from(collection, asked(like="d7", k=3), unproven).items == plain.items


def test_another_models_recommender_is_refused(collection):
    learned = recommender_of([[-1]] * 5, [[0.0]] * 5, [1] * 5, fingerprint="another")
    with pytest.raises(ContractError, match="made for an index of the model 'toy'"):
        recommend_from(collection, asked(like="d7"), learned)


def test_a_recommender_opens_as_it_was_saved(tmp_path, collection):
    rng = np.random.default_rng(0)
    rows, scores = rng.integers(0, 200, (200, 4)), rng.random((200, 4))
    learned = recommender_of(rows, scores, list(range(1, 201)))
    learned.save(tmp_path / "r")
    learned.save(tmp_path / "again")
    opened = Recommender.open(tmp_path / "r")
    given = asked(like=("d3", "d9"), k=20)
    assert recommend_from(collection, given, opened).items == recommend_from(collection, given, learned).items
    for name in ("recommender.json", "recommender.npz"):
        assert (tmp_path / "r" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    (tmp_path / "r" / "recommender.npz").write_bytes(b"broken")
    with pytest.raises(InputError, match="is damaged"):
        Recommender.open(tmp_path / "r")
    with pytest.raises(InputError, match="is not a recommender"):
        Recommender.open(tmp_path)
    with pytest.raises(InputError, match="nothing was overwritten"):
        learned.save(tmp_path)


def test_nothing_left_and_nothing_to_choose_between_are_said():
    two = collection_of([[1, 0], [0, 1]])
    found = recommend_from(two, asked(like=("d0", "d1")))
    assert found.items == []
    assert found.warnings == ["Every item of the index is in the history, so nothing new is left. --again recommends "
                              "those, too."]  # fmt: skip
    assert recommend_from(collection_of([[1, 0]]), asked(like="d0")).items == []
    equal = recommend_from(collection_of([[1, 0]] * 4), asked(like="d2", diversity=0.5))
    assert ids_of(equal) == ["d0", "d1", "d3"]
    assert "equally like the history" in equal.warnings[0]


def test_the_command_as_it_is_written(tmp_path, monkeypatch, capsys):
    from semtune.cli.main import main
    from semtune.encoders.toy import ToyEncoder
    from semtune.index.build import build_index
    from semtune.index.settings import IndexSettings
    from semtune.search.searcher import Searcher
    from semtune.types import Document

    texts = ["kettle boils water", "kettle with a lid", "rake the leaves", "rake and spade", "violin and bow"]
    documents = [Document(f"d{n}", text, f"title {n}") for n, text in enumerate(texts)]
    build_index(documents, ToyEncoder(), tmp_path / "gone", tmp_path / "index", IndexSettings())

    def run(*words):
        monkeypatch.setattr("sys.argv", ["semtune", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, json.loads(capsys.readouterr().out)

    code, made = run("recommend", str(tmp_path / "index"), "--like", "d0", "--json")
    assert code == 0
    searcher = Searcher.open(tmp_path / "index", mode="keyword")  # needs no model either
    want = searcher.more_like_this("d0")
    searcher.close()
    assert [item["id"] for item in made["items"]] == [hit.id for hit in want]
    assert [item["score"] for item in made["items"]] == pytest.approx([hit.score for hit in want], abs=1e-4)
    assert (made["history"]["liked"], made["items"][0]["title"]) == (1, want[0].title)
    code, made = run("recommend", str(tmp_path / "index"), "--like", "d9", "--json")
    assert (code, made["exit_code"]) == (2, 2)
    assert "no item 'd9'" in made["error"]
    code, made = run("recommend", str(tmp_path / "index"), "--evaluate", "--json")
    assert "--evaluate needs --interactions FILE" in made["error"]
    same = semtune.recommend(tmp_path / "index", semtune.RecommendSettings(like=("d0",)))
    assert ids_of(same) == [hit.id for hit in want]
