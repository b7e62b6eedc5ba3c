"""Documents over HTTP: get, put and delete one, or write many; a search that begins after the answer sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from semtune.errors import InputError
from semtune.index.write import BATCH, Written
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.document_lines import Line, read_lines
from semtune.serve.own.document_schemas import (
    EXAMPLE,
    DeletedResponse,
    DocumentFields,
    DocumentResponse,
    LineError,
    LinesRefused,
    WrittenResponse,
)
from semtune.serve.own.schemas import INDEX
from semtune.serve.own.search import find_index
from semtune.serve.own.writing import IndexWriter
from semtune.serve.settings import ServeSettings
from semtune.serve.workers import Workers
from semtune.types import Document

MOST_ERRORS, MOST_WARNINGS = 100, 5
BATCH_CHARACTERS = 4_000_000  # of documents held at once
UNREADABLE_CHARACTER = "�"
LINE_EXAMPLE = '{"_id": "a", "text": "Mend a kettle."}\n{"_id": "b", "text": "Boil water.", "lang": "en"}\n'
LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string"}, "example": LINE_EXAMPLE},
            "application/json": {
                "schema": {"type": "array", "items": {"type": "object"}},
                "example": [{"_id": "a", **EXAMPLE}],
            },
        },
    }
}
IndexName = Annotated[str | None, Query(alias="index", description=INDEX)]
Id = Annotated[str, Path(description="Any text; slashes may stand as they are.", examples=["guide/zip.md#2"])]


def router(catalogue: Catalogue, workers: Workers, settings: ServeSettings) -> APIRouter:
    """`/documents`."""
    routes = APIRouter(prefix="/documents", tags=["Documents"])
    writers = {served.name: IndexWriter(served, workers) for served in catalogue}

    @routes.get("/{id:path}")
    def get(request: Request, id: Id, index: IndexName = None) -> DocumentResponse:
        """Get a document by its id."""
        found = _found(find_index(catalogue, index), checked_id(request, id))
        return DocumentResponse(id=found.id, text=found.text, title=found.title, metadata=dict(found.metadata))

    @routes.put("/{id:path}")
    async def put(request: Request, id: Id, given: DocumentFields, index: IndexName = None) -> WrittenResponse:
        """Add a document, or replace the one with this id; it is on the disk and found when this is answered."""
        served = find_index(catalogue, index)
        document = _document(given, checked_id(request, id))
        with workers.admit():
            return _response(served, *await writers[served.name].write([document]))

    @routes.delete("/{id:path}")
    async def delete(request: Request, id: Id, index: IndexName = None) -> DeletedResponse:
        """Delete a document; 404 if there is none with this id."""
        served, name = find_index(catalogue, index), checked_id(request, id)
        with workers.admit():
            deleted = await writers[served.name].delete([name])
        if not deleted:
            raise no_such_document(name)
        return DeletedResponse(deleted=deleted, count=served.documents or 0)

    @routes.post("", openapi_extra=LINES, responses={422: {"model": LinesRefused}})
    async def add(request: Request, index: IndexName = None) -> WrittenResponse:
        """Add or replace many documents: a JSON object on each line, of any number, or a JSON list.

        Each is {"_id", "text", "title", "metadata"}, as in a corpus.jsonl; further keys become metadata. Documents are
        written in batches as they arrive. An id that comes again replaces the one before. Lines that cannot be used
        are left out; the answer is then 422, names them, and says what was written.
        """
        served = find_index(catalogue, index)
        job = _Many(writers[served.name])
        with workers.admit():
            await job.write(read_lines(request.stream(), settings.max_body))
        made = _response(served, job.written, job.warnings)
        return made if not job.errors else _refused(made, job)  # type: ignore[return-value]

    return routes


@dataclass(slots=True)
class _Many:
    """The documents of one request: what was written, and what could not be."""

    writer: IndexWriter
    written: Written = field(default_factory=Written)
    warnings: list[str] = field(default_factory=list)
    errors: int = 0
    shown: list[LineError] = field(default_factory=list)
    last: int = 0

    async def write(self, lines: AsyncIterator[Line]) -> None:
        """Write documents as they arrive.

        Raises:
            ApiError: it had to stop; the message says what was written before.
        """
        try:
            async for batch in self._batches(lines):
                written, warnings = await self.writer.write(list(batch.values()))
                self.written += written
                self.warnings.extend(warnings)
        except ClientDisconnect:
            raise ApiError(400, "The client left before the body had ended.") from None
        except InputError as error:
            raise ApiError(422, f"{error} {self._before()}") from None
        except ApiError as error:
            raise ApiError(
                error.status, f"{error.message} {self._before()}", code=error.code, headers=error.headers
            ) from None
        if not self.last:
            raise ApiError(422, 'The body holds no document. Send {"_id": "...", "text": "..."} on each line.')

    async def _batches(self, lines: AsyncIterator[Line]) -> AsyncIterator[dict[str, Document]]:
        """Documents by id; one whose id came before begins the next batch."""
        batch: dict[str, Document] = {}
        size = 0
        async for line in lines:
            self.last = line.number
            if line.document is None:
                self._leave_out(line)
                continue
            if line.document.id in batch or len(batch) >= BATCH or size > BATCH_CHARACTERS:
                yield batch
                batch, size = {}, 0
            batch[line.document.id] = line.document
            size += len(line.document.content)
        if batch:
            yield batch

    def _leave_out(self, line: Line) -> None:
        self.errors += 1
        if len(self.shown) < MOST_ERRORS:
            self.shown.append(LineError(line=line.number, error=line.error))

    def _before(self) -> str:
        done = self.written.added + self.written.updated + self.written.unchanged
        return f"{done:,} documents were written before that and stay." if done else "Nothing was written."


def checked_id(request: Request, id_: str) -> str:
    """The id in a path.

    Raises:
        ApiError: 422, it is empty or was not UTF-8.
    """
    if not id_:
        raise ApiError(422, "The id is missing. Write it after the slash, percent-encoded: /documents/guide%2Fzip.")
    raw: bytes = request.scope.get("raw_path") or b""
    if UNREADABLE_CHARACTER in id_ and b"%EF%BF%BD" not in raw.upper():
        raise ApiError(422, "The id in the path is not UTF-8. Percent-encode the bytes of its UTF-8 form.")
    return id_


def _document(given: DocumentFields, id_: str) -> Document:
    try:
        return given.document(id_)
    except InputError as error:
        raise ApiError(422, f"The document {error}.") from None


def _found(served: Served, id_: str) -> Document:
    with served.searching() as searcher, searcher.collection.snapshot() as seen:
        found = seen.get([id_])[0]
    if found is None:
        raise no_such_document(id_)
    return found


def no_such_document(id_: str) -> ApiError:
    """404, the index has no document of this id."""
    return ApiError(404, f"The index has no document {id_!r}. Ids are those of hits.", code="no_such_document")


def _response(served: Served, written: Written, warnings: list[str]) -> WrittenResponse:
    said = list(dict.fromkeys(warnings))[:MOST_WARNINGS]
    return WrittenResponse(**asdict(written), count=served.documents or 0, warnings=said)


def _refused(made: WrittenResponse, job: _Many) -> JSONResponse:
    first = job.shown[0]
    done = made.added + made.updated + made.unchanged
    said = (
        f"{job.errors:,} lines could not be used, the first is line {first.line}, which {first.error}. "
        f"{f'{done:,} documents were written.' if done else 'Nothing was written.'} Correct these lines and send them."
    )
    return JSONResponse(LinesRefused(**made.model_dump(), detail=said, errors=job.shown).model_dump(), 422)
