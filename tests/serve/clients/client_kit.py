"""What the tests of clients share: a server's HTTP with the encoder behind it, texts, and exact comparison."""

import base64
from dataclasses import dataclass

import numpy as np
from fastapi.testclient import TestClient

from semtune.encoders.checked import CheckedEncoder
from semtune.encoders.windows import with_truncate

TEXTS = ["a kettle on the shelf", "light the lantern", "the pump is cleaned with warm water", "über den Fluß"]
QUERY = "where is the kettle"
LONG = "kettle " * 100  # the model reads 64 tokens
BEARER = {"Authorization": "Bearer sk-none"}


@dataclass(frozen=True)
class Served:
    """HTTP to a server, and the encoder that makes its vectors."""

    http: TestClient
    encoder: CheckedEncoder

    def vectors(self, texts, role="document", truncate="cut"):
        return with_truncate(self.encoder, truncate).encode(texts, role).vectors

    def post(self, path, body, headers=None):
        return self.http.post(path, json=body, headers=headers or BEARER)

    def similarities(self, query, texts):
        return self.vectors(texts) @ self.vectors([query], "query")[0]


def same(got, wanted):
    """Vectors equal but for the last bits, which depend on the batch."""
    np.testing.assert_allclose(np.array(got, dtype=np.float32), wanted, rtol=0, atol=1e-6)


def openai_vectors(answer):
    """The vectors of OpenAI's form, which must be in the order of the input."""
    assert answer.status_code == 200, answer.text
    rows = answer.json()["data"]
    assert [row["index"] for row in rows] == list(range(len(rows)))
    raw = [row["embedding"] for row in rows]
    return [np.frombuffer(base64.b64decode(each), "<f4") if isinstance(each, str) else each for each in raw]


def share_of_words(pairs):
    """A cross-encoder's stand-in: the share of the query's words in the text, so that its order is known by hand."""
    return [len(set(query.split()) & set(text.split())) / len(set(query.split())) for query, text in pairs]
