"""`semtune mcp` over stdio and streamable HTTP, with the SDK's own client."""

import asyncio
import json
import os
import subprocess
import sys
import threading

import httpx
import pytest

pytest.importorskip("mcp", reason="needs the extra mcp")

import httpx2
from mcp import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from chat_index import QUESTION
from mcp_client import TOOLS, refused, talk
from semtune.search.following import follow_searcher
from semtune.serve.mcp.http import http_app
from semtune.serve.mcp.server import mcp_server


def environment(**more):
    kept = {
        name: os.environ[name] for name in ("PYTHONPATH", "HF_HUB_OFFLINE", "OMP_NUM_THREADS") if name in os.environ
    }
    return {**kept, "PYTHONWARNINGS": "error", **more}


@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
def test_over_stdio_the_sdk_client_is_served(calibrated_index, mode):
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "semtune", "mcp", str(calibrated_index)], env=environment()
    )
    calls = [("search", {"query": QUESTION}), ("fetch", {"id": "web"}), ("similar", {"id": "web"}), ("fetch", {})]
    found, read, like, wrong = asyncio.run(talk(command, *calls, mode=mode))
    assert found.structured_content["results"][0]["id"] == "kettle#clean"
    assert read.structured_content["url"] == "https://example.org/violin"
    assert len(like.structured_content["results"]) == 4
    assert refused(wrong) == "'id' is missing"


def test_stdout_is_the_protocol_and_nothing_else(plain_index):
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }  # fmt: skip
    lines = [
        hello,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "x"}}},
    ]
    code = (
        "import sys; from semtune.cli.main import main; sys.argv = ['semtune', 'mcp', sys.argv[1]]\n"
        "try: main()\n"
        "finally: print([m for m in ('torch', 'transformers', 'fastapi') if m in sys.modules], file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(plain_index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=os.environ | environment(),
    )  # fmt: skip
    answers = []
    for line in lines:
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        if "id" in line:
            answers.append(json.loads(process.stdout.readline()))
    rest, errors = process.communicate(timeout=30)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["structuredContent"]["query"] == "x"
    assert (process.returncode, rest, errors.strip()) == (0, "", "[]")


@pytest.fixture(scope="module")
def served(calibrated_index, live):
    """URL of the tools over HTTP, with the key "geheim"."""
    followed = follow_searcher(calibrated_index)
    yield live(http_app(mcp_server(followed, "semtune-test"), "127.0.0.1", "geheim", ["docs.example.org"])) + "/mcp"
    followed.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http_the_sdk_client_is_served(served, mode):
    async def run():
        async with httpx2.AsyncClient(headers={"Authorization": "Bearer geheim"}) as http:
            return await talk(
                streamable_http_client(served, http_client=http),
                ("search", {"query": QUESTION}),
                ("fetch", {}),
                mode=mode,
            )

    found, wrong = asyncio.run(run())
    assert found.structured_content["results"][0]["id"] == "kettle#clean"
    assert refused(wrong) == "'id' is missing"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "geheim"}, {"Authorization": "Basic geheim"}]
)
def test_over_http_nothing_answers_without_the_key(served, header):
    for method, url in (("POST", served), ("GET", served), ("GET", served.removesuffix("/mcp"))):
        answer = httpx.request(method, url, headers=header, json={} if method == "POST" else None)
        assert answer.status_code == 401
        assert answer.json() == {
            "detail": "The API key is missing or wrong. Send it in the header 'Authorization: Bearer KEY'."
        }
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("host", "status"), [("docs.example.org", 200), ("localhost:1", 200), ("evil.example", 421)])
def test_a_page_cannot_point_its_own_name_here(served, host, status):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {
        "Authorization": "Bearer geheim", "Host": host, "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-06-18",
    }  # fmt: skip
    assert httpx.post(served, json=body, headers=headers).status_code == status


def test_many_ask_at_once(calibrated_index, live):
    followed = follow_searcher(calibrated_index)
    url = live(http_app(mcp_server(followed, "semtune-test"), "127.0.0.1")) + "/mcp"
    best = []

    def one():
        (result,) = asyncio.run(talk(url, ("search", {"query": QUESTION, "k": 1})))
        best.append(result.structured_content["results"][0]["id"])

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    followed.close()
    assert best == ["kettle#clean"] * 6


def test_the_command_serves_http_and_says_where(plain_index):
    process = subprocess.Popen(
        [sys.executable, "-m", "semtune", "mcp", str(plain_index), "--http", "--port", "0", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment(SEMTUNE_MCP_KEY="k1"),
    )  # fmt: skip
    try:
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        where = json.loads(said)
        assert where == {"url": where["url"], "documents": 5, "key": True, "tools": TOOLS}
        assert httpx.post(where["url"], json={}).status_code == 401
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_json_without_http_is_refused(plain_index, capsys, monkeypatch):
    from semtune.cli.main import main

    monkeypatch.setattr(sys, "argv", ["semtune", "mcp", str(plain_index), "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "needs --http" in capsys.readouterr().err
