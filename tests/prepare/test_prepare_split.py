import pytest

from semtune.dataset import Dataset
from semtune.errors import ConfigError, GateError
from semtune.prepare.drop_log import Tally
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import Groups, assign
from semtune.prepare.split.leaks import check_leaks, find_leaks
from semtune.types import Document, Pair, Query, ScoredPair


def test_groups_are_called_by_their_smallest_member():
    groups = Groups()
    groups.join(["d", "c"])
    groups.join(["b", "x"])
    groups.join(["x", "d"])
    assert [groups.find(name) for name in "bcdxz"] == ["b", "b", "b", "b", "z"]


def test_shares_are_about_as_wanted_and_stable_under_added_groups():
    few = {f"doc{i}": 1 for i in range(1000)}
    before = assign(few, 0.1, 0.2, 7, Tally())
    after = assign(few | {f"new{i}": 1 for i in range(500)}, 0.1, 0.2, 7, Tally())
    assert {group: after[group] for group in few} == before
    counts = [list(before.values()).count(split) for split in ("train", "dev", "test")]
    # Binomial: 700, 100, 200 with standard deviations of 14.5, 9.5, 12.6.
    assert abs(counts[0] - 700) < 50
    assert abs(counts[1] - 100) < 35
    assert abs(counts[2] - 200) < 45
    assert assign(few, 0.1, 0.2, 8, Tally()) != before


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [3, 4, 7])
def test_every_wanted_split_has_a_group_from_three_on(seed, count):
    splits = assign({f"g{i}": 5 for i in range(count)}, 0.1, 0.1, seed, Tally())
    assert set(splits.values()) == {"train", "dev", "test"}


def test_two_groups_are_all_trained_on_with_a_warning():
    tally = Tally()
    assert assign({"a": 5, "b": 5}, 0.1, 0.1, 0, tally) == {"a": "train", "b": "train"}
    assert "cannot be evaluated" in tally.warnings[0]


def test_a_giant_group_is_trained_on():
    weights = {"giant": 1000} | {f"g{i}": 1 for i in range(50)}
    for seed in range(20):
        tally = Tally()
        assert assign(weights, 0.3, 0.3, seed, tally)["giant"] == "train"
        assert "One group holds 1,000 of 1,050" in tally.warnings[0]


@pytest.mark.parametrize("seed", range(20))
def test_a_split_of_small_groups_takes_more_until_it_can_judge(seed):
    weights = {f"large{i}": 200 for i in range(12)} | {f"small{i}": 3 for i in range(30)}
    splits = assign(weights, 0.1, 0.1, seed, Tally())
    for split in ("dev", "test"):
        assert sum(weights[group] for group in weights if splits[group] == split) >= 50


def test_no_split_that_is_not_wanted():
    assert set(assign({f"g{i}": 1 for i in range(40)}, 0.0, 0.5, 0, Tally()).values()) == {"train", "test"}


def test_settings_refuse_what_makes_no_sense():
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        PrepareSettings(dev_share=0.5, test_share=0.5)
    with pytest.raises(ConfigError, match="Did you mean 'anchor'"):
        PrepareSettings(roles={"anchr": "q"})
    with pytest.raises(ConfigError, match=r"max_pairs: .*found 0"):
        PrepareSettings(max_pairs=0)


SORTS = (
    "document", "group", "text", "scored pair",
    "near-duplicate question", "near-duplicate passage", "near-duplicate scored pair",
)  # fmt: skip


def clean():
    return Dataset(
        corpus=[Document("d1", "one", metadata={"group": "a"}), Document("d2", "two", metadata={"group": "b"})],
        queries={"q1": Query("q1", "first"), "q2": Query("q2", "second")},
        qrels={"train": {"q1": {"d1": 1}}, "test": {"q2": {"d2": 1}}},
        pairs={"train": [Pair("first", "one")], "test": [Pair("second", "two")]},
    )


def test_an_innocent_data_set_has_no_leak():
    assert find_leaks(clean()).found == dict.fromkeys(SORTS, 0)
    check_leaks(clean())


def test_planted_leaks_are_found():
    shared_document = clean()
    shared_document.qrels["train"]["q1"]["d2"] = 1
    assert find_leaks(shared_document).found == dict.fromkeys(SORTS, 0) | {"document": 1, "group": 1, "text": 1}
    shared_group = clean()
    shared_group.corpus[1] = Document("d2", "two", metadata={"group": "a"})
    assert find_leaks(shared_group).found["group"] == 1
    same_text = clean()
    same_text.pairs["train"].append(Pair("new", "  TWO "))
    assert find_leaks(same_text).found["text"] == 1
    answer_asked = clean()
    answer_asked.pairs["train"].append(Pair("second", "three"))
    with pytest.raises(GateError, match="train shares 1 text"):
        check_leaks(answer_asked)


def test_a_judged_irrelevant_document_is_no_leak():
    data = clean()
    data.qrels["train"]["q1"]["d2"] = 0
    assert find_leaks(data).total == 0


def test_scored_pairs_leak_in_either_order():
    data = Dataset(scored={"train": [ScoredPair("a b", "C", 1.0)], "dev": [ScoredPair("c", "A  B", 0.0)]})
    assert find_leaks(data).found["scored pair"] == 1
    with pytest.raises(GateError):
        check_leaks(data, "keep")
