"""Processes pinned to cores, and nodes of a Ray cluster, make the same bytes; one that dies costs nothing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from bulk_parts import text_of, write

import semtune
from semtune import EncodeSettings
from semtune.bulk.encoding import Job, Opened, settled
from semtune.bulk.workers import Workers, split_cores
from semtune.errors import ModelError

OUTS = ["out", "out.npy", "out.parquet"]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def one_core(monkeypatch):
    """Two workers where there is one core, too."""
    monkeypatch.setattr("semtune.machine.usable_cpus", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture
def wanted(static, texts, tmp_path):
    write(tmp_path / "a.jsonl", texts)
    for out in OUTS:
        semtune.encode_file(
            str(static), tmp_path / "a.jsonl", tmp_path / "wanted" / out, settings=EncodeSettings(rows=50)
        )
    return contents(tmp_path / "wanted")


def test_cores_are_shared_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5, 7, 8, 9, 11})
    monkeypatch.setattr("semtune.machine.usable_cpus", lambda: 7)
    assert split_cores(1) == [(2, 3, 5, 7, 8, 9, 11)]
    assert split_cores(3) == [(2, 3), (5, 7), (8, 9, 11)]
    assert split_cores(7) == [(2,), (3,), (5,), (7,), (8,), (9,), (11,)]


def test_workers_make_the_same_bytes(static, wanted, tmp_path, one_core):
    settings = EncodeSettings(rows=50, workers=2)
    for out in OUTS:
        made = semtune.encode_file(str(static), tmp_path / "a.jsonl", tmp_path / "found" / out, settings=settings)
        assert (made.texts, made.shards) == (1000, 20)
    assert contents(tmp_path / "found") == wanted


def test_a_worker_is_pinned_and_ends_with_its_caller(static):
    code = textwrap.dedent("""
        import os, sys
        from semtune.bulk.encoding import Job, Opened, settled
        from semtune.bulk.workers import _Worker
        worker = _Worker(Job(sys.argv[1], "auto"), (min(os.sched_getaffinity(0)),))
        print(worker.encode(["kettle"]).values.shape, worker._process.pid, min(os.sched_getaffinity(0)), flush=True)
        os.kill(os.getpid(), 9)
    """)
    process = subprocess.Popen([sys.executable, "-c", code, str(static)], stdout=subprocess.PIPE, text=True)
    with process:
        shape, pid, core = process.stdout.readline().rsplit(maxsplit=2)
    assert shape == "(1, 24)"
    for _ in range(500):
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            break
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":  # nobody is left to ask for it
            break
        time.sleep(0.01)
    else:
        pytest.fail("the worker outlived its caller")
    assert core.strip().isdigit()


def test_cores_and_threads_of_a_worker(static):
    with Workers(Job(str(static), "auto"), [(0,), (1,)]) as workers:
        both = [workers.submit(["kettle"]), workers.submit(["loom"])]
        assert [each.result().values.shape for each in both] == [(1, 24), (1, 24)]
        for worker, core in zip(workers._all, (0, 1), strict=True):
            pid = worker._process.pid
            status = Path(f"/proc/{pid}/status").read_text()
            allowed = status.partition("Cpus_allowed_list:")[2].split()[0]
            assert allowed in {str(core), "0"}  # a machine with one core
            environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
            assert {"OMP_NUM_THREADS=1", "RAYON_NUM_THREADS=1"} <= set(environment)


def test_a_worker_that_is_killed_is_replaced(static):
    with Workers(Job(str(static), "auto"), [(0, 1)]) as workers:
        plain = workers.submit(["kettle"]).result().values
        (worker,) = workers._all
        for _ in range(2):
            os.kill(worker._process.pid, signal.SIGKILL)
            assert (workers.submit(["kettle"]).result().values == plain).all()


def test_texts_that_kill_every_worker_are_told(static, monkeypatch):
    monkeypatch.setattr(
        "semtune.bulk.workers.START", "import os, sys; sys.stdin.buffer.read(9); os.kill(os.getpid(), 9)"
    )
    with (
        Workers(Job(str(static), "auto"), [(0, 1)]) as workers,
        pytest.raises(ModelError, match=r"died 3 times on the same texts \(last exit status -9\); often memory is"),
    ):
        workers.submit(["kettle"]).result()


def test_an_error_of_a_worker_is_the_caller_s(static):
    other = Job(str(static), "auto", fingerprint="f" * 64, opened="static-fp32")
    with (
        Workers(other, [(0, 1)]) as workers,
        pytest.raises(ModelError, match="All workers need the same model and packages"),
    ):
        workers.submit(["kettle"]).result()


@pytest.mark.slow
def test_workers_and_their_caller_may_be_killed(static, tmp_path):
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        pytest.skip("one core")
    file = write(tmp_path / "a.txt", [text_of(number) for number in range(60_000)])
    command = [sys.executable, "-m", "semtune", "encode", static, file, "-o", tmp_path / "found.npy", "--rows", "500"]
    command += ["--workers", "2", "--json"]
    notes = tmp_path / ".found.npy.work" / "notes"
    for more in (5, 9, 14):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        before = len(list(notes.glob("*.json")))
        while process.poll() is None and len(list(notes.glob("*.json"))) < before + more:
            time.sleep(0.002)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(children[0]), signal.SIGKILL)  # replaced
        time.sleep(0.05)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=100)
    assert json.loads(done.stdout)["resumed"] >= 28
    semtune.encode_file(str(static), file, tmp_path / "wanted.npy", settings=EncodeSettings(rows=500))
    assert (tmp_path / "found.npy").read_bytes() == (tmp_path / "wanted.npy").read_bytes()


CLUSTER = textwrap.dedent("""
    import json, sys, threading, time
    from pathlib import Path
    import ray
    from ray.cluster_utils import Cluster
    import semtune
    from semtune import EncodeSettings

    model, file, out = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 << 20})
    second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()
    notes = Path(out).with_name(f".{Path(out).name}.work") / "notes"
    killed = []

    def kill_half_way():
        while len(list(notes.glob("*.json"))) < 60 or ray.available_resources().get("CPU"):
            time.sleep(0.005)  # at least half is done, and both nodes are at work
        cluster.remove_node(second, allow_graceful=False)
        killed.append(len(list(notes.glob("*.json"))))

    watch = threading.Thread(target=kill_half_way)
    watch.start()
    settings = EncodeSettings(rows=500, engine="ray")
    made = semtune.encode_file(model, file, out, settings=settings)
    watch.join()
    while (alive := sum(node["Alive"] for node in ray.nodes())) > 1:
        time.sleep(0.5)
    print(json.dumps({"texts": made.texts, "shards": made.shards, "killed": killed[0], "alive": alive}))
    ray.shutdown()
    cluster.shutdown()
""")


@pytest.mark.slow
def test_a_node_of_a_ray_cluster_is_killed_half_way(static, tmp_path):
    pytest.importorskip("ray")
    file = write(tmp_path / "a.txt", [text_of(number) for number in range(60_000)])
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, static, file, tmp_path / "found"],
        capture_output=True, text=True, timeout=220,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_USAGE_STATS_ENABLED": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"texts"')))
    assert (found["texts"], found["shards"], found["alive"]) == (60_000, 120, 1)
    assert 60 <= found["killed"] < 120
    semtune.encode_file(str(static), file, tmp_path / "wanted", settings=EncodeSettings(rows=500))
    assert contents(tmp_path / "found") == contents(tmp_path / "wanted")


@pytest.mark.parametrize(
    ("asked", "opened", "passed"),
    [
        ("auto", "onnx-fp32", "onnx"),
        ("auto", "onnx-int8", "onnx-int8"),
        ("auto", "openvino-bf16", "openvino"),
        ("auto", "static-fp32", "static"),
        ("auto", "torch-fp32", "torch"),
        ("auto", "word-hash", "auto"),
        ("onnx", "static-fp32", "onnx"),
    ],
)
def test_workers_open_what_auto_was_here(static, encoder, asked, opened, passed):
    from types import SimpleNamespace

    found = SimpleNamespace(runtime=opened, contract=encoder.contract)
    job = settled(Job(str(static), asked), Opened(found, None))
    assert (job.runtime, job.opened, job.fingerprint) == (passed, opened, encoder.contract.fingerprint)


@pytest.mark.slow
def test_a_graph_gives_the_same_vectors_in_shards_and_by_workers(exported, texts, tmp_path, one_core):
    model = exported("cls").folder
    file, vectors = write(tmp_path / "a.jsonl", texts[:300]), {}
    for name, settings in (("here", EncodeSettings(rows=40)), ("there", EncodeSettings(rows=40, workers=2))):
        made = semtune.encode_file(str(model), file, tmp_path / f"{name}.npy", settings=settings, runtime="onnx")
        assert made.runtime == "onnx-fp32"
        vectors[name] = np.load(tmp_path / f"{name}.npy")
    whole = semtune.encode(str(model), texts[:300], runtime="onnx").vectors
    for found in vectors.values():
        np.testing.assert_allclose(found, whole, atol=2e-6)
