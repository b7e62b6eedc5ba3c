import sys

import pytest

from semtune.errors import MissingExtraError
from semtune.registry import EXTRA_OF, installed, need


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


def test_every_extra_is_one_of_the_project_s(request):
    text = (request.config.rootpath / "pyproject.toml").read_text()
    section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = {line.split(" = ")[0] for line in section.splitlines() if " = [" in line}
    assert set(EXTRA_OF.values()) <= extras
