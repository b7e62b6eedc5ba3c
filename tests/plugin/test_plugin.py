"""An installed package adds a runtime, an index back-end and a reader, and the commands use them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from semtune.testing.toy_model import write_toy_model

PACKAGE = Path(__file__).parent / "package"
TITLES = ("Mending the kettle slowly", "Storing the violin in winter", "Cleaning the brass compass")
STEPS = "Wipe it with a damp cloth and let it dry in moving air. Then put it in a dry cupboard away from frost."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the plug-in as an installer leaves it: the module and its metadata. No network, no build."""
    target = tmp_path_factory.mktemp("site")
    install(target, (PACKAGE / "pyproject.toml").read_text())
    (target / "semtune_toy_plugin.py").write_text((PACKAGE / "semtune_toy_plugin.py").read_text())
    return target


def install(target, project):
    """Write the metadata of a package with these entry points."""
    info = target / "semtune_toy_plugin-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: semtune-toy-plugin\nVersion: 0.1.0\n")
    points = re.findall(r'\[project\.entry-points\."(.+)"\]\n(.+) = "(.+)"', project)
    (info / "entry_points.txt").write_text("".join(f"[{group}]\n{name} = {at}\n" for group, name, at in points))


@pytest.fixture
def semtune(site, tmp_path):
    """Runs a command where the plug-in is installed; gives the finished process."""

    def call(*words, place=site):
        paths = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-m", "semtune", *map(str, words)],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths},
        )  # fmt: skip

    return call


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "recipes").mkdir()
    for number, title in enumerate(TITLES):
        (tmp_path / "recipes" / f"{number}.recipe").write_text(f"{title}\n{STEPS} This is number {number}.\n")
    return tmp_path / "recipes"


def test_the_commands_use_what_the_plug_in_brings(semtune, recipes, tmp_path):
    model = write_toy_model(tmp_path / "model", [*TITLES, f"{STEPS} This is number"])
    made = semtune(
        "index", model, recipes, "-o", "index", "--backend", "npy", "--runtime", "word-hash", "--json"
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    manifest = json.loads(made.stdout)
    assert (manifest["backend"], manifest["index_type"], manifest["runtime"]) == ("npy", "npy", "word-hash")
    assert (manifest["count"], manifest["recall_at_10"]) == (3, 1.0)
    assert (tmp_path / "index" / "vectors.npy").is_file()
    found = semtune("search", "index", "storing the violin in winter", "-k", "1", "--runtime", "word-hash", "--json")
    assert found.returncode == 0, found.stderr
    (hit,) = json.loads(found.stdout)["hits"]
    assert (hit["title"], hit["text"]) == (TITLES[1], f"{STEPS} This is number 1.")
    assert json.loads(semtune("info", "index", "--json").stdout)["backend"] == "npy"


def test_without_the_plug_in_the_names_are_refused_with_those_there_are(semtune, recipes, tmp_path):
    model, empty = write_toy_model(tmp_path / "model", [*TITLES, f"{STEPS} This is number"]), tmp_path / "empty"
    empty.mkdir()
    asked = semtune("index", model, recipes, "-o", "index", "--backend", "npy", place=empty)
    assert asked.returncode == 2
    assert "Unknown index backend 'npy'. Allowed: local, milvus." in asked.stderr
    asked = semtune("index", model, recipes, "-o", "index", "--runtime", "onnx", place=empty)
    assert asked.returncode == 2


def test_a_plug_in_that_cannot_be_loaded_is_named_and_stops_nothing(semtune, tmp_path):
    (tmp_path / "broken").mkdir()
    install(tmp_path / "broken", (PACKAGE / "pyproject.toml").read_text())  # the module is missing
    model = write_toy_model(tmp_path / "model", [*TITLES, f"{STEPS} This is number"])
    (tmp_path / "texts.txt").write_text("\n".join(TITLES))
    asked = semtune("encode", model, "texts.txt", "-o", "v.npy", "--runtime", "word-hash", place=tmp_path / "broken")
    assert asked.returncode == 2
    assert "The plug-in 'word-hash' of semtune-toy-plugin could not be loaded (ModuleNotFoundError" in asked.stderr
    assert "Unknown runtime 'word-hash'. Allowed: auto, static, onnx" in asked.stderr


def test_a_plug_in_cannot_take_the_name_of_something_of_semtune(monkeypatch):
    from semtune import registry

    ours, theirs, new = (
        registry.RegistryEntry(name, f"{at}:load") for name, at in (("a", "ours"), ("a", "theirs"), ("b", "b"))
    )
    monkeypatch.setattr(registry, "_installed", lambda group: (theirs, new))
    table = registry.Registry("runtime", "semtune.runtimes", (ours,), {})
    assert [entry.target for entry in table] == ["ours:load", "b:load"]
