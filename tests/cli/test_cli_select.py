"""`semtune select` as people run it: what it says, writes, keeps and refuses."""

import json
import shutil

import pytest

from select_parts import raw_bert, retrieval_set, scored_set
from semtune import dataset as datasets
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model

pytestmark = pytest.mark.filterwarnings("ignore:.*has no pooling configuration")  # the raw BERT, as it should

QUICK = [
    "--runtime",
    "torch",
    "--steps",
    "2",
    "--rounds",
    "1",
    "--set",
    "per_device_train_batch_size=8",
    "--dims",
    "16",
]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setattr("semtune.select.workbench.SAMPLES", 200)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select") / "pages"
    datasets.save(retrieval_set(), folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory, toy_model):
    """Names with commas between: the toy model, a smaller one of other weights, and a raw BERT."""
    place = tmp_path_factory.mktemp("models")
    small = write_toy_model(place / "small", toy_documents(20).values(), hidden=16, layers=1, seed=4)
    return ",".join(map(str, (toy_model, small, raw_bert(place / "raw"))))


@pytest.fixture(scope="module")
def chosen(tmp_path_factory, data, models):
    """A choice made once: its folder, and the words that made it."""
    out = tmp_path_factory.mktemp("chosen") / "out"
    return out, ["select", data, "--candidates", f"{models},nobody/has-this", "-o", out, *QUICK, "--json"]


def test_candidates_are_measured_tried_and_one_recommended(semtune, chosen, models):
    out, words = chosen
    answer = semtune(*words)
    assert answer.code == 0, answer.err
    found = answer.json
    toy, small, raw = models.split(",")
    rows = {row["candidate"]: row for row in found["candidates"]}
    assert rows.keys() == {toy, small, raw}
    assert found["recommended"] in {toy, small}
    assert found["candidates"][0]["candidate"] == found["recommended"]
    assert (found["metric"], found["queries"], found["passages"], found["split"]) == ("ndcg@10", 24, 80, "dev")
    assert [one["candidate"] for one in found["skipped"]] == ["nobody/has-this"]
    first = found["rounds"][0]
    assert (first["steps"], [drop["candidate"] for drop in first["dropped"]]) == (2, ["raw"])
    assert rows[raw]["status"] == "dropped after 2 steps"
    assert [trial["steps"] for trial in rows[raw]["trials"]] == [2]
    assert "never trained to embed texts" in rows[raw]["note"]
    for row in rows.values():
        shown = [row["untouched"]["value"], *(trial["value"] for trial in row["trials"])]
        assert row["best"]["value"] == max(shown)
        assert row["cost"]["index_mb_per_million"] == 4 * row["dimension"]
        assert 0 < row["cost"]["p50_ms"] <= row["cost"]["p95_ms"]
    assert rows[toy]["fit"]["tokens_per_word"] < rows[raw]["fit"]["tokens_per_word"]
    values = [(row["best"]["value"], row["cost"]["p50_ms"], row["name"]) for row in found["candidates"]]
    dominated = {n for v, t, n in values for u, s, _ in values if u >= v and s <= 1.2 * t and (u > v or 1.2 * s < t)}
    assert set(found["front"]) == {name for *_, name in values} - dominated
    assert json.loads((out / "select.json").read_text()) == found
    assert not (out / "trials").exists()


def test_what_was_measured_stays_so_other_limits_take_no_second_look(semtune, chosen, monkeypatch):
    out, words = chosen
    if not out.exists():
        semtune(*words)
    before = json.loads((out / "select.json").read_text())
    with monkeypatch.context() as patch:
        patch.setattr("semtune.select.workbench.Workbench.open", None)  # neither judged nor trained again
        patch.setattr("semtune.select.workbench.Workbench.serve", None)
        again = semtune(*words)
        nobody = semtune(*words, "--max-dim", "8")
    assert again.code == 0, again.err
    assert again.json == before
    assert nobody.code == 1
    assert nobody.json["recommended"] is None
    assert nobody.json["why"][0].startswith("No candidate is within the limits (dim 8).")
    assert any("semtune distil MODEL --to dims --dim 8 --data DATASET" in why for why in nobody.json["why"])
    assert {row["status"] for row in nobody.json["candidates"]} == {"over a limit; not tried"}
    one = semtune(*words, "--max-dim", "16")
    assert one.json["recommended"].endswith("small")
    assert one.json["rounds"] == []


@pytest.mark.slow
def test_killed_in_a_trial_it_continues_with_what_is_missing(semtune, data, models, tmp_path, monkeypatch):
    from semtune.select.workbench import CandidateEvaluator, Workbench

    two = models.rpartition(",")[0]
    words = ["select", data, "--candidates", two, "-o", tmp_path / "out", *QUICK, "--json"]
    train, judged, tried = Workbench.train, [], []
    judge = CandidateEvaluator.__call__
    monkeypatch.setattr(CandidateEvaluator, "__call__", lambda self, encoder: judged.append(1) or judge(self, encoder))

    def killed_at_the_second(self, folder, *rest):
        if len(tried) == 1:
            raise KeyboardInterrupt
        tried.append(folder.name)
        return train(self, folder, *rest)

    monkeypatch.setattr(Workbench, "train", killed_at_the_second)
    assert semtune(*words).code == 130
    assert (len(judged), len(tried)) == (3, 1)  # two untouched, one tuned
    assert not (tmp_path / "out" / "select.json").exists()
    monkeypatch.setattr(
        Workbench, "train", lambda self, folder, *rest: tried.append(folder.name) or train(self, folder, *rest)
    )
    judged.clear()
    done = semtune(*words)
    assert done.code == 0, done.err
    assert [name for name in tried if name == "small"] == ["small"]
    assert tried[0] == "model"
    assert [len(row["trials"]) for row in done.json["candidates"]] == [1, 1]


@pytest.mark.slow
def test_scored_pairs_and_no_trials(semtune, models, tmp_path):
    datasets.save(scored_set(), tmp_path / "d")
    two = models.partition(",")[2]
    found = semtune("select", tmp_path / "d", "--candidates", two, "--runtime", "torch", "--steps", "0", "--json").json
    assert (found["metric"], found["pairs"], found["rounds"]) == ("spearman", 30, [])
    assert any(reason.startswith("There were no trials") for reason in found["why"])
    assert any(reason.startswith("There are only 30 dev pairs") for reason in found["why"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--candidates", "a"], "Only a was given as a candidate. Give at least two"),
        (["--candidates", "no/a,no/b"], "No candidate can be used:"),
        (["--max-dim", "0"], "max_dim: input should be greater than or equal to 1 (found 0)"),
        (["--steps", "-1"], "steps: input should be greater than or equal to 0 (found -1)"),
        (["--dims", "64,x"], "--dims is '64,x'; allowed are whole numbers"),
        (["--runtime", "tpu"], "Unknown runtime 'tpu'."),
        (["--set", "max_steps=3"], "train.max_steps has no effect in a trial"),
        (["--set", "learning_rate=7"], "learning_rate"),
    ],
)
def test_what_makes_no_sense_is_refused(semtune, data, tmp_path, words, said):
    answer = semtune("select", data, "-o", tmp_path / "out", *words)
    assert answer.code == 2
    assert said in answer.err
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out" / "measured").iterdir())


def test_data_that_cannot_choose_is_refused(semtune, data, models, tmp_path):
    without = shutil.copytree(data, tmp_path / "without")
    (without / "qrels" / "dev.tsv").unlink()
    answer = semtune("select", without, "--candidates", models)
    assert (answer.code, "has no dev split to choose by" in answer.error) == (2, True)
    datasets.save(scored_set(0.5), tmp_path / "constant")
    answer = semtune("select", tmp_path / "constant", "--candidates", models)
    assert (answer.code, "All 30 dev scores are 0.5" in answer.error) == (2, True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    answer = semtune("select", data, "--candidates", models, "-o", tmp_path / "mine")
    assert (answer.code, [path.name for path in (tmp_path / "mine").iterdir()]) == (2, ["a.txt"])
