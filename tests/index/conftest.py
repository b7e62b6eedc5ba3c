"""Back-ends ready to build with; Milvus as a file, and as a server in a process of its own."""

import signal
import socket
import subprocess
import sys
import time

import pytest
from index_parts import BACKENDS, FOLDERS, Backend


@pytest.fixture(scope="session", autouse=True)
def hasty_client():
    """pymilvus sleeps half a second before it first asks whether a new collection's index is there; it is."""

    class Hasty:
        time, monotonic, perf_counter = time.time, time.monotonic, time.perf_counter

        @staticmethod
        def sleep(seconds):
            time.sleep(min(seconds, 0.01))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pymilvus.client.grpc_handler.time", Hasty)
        yield


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory):
    """Address of a Milvus that listens on the loopback (milvus-lite's gRPC server)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("milvus") / "server.db"
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(data), "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None, process.stdout.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", data
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def backend_named(tmp_path_factory, request):
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("index")
            uri = {"milvus-file": str(folder / "lite.db")}.get(name, "")
            if name == "milvus-server":
                uri = request.getfixturevalue("milvus_server")[0]
            made[name] = Backend(name, folder, uri)
        return made[name]

    return get


@pytest.fixture(params=BACKENDS)
def backend(request, backend_named):
    return backend_named(request.param)


@pytest.fixture(params=FOLDERS)
def kept(request, backend_named):
    """A back-end whose index is kept on disk."""
    return backend_named(request.param)
