"""Errors over HTTP: a message for people, in the form that the clients of each dialect expect.

A dialect is a form of errors for the paths that it serves. Every other path answers `{"detail": "..."}`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from semtune.errors import BusyError, InputError, ModelError, SemtuneError
from semtune.serve.account import account

logger = logging.getLogger(__name__)

INPUT_SHAPES = "'input' must be a string, a list of strings, a list of token ids, or a list of lists of token ids"


REPEATED = 200  # characters of what a client sent that a message repeats
FORMS = ("tei-form", "cohere-form")  # tags of a body that has several forms, which pydantic puts into places


class ApiError(Exception):
    """A refused request: status, message and the fields that client programs read."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers


def _plain(error: ApiError) -> dict[str, Any]:
    return {"detail": error.message}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The errors of an API.

    Attributes:
        paths: where it is served: full paths, or beginnings that end with a slash.
        content: the body of an error.
        invalid: the status of a request that breaks the schema.
        statuses: of an error's code, else of its status, where this API has another one.
    """

    paths: tuple[str, ...]
    content: Callable[[ApiError], dict[str, Any]]
    invalid: int = 422
    statuses: Mapping[str | int, int] = field(default_factory=dict)

    def status(self, error: ApiError) -> int:
        """The status of an error in this API."""
        return self.statuses.get(error.code or "", self.statuses.get(error.status, error.status))

    def serves(self, path: str) -> bool:
        """Whether a path is one of this API's."""
        path = path.rstrip("/")
        return any(
            path == own.rstrip("/") or (len(own) > 1 and own.endswith("/") and path.startswith(own))
            for own in self.paths
        )


OWN = Dialect((), _plain)


def install(app: FastAPI, endpoints: str, dialects: Sequence[Dialect] = ()) -> None:
    """Install handlers in `app` that answer each error in the dialect of its path; `endpoints` are what there is."""

    def respond(request: Request, error: ApiError) -> JSONResponse:
        return refusal(request.url.path, error, dialects)

    async def api(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)  # noqa: S101 - narrows Starlette's signature
        return respond(request, error)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        error = _with_all_methods(request, error)
        return respond(
            request, ApiError(error.status_code, _http_message(request, error, endpoints), headers=error.headers)
        )

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        message, param = sentence(error.errors())
        return respond(request, ApiError(dialect_of(request.url.path, dialects).invalid, message, param=param))

    async def semtune(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, BusyError):
            return respond(request, ApiError(503, str(error), code="index_busy", headers={"Retry-After": "5"}))
        status = 422 if isinstance(error, InputError) else 503
        if status == 503:  # the others may name a text, and are the client's to mend
            logger.warning("%s %s: %s [%s]", request.method, request.url.path, error, account().id)
        code = "model_failed" if isinstance(error, ModelError) else None
        return respond(request, ApiError(status, str(error), code=code))

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - uvicorn logs it
        return respond(
            request,
            ApiError(
                500,
                "Internal server error. This is a bug in Semtune; see the server log for details.",
                headers={"X-Request-ID": account().id},
            ),
        )

    app.add_exception_handler(ApiError, api)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(SemtuneError, semtune)
    app.add_exception_handler(Exception, unforeseen)


def dialect_of(path: str, dialects: Sequence[Dialect]) -> Dialect:
    """The dialect that a path belongs to."""
    return next((dialect for dialect in dialects if dialect.serves(path)), OWN)


def refusal(path: str, error: ApiError, dialects: Sequence[Dialect]) -> JSONResponse:
    """The answer to a refused request, in the form and with the status of the path's dialect."""
    dialect = dialect_of(path, dialects)
    return JSONResponse(dialect.content(error), dialect.status(error), headers=dict(error.headers or {}))


def sentence(errors: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """Turn pydantic's errors into a readable message; returns it and the first field it names."""
    messages: dict[str, str] = {}
    for error in sorted(errors, key=lambda error: error["type"] != "half_character"):
        place = [part for part in error["loc"][1:] if part not in FORMS]  # the first is "body", "query" or "path"
        name = "" if error["type"] == "json_invalid" or not place else str(place[0])
        messages.setdefault(name, _one(error, name))
    return " ".join(messages.values()), next(iter(messages)) or None


def _one(error: Mapping[str, Any], name: str) -> str:
    kind, said = error["type"], error["msg"]
    if kind == "unknown_field":
        return said
    if kind == "json_invalid":
        return f"The body is not valid JSON: {error['ctx']['error']} at character {error['loc'][-1]}."
    if not name:
        return "The body must be a JSON object, sent with the header 'Content-Type: application/json'."
    if kind == "missing":
        return f"{name!r} is missing."
    if kind == "half_character":
        return f"{name!r} contains a lone surrogate, which is not valid Unicode text."
    if name in ("input", "inputs"):
        return f"{INPUT_SHAPES.replace('input', name, 1)}."
    return f"{name!r}: {said[0].lower()}{said[1:]}."


def _http_message(request: Request, error: HTTPException, endpoints: str) -> str:
    path = shortened(request.url.path)
    if error.status_code == 404:
        return f"No endpoint at {path}. Try {endpoints}."
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{path} does not accept {shortened(request.method)}; use {allowed}."
    return str(error.detail)


def _with_all_methods(request: Request, error: HTTPException) -> HTTPException:
    """A refused method, with the methods of all routes of the path: Starlette names those of the first one only."""
    if error.status_code != 405:
        return error
    allowed = set((error.headers or {}).get("Allow", "").split(", ")) - {""}
    for template, operations in request.app.openapi()["paths"].items():
        if compile_path(template)[0].match(request.url.path):
            allowed |= {method.upper() for method in operations}
    return HTTPException(405, error.detail, {**(error.headers or {}), "Allow": ", ".join(sorted(allowed))})


def shortened(text: str) -> str:
    """What a client sent, as it is repeated in a message."""
    return text if len(text) <= REPEATED else text[: REPEATED - 1] + "…"
