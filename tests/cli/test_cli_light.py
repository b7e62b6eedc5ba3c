"""index, search and serve run where torch and transformers cannot be imported."""

import json
import shutil
import subprocess
import sys
import textwrap

POISONED = textwrap.dedent("""
    import json, sys

    FORBIDDEN = {"torch", "transformers", "sentence_transformers", "datasets", "accelerate", "onnx", "onnxscript"}

    class Poison:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in FORBIDDEN:
                raise AssertionError(f"{name} was imported")

    sys.meta_path.insert(0, Poison())
    model, corpus, out = sys.argv[1:]
    from pathlib import Path
    from semtune.cli.main import app

    for words in (["index", model, corpus, "-o", out], ["search", out, "storing the violin", "-k", "2"]):
        stdout = sys.stdout
        app([*words, "--json"], standalone_mode=False)
        assert sys.stdout is stdout

    from fastapi.testclient import TestClient
    from semtune.search.searcher import Searcher
    from semtune.serve.app import create_app
    from semtune.serve.catalogue import Catalogue

    searcher = Searcher.open(Path(out))
    with TestClient(create_app(Catalogue.single(searcher.encoder, searcher))) as client:
        found = client.post("/search", json={"query": "storing the violin", "k": 2}).json()["hits"]
        vector = client.post("/v1/embeddings", json={"input": "a"}).json()["data"][0]["embedding"]
        health = client.get("/health").json()
    print(json.dumps({"hits": found, "dimension": len(vector), "health": health}))
    print(json.dumps(sorted(FORBIDDEN & {name.partition(".")[0] for name in sys.modules})))
""")


def test_index_search_and_serve_without_torch(done, tmp_path):
    model = shutil.copytree(done / "export", tmp_path / "model")
    (model / "step.json").unlink()
    out = tmp_path / "index"
    command = [sys.executable, "-c", POISONED, model, done / "prepare", out]
    process = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    documents, read = [], json.JSONDecoder()
    rest = process.stdout.strip()
    while rest:
        document, end = read.raw_decode(rest)
        documents.append(document)
        rest = rest[end:].strip()
    indexed, searched, served, imported = documents
    assert imported == []
    contract = json.loads((model / "semtune.json").read_text())
    assert (indexed["count"], indexed["dimension"], indexed["backend"]) == (60, 32, "local")
    assert (indexed["fingerprint"], indexed["path"]) == (contract["fingerprint"], str(out))
    assert indexed["recall_at_10"] == 1.0
    shown = ("highlight", "source_highlight")  # the terminal marks the sentence that answers; HTTP only if asked to
    assert [{key: hit[key] for key in hit if key not in shown} for hit in searched["hits"]] == served["hits"]
    # The run's own index was built from the same documents by the same model.
    from pathlib import Path

    from semtune.search.searcher import Searcher

    expected = Searcher.open(Path(done)).search("storing the violin", 2)
    assert [hit["id"] for hit in searched["hits"]] == [hit.id for hit in expected]
    assert [hit["text"] for hit in searched["hits"]] == [hit.text for hit in expected]
    assert served["dimension"] == 32
    assert (served["health"]["documents"], served["health"]["fingerprint"]) == (60, contract["fingerprint"])


def test_serve_listens_answers_and_stops(done):
    import os
    import signal

    import httpx

    process = subprocess.Popen(
        [sys.executable, "-m", "semtune", "serve", str(done), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        answer = httpx.get(said["url"] + "/search", params={"q": "cleaning the kettle", "k": 1}, timeout=20).json()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert said["documents"] == 60
    assert answer["hits"][0]["id"].startswith("kettle.md#")
    assert (process.returncode, rest) == (0, "")
    assert errors.count("\n") == 2
    assert " GET /search 200 in " in errors
    assert "kettle" not in errors
    assert said["url"] in errors
