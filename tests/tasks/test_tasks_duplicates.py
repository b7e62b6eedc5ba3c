"""Near-equal texts: pairs and groups against scipy-free brute force and hand-worked cases, files byte for byte."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import semtune
from semtune.contract import Calibration
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, InputError
from semtune.evaluate.kinds.pairs import BinaryPair
from semtune.io import read_jsonl
from semtune.tasks.duplicates import blocks, search
from semtune.tasks.duplicates.best_pairs import NOBODY, BestPairs, Closest, Pairs
from semtune.tasks.duplicates.decisions import Decisions
from semtune.tasks.duplicates.job import find_duplicates
from semtune.tasks.duplicates.search import Apart, find_matches, find_pairs
from semtune.tasks.duplicates.settings import DuplicatesSettings
from semtune.tasks.duplicates.threshold import given_threshold, halves, judged, threshold_from, usual_threshold
from semtune.unit_vectors import unit

NEAR = ["kettle boils the hot water", "kettle boils the hot water now", "roses and tulips", "a violin and its bow"]


@pytest.fixture(scope="module")
def encoder():
    return ToyEncoder(256)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(search, "ROWS", 7)
    monkeypatch.setattr(search, "COLUMNS", 11)


def found(encoder, file, out=None, **settings):
    return find_duplicates(encoder, file, DuplicatesSettings(**{"threshold": 0.8, **settings}), out)


def written(path, texts):
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def on_circle(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def clusters(seed, count=100, centres=20, dim=8):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(centres, dim))[rng.integers(0, centres, count)] + 0.2 * rng.normal(size=(count, dim)))


def brute(vectors, threshold):
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    return {(a, b) for a in range(len(vectors)) for b in range(a + 1, len(vectors)) if scores[a, b] >= threshold}


def test_pairs_are_those_of_brute_force_whatever_the_blocks(small_blocks):
    vectors = clusters(0).astype(np.float32)
    made = find_pairs(vectors, 0.9, 10_000)
    assert set(zip(made.pairs.first.tolist(), made.pairs.second.tolist(), strict=True)) == brute(vectors, 0.9)
    assert made.total == len(brute(vectors, 0.9)) > 100
    assert made.exact
    expected = np.einsum("ij,ij->i", vectors[made.pairs.first], vectors[made.pairs.second])
    np.testing.assert_allclose(made.pairs.scores, expected, atol=1e-6)
    assert (np.diff(made.pairs.scores) <= 0).all()


def test_groups_are_those_of_the_leader_algorithm_in_plain_python(small_blocks):
    vectors = clusters(1).astype(np.float32)
    scores = vectors @ vectors.T
    kept, leader = [], {}
    for row in range(len(vectors)):
        similar = [one for one in kept if scores[one, row] >= 0.9]
        if similar:
            leader[row] = max(similar, key=lambda one: (scores[one, row], -one))
        else:
            kept.append(row)
    closest = find_pairs(vectors, 0.9, 0).closest
    assert {row: int(one) for row, one in enumerate(closest.other) if one != NOBODY} == leader
    assert 20 < len(kept) < 60


def test_a_chain_is_no_group():
    """At 0, 20 and 40 degrees: neighbours have a cosine of 0.94, the ends one of 0.77."""
    a_first = find_pairs(on_circle(0, 20, 40), 0.9, 10)
    assert a_first.closest.other.tolist() == [NOBODY, 0, NOBODY]  # the third is kept: it is like a removed text only
    assert a_first.total == 2
    middle_first = find_pairs(on_circle(20, 0, 40), 0.9, 10)
    assert middle_first.closest.other.tolist() == [NOBODY, 0, 0]


def test_a_text_joins_the_most_similar_kept_one():
    assert find_pairs(on_circle(0, 40, 22), 0.9, 10).closest.other.tolist() == [NOBODY, NOBODY, 1]


def test_pairs_set_apart_are_no_pairs_and_no_groups():
    made = find_pairs(on_circle(0, 1, 2), 0.9, 10, Apart(3, np.array([0 * 3 + 1])))
    assert list(zip(made.pairs.first.tolist(), made.pairs.second.tolist(), strict=True)) == [(1, 2), (0, 2)]
    assert made.closest.other.tolist() == [NOBODY, NOBODY, 1]
    kinds = find_pairs(on_circle(0, 1, 2), 0.9, 10, Apart(3, kinds=np.array([0, 1, 0])))
    assert kinds.closest.other.tolist() == [NOBODY, NOBODY, 0]


def test_only_the_best_pairs_are_kept_and_all_are_counted():
    rng = np.random.default_rng(0)
    best, scores = BestPairs(10), rng.permutation(1000).astype(np.float32)
    for start in range(0, 1000, 30):
        part = np.arange(start, min(start + 30, 1000))
        best.add(Pairs(part, part + 1, scores[part]))
        assert best._waiting <= 10 + 30
    assert best.total == 1000
    assert best.best().scores.tolist() == list(range(999, 989, -1))
    assert best.best().first.tolist() == np.argsort(-scores)[:10].tolist()


def test_of_equally_similar_texts_the_first_counts():
    closest = Closest(1)
    closest.take(np.array([0, 0]), np.array([5, 3]), np.array([0.5, 0.5], np.float32))
    closest.take(np.array([0]), np.array([2]), np.array([0.5], np.float32))
    closest.take(np.array([0]), np.array([1]), np.array([0.4], np.float32))
    assert closest.other.tolist() == [2]


def test_matches_between_files_are_those_of_brute_force(small_blocks):
    one, two = clusters(2, 40).astype(np.float32), clusters(2, 60).astype(np.float32)
    scores = one @ two.T
    made = find_matches(one, two, 0.9, 10_000)
    pairs = set(zip(made.pairs.first.tolist(), made.pairs.second.tolist(), strict=True))
    assert pairs == set(zip(*map(np.ndarray.tolist, np.nonzero(scores >= 0.9)), strict=True))
    nearest = np.where(scores.max(axis=1) >= 0.9, scores.argmax(axis=1), NOBODY)
    assert made.closest.other.tolist() == nearest.tolist()


def test_a_graph_says_what_it_missed(monkeypatch):
    vectors = clusters(3).astype(np.float32)
    full = find_pairs(vectors, 0.9, 10_000, exact_pairs=0)
    assert (full.exact, full.recall, full.total) == (False, 1.0, len(brute(vectors, 0.9)))
    assert full.sampled == full.total
    assert full.closest.other.tolist() == find_pairs(vectors, 0.9, 0).closest.other.tolist()
    monkeypatch.setattr(blocks, "NEIGHBOURS", 2)  # itself and one more
    cut = find_pairs(vectors, 0.9, 10_000, exact_pairs=0)
    assert cut.recall == pytest.approx(cut.total / full.total)
    assert cut.recall < 0.6
    matched = find_matches(vectors[:50], vectors[50:], 0.9, 10_000, exact_pairs=0)
    assert matched.recall == pytest.approx(matched.total / find_matches(vectors[:50], vectors[50:], 0.9, 0).total)


def test_nothing_vanishes_and_the_cleaned_file_is_the_input_without_rows(encoder, tmp_path):
    file = written(tmp_path / "a.txt", [NEAR[0], "", NEAR[2], NEAR[0].upper(), NEAR[1], NEAR[3]])
    made = found(encoder, file, tmp_path / "out")
    assert (made.texts, made.kept, made.removed, made.removed_for) == (5, 3, 2, {"equal": 1, "similar": 1})
    assert made.left_out == {"empty text": 1}
    assert (tmp_path / "out" / "cleaned.txt").read_text() == f"{NEAR[0]}\n\n{NEAR[2]}\n{NEAR[3]}\n"
    removed = list(read_jsonl(tmp_path / "out" / "removed.jsonl"))
    assert [(row["line"], row["text"], row["reason"], row["kept_line"]) for row in removed] == [
        (4, NEAR[0].upper(), "equal", 1),
        (5, NEAR[1], "similar", 1),
    ]
    again = found(encoder, tmp_path / "out" / "cleaned.txt")
    assert (again.removed, again.pairs) == (0, [])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "cleaned.txt", "duplicates.json", "groups.jsonl", "pairs.jsonl", "removed.jsonl", "review.html",
    }  # fmt: skip


def test_the_longest_text_is_kept_on_demand(encoder, tmp_path):
    file = written(tmp_path / "a.txt", NEAR)
    assert [group["kept"]["line"] for group in found(encoder, file).groups] == [1]
    assert [group["kept"]["line"] for group in found(encoder, file, keep="longest").groups] == [2]


CSV = 'id;text;n\r\n1;"kettle; boils\r\nhot water";ä\r\n2;roses and tulips;b\r\n3;"KETTLE; boils\r\nhot water";c\r\n'


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_keeps_its_format(encoder, tmp_path, packed):
    file = tmp_path / ("a.csv.gz" if packed else "a.csv")
    data = CSV.encode("latin-1")
    file.write_bytes(gzip.compress(data) if packed else data)
    made = found(encoder, file, tmp_path / "out", column="text")
    kept = b"".join(data.splitlines(keepends=True)[:4])
    cleaned = tmp_path / "out" / file.name.replace("a.", "cleaned.")
    assert str(cleaned) == made.cleaned
    assert (gzip.decompress(cleaned.read_bytes()) if packed else cleaned.read_bytes()) == kept
    assert made.groups[0]["members"][0]["id"] == "3"


def test_parquet_stays_parquet_and_other_tables_become_json_lines(encoder, tmp_path):
    rows = [{"text": text, "n": n} for n, text in enumerate([NEAR[0], NEAR[2], NEAR[0]])]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found(encoder, tmp_path / "a.parquet", tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "cleaned.parquet").to_pylist() == rows[:2]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    made = found(encoder, tmp_path / "a.json", tmp_path / "out")
    assert list(read_jsonl(Path(made.cleaned))) == rows[:2]
    assert not (tmp_path / "out" / "cleaned.parquet").exists()
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    made = found(encoder, tmp_path / "a.jsonl", tmp_path / "out")
    assert Path(made.cleaned).read_text() == "".join(f"{json.dumps(row)}\n" for row in rows[:2])


def test_equal_texts_make_one_group_and_no_square_of_pairs(encoder, tmp_path):
    made = found(encoder, written(tmp_path / "a.txt", [NEAR[0]] * 5000), most=7)
    assert (made.distinct, made.kept, made.removed, made.pairs_found, len(made.pairs)) == (1, 1, 4999, 4999, 7)
    assert len(made.groups) == 1


def test_one_text_has_no_duplicate(encoder, tmp_path):
    made = found(encoder, written(tmp_path / "a.txt", ["alone"]), tmp_path / "out")
    assert (made.kept, made.pairs, made.groups) == (1, [], [])
    assert "All 1 text are kept" in (tmp_path / "out" / "review.html").read_text()


def test_against_finds_what_the_other_file_holds(encoder, tmp_path):
    mine = written(tmp_path / "mine.txt", [NEAR[1], NEAR[2], NEAR[2].upper(), "something new"])
    other = written(tmp_path / "other.txt", [NEAR[3], NEAR[0], NEAR[2], NEAR[2]])
    made = found(encoder, mine, tmp_path / "out", against=str(other))
    assert [(group["kept"]["line"], [(m["line"], m["why"]) for m in group["members"]]) for group in made.groups] == [
        (2, [(1, "similar")]),
        (3, [(2, "equal"), (3, "equal")]),
    ]
    assert (tmp_path / "out" / "cleaned.txt").read_text() == "something new\n"
    assert sorted((pair["first"]["line"], pair["second"]["line"]) for pair in made.pairs) == [(1, 2), (2, 3), (3, 3)]
    assert made.pairs_found == 3
    assert next(read_jsonl(tmp_path / "out" / "removed.jsonl"))["kept_in"] == str(other)


def test_decisions_keep_texts_and_choose_what_is_kept(encoder, tmp_path):
    file = written(tmp_path / "a.txt", [*NEAR, NEAR[2]])
    groups = found(encoder, file).groups
    near, again = groups
    ids = near["kept"]["text_id"], near["members"][0]["text_id"]
    (tmp_path / "d.json").write_text(json.dumps({"different": [ids[::-1]], "preferred": []}))
    assert [group["kept"]["line"] for group in found(encoder, file, decisions=str(tmp_path / "d.json")).groups] == [3]
    same = [again["kept"]["text_id"]] * 2
    (tmp_path / "d.json").write_text(json.dumps({"different": [same, ["t-0", "t-1"]], "preferred": [ids[1]]}))
    made = found(encoder, file, decisions=str(tmp_path / "d.json"))
    assert [group["kept"]["line"] for group in made.groups] == [2]
    assert made.decisions_unknown == 1


@pytest.mark.parametrize("broken", ["[]", '{"different": [["a"]]}', '{"preferred": [1]}', '{"different": 3}'])
def test_broken_decisions_are_refused(tmp_path, broken):
    (tmp_path / "d.json").write_text(broken)
    with pytest.raises(InputError, match="holds no decisions"):
        Decisions.read(tmp_path / "d.json")


def test_numbers_that_differ_are_said_and_can_decide(encoder, tmp_path):
    texts = ["the kettle boils the water in 5 minutes and sings", "the kettle boils the water in 6 minutes and sings"]
    file = written(tmp_path / "a.txt", texts)
    assert [pair["numbers_differ"] for pair in found(encoder, file).pairs] == [True]
    made = found(encoder, file, same_numbers=True)
    assert (made.pairs, made.removed) == ([], 0)
    assert found(encoder, file, same_numbers=True, against=str(written(tmp_path / "b.txt", texts[1:]))).removed == 1


@pytest.mark.slow
def test_texts_that_the_model_cannot_read_are_compared_for_equality_only(exported, tmp_path):
    from semtune.encoders.load import load_encoder

    model = load_encoder(str(exported("mean").folder), "onnx")
    words = [f"{word} water pump" for word in ("big", "small", "red", "green", "blue", "old", "new", "dry")]
    file = written(tmp_path / "a.txt", [*words, "日本語", "漢字仮名", "日本語"])
    made = found(model, file, threshold=0.9999, allow_unreadable=True)
    assert (made.unread, made.removed_for) == (2, {"equal": 1, "similar": 0})
    assert "does not know their letters" in made.warnings[0]


def test_a_run_goes_on_where_it_was_stopped(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("semtune.tasks.duplicates.embedding.CHUNK", 2)
    file, asked = written(tmp_path / "a.txt", NEAR), []

    class Stopping(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            asked.extend(texts)
            if len(asked) == 4:
                raise KeyboardInterrupt
            made = super().encode(texts, role, progress)
            lengths = np.array([len(text.split()) for text in texts], dtype=np.int32)
            return replace(made, lengths=lengths, cut=np.zeros(len(texts), dtype=np.bool_))

    stopping = Stopping(256)
    with pytest.raises(KeyboardInterrupt):
        found(stopping, file, tmp_path / "out")
    made = found(stopping, file, tmp_path / "out")
    assert asked == [*NEAR[:2], *NEAR[2:], *NEAR[2:]]
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert found(encoder, file, tmp_path / "new").groups == made.groups
    second = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir() if path.is_file()}
    assert first == second


def labelled(n=60):
    """Duplicates score 0.6 to 1, others 0.3 to 0.7."""
    rng = np.random.default_rng(0)
    pairs = [BinaryPair(f"a{i}", f"b{i}", i % 2 == 0) for i in range(n)]
    return pairs, np.array([rng.uniform(0.6, 1) if pair.same else rng.uniform(0.3, 0.7) for pair in pairs])


def test_the_threshold_is_the_lowest_with_the_precision_asked_for():
    pairs, scores = labelled(2000)
    chosen = threshold_from(pairs, scores, 0.9, 0)
    on = halves(pairs, 0)
    same = np.array([pair.same for pair in pairs])
    for value in np.unique(scores[on]):
        reaches = same[on][scores[on] >= value].mean() >= 0.9
        assert not reaches or value >= chosen.value
    assert same[on][scores[on] >= chosen.value].mean() >= 0.9
    held = chosen.held_out
    taken = scores[~on] >= chosen.value
    assert held.precision == pytest.approx(same[~on][taken].mean())
    assert held.recall == pytest.approx(taken[same[~on]].mean())
    assert held.precision_interval[0] < 0.9 < held.precision_interval[1]
    with pytest.raises(InputError, match=r"No threshold gives a precision of 0\.9 .* the highest is 0\.\d+"):
        threshold_from(pairs, -scores, 0.9, 0)


def test_duplicates_that_share_a_text_are_in_one_half():
    pairs = [BinaryPair(f"q{i // 5}", f"p{i}", i % 2 == 0) for i in range(200)]
    first = halves(pairs, 3)
    assert 90 <= first.sum() <= 110
    of = {}
    for pair, half in zip(pairs, first, strict=True):
        if pair.same:
            assert of.setdefault(pair.sentence1, half) == half


def test_held_out_figures_by_hand():
    held = judged(np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, False, True, True]), 0.7)
    assert (held.precision, held.recall, held.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (held.false_alarms, held.average_precision) == pytest.approx((1.0, (1 + 2 / 3 + 3 / 4) / 3))
    assert judged(np.array([0.1]), np.array([True]), 0.7).f1 == 0


def test_labels_set_the_threshold(encoder, tmp_path):
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(500)]
    with (tmp_path / "l.csv").open("w", newline="") as place:
        table = csv.writer(place)
        table.writerow(["text1", "text2", "is_duplicate"])
        for number in range(80):
            one = list(rng.choice(words, 8, replace=False))
            other = [*one[:7], "x"] if number % 2 == 0 else [*one[:3], *rng.choice(words, 5)]
            table.writerow([" ".join(one), " ".join(other), int(number % 2 == 0)])
        table.writerow(["a", "b", "perhaps"])
    made = found(encoder, written(tmp_path / "a.txt", NEAR), labels=str(tmp_path / "l.csv"), threshold=None)
    assert made.threshold["origin"] == "labels"
    assert 0.6 < made.threshold["value"] <= 7 / 8 + 0.05
    assert made.threshold["held_out"]["precision"] > 0.9
    assert made.labels_left_out == {"bad row: label is neither 1 nor 0": 1}
    assert "almost all pairs are no duplicates" in made.warnings[-1]
    (tmp_path / "few.csv").write_text("text1,text2,is_duplicate\na,b,1\nc,d,0\n")
    with pytest.raises(InputError, match="has 1 pairs of duplicates and 1 of others"):
        found(encoder, tmp_path / "a.txt", labels=str(tmp_path / "few.csv"), threshold=None)


def test_the_models_threshold_counts_only_if_it_was_measured_on_pairs(encoder):
    assert usual_threshold(encoder.contract).origin == "default"
    search = Calibration(1, 0, "an answer with this score, among a query's 10 best, is labelled relevant")
    of_search = replace(encoder.contract, thresholds={"best-f1": 0.4}, calibration=search)
    assert usual_threshold(of_search).origin == "default"
    pairs = Calibration(1, 0, "a pair of the dev split with this score belongs together")
    of_pairs = replace(encoder.contract, thresholds={"best-f1": 0.4, "p0.9": 0.8}, calibration=pairs)
    assert (usual_threshold(of_pairs).origin, usual_threshold(of_pairs).value) == ("model", 0.8)
    assert given_threshold("best-f1", of_pairs).value == 0.4


@pytest.mark.parametrize("value", [0, -0.5, 1.5])
def test_a_threshold_that_is_no_similarity_is_refused(encoder, value):
    with pytest.raises(ConfigError, match=r"Give one above 0, up to 1"):
        given_threshold(value, encoder.contract)


def test_settings_that_do_not_fit_are_refused(encoder, tmp_path):
    for settings in ({"labels": "x", "threshold": 0.9}, {"against_column": "t"}, {"against": "x", "decisions": "y"}):
        with pytest.raises(ConfigError):
            DuplicatesSettings(**settings)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds other things"):
        found(encoder, written(tmp_path / "a.txt", NEAR), tmp_path / "own")
    with pytest.raises(ConfigError, match="is a file"):
        found(encoder, tmp_path / "a.txt", tmp_path / "a.txt")


@pytest.mark.slow
def test_a_text_of_a_megabyte_is_read_to_its_end(exported, tmp_path):
    model = str(exported("mean").folder)
    long = "the red kettle boils water " * 40_000
    file = written(tmp_path / "a.txt", [long + "roses and tulips", long + "roses and tulips.", "small blue pump"])
    made = semtune.duplicates(file, model=model, runtime="onnx", out=tmp_path / "out")
    assert (made.truncated, made.removed) == (0, 1)
    assert len(made.pairs[0]["first"]["text"]) <= 500
    assert len(json.loads((tmp_path / "out" / "removed.jsonl").read_text())["text"]) > 1_000_000
