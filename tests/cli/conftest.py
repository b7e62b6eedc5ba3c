"""Commands in this process (cheap) and in a process of their own (as people run them)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toy_run import settings


class Answer:
    """What a command left behind: exit code, stdout, stderr."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        """Stdout as the one JSON document it must be."""
        return json.loads(self.out)

    @property
    def error(self):
        """The last line of stderr, without its mark."""
        return self.err.strip().splitlines()[-1].removeprefix("error: ")


@pytest.fixture
def semtune(monkeypatch, capfd):
    """Runs a command in this process, through the entry point; gives its `Answer`."""
    from semtune.cli.main import main

    def call(*words):
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["semtune", *map(str, words)])
            patch.setattr(sys, "stdout", sys.stdout)  # `--json` swaps it for the life of the process
            with pytest.raises(SystemExit) as left:
                main()
        return Answer(left.value.code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def shell():
    """Runs `python -m semtune` in a process of its own; gives its `Answer`."""

    def call(*words, cwd=None, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "semtune", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd,
            env=os.environ | environment,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def done(finished) -> Path:
    """The finished toy run; do not change it."""
    return finished / "runs" / "toy"


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy of the finished toy run."""
    return shutil.copytree(finished / "runs", tmp_path / "runs") / "toy"


@pytest.fixture
def config(tmp_path, toy_model, toy_folder):
    """Writes the toy run's config, sections changed by keyword; gives its path."""

    def write(**sections):
        path = tmp_path / "toy.yaml"
        path.write_text(yaml.safe_dump(settings(tmp_path, toy_model, toy_folder, **sections)))
        return path

    return write
