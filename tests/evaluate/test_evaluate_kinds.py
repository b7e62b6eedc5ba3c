"""Each kind by hand: what fits a data set, what is refused in words, what a verdict and a page make of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.evaluate.report.language_pairs import matrix_rows
from semtune.evaluate.report.page import write_report
from semtune.evaluate.scores import score
from semtune.evaluate.tasks import tasks
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.rule import judge
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.types import (
    Document,
    Encoded,
    LabelledPair,
    LabelledText,
    Pair,
    Parallel,
    Query,
    ScoredPair,
)

CLASSES = ("cold storage", "warm kitchen", "late train", "lost card")
RNG = np.random.default_rng(0)


def text_of(label, rng=RNG):
    return f"{label} {rng.choice(list('abcdefgh'))} {rng.choice(list('ijklmnop'))} x{rng.integers(1000)}"


def classes(n=48):
    rows = [LabelledText(text_of(CLASSES[i % 4]), CLASSES[i % 4]) for i in range(n)]
    return Dataset(labelled_texts={"train": rows[: n // 2], "test": rows[n // 2 :]})


def pairs(n=40):
    rows = []
    for i in range(n):
        other = i % 4 if i % 2 else (i + 1) % 4
        rows.append(
            LabelledPair(text_of(CLASSES[i % 4]), text_of(CLASSES[other]), "duplicate" if i % 2 else "not_duplicate")
        )
    return Dataset(labelled_pairs={"test": rows})


def triplets(n=30):
    rows = [Pair(text_of(CLASSES[i % 4]), text_of(CLASSES[i % 4]), (text_of(CLASSES[(i + 1) % 4]),)) for i in range(n)]
    return Dataset(pairs={"test": rows})


def translations(n=30):
    ones = tuple(f"{text_of(CLASSES[i % 4])} word{i}" for i in range(n))
    twos = tuple(f"{one} zwei" for one in ones)
    ids = tuple(f"l{i}" for i in range(n))
    return Dataset(parallel={"test": [Parallel("aa", "bb", ids, ones, twos, tuple((i,) for i in range(n)), True)]})


MADE = {
    "classification": classes(), "few-shot": classes(), "clustering": classes(), "zero-shot": classes(), "pairs": pairs(), "mining": pairs(),
    "triplets": triplets(), "cross-language": translations(),
}  # fmt: skip


class Noisy(ToyEncoder):
    """The toy encoder with noise of its own in every text."""

    def __init__(self, seed=0, strength=0.3):
        super().__init__()
        self.seed, self.strength = seed, strength

    def encode(self, texts, role="document", progress=None):
        made = super().encode(texts, role, progress)
        seed = (self.seed, role == "query", *(sum(map(ord, text)) for text in texts[:4]))
        noise = np.random.default_rng(seed).normal(0, self.strength, made.vectors.shape)
        return Encoded((made.vectors + noise).astype(np.float32), made.tokens, made.truncated)


class Filled(ToyEncoder):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def encode(self, texts, role="document", progress=None):
        made = super().encode(texts, role, progress)
        made.vectors[: None if np.isfinite(self.value) else 1] = self.value
        return made


def test_the_shape_says_the_kind():
    assert {kind: tasks(data, "test")[0] for kind, data in MADE.items()} == {
        "classification": "classification", "few-shot": "classification", "clustering": "classification",
        "zero-shot": "classification", "pairs": "pairs", "mining": "pairs", "triplets": "triplets", "cross-language": "cross-language",
    }  # fmt: skip
    scored = [ScoredPair("a", "b", 1.0), ScoredPair("c", "d", 0.0)]
    assert tasks(Dataset(scored={"test": scored}), "test") == ["pairs", "mining", "similarity"]
    assert tasks(Dataset(scored={"test": [*scored, ScoredPair("e", "f", 0.4)]}), "test") == ["similarity"]
    numbered = Dataset(labelled_texts={"test": [LabelledText("a", "0"), LabelledText("b", "1")]})
    assert tasks(numbered, "test") == ["clustering"]
    searched = Dataset(
        [Document("d", "x")], {"q": Query("q", "x")}, {"test": {"q": {"d": 1}}}, {"train": [], **triplets().pairs}
    )
    assert tasks(searched, "test") == ["retrieval", "triplets"]
    nli = [LabelledPair("a", "b", label) for label in ("entailment", "neutral", "contradiction")]
    assert score(ToyEncoder(), Dataset(labelled_pairs={"test": nli})).counts["pairs_without_decision"] == 1


@pytest.mark.parametrize(
    ("data", "task", "says"),
    [
        (pairs(), "clustring", "not a task. Did you mean 'clustering'.*retrieval, similarity"),
        (pairs(), "clustering", r"needs \(text, label\). Tasks that fit: pairs, mining"),
        (Dataset(), "pairs", "No split has labels"),
        (Dataset(labelled_pairs={"test": pairs().labelled_pairs["test"][1::2]}), "pairs", "All 20 pairs belong together"),
        (Dataset(labelled_pairs={"test": [LabelledPair("a", "a", "1")]}), "mining", "No pair is labelled"),
        (Dataset(labelled_texts={"test": [LabelledText("a", "x"), LabelledText("b", "x")]}), "clustering", "of 1 class"),
        (Dataset(labelled_texts={"test": [LabelledText("a", "x"), LabelledText("b", "y")]}), "clustering", "2 texts of 2"),
        (Dataset(labelled_texts={"test": [LabelledText("a", "x")]}), "zero-shot", "All 1 texts are in the class 'x'"),
        (Dataset(labelled_texts={"test": [LabelledText("a", "x")]}), "few-shot", "also in train"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(data, task, says):
    with pytest.raises(InputError, match=says):
        score(ToyEncoder(), data, task=task)


def test_triplets_by_hand():
    rows = [
        Pair("a b", "a c", ("d e",)),  # right
        Pair("a b", "d e", ("a c", "f")),  # one of its negatives is nearer
        Pair("a b", "a c", ("a c",)),  # a tie is a miss
        Pair("a b", "a c"),
    ]
    found = score(ToyEncoder(), Dataset(pairs={"test": rows}))
    assert found.per_query["accuracy"].tolist() == [1, 0, 0]
    assert found.counts["rows_without_negative"] == 1


def test_few_shot_leaves_out_classes_that_train_lacks_and_draws_the_same_examples_again():
    data = classes()
    data.labelled_texts["test"].append(LabelledText("who knows", "another"))
    found = score(ToyEncoder(), data, task="few-shot", seed=4)
    assert (found.n, found.counts["texts_of_unknown_class"], found.counts["classes"]) == (24, 1, 4)
    assert found.metrics == score(ToyEncoder(), data, task="few-shot", seed=4).metrics
    assert "times" in found.answers[0]


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_gets_a_verdict_metrics_and_a_page(kind, tmp_path):
    data = MADE[kind]
    good, bad = (score(encoder, data, task=kind) for encoder in (ToyEncoder(), Noisy()))
    assert good.metrics[good.main] > bad.metrics[good.main]
    outcome = conclude(good, {"base": bad})
    assert outcome.verdict.verdict in {"ship", "cannot-judge"}
    assert outcome.verdict.gain == pytest.approx(good.metrics[good.main] - bad.metrics[good.main])
    assert outcome.intervals["tuned"][0] <= good.metrics[good.main] <= outcome.intervals["tuned"][1]
    assert good.unit(good.n) in outcome.verdict.sentence
    assert json.loads(json.dumps(outcome.metrics_json(), allow_nan=False))["kind"] == kind
    write_report(tmp_path / "report.html", outcome, data)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == (4 if kind == "pairs" else 2)
    assert f"{good.unit().capitalize()} that lost most" in page
    assert conclude(good, {"base": good}).verdict.verdict == "cannot-judge"


@pytest.mark.parametrize("kind", MADE)
def test_broken_models_cannot_be_judged(kind):
    data, good = MADE[kind], score(ToyEncoder(), MADE[kind], task=kind)
    nan, flat = (score(Filled(value), data, task=kind) for value in (np.nan, 1.0))
    assert nan.not_finite > 0
    assert all(np.isnan(value) for value in nan.metrics.values())
    assert "NaN" in judge(nan, good).sentence
    assert "collapsed" in judge(flat, good).sentence
    json.dumps(conclude(nan, {"base": flat}).metrics_json(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "mining", "clustering", "few-shot"])
def test_noise_seldom_ships(kind):
    data = {"clustering": classes(200), "few-shot": classes(200)}.get(kind, pairs(100))
    results = [score(Noisy(seed, 0.13), data, task=kind) for seed in range(12)]
    sides = enumerate(zip(results[::2], results[1::2], strict=True))
    assert [judge(one, two, seed).verdict for seed, (one, two) in sides].count("ship") <= 1


def test_tables_of_every_shape_are_told_by_their_columns(tmp_path):
    def table(name, *lines):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load_for_evaluation(tmp_path / name)

    assert tasks(table("t.csv", "anchor,positive,negative", "a,b,c", "d,e,f"), "test") == ["triplets", "retrieval"]
    assert tasks(table("p.csv", "question1,question2,is_duplicate", "a,b,1", "c,d,0"), "test")[0] == "pairs"
    assert tasks(table("c.csv", "text,label", "a b,x", "a c,x", "d,y", "e,y"), "test") == [
        "clustering", "zero-shot", "retrieval",
    ]  # fmt: skip
    (tmp_path / "both").mkdir()
    for part in ("train", "test"):
        (tmp_path / "both" / f"{part}.csv").write_text("text,label\na b,x\nc d,y\n", encoding="utf-8")
    assert tasks(load_for_evaluation(tmp_path / "both"), "test")[0] == "classification"
    (tmp_path / "lines").mkdir()
    for language, lines in {"de": "eins\nzwei\n", "en": "one\ntwo\n", "fr": "un\n\n"}.items():
        (tmp_path / "lines" / f"x.de-en.{language}").write_text(lines, encoding="utf-8")
    (tmp_path / "lines" / "x.en-fr.en").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "lines" / "x.en-fr.fr").write_text("un\n\n", encoding="utf-8")
    found = load_for_evaluation(tmp_path / "lines")
    assert [(p.source, p.target, p.texts) for p in found.parallel["test"]] == [
        ("de", "en", ("eins", "zwei")), ("en", "fr", ("one",)),
    ]  # fmt: skip
    assert found.report["dropped"]["bad row: no translation"]["count"] == 1


def test_the_matrix_has_a_row_and_a_column_a_language():
    assert matrix_rows({"de": {"en": 0.5}, "en": {"de": 0.25, "fr": 0.125}, "fr": {"en": 1.0}}) == (
        ["language", "→ en", "en →"], [["de", "0.500", "0.250"], ["fr", "1.000", "0.125"]],
    )  # fmt: skip
    assert matrix_rows({"de": {"de": 1.0, "en": 0.5}, "en": {"de": 0.25, "en": float("nan")}}) == (
        ["asked ↓, searched →", "de", "en"], [["de", "1.000", "0.500"], ["en", "0.250", "–"]],
    )  # fmt: skip


def test_results_on_other_rows_are_not_compared():
    data = triplets()
    other = Dataset(pairs={"test": [replace(data.pairs["test"][0], anchor="another"), *data.pairs["test"][1:]]})
    assert "different data" in judge(score(ToyEncoder(), data), score(ToyEncoder(), other)).sentence
