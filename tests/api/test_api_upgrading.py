"""Another model for an index: built beside it, compared, switched at one moment, and back."""

import json
import threading
import time

import numpy as np
import pytest

import semtune
from semtune import dataset as datasets
from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.current import opened
from semtune.search.following import follow_searcher
from semtune.types import Document, Query


def model_of(index):
    return manifests.read(versions.current(index)).fingerprint


def contents(index):
    with opened(index) as collection, collection.snapshot() as seen:
        return {document.id: document for document in seen.documents()}


def test_an_upgrade_and_its_rollback(index, static_model):
    before, documents = model_of(index), contents(index)
    done = semtune.upgrade(index, str(static_model(1, 32)))
    assert (done.status, done.count, done.encoded, done.caught_up) == ("switched", len(documents), len(documents), 0)
    assert contents(index) == documents
    assert model_of(index) != before
    assert 0 < done.compared.overlap_at_10 <= 1
    assert done.compared.asked_with == "chunks"
    made = manifests.read(versions.current(index))
    assert (made.dimension, made.recall_at_10, made.count) == (32, 1.0, len(documents))
    assert semtune.verify(index).ok
    assert semtune.upgrade(index, str(static_model(1, 32))).status == "unchanged"

    back = semtune.rollback(index)
    assert (back.count, back.caught_up, model_of(index)) == (len(documents), 0, before)
    semtune.rollback(index)
    assert model_of(index) == made.fingerprint


def test_the_same_answers_compare_as_equal(index, static_model, tmp_path):
    import shutil

    from safetensors.numpy import load_file, save_file

    other = shutil.copytree(static_model(), tmp_path / "other")
    rows = load_file(other / "model.safetensors")["embedding.weight"]
    save_file({"embedding.weight": rows * 2}, other / "model.safetensors")  # the same directions, another fingerprint
    done = semtune.upgrade(index, str(other))
    assert (done.compared.overlap_at_10, done.compared.same_best, done.compared.most_changed) == (1.0, 1.0, ())
    assert done.compared.score_drift == pytest.approx(0, abs=1e-6)


def test_what_is_written_after_the_switch_survives_a_rollback(index, notes, static_model):
    semtune.upgrade(index, str(static_model(1)))
    (notes / "late.md").write_text("# The glacier\n\nA river of ice.\n")
    (notes / "short.txt").unlink()
    semtune.sync(index, notes)
    back = semtune.rollback(index)
    assert back.caught_up == 2
    assert "late.md#1" in contents(index)
    assert "short.txt#1" not in contents(index)


def test_what_is_written_during_an_upgrade_is_taken_over(index, notes, static_model, monkeypatch):
    from semtune.index import new_version

    real = new_version.finish_version

    def write_meanwhile(*words):
        (notes / "late.md").write_text("# The glacier\n\nA river of ice.\n")
        (notes / "short.txt").unlink()
        (notes / "title.md").write_text("# Another title\n")
        semtune.sync(index, notes)
        return real(*words)

    monkeypatch.setattr(new_version, "finish_version", write_meanwhile)
    done = semtune.upgrade(index, str(static_model(1)))
    assert (done.status, done.caught_up) == ("switched", 3)
    found = contents(index)
    assert {"late.md#1", "short.txt#1"} & found.keys() == {"late.md#1"}
    assert found["title.md#1"].title == "Another title"
    assert semtune.verify(index).count == done.count == len(found)


def test_a_stopped_upgrade_continues(index, static_model, monkeypatch):
    from semtune.index import write

    monkeypatch.setattr(write.batches, "__defaults__", (10,))
    count, real = semtune.verify(index).count, write._write_batch
    calls = []

    def stop(*words):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*words)

    monkeypatch.setattr(write, "_write_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        semtune.upgrade(index, str(static_model(1)))
    monkeypatch.setattr(write, "_write_batch", real)
    assert versions.current(index) == index  # nothing was switched
    done = semtune.upgrade(index, str(static_model(1)))
    assert (done.status, done.encoded) == ("switched", count - 20)


def test_a_stopped_upgrade_to_another_model_is_begun_anew(index, static_model, monkeypatch):
    from semtune.index import new_version

    with monkeypatch.context() as patch:
        patch.setattr(new_version, "finish_version", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            semtune.upgrade(index, str(static_model(1)))
    done = semtune.upgrade(index, str(static_model(2)))
    assert (done.encoded, done.count) == (done.count, semtune.verify(index).count)
    assert [path.name for path in (index / "versions").iterdir()] == ["2"]


def test_two_upgrades_keep_one_version_before(index, static_model):
    for seed in (1, 2, 3):
        assert semtune.upgrade(index, str(static_model(seed))).status == "switched"
    assert sorted(path.name for path in (index / "versions").iterdir()) == ["3", "4"]
    assert not (index / "index.sqlite").exists()
    assert semtune.verify(index).ok
    assert semtune.rollback(index).count == semtune.verify(index).count
    searcher = semtune.Searcher.open(index)
    assert searcher.search("kettle", k=1)
    searcher.close()


def test_a_worse_model_is_not_switched_to(tmp_path, static_model):
    words = [
        "kettle",
        "lantern",
        "violin",
        "bicycle",
        "telescope",
        "loom",
        "anvil",
        "compass",
        "sundial",
        "teapot",
        "ladder",
        "barrel",
    ]
    corpus = [Document(f"d{i}", f"{words[i % 12]} {words[i // 12]} cloth") for i in range(60)]
    queries = {f"q{i}": Query(f"q{i}", f"{words[i % 12]} {words[i // 12]}") for i in range(60)}
    datasets.save(
        Dataset(corpus=corpus, queries=queries, qrels={"test": {f"q{i}": {f"d{i}": 1} for i in range(60)}}),
        tmp_path / "data",
    )
    index = tmp_path / "index"
    semtune.index(str(static_model(0, 64)), tmp_path / "data", index)
    done = semtune.upgrade(index, str(static_model(1, 4)), data=tmp_path / "data")
    assert (done.status, done.exit_code, done.verdict.verdict) == ("not switched", 1, "do-not-ship")
    assert done.verdict.gain < 0
    assert versions.current(index) == index
    again = semtune.upgrade(index, str(static_model(1, 4)), data=tmp_path / "data", anyway=True)
    assert (again.status, again.encoded) == ("switched", 0)
    better = semtune.upgrade(index, str(static_model(0, 64)), data=tmp_path / "data")
    assert (better.status, better.verdict.verdict) == ("switched", "ship")


def test_real_queries_are_asked(index, static_model, tmp_path):
    (tmp_path / "q.txt").write_text("mend a kettle\nstore a lantern\n")
    done = semtune.upgrade(index, str(static_model(1)), queries=[tmp_path / "q.txt"])
    assert (done.compared.queries, done.compared.asked_with) == (2, "queries")


def test_an_old_model_that_is_gone_stops_nothing_but_the_comparison(index, static_model, tmp_path):
    from dataclasses import replace

    manifests.write(replace(manifests.read(index), model=str(tmp_path / "gone")), index)
    (tmp_path / "q.txt").write_text("mend a kettle\n")
    with pytest.raises(semtune.ModelError, match="old model is gone"):
        semtune.upgrade(index, str(static_model(1)), queries=[tmp_path / "q.txt"])
    done = semtune.upgrade(index, str(static_model(1)))
    assert (done.status, done.compared) == ("switched", None)


def test_refusals(index, static_model):
    with pytest.raises(ConfigError, match="never upgraded"):
        semtune.rollback(index)
    from semtune.locks import lock_file

    with lock_file(index / ".upgrade.lock") as ours:
        assert ours
        with pytest.raises(InputError, match="Another upgrade"):
            semtune.upgrade(index, str(static_model(1)))


def test_no_request_fails_while_the_index_is_switched(index, static_model):
    following = follow_searcher(index, every=0.01)
    failures, models, stop = [], set(), threading.Event()

    def ask():
        while not stop.is_set():
            try:
                with following.current() as searcher:
                    assert searcher.search("mend a kettle", k=3)
                    models.add(searcher.manifest.fingerprint)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        expected = {model_of(index)}
        for change in (lambda: semtune.upgrade(index, str(static_model(1))), lambda: semtune.rollback(index),
                       lambda: semtune.upgrade(index, str(static_model(2)))):  # fmt: skip
            change()
            expected.add(model_of(index))
            deadline = time.monotonic() + 60
            while following.value.manifest.fingerprint != model_of(index) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert following.value.manifest.fingerprint == model_of(index)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        following.close()
    assert failures == []
    assert models == expected


def test_drift_reads_a_log_and_says_what_to_do(index, tmp_path):
    log = tmp_path / "log.jsonl"
    fit = [f"{deed} the {thing}" for deed in ("cleaning", "repairing", "storing") for thing in ("kettle", "violin",
           "lantern", "loom", "bicycle", "telescope")]  # fmt: skip
    strange = [f"zqx{i} wvk yyr" for i in range(8)]
    rows = [{"query": query} for query in fit for _ in range(2)] + [{"text": query} for query in strange]
    log.write_text("\n".join(map(json.dumps, rows)))
    found = semtune.drift(index, [log])
    assert (found.queries, found.asked) == (26, 44)
    assert found.floor is not None
    assert found.weak_share == pytest.approx(sum(topic.asked for topic in found.topics) / 44)
    assert found.as_dict()["recommendation"] == found.recommendation
    (tmp_path / "empty.txt").write_text("???\n")
    with pytest.raises(InputError, match="holds no query"):
        semtune.drift(index, [tmp_path / "empty.txt"])


def test_the_floor_of_an_index_is_that_of_its_chunks(index):
    from semtune.index.drift import floor_of_chunks
    from semtune.index.sampling import sample_chunks
    from semtune.search.index_encoder import encoder_of

    with opened(index) as collection, collection.snapshot() as seen:
        encoder = encoder_of(index, collection.manifest)
        chunks, documents = sample_chunks(seen.documents()), list(seen.documents())
        vectors = encoder.encode([document.content for document in documents]).vectors
        scores = encoder.encode([chunk for _, chunk in chunks], "query").vectors @ vectors.T
        for row, (own, _) in enumerate(chunks):
            scores[row, [document.id for document in documents].index(own)] = -1
        floor = floor_of_chunks(seen, lambda texts: encoder.encode(texts, "query").vectors)
    assert floor.score == pytest.approx(np.percentile(scores.max(axis=1), 5), abs=1e-5)
