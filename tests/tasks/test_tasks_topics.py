"""Topics of vectors whose groups are known, and of texts whose words are."""

import json

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

import semtune
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, ContractError, InputError
from semtune.metrics import adjusted_rand, purity
from semtune.progress import QUIET
from semtune.tasks.topics import edits as hand
from semtune.tasks.topics.collection import Texts, of_file
from semtune.tasks.topics.draws import distinct, drawn, keys_of
from semtune.tasks.topics.fit import fit
from semtune.tasks.topics.hierarchy import tree_of
from semtune.tasks.topics.job import MOVED, assign_texts, check_place, find_topics
from semtune.tasks.topics.level import Level, best_level
from semtune.tasks.topics.micro import means, micro_clusters, nearest
from semtune.tasks.topics.model import floors
from semtune.tasks.topics.passages import representatives
from semtune.tasks.topics.quality import agreement, coherence
from semtune.tasks.topics.settings import TopicsSettings
from semtune.tasks.topics.stability import Resample, stability
from semtune.tasks.topics.store import open_topics
from semtune.tasks.topics.times import as_date, counted
from semtune.tasks.topics.titles import from_words
from semtune.tasks.topics.ward import top_of, ward

FIELDS = {
    "kitchen": ["kettle", "boils", "water", "pan", "lid", "oven", "stove", "spoon", "bowl", "flour"],
    "garden": ["rake", "leaves", "roses", "tulips", "mow", "lawn", "spade", "hedge", "soil", "seeds"],
    "music": ["violin", "bow", "piano", "keys", "song", "drum", "flute", "choir", "chord", "melody"],
    "sea": ["harbour", "sail", "anchor", "wave", "tide", "boat", "shell", "mast", "rope", "gull"],
}


def written(per_field=40, seed=0):
    """Texts of four fields, and their fields."""
    rng = np.random.default_rng(seed)
    rows = [
        (" ".join(rng.choice(words, 5, replace=False)), name)
        for name, words in FIELDS.items()
        for _ in range(per_field)
    ]
    return [text for text, _ in rows], [name for _, name in rows]


def groups(seed, count=1_000, classes=8, dim=32, spread=0.1):
    rng = np.random.default_rng(seed)
    gold = np.arange(count) % classes
    vectors = np.eye(dim)[gold] + spread * rng.normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), gold


def sorted_by_key(vectors, names):
    keys = keys_of(names)
    first, _ = distinct(keys)
    return vectors[first], keys[first], first


@pytest.fixture(scope="module")
def encoder():
    return ToyEncoder(256)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    texts, fields = written()
    rows = [{"text": text, "field": name, "day": f"2025-{n % 12 + 1:02d}-03"} for n, (text, name) in
            enumerate(zip(texts, fields, strict=True))]  # fmt: skip
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(encoder, path, out, **settings):
    chosen = TopicsSettings(**settings)
    return find_topics(of_file(encoder, path, chosen, QUIET), chosen, out)


def test_draws_do_not_depend_on_order_or_on_other_texts():
    names = [f"text {n}" for n in range(1_000)]
    keys = keys_of(names)
    chosen = {names[row] for row in drawn(keys, 200, 7)}
    turned = names[::-1]
    assert {turned[row] for row in drawn(keys_of(turned), 200, 7)} == chosen
    more = names + [f"other {n}" for n in range(100)]
    again = {more[row] for row in drawn(keys_of(more), 220, 7)}
    assert len(chosen & again) > 180
    assert chosen != {names[row] for row in drawn(keys, 200, 8)}


def test_the_tree_is_that_of_scipy_and_weights_count_as_copies():
    vectors, _ = groups(1, count=60, classes=5, spread=0.3)
    tree = ward(vectors, np.ones(60))
    want = linkage(vectors.astype(np.float64), "ward")
    np.testing.assert_allclose(np.sqrt(2 * tree.heights), want[:, 2], rtol=1e-6)  # SciPy tells distances
    weights = np.arange(60) % 3 + 1.0
    copies = linkage(np.repeat(vectors.astype(np.float64), weights.astype(int), axis=0), "ward")[:, 2]
    np.testing.assert_allclose(np.sqrt(2 * ward(vectors, weights).heights), copies[-59:], rtol=1e-6, atol=1e-6)


def test_a_level_of_the_tree_is_scipys_flat_clustering():
    from scipy.cluster.hierarchy import fcluster

    vectors, _ = groups(2, count=80, classes=6, spread=0.4)
    top = top_of(ward(vectors, np.ones(80)), 20)
    want = fcluster(linkage(vectors.astype(np.float64), "ward"), 6, "maxclust")
    said = np.empty(80, dtype=int)
    for number, node in enumerate(top.cut(6)):
        said[top.members[node][top.leaf_of]] = number
    assert adjusted_rand_score(want, said) == 1.0


def test_agreement_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    one, two = rng.integers(7, size=300), rng.integers(5, size=300)
    assert adjusted_rand(one, two) == pytest.approx(adjusted_rand_score(one, two), abs=1e-12)
    assert adjusted_rand(one, one) == 1.0
    assert purity(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])) == 0.75
    said = agreement([str(value) for value in one], np.where(two == 0, -1, two), two)
    inside = two != 0
    want = homogeneity_completeness_v_measure(one[inside], two[inside])[2]
    assert said["v_measure_without_noise"] == pytest.approx(want, abs=1e-4)


def test_coherence_by_hand():
    texts = ["alpha beta", "alpha beta", "alpha", "gamma"]
    # p(alpha) = 3/4, p(beta) = 2/4, p(both) = 2/4: log((1/2) / (3/8)) / -log(1/2)
    assert coherence([["alpha", "beta"]], texts) == pytest.approx(np.log(4 / 3) / np.log(2))
    assert coherence([["alpha", "gamma"]], texts) == -1.0
    assert coherence([["alpha", "beta"], ["alpha", "gamma"]], texts) == pytest.approx((np.log2(4 / 3) - 1) / 2)


def test_stability_is_the_mean_best_jaccard_index():
    # Texts 0 to 5 in sets {0,1,2} and {3,4,5}; a resample of 0,1,3,4 found {0,1}, {3}, {4} and their unions.
    members = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]], dtype=bool)
    one = Resample(np.array([0, 1, 3, 4]), np.array([0, 0, 1, 2]), members)
    group = np.array([0, 0, 0, 1, 1, 1])
    # {3,4}: 1/2 of {3}; {0,1,3,4} has 2/4; {0,1} is found exactly.
    np.testing.assert_allclose(stability([one], group, np.eye(2, dtype=bool)), [1.0, 0.5])


def test_the_level_with_the_best_neighbourhood_is_taken():
    tried = [Level(4, 0.5), Level(5, 0.85), Level(6, 0.4), Level(7, 0.8), Level(8, 0.8), Level(10, 0.75)]
    assert best_level(tried) == 8


def test_floors_make_the_wanted_share_noise_and_spare_tight_topics():
    rng = np.random.default_rng(0)
    tight, loose = np.full(500, 0.99), 0.6 + 0.1 * rng.normal(size=500)
    cosine = np.concatenate([tight, loose]).astype(np.float32)
    best = np.repeat([0, 1], 500)
    below = cosine < floors(cosine, best, 2, 0.05)[best]
    assert below.mean() == pytest.approx(0.05, abs=0.002)
    assert not below[:500].any()
    assert not (cosine < floors(cosine, best, 2, 0.0)[best]).any()


def test_known_groups_are_found_whatever_the_seed_and_order_and_with_more_texts():
    vectors, gold = groups(3)
    names = [f"text {n}" for n in range(len(gold))]
    ordered, keys, first = sorted_by_key(vectors, names)
    one = fit(ordered, keys)
    said = one.model.assign_projected(one.projected)
    assert len(one.model.ids) == 8
    assert adjusted_rand_score(gold[first], said.near) == 1.0
    other = fit(ordered, keys, seed=5)
    np.testing.assert_array_equal(other.model.assign_projected(other.projected).topic, said.topic)
    turn = np.random.default_rng(1).permutation(len(gold))
    turned, turned_keys, _ = sorted_by_key(vectors[turn], [names[row] for row in turn])
    np.testing.assert_array_equal(fit(turned, turned_keys).model.centres, one.model.centres)
    fewer, fewer_keys, kept = sorted_by_key(vectors[:900], names[:900])
    again = fit(fewer, fewer_keys).model.assign(vectors)
    assert adjusted_rand_score(gold, again.near) == 1.0
    assert kept.max() < 900


def test_fitting_gives_the_labels_that_new_texts_would_get():
    vectors, _ = groups(4, spread=0.25)
    ordered, keys, _ = sorted_by_key(vectors, [str(n) for n in range(len(vectors))])
    made = fit(ordered, keys)
    said = made.model.assign_projected(made.projected)
    alone = [made.model.assign(ordered[n : n + 1]).topic[0] for n in range(0, len(ordered), 7)]
    np.testing.assert_array_equal(alone, said.topic[::7])
    assert (said.topic < 0).mean() == pytest.approx(0.05, abs=0.01)
    assert made.model.assign(np.eye(32, dtype=np.float32)[20:25]).topic.tolist() == [-1] * 5  # unlike everything


@pytest.mark.slow
def test_many_vectors_are_grouped_first():
    vectors, gold = groups(5, count=6_000)
    ordered, keys, first = sorted_by_key(vectors, [str(n) for n in range(len(vectors))])
    micro = micro_clusters(ordered, keys)
    assert micro.weights.sum() == 6_000
    assert len(micro.centres) <= 1_024
    for number in (0, 17):
        np.testing.assert_allclose(micro.centres[number], ordered[micro.of == number].mean(axis=0), atol=1e-5)
    made = fit(ordered, keys)
    assert adjusted_rand_score(gold[first], made.model.assign_projected(made.projected).near) == 1.0


def test_nearest_and_means_are_exact():
    vectors, gold = groups(6, count=200)
    middle = means(vectors, gold, 8)
    np.testing.assert_allclose(middle, [vectors[gold == n].mean(axis=0) for n in range(8)], atol=1e-6)
    said = nearest(vectors, middle)
    np.testing.assert_array_equal(said.best, (vectors @ middle.T).argmax(axis=1))
    assert (means(vectors, np.full(200, -1), 2) == 0).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(broken):
    vectors, _ = groups(7, count=50)
    vectors[3, 2] = broken
    with pytest.raises(InputError, match="vectors of 1 texts hold NaN or infinity"):
        fit(vectors, keys_of([str(n) for n in range(50)]))


def test_passages_are_near_the_centre_and_unlike_each_other():
    angles = np.radians([0, 0.1, 20, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    middle = np.array([[1.0, 0.0]], dtype=np.float32)
    # After text 0, its near copy 1 gains 0.7·1 - 0.3·1 = 0.400, text 2 gains 0.7·0.940 - 0.3·0.940 = 0.376.
    assert representatives(vectors, middle, np.zeros(4, dtype=int), 3) == [[0, 1, 2]]
    assert representatives(vectors, middle, np.array([0, -1, 0, 0]), 2) == [[0, 2]]


def test_the_tree_joins_near_topics_first_and_names_its_nodes():
    middles = np.array([[1, 0, 0], [0.95, 0.3, 0], [0, 0, 1]], dtype=np.float32)
    tree = tree_of(middles, [10, 5, 3], ["1", "2", "3"], [["a"], ["b"], ["c"]])
    assert tree["texts"] == 18
    inner, single = tree["children"]
    assert single == {"topic": "3", "texts": 3}
    assert [child["topic"] for child in inner["children"]] == ["1", "2"]
    assert inner["words"] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "want"),
    [("2026-11-28T10:00:00Z", "2026-11-28"), ("2026-11", "2026-11-01"), (2026, "2026-01-01"), ("soon", None),
     ("20261128x", None), (None, None), ("2026-02-30", "2026-02-01")],
)  # fmt: skip
def test_dates(value, want):
    got = as_date(value)
    assert (got.isoformat() if got else None) == want


def test_counts_over_time_name_every_period():
    days = [as_date(text) for text in ("2025-01-03", "2025-03-01", "2025-03-09", "x")]
    made = counted([0, 0, 1, 0], days, 2)
    assert (made.period, made.undated) == ("day", 1) or made.period == "month"
    far = counted([0, 1, -1], [as_date("2025-01-03"), as_date("2025-04-03"), as_date("2025-02-01")], 2)
    assert far.period == "month"
    assert far.periods == ["2025-01", "2025-02", "2025-03", "2025-04"]
    assert far.of == [[1, 0, 0, 0], [0, 0, 0, 1]]


def test_a_file_becomes_a_folder_of_topics(encoder, table, tmp_path):
    out = tmp_path / "T"
    made = found(encoder, table, out, labels_column="field", date_column="day")
    assert made.labels["purity"] == 1.0
    assert sum(row["texts"] for row in made.topics) + made.noise == made.texts == 160
    for row in made.topics:
        field = next(name for name, words in FIELDS.items() if row["words"][0] in words)
        assert set(row["words"]) <= set(FIELDS[field])
        assert set(row["passages"][0]["text"].split()) <= set(FIELDS[field])
        assert sum(row["counts"]) == row["texts"]
    rows = [json.loads(line) for line in (out / "assignments.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows[:2]] == ["line 1", "line 2"]
    assert sum(row["topic"] is None for row in rows) == made.noise
    page = (out / "topics.html").read_text()
    assert f"{len(made.topics)} topics in 160 texts" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_same_seed_gives_the_same_bytes_and_a_second_run_changes_nothing(encoder, table, tmp_path):
    for name in ("A", "B"):
        found(encoder, table, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "A").iterdir())
    assert files == ["assignments.jsonl", "edits.json", "topics.html", "topics.json", "topics.npz"]
    before = {name: (tmp_path / "A" / name).read_bytes() for name in files}
    assert before == {name: (tmp_path / "B" / name).read_bytes() for name in files}
    found(encoder, table, tmp_path / "A")
    for name in ("assignments.jsonl", "topics.npz"):
        assert (tmp_path / "A" / name).read_bytes() == before[name]


@pytest.mark.slow
def test_topics_stay_while_texts_come_in_and_are_found_anew_when_they_no_longer_fit(encoder, table, tmp_path):
    out = tmp_path / "T"
    first = found(encoder, table, out)
    old = {row["id"]: row["topic"] for row in map(json.loads, (out / "assignments.jsonl").read_text().splitlines())}
    more = [json.dumps({"text": text}) + "\n" for text in written(4, seed=9)[0]]
    table.write_text(table.read_text() + "".join(more))
    second = found(encoder, table, out)
    now = {row["id"]: row["topic"] for row in map(json.loads, (out / "assignments.jsonl").read_text().splitlines())}
    assert {name: now[name] for name in old} == old
    assert second.texts == 176
    assert MOVED not in second.warnings
    strange = [json.dumps({"text": f"planet comet orbit moon {word}"}) + "\n" for word in
               ["star", "sun", "nova", "dust", "ring", "crater", "dwarf", "probe", "rover", "lens", "disk", "arm", "gas", "ice", "dawn", "dusk", "noon", "zenith", "mass", "light", "ray", "beam", "halo", "spot", "flare", "wind", "cloud", "core", "belt", "axis", "tail", "pole"]]  # fmt: skip
    table.write_text(table.read_text() + "".join(strange))
    third = found(encoder, table, out)
    assert MOVED in third.warnings
    ids = {row["words"][0]: row["topic"] for row in third.topics}
    assert {row["topic"] for row in first.topics} & set(ids.values())  # those that are still there keep their ids
    assert any(row["words"][0] in {"planet", "comet", "orbit", "moon"} for row in third.topics)


def test_edits_by_hand_are_kept_by_the_next_run(encoder, table, tmp_path):
    out = tmp_path / "T"
    first = found(encoder, table, out, topics=4)
    one, two, three, _ = [row["topic"] for row in first.topics]
    sizes = {row["topic"]: row["texts"] for row in first.topics}
    hand.Edits([[one, two]], {three: 2}, {one: "Both of them"}).write(out)
    for _ in range(2):
        made = found(encoder, table, out, topics=4)
        names = [row["topic"] for row in made.topics]
        assert two not in names
        assert {f"{three}.1", f"{three}.2"} <= set(names)
        joined = next(row for row in made.topics if row["topic"] == one)
        assert joined["title"] == "Both of them"
        assert joined["texts"] == pytest.approx(sizes[one] + sizes[two], abs=8)
    hand.Edits([["77", one]], {"88": 2}).write(out)
    notes = found(encoder, table, out, topics=4).warnings
    assert any("merges 77" in note for note in notes)
    assert any("splits 88" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"merge": [["1"]]}', "not written as it should be"),
        ('{"split": {"1": 1}}', "not written as it should be"),
        ('{"title": {"1": ""}}', "not written as it should be"),
        ('{"join": []}', "may hold merge, split, title"),
        ('{"merge": [["1", "2"]], "split": {"1": 2}}', "names the topic 1 twice"),
        ("{", "not valid JSON"),
    ],
)
def test_edits_that_cannot_be_read_are_refused(tmp_path, text, words):
    (tmp_path / hand.FILE).write_text(text)
    with pytest.raises(InputError, match=words):
        hand.read_edits(tmp_path)


def test_new_texts_get_the_topics_of_a_folder(encoder, table, tmp_path):
    out, other = tmp_path / "T", tmp_path / "new.txt"
    found(encoder, table, out, topics=4, noise=0.01)
    texts, fields = written(10, seed=3)
    other.write_text("\n".join([*texts, "xylem phloem cambium"]) + "\n")
    settings = TopicsSettings(topics_from=str(out))
    made = assign_texts(of_file(encoder, other, settings, QUIET), out, tmp_path / "new.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    first_word = {row["topic"]: row["words"][0] for row in made.topics}
    assert all(first_word[row["near"]] in FIELDS[name] for row, name in zip(rows, fields, strict=False))
    assert rows[-1]["topic"] is None
    assert made.noise == sum(row["topic"] is None for row in rows) < 12
    assert made.texts == 41
    with pytest.raises(ContractError, match="were made with the model"):
        assign_texts(of_file(ToyEncoder(128), other, settings, QUIET), out)
    check_place(settings, None)
    with pytest.raises(ConfigError, match=r"ends in \.jsonl"):
        check_place(settings, tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("texts", "settings", "want"),
    [
        (["one text"], {}, 1),
        (["the same"] * 30, {}, 1),
        (["a b", "c d", "e f"], {}, 1),
        (written()[0], {"topics": 1}, 1),
        (written()[0] + ["kettle pan " * 90_000], {"topics": 4}, 4),
    ],
)
def test_odd_collections_are_answered(encoder, tmp_path, monkeypatch, texts, settings, want):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "t.txt"
    path.write_text("\n".join(texts) + "\n")
    made = found(encoder, path, tmp_path / "T", **settings)
    assert len(made.topics) == want
    assert sum(row["texts"] for row in made.topics) + made.noise == len(texts)
    if want == 1 and not settings and len(texts) > 1:
        assert any("one topic" in warning for warning in made.warnings)


def test_what_cannot_be_done_is_refused(encoder, table, tmp_path):
    with pytest.raises(InputError, match="500 topics were asked for, and there are 160 different texts"):
        found(encoder, table, tmp_path / "T", topics=500)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not a folder of topics; nothing was overwritten"):
        found(encoder, table, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    with pytest.raises(InputError, match=r"is not a folder of topics\. Make one"):
        open_topics(tmp_path / "mine")
    found(encoder, table, tmp_path / "T")
    with pytest.raises(ContractError, match="another folder"):
        found(ToyEncoder(128), table, tmp_path / "T")
    (tmp_path / "T" / "topics.npz").write_bytes(b"x")
    with pytest.raises(InputError, match="damaged"):
        open_topics(tmp_path / "T")
    with pytest.raises(ConfigError, match="need a folder"):
        check_place(TopicsSettings(), None)
    with pytest.raises(ConfigError, match="name the model"):
        TopicsSettings(title_endpoint="http://127.0.0.1:1/v1")
    with pytest.raises(InputError, match="no column 'nothing'"):
        found(encoder, table, tmp_path / "U", date_column="nothing")


@pytest.mark.slow
def test_a_failing_title_server_leaves_key_words(encoder, table, tmp_path):
    settings = {"title_endpoint": "http://127.0.0.1:9/v1", "title_model": "m"}
    made = found(encoder, table, tmp_path / "T", topics=4, **settings)
    assert any("titles are key words, since the language model gave none" in note for note in made.warnings)
    assert [row["title"] for row in made.topics] == from_words(
        [row["words"] for row in made.topics], [row["topic"] for row in made.topics]
    )


def test_given_texts_need_no_file():
    vectors, _ = groups(8, count=100, classes=4)
    names = [f"text number {n}" for n in range(100)]
    first, place = distinct(keys_of(names))
    texts = Texts(names, names, vectors[first], keys_of(names)[first], first, place, "m", "f" * 64)
    assert texts.left_out == {}


@pytest.mark.slow
def test_the_real_model_finds_the_topics_of_an_index(exported, tmp_path, monkeypatch):
    model = str(exported("mean").folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "texts.csv"
    texts = written(10)[0]
    path.write_text("text\n" + "\n".join(texts) + "\n")
    made = semtune.topics(model, path, semtune.TopicsSettings(topics=2), out=tmp_path / "T")
    assert len(made.topics) == 2
    assert 0 < made.stability <= 1
    semtune.index(model, path, tmp_path / "ix")
    again = semtune.topics(tmp_path / "ix", settings=semtune.TopicsSettings(topics=2), out=tmp_path / "T2")
    assert sorted(row["texts"] for row in again.topics) == sorted(row["texts"] for row in made.topics)
