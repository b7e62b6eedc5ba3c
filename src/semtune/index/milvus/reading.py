"""Reads from a Milvus collection, in pages, each within the limits of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from semtune.index.milvus import schema
from semtune.index.milvus.connection import PATIENCE, Place, patiently
from semtune.index.milvus.filters import one_of, text
from semtune.types import Document

if TYPE_CHECKING:
    from pymilvus import MilvusClient

IDS_AT_ONCE = 1000  # for short fields
DOCUMENTS_AT_ONCE = 100  # 100 x 3 x 64 kB stay below the 64 MB of a message
PAGE = 1000
NOT_LOADED = 101  # a code of Milvus
LOADING = 3600.0  # seconds


def vectors_at_once(dimension: int) -> int:
    """How many vectors of this dimension make about 8 MB."""
    return max(1, min(PAGE, 2**21 // dimension))


class Reader:
    """A collection that can be asked; every call is repeated for `patience` seconds while no server answers."""

    def __init__(self, client: MilvusClient, collection: str, place: Place, patience: float = PATIENCE) -> None:
        self.client, self.collection, self.place, self.patience = client, collection, place, patience

    def query(self, expression: str, fields: list[str], what: str, **options: Any) -> list[dict[str, Any]]:
        """Rows for which an expression holds.

        Raises:
            StorageError: the server does not answer.
        """

        def ask() -> Any:
            return self.client.query(
                self.collection, filter=expression, output_fields=fields, timeout=self.patience,
                consistency_level="Strong", **options,
            )  # fmt: skip

        return patiently(self.place, what, self.patience, lambda: self._loaded(ask))

    def search(self, vectors: list[Any], limit: int, expression: str, fields: list[str]) -> list[list[dict[str, Any]]]:
        """The rows of largest inner product for each vector.

        Raises:
            StorageError: the server does not answer.
        """

        def ask() -> Any:
            return self.client.search(
                self.collection, data=vectors, limit=limit, filter=expression, output_fields=fields,
                anns_field="vector", timeout=self.patience, consistency_level="Strong",
            )  # fmt: skip

        found = patiently(self.place, "search", self.patience, lambda: self._loaded(ask))
        return [[{"id": hit["id"], "score": float(hit["distance"]), **hit["entity"]} for hit in hits] for hits in found]

    def count(self, expression: str = "") -> int:
        """Number of rows by query: unlike `num_entities`, it counts what can be read, once each."""
        return int(self.query(expression, ["count(*)"], "count its documents")[0]["count(*)"])

    def named(self, ids: Sequence[str], fields: list[str], at_once: int = IDS_AT_ONCE) -> dict[str, dict[str, Any]]:
        """Id → row, for the ids that are there."""
        found: dict[str, dict[str, Any]] = {}
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), at_once):
            some = wanted[start : start + at_once]
            rows = self.query(one_of("id", some), ["id", *fields], "look up documents")
            found.update((row["id"], row) for row in rows)
        return found

    def documents(self, ids: Sequence[str]) -> dict[str, Document]:
        """Id → document, for the ids that are there."""
        rows = self.named(ids, schema.PLAIN, DOCUMENTS_AT_ONCE)
        long = {i: self.named([i], ["rest"]) for i in self._long(rows)}
        return {i: schema.document_of(row, long.get(i, {}).get(i, {}).get("rest", ())) for i, row in rows.items()}

    def pages(self, expression: str, fields: list[str], size: int = PAGE) -> Iterator[list[dict[str, Any]]]:
        """All rows for which an expression holds, in pages by id."""
        last: str | None = None
        while True:
            here = expression if last is None else f"({expression}) and id > {text(last)}"
            page = self.query(here, ["id", *fields], "list its documents", limit=size, iterator="True")
            if page:
                yield page
            if len(page) < size:
                return
            last = max(row["id"] for row in page)

    def _loaded(self, ask: Callable[[], Any]) -> Any:
        """The answer to a request; a collection that a server forgot to load, as after its restart, is loaded."""
        from pymilvus.exceptions import MilvusException

        try:
            return ask()
        except MilvusException as error:
            if error.code != NOT_LOADED:
                raise
            self.client.load_collection(self.collection, timeout=LOADING)
            return ask()

    def _long(self, rows: dict[str, dict[str, Any]]) -> list[str]:
        """The ids of documents that are kept in pieces: those whose fields are full or whose metadata is elsewhere."""
        full = schema.TEXT_BYTES - 3  # a letter of four bytes may not have fitted
        return [
            i
            for i, row in rows.items()
            if row["careful"] or any(len(row[field].encode()) >= full for field in ("title", "text"))
        ]
