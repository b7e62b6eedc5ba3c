"""Several processes on one port: shared, counted together, replaced when one dies, stopped together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")]


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "semtune", "serve", *words, "--port", "0", "--workers", "2", "--json", "--log", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def url_of(process):
    said = ""
    while not said.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said += line
    return json.loads(said)["url"]


def children(process):
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "resource_tracker" not in line]


def ask(url):
    """On a new connection, so that any of the processes may answer."""
    return httpx.post(url + "/v1/embeddings", json={"input": "zip file", "encoding_format": "float"}, timeout=30)


def until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_two_processes_answer_count_together_and_are_replaced(exported):
    process = start(str(exported("cls").folder))
    try:
        url = url_of(process)
        first = children(process)
        assert len(first) == 2
        until(lambda: all(httpx.get(url + "/health", timeout=30).status_code == 200 for _ in range(10)))
        vectors = {tuple(ask(url).json()["data"][0]["embedding"]) for _ in range(10)}
        assert len(vectors) == 1
        counted = httpx.get(url + "/metrics", timeout=30).text
        assert 'te_request_success{method="single"} 10.0' in counted

        os.kill(first[0], signal.SIGKILL)
        until(lambda: len(set(children(process)) - set(first)) == 1 and first[0] not in children(process))
        until(lambda: all(httpx.get(url + "/health", timeout=30).status_code == 200 for _ in range(10)))
        assert ask(url).status_code == 200

        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        for each in [*children(process), process.pid]:
            os.kill(each, signal.SIGKILL) if process.poll() is None else None
        process.wait()
    assert process.returncode == 0
    assert {json.loads(line)["status"] for line in errors.splitlines() if '"request_id"' in line} == {200}
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/health/live")


def test_a_model_that_is_not_there_ends_all_processes_in_words(tmp_path):
    process = start(str(tmp_path / "nothing"))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "nothing" in errors
    assert "Traceback" not in errors


def test_the_processes_end_with_their_parent(exported):
    process = start(str(exported("cls").folder))
    url = url_of(process)
    left = children(process)
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()

    def gone():
        try:
            httpx.get(url + "/health/live", timeout=5)
        except httpx.HTTPError:
            return True
        return False

    until(gone)
    until(lambda: not any(_runs(each) for each in left))


def _runs(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
