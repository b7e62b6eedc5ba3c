"""SIGKILL in the middle of upgrades, rollbacks and syncs: the index is the old one or the new one, and whole."""

import os
import random
import signal
import time

import pytest

import semtune
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.current import opened

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def contents(index):
    with opened(index) as collection, collection.snapshot() as seen:
        return {document.id: document for document in seen.documents()}


def killed(work, after):
    """Run `work` in a process that is killed after so many seconds; whether it had ended before."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.mark.slow
def test_killed_upgrades_and_rollbacks(index, static_model):
    random.seed(16)
    documents = contents(index)
    fingerprints = {manifests.read(index).fingerprint}
    finished = 0
    for attempt in range(40):
        model = str(static_model(1 + attempt // 10))
        undo = attempt % 4 == 3 and (index / "current.json").exists()
        work = (lambda: semtune.rollback(index)) if undo else (lambda: semtune.upgrade(index, model))  # noqa: B023
        finished += killed(work, random.uniform(0.0, 1.5))
        assert contents(index) == documents
        found = semtune.verify(index)
        assert found.ok, found.problems
        fingerprints.add(manifests.read(versions.current(index)).fingerprint)
        searcher = semtune.Searcher.open(index)
        assert searcher.search("mend the kettle", k=1)
        searcher.close()
    assert finished < 40
    assert len(fingerprints) > 1
    assert semtune.upgrade(index, str(static_model(9))).count == len(documents)


@pytest.mark.slow
def test_killed_syncs(index, notes, static_model, tmp_path):
    random.seed(17)
    for attempt in range(20):
        (notes / f"new{attempt}.md").write_text(f"# Page {attempt}\n\nThe glacier of the year {attempt}.\n")
        (notes / "short.txt").write_text(f"buy milk {attempt} times\n")
        killed(lambda: semtune.sync(index, notes), random.uniform(0.0, 0.8))
        assert semtune.verify(index).ok
    semtune.sync(index, notes)
    semtune.index(str(static_model()), notes, tmp_path / "fresh")
    assert contents(index) == contents(tmp_path / "fresh")
