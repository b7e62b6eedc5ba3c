import re
import sys

import pytest

from semtune.errors import MissingExtraError
from semtune.registry import EXTRA_OF, installed, need

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_installed_looks_without_importing():
    assert installed("this") is True
    assert "this" not in sys.modules  # importing it would print a poem
    assert installed("no_such_module_here") is False


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch):
    gone = {"torch", "datasets", "uvicorn"}
    monkeypatch.setattr("semtune.registry.installed", lambda module: module not in gone)
    need("accelerate", "fastapi")
    with pytest.raises(MissingExtraError) as error:
        need("fastapi", "uvicorn")
    assert str(error.value) == (
        "This needs uvicorn, which is not installed. Install it with: pip install 'semtune[serve]'"
    )
    with pytest.raises(MissingExtraError) as error:
        need("uvicorn", "torch", "datasets")
    assert str(error.value) == (
        "This needs uvicorn, torch, datasets, which are not installed. "
        "Install it with: pip install 'semtune[serve,train]'"
    )
    assert error.value.exit_code == 2


def test_the_extras_are_those_of_the_project(request):
    project = tomllib.loads((request.config.rootpath / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    packages = {extra: {name_of(line) for line in lines} for extra, lines in extras.items()}
    named = {
        "sklearn": "scikit-learn", "markdown_it": "markdown-it-py", "llama_index": "llama-index-core",
        "opentelemetry.sdk": "opentelemetry-sdk",
        "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    }  # fmt: skip
    found = {(named.get(module, module.replace("_", "-")), extra) for module, extra in EXTRA_OF.items()}
    brought = {(name, extra) for extra, names in packages.items() for name in names if extra not in {"all", "dev"}}
    assert found <= brought
    assert {name for name, _ in found} == {name for name, _ in brought} - {"semtune"}
    assert packages["all"] == {"semtune"}
    left_out = {"all", "dev", "ray", "langchain", "llamaindex"}  # large, and frameworks that people bring themselves
    assert extras["all"] == [f"semtune[{','.join(sorted(extras.keys() - left_out))}]"]
    assert "semtune[prepare]" in extras["train"]
    without_torch = packages["prepare"] | packages["serve"] | {name_of(line) for line in project["dependencies"]}
    assert not without_torch & {"torch", "transformers", "sentence-transformers", "datasets", "accelerate"}


def test_the_docs_name_every_dependency(request):
    root = request.config.rootpath
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = {"base": project["dependencies"], **project["optional-dependencies"]}
    wanted = {
        (name_of(line), extra) for extra, lines in extras.items() for line in lines if extra not in {"all", "dev"}
    }
    table = (root / "docs" / "dependencies.md").read_text().split("## What we still write")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")
    ]
    found = {(row[0], extra) for row in rows[1:] for extra in row[4].split(", ")}
    assert found == {(name, extra) for name, extra in wanted if name != "semtune"}


def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower()
