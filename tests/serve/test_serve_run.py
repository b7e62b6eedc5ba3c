"""Listening and stopping, with real processes and ports."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import httpx
import pytest

from semtune.errors import SemtuneError
from semtune.serve.server import AddressError, listen, url

SERVER = textwrap.dedent("""
    import sys, time
    from semtune.encoders.toy import ToyEncoder
    from semtune.serve.app import create_app
    from semtune.serve.catalogue import Catalogue
    from semtune.serve.server import run_server

    class SlowEncoder(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            if texts == ["slow"]:
                print("working", flush=True)
                time.sleep(1)
            return super().encode(texts, role, progress)

    try:
        run_server(create_app(Catalogue.single(SlowEncoder())), "127.0.0.1", 0, announce=lambda address: print(address, flush=True))
    finally:
        print("closed", flush=True)
""")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_finishes_what_it_has_begun(sign):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = process.stdout.readline().strip()
        assert httpx.get(address + "/health", timeout=10).json()["model"] == "toy"
        client = subprocess.Popen(
            [sys.executable, "-c", _ASK, address + "/v1/embeddings"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline().strip() == "working"
        process.send_signal(sign)
        answer, _ = client.communicate(timeout=20)
        rest, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert answer.strip() == "200"
    assert (process.returncode, rest.strip(), errors) == (0, "closed", "")


_ASK = "import sys, httpx; print(httpx.post(sys.argv[1], json={'input': 'slow'}, timeout=20).status_code)"


def test_a_taken_port_is_refused_in_words_and_free_again_afterwards():
    first = listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    with pytest.raises(SemtuneError, match=rf"Port {port} on 127\.0\.0\.1 is already in use.*--port"):
        listen("127.0.0.1", port)
    first.close()
    listen("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 65536, "Port 65536 does not exist. Give a port from 1 to 65535"),
        ("127.0.0.1", -1, "Port -1 does not exist"),
        ("192.0.2.1", 0, "'192.0.2.1' is not an address of this machine"),
        ("not a host", 0, "'not a host' is not an address of this machine"),
    ],
)
def test_an_impossible_address_is_refused_in_words(host, port, words):
    with pytest.raises(AddressError) as refused:
        listen(host, port)
    assert str(refused.value).startswith(words)
    assert refused.value.exit_code == 2


def test_the_url_can_be_opened_on_this_machine():
    with listen("0.0.0.0", 0) as everywhere:
        assert url(everywhere) == f"http://localhost:{everywhere.getsockname()[1]}"
    if socket.has_ipv6:
        try:
            six = listen("::1", 0)
        except AddressError:
            return
        with six:
            assert url(six) == f"http://[::1]:{six.getsockname()[1]}"
