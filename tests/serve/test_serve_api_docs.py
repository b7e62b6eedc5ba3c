"""The API's documentation: every route is described and has an example, and the page needs no script."""

import re

from fastapi.testclient import TestClient

from semtune.serve.own.api_docs import METHODS, page_values
from semtune.serve.own.api_examples import EXAMPLES


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_every_route_has_a_description_and_an_example(client):
    document = client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        assert len(operation.get("description", "")) > 10, (method, path)
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            schema = body["schema"]
            name = next((each["$ref"] for each in [schema, *schema.get("anyOf", [])] if "$ref" in each), "")
            found = document["components"]["schemas"].get(name.rpartition("/")[2], {})
            assert "example" in body or found.get("examples") or not found.get("required"), (method, path, kind)


def test_the_page_lists_every_operation_and_runs_nothing(client):
    answer = client.get("/docs")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|src=|\bon\w+=|https?://(?!json)", answer.text)
    for path, method, _ in operations(client.get("/openapi.json").json()):
        assert f'<span class="method">{method.upper()}</span> {path}</h3>' in answer.text
    assert client.head("/docs").status_code == 200


def test_a_field_is_shown_with_its_type_and_meaning(client: TestClient):
    values = page_values(client.get("/openapi.json").json())
    search = next(each for each in values["groups"]["Search"] if each["method"] == "POST")
    fields = {field["name"]: field for field in search["bodies"][0]["fields"]}
    assert (fields["k"]["kind"], fields["k"]["default"], fields["k"]["required"]) == ("integer, 1 to 1000", "10", False)
    assert fields["query"]["required"]
    assert fields["mode"]["kind"].startswith("auto")
    assert fields["rerank"]["kind"] == "integer, 1 to 500 or null"
    assert [answer["status"] for answer in search["answers"]] == ["200"]


def test_the_examples_fit_the_schemas(client):
    for path, body in EXAMPLES.items():
        answer = client.post(path.replace("{name}", "toy"), json=body)
        one_rule = "The runtime toy cuts texts that are too long" in answer.text  # the example asks for another one
        assert answer.status_code != 422 or one_rule, (path, answer.text)
        assert "unknown" not in answer.text.lower(), (path, answer.text)
    document = client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        if path in EXAMPLES and method == "post":
            assert operation["requestBody"]["content"]["application/json"]["example"] == EXAMPLES[path]
            assert operation["requestBody"]["content"]["application/json"]["schema"]
