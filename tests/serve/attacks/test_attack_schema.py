"""Requests made from the OpenAPI document by schemathesis, those it allows and those it does not: never a 5xx.

Schemathesis' other checks run as well, and do not decide: they ask for schemas that say all that the server checks,
such as that a filter can be understood.
"""

import json
import shutil
import subprocess
import sys

import pytest
from attacked_server import serve, stop

pytest.importorskip("schemathesis")
CASES = 5_000
SERVER_ERROR = "ServerError"


@pytest.fixture
def own_copy(small_index, tmp_path):
    """A server on a copy of the index, since whatever is asked for is done to it."""
    shutil.copytree(small_index, tmp_path / "index")
    server = serve(tmp_path / "index", tmp_path / "log", "--feedback", str(tmp_path / "feedback.jsonl"))
    yield server
    stop(server)


def schemathesis(server, report, *flags):
    """Run the command; gives its report."""
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]
    done = subprocess.run(
        [*command, server.url + "/openapi.json", "--no-color", "--no-shrink", "--continue-on-failure", "--seed", "1",
         "--report-json-path", str(report), *flags],
        capture_output=True, text=True, cwd=report.parent,
    )  # fmt: skip
    assert report.exists(), done.stdout + done.stderr
    assert server.process.poll() is None, server.log.read_text()
    assert server.get().status == 200
    assert "Traceback" not in server.log.read_text()
    return json.loads(report.read_text()), done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_of_5000_requests_by_the_schema_none_is_answered_5xx(own_copy, tmp_path):
    operations = sum(len(methods) for methods in json.loads(own_copy.get("/openapi.json").body)["paths"].values())
    each = CASES // operations + 1
    report, said = schemathesis(
        own_copy, tmp_path / "report.json", "--checks", "all", "--max-examples", str(each), "--workers", "2"
    )
    assert [failure for failure in report["failures"] if failure["type"] == SERVER_ERROR] == [], said
    assert report["test_cases"]["generated"] >= CASES
