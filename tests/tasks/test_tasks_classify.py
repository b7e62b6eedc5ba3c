"""Classes by names and by examples, on vectors whose right answers are known."""

import csv
import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import semtune
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, ContractError, InputError
from semtune.tasks.classify.classes import Classes, from_rows, parse_classes
from semtune.tasks.classify.classifier import Classifier, Example, members_of
from semtune.tasks.classify.examples import ReadExamples, read_examples
from semtune.tasks.classify.fit import make_classifier
from semtune.tasks.classify.head import fit_head
from semtune.tasks.classify.job import classify_file
from semtune.tasks.classify.prediction import UNLIKE, UNSURE
from semtune.tasks.classify.reject import floors, promise, promises
from semtune.tasks.classify.settings import ClassifySettings
from semtune.tasks.classify.zero_shot import NamedClasses, classify_by_names

SUBJECTS = {
    "kitchen": ["kettle boils water", "pan with a lid", "oven and stove", "kettle lid and pan", "stove boils the pan"],
    "garden": ["rake the leaves", "roses and tulips", "mow the lawn", "leaves on the lawn", "roses beside the lawn"],
    "music": ["violin and bow", "piano keys", "sing a song", "piano and violin song", "bow of a violin"],
}


@pytest.fixture(scope="module")
def encoder():
    return ToyEncoder(256)


def examples(times=1):
    return [Example(text, (name,)) for _ in range(times) for name, texts in SUBJECTS.items() for text in texts]


@pytest.fixture(scope="module")
def classifier(encoder):
    return make_classifier(encoder, ReadExamples(examples(), False, {}, []))


def clusters(seed, count=60, classes=3, dim=16, spread=0.5):
    rng = np.random.default_rng(seed)
    gold = np.arange(count) % classes
    vectors = np.eye(dim)[gold] + spread * rng.normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), gold


def members(gold):
    return np.eye(gold.max() + 1, dtype=bool)[gold]


def test_labels_are_names_words_or_a_file(tmp_path):
    assert parse_classes("bug, card_arrival") == Classes({"bug": ("bug",), "card_arrival": ("card arrival",)})
    assert parse_classes("a=it crashes;an error,b").described == {"a": ("it crashes", "an error"), "b": ("b",)}
    (tmp_path / "l.txt").write_text("bug\n\nquestion\n")
    assert parse_classes(str(tmp_path / "l.txt")).names == ["bug", "question"]
    (tmp_path / "l.csv").write_text("label,description\nbug,it crashes\nquestion,how do I\nbug,an error\n")
    found = parse_classes(str(tmp_path / "l.csv")).described
    assert found == {"bug": ("it crashes", "an error"), "question": ("how do I",)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("one", "1 class was given, and at least two"),
        ("a,,b", "A class has no name"),
        ("Bug,bug", "differ by case or space only"),
        ("a b,a  b", "differ by case or space only"),
        ("no/such/file.csv", "there is no such file"),
        (",".join(f"c{n}" for n in range(10_001)), "10,001 classes were given; at most 10,000"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        parse_classes(given)


def test_each_text_gets_the_class_with_the_nearest_words(encoder):
    classes = from_rows([("k", "kettle and pan"), ("g", "rake the lawn"), ("k", "oven"), ("m", "piano song")])
    texts = ["the oven", "a kettle and a pan", "song for piano", "mow the lawn"]
    vectors = encoder.encode(texts).vectors
    said = classify_by_names(NamedClasses.of(encoder, classes), vectors)
    words = {name: encoder.encode(list(each), "query").vectors for name, each in classes.described.items()}
    for vector, one in zip(vectors, said, strict=True):
        nearest = {name: float((rows @ vector).max()) for name, rows in words.items()}
        assert one.labels == (max(nearest, key=nearest.__getitem__),)
        assert one.score == pytest.approx(max(nearest.values()), abs=1e-6)
        assert one.probability is None
    assert [one.labels[0] for one in said] == ["k", "k", "m", "g"]


def test_below_the_floor_a_text_has_no_class_and_above_it_may_have_several(encoder):
    named = NamedClasses.of(encoder, from_rows([("a", "kettle"), ("b", "pan")]))
    vectors = encoder.encode(["kettle", "kettle pan", "rake"]).vectors
    said = classify_by_names(named, vectors, 0.5, several=True)
    assert [set(one.labels) for one in said] == [{"a"}, {"a", "b"}, set()]
    assert [one.rejected for one in said] == ["", "", UNSURE]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_is_that_of_scikit_learn(classes):
    vectors, gold = clusters(1, classes=classes)
    fitted = fit_head(vectors, members(gold), False, 0, semtune.progress.QUIET)
    want = LogisticRegression(C=fitted.head.strength, max_iter=300).fit(vectors, gold)
    others, _ = clusters(2, classes=classes)
    np.testing.assert_array_equal(fitted.head.scores(others).argmax(axis=1), want.predict(others))
    warm = LogisticRegression(C=fitted.head.strength, max_iter=300).fit(vectors, gold).predict_proba(others)
    head = fitted.head
    cold = type(head)(head.weights, head.bias, 1.0, head.several, head.strength)
    np.testing.assert_allclose(cold.probabilities(others), warm, atol=1e-4)


def test_held_out_probabilities_are_calibrated():
    vectors, gold = clusters(3, count=1500, spread=0.6)
    fitted = fit_head(vectors, members(gold), False, 0, semtune.progress.QUIET)
    new, truth = clusters(4, count=3000, spread=0.6)
    likely = fitted.head.probabilities(new)
    confidence, right = likely.max(axis=1), likely.argmax(axis=1) == truth
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.02)


def test_several_classes_have_probabilities_of_their_own():
    vectors, gold = clusters(5, count=200, classes=4)
    both = members(gold)
    both[:, 3] = gold < 2  # a class that overlaps the others
    fitted = fit_head(vectors, both, True, 0, semtune.progress.QUIET)
    likely = fitted.head.probabilities(vectors)
    assert ((likely >= 0.5) == both).mean() > 0.9
    assert (likely.sum(axis=1) > 1.2).any()


def test_a_promise_is_the_lowest_threshold_that_keeps_the_precision():
    confidence = np.array([0.9, 0.8, 0.8, 0.7, 0.6])
    right = np.array([True, True, False, True, False])
    assert promise(confidence, right, 1.0).threshold == 0.9
    made = promise(confidence, right, 0.75)
    assert (made.precision, made.coverage, made.threshold) == (0.75, 0.8, 0.7)  # 0.8 alone would be 2 of 3
    assert promise(confidence, np.zeros(5, bool), 0.5) is None
    assert list(promises(confidence, right)) == ["p0.8", "p0.85", "p0.9", "p0.95", "p0.97", "p0.99"]
    assert floors(np.arange(101.0))["0.05"] == 5.0


def test_a_classifier_is_saved_and_opened_and_belongs_to_its_model(classifier, encoder, tmp_path):
    classifier.save(tmp_path / "c")
    opened = Classifier.open(tmp_path / "c")
    vectors = encoder.encode(["violin bow", "the lawn", "kettle"], "query").vectors
    assert opened.classify(vectors, explain=2) == classifier.classify(vectors, explain=2)
    assert [one.labels[0] for one in opened.classify(vectors)] == ["music", "garden", "kitchen"]
    assert opened.classify(vectors, explain=2)[0].nearest[0].labels == ("music",)
    with pytest.raises(ContractError, match="was made with the model"):
        opened.require(ToyEncoder(256, salt="other").contract)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("x")
    with pytest.raises(InputError, match="not a classifier; nothing was overwritten"):
        classifier.save(tmp_path / "mine")
    (tmp_path / "c" / "classifier.npz").write_bytes(b"broken")
    with pytest.raises(InputError, match="is damaged"):
        Classifier.open(tmp_path / "c")


def test_texts_unlike_the_examples_are_refused_at_a_known_cost(encoder):
    made = make_classifier(encoder, ReadExamples(examples(), False, {}, []))
    strange = encoder.encode(["quarterly tax return of a company"], "query").vectors
    known = encoder.encode(["kettle boils water"], "query").vectors
    floor = made.floor(0.2)
    assert [one.rejected for one in made.classify(np.concatenate([strange, known]), floor=floor)] == [UNLIKE, ""]
    with pytest.raises(InputError, match=r"at the cost of 0\.01, 0\.02, 0\.05, 0\.1, 0\.2 of the known ones"):
        made.floor(0.5)


def test_examples_are_read_by_their_columns_and_torn_ones_left_out(tmp_path):
    table = tmp_path / "e.csv"
    rows = [("a kettle", "kitchen"), ("a kettle", "kitchen"), ("odd", "kitchen"), ("odd", "music"), ("", "music"),
            ("a violin", "music"), ("both", "kitchen|music"), ("none", "")]  # fmt: skip
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    with pytest.raises(InputError, match="2 of 8 rows cannot be used"):
        read_examples(table)
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows[:4], *rows[5:7], ("a pan", "kitchen")])
    read = read_examples(table)
    assert [example.text for example in read.examples] == ["a kettle", "a violin", "both", "a pan"]
    assert read.several
    assert read.left_out == {"the same example again": 1, "one text in different classes": 2}
    assert members_of(read.examples, read.names).tolist() == [[True, False], [False, True], [True, True], [True, False]]


def test_a_file_is_classified_and_written(encoder, tmp_path):
    (tmp_path / "texts.txt").write_text("a kettle boils\n\nmow the lawn\npiano\n")
    with (tmp_path / "e.csv").open("w", newline="") as file:
        rows = [(example.text, example.labels[0]) for example in examples()]
        csv.writer(file).writerows([("text", "label"), *rows])
    settings = ClassifySettings(examples=str(tmp_path / "e.csv"), save=str(tmp_path / "c"), explain=1)
    made = classify_file(encoder, tmp_path / "texts.txt", settings, tmp_path / "out.jsonl")
    assert made.counts == {"garden": 1, "kitchen": 1, "music": 1}
    assert [row["line"] for row in made.rows] == [1, 3, 4]
    assert made.left_out == {"empty text": 1}
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == made.rows
    again = classify_file(encoder, tmp_path / "texts.txt", ClassifySettings(classifier=str(tmp_path / "c"), explain=1))
    assert again.rows == made.rows
    named = classify_file(encoder, tmp_path / "texts.txt", ClassifySettings(labels="kettle,lawn,piano"))
    assert [row["label"] for row in named.rows] == ["kettle", "lawn", "piano"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "give the classes in one way"),
        ({"labels": "a,b", "examples": "e.csv"}, "give the classes in one way"),
        ({"labels": "a,b", "threshold": 0.5}, "names alone give no probabilities"),
        ({"classifier": "c", "save": "d"}, "a classifier is made of examples"),
        ({"labels": "a,b", "several": True}, "it needs min_score"),
        ({"examples": "e.csv", "min_score": 0.2}, "it is for labels"),
    ],
)
def test_settings_that_contradict_are_refused(values, words):
    with pytest.raises(ConfigError, match=words):
        ClassifySettings(**values)


def test_what_a_classifier_does_not_promise_is_refused(encoder, classifier, tmp_path):
    with pytest.raises(InputError, match=r"There is no promise 'p0\.5'"):
        classifier.threshold("p0.5")
    with pytest.raises(InputError, match="a probability from 0 to 1"):
        classifier.threshold(1.5)
    single = make_classifier(encoder, ReadExamples([Example("kettle", ("a",)), Example("rake", ("b",))], False, {}, []))
    with pytest.raises(InputError, match="promises nothing"):
        single.threshold("p0.9")
    (tmp_path / "one.csv").write_text("text,label\nx,a\ny,a\n")
    with pytest.raises(InputError, match="examples of 1 class"):
        read_examples(tmp_path / "one.csv")


def test_right_classes_in_the_file_say_how_good_the_answers_are(encoder, tmp_path):
    texts = [("kettle and lid", "kitchen"), ("mow the lawn", "garden"), ("a violin song", "garden"), ("roses", "")]
    with (tmp_path / "asked.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "right"), *texts])
    settings = ClassifySettings(labels="kitchen=kettle lid,garden=lawn roses,music=violin song", gold="right")
    made = classify_file(encoder, tmp_path / "asked.csv", settings)
    best = [row["best"] for row in made.rows]
    assert best == ["kitchen", "garden", "music", "garden"]
    assert made.gold["accuracy"] == made.gold["precision"] == pytest.approx(2 / 3)
    assert (made.gold["texts"], made.gold["without_gold"], made.gold["answered"]) == (3, 1, 1.0)
    # kitchen: f1 1; garden: precision 1, recall 1/2, f1 2/3; music: precision 0, f1 0
    assert made.gold["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    low, high = made.gold["interval"]
    assert 0 <= low < 2 / 3 < high <= 1
    with pytest.raises(InputError, match="no column 'rigth'"):
        classify_file(encoder, tmp_path / "asked.csv", settings.replace(gold="rigth"))


def test_names_are_examples_where_they_say_what_the_classes_are(encoder):
    plain = {"kettle": "kitchen pan lid", "lawn": "garden rake mow", "violin": "music piano song"}
    told = [Example(f"{name} {word}", (name,)) for name, words in plain.items() for word in words.split()]
    codes = {"kettle": "A", "lawn": "B", "violin": "C"}
    coded = [Example(example.text, (codes[example.labels[0]],)) for example in told]
    for examples_, used in ((told, True), (coded, False), (told * 1 + [Example(f"{n} {k}", (n,)) for n in plain
                            for k in range(16)], False)):  # fmt: skip
        made = make_classifier(encoder, ReadExamples(examples_, False, {}, []))
        assert made.facts["names_used"] is used
    made = make_classifier(encoder, ReadExamples(told, False, {}, []))
    assert made.facts["examples"] == len(told)
    vectors = encoder.encode([example.text for example in told] + list(plain), "query").vectors
    gold = [example.labels[0] for example in told] + list(plain)
    head = LogisticRegression(C=made.head.strength, max_iter=300).fit(vectors, gold)
    asked = encoder.encode(["kettle", "mow the lawn", "a song"], "query").vectors
    wanted = head.predict_proba(asked).argmax(axis=1)
    assert [each.best for each in made.classify(asked)] == [head.classes_[at] for at in wanted]
