"""Results that were kept compare as the results themselves; other data is refused in words."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scores_by_hand import retrieval, similarity
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.saved.compare import compare_saved
from semtune.evaluate.saved.read import identify, read_saved
from semtune.evaluate.saved.write import write_files
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.rule import judge
from semtune.types import Document, Query, ScoredPair

RNG = np.random.default_rng(0)
BASE = RNG.random(60)
DATA = {"name": "faq", "split": "test", "sha256": "a" * 64}


def kept(folder, scores, data=DATA, **others):
    folder.mkdir(parents=True)
    write_files(folder, conclude(scores, others, data=data))
    return folder


def test_a_kept_result_is_the_result(tmp_path):
    tuned, base = retrieval(BASE + RNG.normal(0.05, 0.1, 60), "one"), retrieval(BASE, "two")
    back = read_saved(kept(tmp_path / "a", tuned, base=base)).scores
    assert judge(back, base) == judge(tuned, base)
    assert back.query_ids == tuned.query_ids
    pairs = similarity(RNG.random(50), np.round(RNG.random(50), 1))
    other = similarity(RNG.random(50), pairs.gold)
    assert judge(read_saved(kept(tmp_path / "b", pairs)).scores, other) == judge(pairs, other)


def test_runs_are_held_against_the_first(tmp_path):
    values = {"one": BASE, "two": BASE + 0.1 + RNG.normal(0, 0.05, 60), "three": BASE - 0.1, "four": BASE}
    scores = {name: retrieval(each, f"model {name}") for name, each in values.items()}
    folders = [kept(tmp_path / name / "evaluate", each) for name, each in scores.items()]
    found = compare_saved([folders[0].parent, *folders[1:]], seed=13).as_dict()
    assert [run["name"] for run in found["runs"]] == ["one", "two", "three", "four"]
    assert [run["value"] for run in found["runs"]] == pytest.approx([each.mean() for each in values.values()])
    assert (found["first"], found["metric"], found["n"], found["data"]) == ("one", "ndcg@10", 60, DATA)
    words = {each["run"]: each["verdict"] for each in found["comparisons"]}
    assert words == {"two": "better", "three": "worse", "four": "not told apart"}
    two, three, four = found["comparisons"]
    alone = judge(scores["two"], scores["one"], 13)
    assert (two["gain"], two["interval"], two["p_value"]) == (alone.gain, list(alone.interval), alone.p_value)
    smallest = 1 / 10_001
    assert [each["p_corrected"] for each in (two, three, four)] == pytest.approx([3 * smallest, 3 * smallest, 1.0])
    json.dumps(found, allow_nan=False)


def test_the_table_for_a_pull_request(tmp_path):
    folders = [kept(tmp_path / name, retrieval(BASE + gain, f"m|{name}")) for name, gain in (("a", 0.0), ("b", 0.1))]
    lines = compare_saved(folders).markdown().splitlines()
    assert lines[0] == "faq, test: 60 queries"
    assert lines[2].startswith("| run | model | nDCG@10 | 95 % interval | gain over a |")
    assert lines[4].startswith(f"| a | m\\|a | {BASE.mean():.4f} |")
    assert lines[5].endswith("| +0.1000 | +0.1000 to +0.1000 | 0.0001 | better |")


def test_other_data_is_refused(tmp_path):
    one = kept(tmp_path / "one", retrieval(BASE))
    two = kept(tmp_path / "two", retrieval(BASE), DATA | {"name": "scifact", "sha256": "b" * 64})
    with pytest.raises(
        InputError, match=r"two was measured on scifact \(test, bbbbbbbb\) and one on faq .*cannot be compared"
    ):
        compare_saved([one, two])


def test_items_in_another_order_are_laid_side_by_side(tmp_path):
    turn = RNG.permutation(60)
    one, two = retrieval(BASE, "one"), retrieval(BASE + RNG.normal(0.05, 0.1, 60), "two")
    turned = replace(
        two, query_ids=tuple(two.query_ids[row] for row in turn), per_query={"ndcg@10": two.per_query["ndcg@10"][turn]}
    )
    found = compare_saved([kept(tmp_path / "one", one), kept(tmp_path / "two", turned)], seed=3).comparisons["two"]
    assert found == replace(judge(two, one, 3), against=found.against)
    gold = np.round(RNG.random(60), 1)
    one, two = similarity(gold + RNG.random(60), gold), similarity(gold + RNG.random(60), gold)
    turned = replace(
        two, query_ids=tuple(two.query_ids[row] for row in turn), similarities=two.similarities[turn], gold=gold[turn]
    )
    found = compare_saved([kept(tmp_path / "three", one), kept(tmp_path / "four", turned)], seed=3).comparisons["four"]
    assert (found.gain, found.interval) == (judge(two, one, 3).gain, judge(two, one, 3).interval)


def test_another_task_and_other_items_are_refused(tmp_path):
    one = kept(tmp_path / "one", retrieval(BASE))
    two = kept(tmp_path / "two", similarity(BASE, np.round(BASE, 1)))
    with pytest.raises(InputError, match=r"two was evaluated by similarity and one by retrieval.*--task retrieval"):
        compare_saved([one, two])
    other = kept(tmp_path / "other", retrieval(BASE, query_ids=tuple(f"x{i}" for i in range(60)), run={}))
    with pytest.raises(InputError, match="queries of other and one differ"):
        compare_saved([one, other])


@pytest.mark.parametrize(
    "change",
    [
        {"data": "faq"},
        {"data": {"name": "faq"}},
        {"kind": "guess"},
        {"systems": {"tuned": {"ndcg@10": "high"}}},
        {"systems": {"tuned": {}}},
        {"kind": "pairs"},
        None,  # no object at all
    ],
)
def test_a_damaged_evaluation_is_refused_in_words(tmp_path, change):
    one = kept(tmp_path / "one", retrieval(BASE))
    values = json.loads((one / "metrics.json").read_text())
    (one / "metrics.json").write_text(json.dumps(values | change if change else []))
    with pytest.raises(InputError, match="is damaged"):
        compare_saved([one, one])


def test_runs_of_the_evaluation_before_do_not_stay(tmp_path):
    folder = kept(tmp_path / "one", retrieval(BASE), base=retrieval(BASE), bm25=retrieval(BASE))
    (folder / "mine.trec").write_text("not ours")
    write_files(folder, conclude(retrieval(BASE), {"base": retrieval(BASE)}, data=DATA))
    assert sorted(path.name for path in folder.glob("*.trec")) == ["base.trec", "mine.trec", "tuned.trec"]


def test_what_is_no_evaluation_is_refused(tmp_path):
    one = kept(tmp_path / "one", retrieval(BASE))
    with pytest.raises(InputError, match="at least two"):
        compare_saved([one])
    with pytest.raises(InputError, match=r"is not an evaluation: it has no metrics\.json"):
        compare_saved([one, tmp_path])
    (one / "per_query.jsonl").rename(one / "away")
    with pytest.raises(InputError, match=r"has no per_query\.jsonl"):
        compare_saved([one, one])
    lines = (one / "away").read_text().splitlines(keepends=True)
    (one / "per_query.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="59 lines for 60 queries"):
        compare_saved([one, one])
    (one / "per_query.jsonl").write_text('{"id": "q0"}\n')
    with pytest.raises(InputError, match="is damaged"):
        compare_saved([one, one])


def test_a_collapsed_model_stays_one_when_kept(tmp_path):
    flat = retrieval(BASE, run={f"q{i}": {"a": 0.5, "b": 0.5} for i in range(60)})
    back = read_saved(kept(tmp_path / "flat", flat)).scores
    assert judge(retrieval(BASE + 0.1), back).verdict == "cannot-judge"


def test_data_are_told_apart_by_content_not_by_order():
    corpus = [Document("a", "one"), Document("b", "two")]
    queries = {"q": Query("q", "x"), "r": Query("r", "y")}
    data = Dataset(corpus=corpus, queries=queries, qrels={"test": {"q": {"a": 1, "b": 0}, "r": {"b": 1}}})
    turned = replace(
        data, corpus=corpus[::-1], qrels={"test": {"r": {"b": 1}, "q": {"b": 0, "a": 1}}, "train": {"q": {"b": 1}}}
    )
    same = identify(data, "test", "faq")
    assert identify(turned, "test", "faq") == same
    for other in (
        replace(data, corpus=[corpus[0], Document("b", "three")]),
        replace(data, qrels={"test": {"q": {"a": 2, "b": 0}, "r": {"b": 1}}}),
        replace(data, queries=queries | {"q": Query("q", "z")}),
        Dataset(scored={"test": [ScoredPair("a", "b", 0.5)]}),
    ):
        assert identify(other, "test", "faq")["sha256"] != same["sha256"]
