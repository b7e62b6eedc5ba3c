"""The API's documentation page `/docs`: the OpenAPI document as plain HTML, without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from semtune.report.render import render
from semtune.serve.page import page_response

METHODS = ("get", "post", "put", "delete")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def router() -> APIRouter:
    """`/docs`."""
    routes = APIRouter()
    made: list[str] = []  # filled by the first request, when all routes are there

    @routes.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    def docs(request: Request) -> Response:
        made[:] = made or [render("api.html", page_values(request.app.openapi()))]
        return page_response(made[0], POLICY)

    return routes


def page_values(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows of an OpenAPI document: groups of operations, in the order of the document."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                name = (operation.get("tags") or ["Further"])[0]
                groups.setdefault(name, []).append(_operation(document, path, method, operation))
    return {
        "title": f"{document['info']['title']}: the API",
        "subtitle": 'Every operation of this server. Errors of Semtune\'s own paths are {"detail": "..."}; those of '
        "other APIs have the form that their clients expect.",
        "groups": groups,
    }


def _operation(document: Mapping[str, Any], path: str, method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    said = given.get("description") or given.get("summary", "")
    return {
        "id": f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '') or 'home'}",
        "method": method.upper(),
        "path": path,
        "said": said.strip().split("\n\n"),
        "parameters": [_parameter(document, each) for each in given.get("parameters", ())],
        "bodies": list(_bodies(document, given.get("requestBody", {}).get("content", {}))),
        "answers": list(_answers(document, given.get("responses", {}))),
    }


def _parameter(document: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return _field(document, given["name"], given["schema"], given.get("required", False)) | {
        "where": given["in"], "said": given.get("description", given["schema"].get("description", ""))
    }  # fmt: skip


def _bodies(document: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, given in content.items():
        schema = _resolved(document, given.get("schema", {}))
        examples = [given["example"]] if "example" in given else schema.get("examples", [])
        yield {"kind": kind, "fields": _fields(document, schema), "examples": [_shown(each) for each in examples]}


def _answers(document: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for status, given in responses.items():
        schema = given.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/HTTPValidationError"):
            continue  # errors have the form of their dialect
        resolved = _resolved(document, schema)
        many = resolved.get("type") == "array"
        inner = _resolved(document, resolved["items"]) if many else resolved
        yield {
            "status": status,
            "said": inner.get("description", given.get("description", "")),
            "many": many,
            "fields": _fields(document, inner),
            "examples": [_shown(each) for each in inner.get("examples", ())],
        }


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", ())
    return [_field(document, name, each, name in required) for name, each in schema.get("properties", {}).items()]


def _field(document: Mapping[str, Any], name: str, schema: Mapping[str, Any], required: bool) -> dict[str, Any]:
    default = schema.get("default")
    return {
        "name": name,
        "kind": _kind(document, schema),
        "said": schema.get("description", ""),
        "required": required,
        "default": "" if default in (None, "") or isinstance(default, dict | list) else json.dumps(default),
    }


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A schema in words: "string or null", "list of integer"."""
    if "$ref" in schema:
        found = _resolved(document, schema)
        return " or ".join(map(str, found["enum"])) if "enum" in found else schema["$ref"].rpartition("/")[2]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(document, each) for each in options))
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    return _bounds(schema, str(schema.get("type", "any")))


def _bounds(schema: Mapping[str, Any], kind: str) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least:g} to {most:g}"
    return kind if least is None else f"{kind}, at least {least:g}"


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found
    options: Sequence[Mapping[str, Any]] = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(document, options[0]) if len(options) == 1 else schema


def _shown(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
