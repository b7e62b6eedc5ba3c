"""Training with the real Trainer on a toy model: what is learned, kept, continued and refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy import stats
from sentence_transformers import SentenceTransformer
from train_parts import SETTINGS, fit, retrieval_set, similarity_set

from model_variants import PROMPTS, files
from semtune import contract as contracts
from semtune.encoders.torch import TorchEncoder
from semtune.errors import InputError, SemtuneError, TrainingError
from semtune.io import read_jsonl, write_json
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from semtune.train.monitor.curve import draw_curve
from semtune.train.monitor.dev_retrieval import RetrievalMeasure
from semtune.train.trainer.checkpoints import COMPLETE, newest_complete
from semtune.types import Pair

SHORT = SETTINGS.replace(max_steps=2)


def dev_values(log, metric="ndcg@10"):
    return [(row["step"], row[f"dev_{metric}"]) for row in log if f"dev_{metric}" in row]


def test_the_tuned_model_is_another_and_opens_in_sentence_transformers(tuned, toy_model):
    place, made = tuned
    before, after = (SentenceTransformer(str(folder), device="cpu") for folder in (toy_model, place / "model"))
    texts = ["mend the kettle", "a dry cupboard", ""]
    assert np.abs(before.encode(texts) - after.encode(texts)).max() > 0.1
    np.testing.assert_allclose(np.linalg.norm(after.encode(texts), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(TorchEncoder.load(place / "model").encode(texts).vectors, after.encode(texts), atol=1e-6)
    assert made.contract == contracts.load(place / "model")
    assert made.contract.fingerprint != contracts.load(toy_model).fingerprint
    assert (made.contract.name, made.contract.base) == ("toy-tuned", "toy")
    assert (made.contract.pooling, made.contract.normalize, made.contract.max_length) == ("mean", True, 64)
    config = json.loads((place / "model" / "config.json").read_text())
    assert "semtune" not in json.dumps(config)  # nothing of ours that others could not open


def test_the_best_checkpoint_is_what_is_saved(tuned, toy_model):
    place, made = tuned
    values = dev_values(made.log)
    assert [step for step, _ in values] == [0, 4, 8, 12, 14]
    best = max(value for _, value in values[1:])
    assert best > values[-1][1] + 0.01  # it is not the last one
    assert made.best == best
    saved = SentenceTransformer(str(place / "model"), device="cpu")
    measure = RetrievalMeasure(retrieval_set(), made.contract, bf16=False, max_passages=500, seed=0)
    assert measure(saved).value == pytest.approx(best, abs=1e-6)
    base = SentenceTransformer(str(toy_model), device="cpu")
    assert measure(base).value == pytest.approx(values[0][1], abs=1e-6)
    assert made.start == values[0][1]
    assert f"dev ndcg@10 {made.start:.4f} → {made.best:.4f}" in (place / "model" / "README.md").read_text()


def test_the_log_tells_every_step(tuned):
    place, made = tuned
    assert list(read_jsonl(place / "work" / "log.jsonl")) == json.loads(json.dumps(made.log))
    losses = {row["step"]: row["loss"] for row in made.log if "loss" in row}
    assert list(losses) == list(range(1, 15))
    assert np.mean(list(losses.values())[-4:]) < np.mean(list(losses.values())[:4])
    # A linear rise over a tenth of the 14 steps, rounded up, then a linear fall; each step's rate is set before it.
    rates = [row["learning_rate"] for row in made.log if "learning_rate" in row]
    want = [0.02 * min(step / 2, (14 - step) / 12) for step in range(14)]
    np.testing.assert_allclose(rates, want, atol=1e-9)
    assert {row["epoch"] for row in made.log if row["step"] == 14} == {2}


def test_the_first_dev_loss_of_pairs_is_that_of_in_batch_negatives(toy_model, tmp_path):
    made = fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(per_device_train_batch_size=32))
    model = SentenceTransformer(str(toy_model), device="cpu")
    pairs = retrieval_set().pairs["dev"]
    scores = 20 * model.encode([p.anchor for p in pairs]) @ model.encode([p.positive for p in pairs]).T
    loss = np.mean(np.log(np.exp(scores).sum(axis=1)) - np.diag(scores))
    assert made.plan.loss == "MultipleNegativesRankingLoss"
    assert made.log[0]["dev_loss"] == pytest.approx(float(loss), rel=1e-4)


def test_scored_pairs_are_trained_by_cosent_and_judged_by_spearman(toy_model, tmp_path):
    data = similarity_set()
    made = fit(data, toy_model, tmp_path, SETTINGS.replace(num_train_epochs=3, per_device_train_batch_size=30))
    model = SentenceTransformer(str(toy_model), device="cpu")
    dev = data.scored["dev"]
    one, two = model.encode([p.sentence1 for p in dev]), model.encode([p.sentence2 for p in dev])
    cosine, gold = (one * two).sum(axis=1), np.array([p.score for p in dev])
    wrong = 20 * (cosine[:, None] - cosine[None, :])[gold[:, None] < gold[None, :]]
    assert made.plan.loss == "CoSENTLoss"
    assert made.log[0]["dev_loss"] == pytest.approx(float(np.log(1 + np.exp(wrong).sum())), rel=1e-4)
    assert made.start == pytest.approx(stats.spearmanr(cosine, gold).statistic, abs=1e-9)
    assert made.best == max(value for _, value in dev_values(made.log, "spearman")[1:]) > made.start


def test_the_seed_decides(toy_model, tmp_path):
    data = retrieval_set()
    made = [fit(data, toy_model, tmp_path / str(n), SHORT, seed).contract for n, seed in enumerate((5, 5, 6))]
    assert made[0].weights_sha256 == made[1].weights_sha256 != made[2].weights_sha256


def test_without_dev_rows_the_last_step_is_kept(toy_model, tmp_path):
    data = retrieval_set()
    data.qrels, data.pairs = {}, {"train": data.pairs["train"]}
    made = fit(data, toy_model, tmp_path, SHORT)
    assert (made.best, made.start, dev_values(made.log)) == (None, None, [])
    assert [row["step"] for row in made.log if "loss" in row] == [1, 2]
    assert made.contract.weights_sha256 != contracts.load(toy_model).weights_sha256


def test_dev_queries_without_dev_pairs_are_judged_all_the_same(toy_model, tmp_path):
    data = retrieval_set()
    del data.pairs["dev"]
    made = fit(data, toy_model, tmp_path, SHORT)
    assert [step for step, _ in dev_values(made.log)] == [0, 2]


@pytest.mark.parametrize("negatives", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_prompts_are_put_before_each_text_by_its_role(tmp_path, negatives):
    """Trained on a model with prompts, the weights are those of the same model on texts that carry them."""
    texts = [*toy_documents(20).values(), *PROMPTS.values()]
    with_prompts = write_toy_model(tmp_path / "with", texts, prompts=PROMPTS)
    without = write_toy_model(tmp_path / "without", texts)
    plain, carrying = retrieval_set(), retrieval_set()
    rows = plain.pairs["train"]
    plain.qrels, carrying.qrels = {}, {}

    def others(i, before):
        return tuple(before + rows[(i + 5 * (n + 1)) % len(rows)].positive for n in range(negatives))

    query, document = PROMPTS["query"], PROMPTS["document"]
    plain.pairs = {"train": [Pair(p.anchor, p.positive, others(i, "")) for i, p in enumerate(rows)]}
    carrying.pairs = {
        "train": [Pair(query + p.anchor, document + p.positive, others(i, document)) for i, p in enumerate(rows)]
    }
    made = fit(plain, with_prompts, tmp_path / "a", SHORT)
    want = fit(carrying, without, tmp_path / "b", SHORT)
    bare = fit(plain, without, tmp_path / "c", SHORT)
    assert made.contract.prompts == PROMPTS
    assert bare.contract.weights_sha256 != want.contract.weights_sha256
    assert made.contract.weights_sha256 == want.contract.weights_sha256


def test_a_loss_that_is_no_number_is_refused_in_words(tmp_path):
    base = write_toy_model(tmp_path / "base", toy_documents(20).values())
    weights = load_file(base / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"][0, 0] = 3e38  # finite, but its products are not
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"training loss became nan at step 1\. Lower train\.learning_rate.*fp32"):
        fit(retrieval_set(), base, tmp_path, SHORT)
    assert not (tmp_path / "model").exists()
    assert issubclass(TrainingError, SemtuneError)
    assert TrainingError.exit_code == 2


def test_nothing_to_train_on_is_refused_before_anything_is_written(toy_model, tmp_path):
    data = retrieval_set()
    data.pairs["train"] = data.pairs["train"][:1]
    with pytest.raises(InputError, match="has 1 training row; at least 2"):
        fit(data, toy_model, tmp_path)
    data = similarity_set()
    data.scored["train"] = [replace(pair, score=1.0) for pair in data.scored["train"]]
    with pytest.raises(InputError, match="labels of one value"):
        fit(data, toy_model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_base_is_left_as_it_was(tmp_path):
    base = write_toy_model(tmp_path / "base", toy_documents(20).values())
    before = files(base)
    fit(retrieval_set(), base, tmp_path, SHORT)
    assert files(base) == before


# --- continuing --------------------------------------------------------------------------------------------

KILLED_AFTER = 11
KILLED = textwrap.dedent("""
    import os, signal, sys
    from contextlib import contextmanager
    from pathlib import Path

    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, sys.argv[1])
    from train_parts import fit, retrieval_set

    class Killer:
        done = 0

        @contextmanager
        def track(self, task, total=None):
            yield self.advance

        def advance(self, steps):
            self.done += steps
            if self.done == int(sys.argv[4]):
                os.kill(os.getpid(), signal.SIGKILL)

        def say(self, message):
            pass

        status = say

    fit(retrieval_set(), Path(sys.argv[2]), Path(sys.argv[3]), progress=Killer())
""")


class Counter:
    """A progress that remembers."""

    def __init__(self):
        self.steps, self.said = [], []

    @contextmanager
    def track(self, task, total=None):
        self.total = total
        yield self.steps.append

    def say(self, message):
        self.said.append(message)

    def status(self, message):
        self.shown = message


@pytest.fixture(scope="session")
def killed(toy_model, tmp_path_factory):
    """What a training leaves that was killed after step 11, with SIGKILL."""
    place = tmp_path_factory.mktemp("train") / "killed"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(toy_model), str(place), str(KILLED_AFTER)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    return place


@pytest.mark.slow
def test_a_killed_training_leaves_whole_checkpoints_and_no_model(killed):
    assert sorted(path.name for path in killed.iterdir()) == ["work"]
    whole = sorted(path.parent.name for path in (killed / "work" / "checkpoints").glob(f"checkpoint-*/{COMPLETE}"))
    assert whole == ["checkpoint-4", "checkpoint-8"]
    assert newest_complete(killed / "work" / "checkpoints").name == "checkpoint-8"


def test_it_continues_and_ends_like_an_uninterrupted_one(killed, tuned, toy_model, tmp_path):
    shutil.copytree(killed, tmp_path / "again")
    # The kill came while a newer checkpoint was being written: its weights are cut short, its mark is not there.
    half = tmp_path / "again" / "work" / "checkpoints" / "checkpoint-12"
    shutil.copytree(half.with_name("checkpoint-8"), half)
    (half / COMPLETE).unlink()
    weights = half / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    counter = Counter()
    made = fit(retrieval_set(), toy_model, tmp_path / "again", progress=counter)
    _, want = tuned
    assert counter.steps[0] > 1  # the bar jumps to where the training goes on
    assert sum(counter.steps) == counter.total == 14
    assert made.contract.weights_sha256 == want.contract.weights_sha256
    assert made.contract.fingerprint == want.contract.fingerprint
    assert (made.best, made.start) == (want.best, want.start)
    assert dev_values(made.log) == dev_values(want.log)
    assert [row for row in made.log if "loss" in row] == [row for row in want.log if "loss" in row]


def test_checkpoints_made_with_other_settings_are_not_continued(killed, toy_model, tmp_path):
    shutil.copytree(killed, tmp_path / "again")
    made = fit(retrieval_set(), toy_model, tmp_path / "again", SHORT)
    assert [row["step"] for row in made.log if "loss" in row] == [1, 2]
    assert made.contract.weights_sha256 == fit(retrieval_set(), toy_model, tmp_path, SHORT).contract.weights_sha256


@pytest.mark.slow
def test_checkpoints_made_with_other_data_are_not_continued(killed, toy_model, tmp_path):
    data = retrieval_set()
    rows = data.pairs["train"]  # as many rows, other texts
    data.pairs["train"] = [Pair(p.anchor, rows[(i + 1) % len(rows)].positive) for i, p in enumerate(rows)]
    shutil.copytree(killed, tmp_path / "again")
    made = fit(data, toy_model, tmp_path / "again")
    assert made.contract.weights_sha256 == fit(data, toy_model, tmp_path / "fresh").contract.weights_sha256


def test_the_newest_complete_checkpoint_is_found_by_number(tmp_path):
    assert newest_complete(tmp_path) is None
    for step, whole in ((8, True), (12, True), (9, True), (100, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "model.safetensors").write_bytes(b"")
        if whole:
            write_json(tmp_path / f"checkpoint-{step}" / COMPLETE, {"step": step})
    assert newest_complete(tmp_path) == tmp_path / "checkpoint-12"


def test_the_curve_is_a_picture_of_the_log(tuned, tmp_path):
    for rows, metric in ((tuned[1].log, "ndcg@10"), ([], ""), ([{"step": 1, "epoch": 1.0, "loss": 0.5}], "")):
        draw_curve(rows, metric, tmp_path / "curve.png")
        assert (tmp_path / "curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
