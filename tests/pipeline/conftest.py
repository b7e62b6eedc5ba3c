"""A copy of the finished toy run for each test that changes one."""

import shutil

import pytest

from semtune.config import parse_config
from semtune.pipeline import run_pipeline
from toy_run import settings


@pytest.fixture
def toy(finished, toy_model, toy_folder, tmp_path):
    """Runs the pipeline on a copy of the finished run; config sections by name, options by keyword."""
    shutil.copytree(finished / "runs", tmp_path / "runs")

    class Toy:
        run = tmp_path / "runs" / "toy"

        def config(self, **sections):
            return parse_config(settings(tmp_path, toy_model, sections.pop("source", toy_folder), **sections))

        def __call__(self, rerun="changed", dry_run=False, **sections):
            report = run_pipeline(self.config(**sections), rerun=rerun, dry_run=dry_run)
            self.steps = {step.step: step for step in report.steps}
            self.ran = [step.step for step in report.steps if step.status in ("done", "would run")]
            return report

    return Toy()
