"""The fields of a Milvus collection, and documents as rows of it.

A VARCHAR of Milvus holds 65,535 bytes and a JSON field 65,536. What does not fit is kept whole in `rest`, in pieces,
and the other fields hold as much of it as they can, for other clients.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.index.collection import content_hash
from semtune.index.milvus import terms
from semtune.types import Document

if TYPE_CHECKING:
    from pymilvus import MilvusClient

FORMAT = 2  # 1 had id, row and vector, with the documents in the index folder
ID_BYTES = 4096
TEXT_BYTES = 65_535
PIECES = 512  # of TEXT_BYTES each: 33 MB, half of what a server takes in one message
FIELDS = ["id", "title", "text", "metadata"]
PLAIN = [*FIELDS, "careful"]


def create(
    client: MilvusClient, name: str, dimension: int, kind: str, facts: Mapping[str, Any], timeout: float
) -> None:
    """Create a collection; `facts` are kept with it, for `described`."""
    from pymilvus import DataType

    said = json.dumps(facts)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False, description=said)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_BYTES)
    for field in ("title", "text"):
        schema.add_field(field, DataType.VARCHAR, max_length=TEXT_BYTES)
    schema.add_field("metadata", DataType.JSON)
    pieces = {"element_type": DataType.VARCHAR, "max_length": TEXT_BYTES, "max_capacity": PIECES}
    schema.add_field("rest", DataType.ARRAY, **pieces)
    short = {"element_type": DataType.VARCHAR, "max_length": terms.LENGTH, "max_capacity": terms.MAX_TERMS}
    schema.add_field("terms", DataType.ARRAY, **short)
    schema.add_field("careful", DataType.BOOL)
    schema.add_field("hash", DataType.VARCHAR, max_length=256)
    schema.add_field("place", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    index: Any = client.prepare_index_params()
    index.add_index(field_name="vector", index_type=kind, metric_type="IP")
    # milvus-lite forgets the description, but keeps properties. Strong: reads see earlier writes (milvus#37389).
    properties = {"semtune": said} if is_lite(client) else {}
    client.create_collection(
        name, schema=schema, index_params=index, consistency_level="Strong", properties=properties, timeout=timeout
    )  # fmt: skip


def is_lite(client: MilvusClient) -> bool:
    """Whether the server is milvus-lite."""
    return "lite" in str(client.get_server_version())


def described(client: MilvusClient, name: str) -> tuple[dict[str, Any], int]:
    """The facts that `create` kept with a collection, empty if others made it, and its dimension (0: no vector)."""
    told: Any = client.describe_collection(name)
    said = told.get("properties", {}).get("semtune") or told.get("description") or "{}"
    try:
        facts = json.loads(said)
    except ValueError:
        facts = {}
    dimension = next((f["params"].get("dim", 0) for f in told["fields"] if f["name"] == "vector"), 0)
    return (facts if isinstance(facts, dict) and "fingerprint" in facts else {}), int(dimension)


def row_hash(document: Document, vector: NDArray[np.float32]) -> str:
    """The content hash of a document, and a hash of its vector."""
    return f"{content_hash(document)} {vector_hash(vector)}"


def vector_hash(vector: NDArray[np.float32]) -> str:
    """A hash of a vector's bytes."""
    return hashlib.sha256(vector.astype("<f4").tobytes()).hexdigest()[:32]


def row_of(document: Document, vector: NDArray[np.float32], hashed: str, place: int) -> dict[str, Any]:
    """A document as a row; a bigger place was written later."""
    metadata = json.loads(json.dumps(dict(document.metadata)))
    found = terms.terms_of(metadata)
    fits = found is not None and len(json.dumps(metadata).encode()) <= TEXT_BYTES
    title, text = _fitting(document.title), _fitting(document.text)
    whole = fits and title == document.title and text == document.text
    return {
        "id": document.id, "title": title, "text": text, "metadata": metadata if fits else {},
        "rest": [] if whole else _pieces(document, metadata), "terms": found if fits else [], "careful": not fits,
        "hash": hashed, "place": place, "vector": vector,
    }  # fmt: skip


def check(document: Document) -> None:
    """Refuse a document that is too long for Milvus.

    Raises:
        InputError: its id is, or all of it.
    """
    size = len(document.id.encode())
    if size > ID_BYTES:
        raise InputError(
            f"The id {document.id[:60]!r}... has {size:,} bytes in UTF-8, but Milvus takes at most {ID_BYTES:,} bytes "
            "(letters outside ASCII are two to four bytes each). Nothing was written. Shorten the ids."
        )
    whole = len(json.dumps([document.title, document.text, dict(document.metadata)]))
    if whole > PIECES * TEXT_BYTES:
        raise InputError(
            f"The document {document.id!r} has {whole:,} bytes as JSON, but Milvus takes at most "
            f"{PIECES * TEXT_BYTES:,}. Nothing was written. Cut it into passages."
        )


def row_bytes(row: Mapping[str, Any]) -> int:
    """About how many bytes a row has in a message."""
    texts = (row["id"], row["title"], row["text"], *row["rest"])
    return sum(map(len, texts)) * 3 + len(row["terms"]) * terms.LENGTH + 4 * len(row["vector"]) + 1000


def document_of(row: Mapping[str, Any], rest: Sequence[str] = ()) -> Document:
    """The document of a row, with the pieces of its `rest`."""
    if not rest:
        return Document(row["id"], row["text"], row["title"], row["metadata"])
    title, text, metadata = json.loads("".join(rest))
    return Document(row["id"], text, title, metadata)


def _pieces(document: Document, metadata: Mapping[str, Any]) -> list[str]:
    """Title, text and metadata in ASCII, cut into pieces."""
    whole = json.dumps([document.title, document.text, metadata])
    return [whole[start : start + TEXT_BYTES] for start in range(0, len(whole), TEXT_BYTES)]


def _fitting(text: str) -> str:
    """As much of a text as a VARCHAR holds, cut between two letters."""
    if len(text) * 4 <= TEXT_BYTES:
        return text
    return text.encode()[:TEXT_BYTES].decode(errors="ignore")
