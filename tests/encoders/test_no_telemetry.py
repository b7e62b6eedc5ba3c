"""Nothing is reported to anybody: the runtimes' own telemetry is off, in the command and in the library."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[1] / "golden" / "v0_1_before_13" / "run" / "export"
ENCODE = "import semtune, sys; semtune.load_encoder(sys.argv[1], sys.argv[2]).encode(['kettle'])"


def left_behind(home, program):
    """What a process left in its home after it embedded a text: the telemetry of both runtimes leaves an id there."""
    switches = {"ORT_DISABLE_TELEMETRY", "CI", "ORT_RUNNING_UNIT_TESTS", "GITHUB_ACTIONS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    subprocess.run(program, env=environment | {"HOME": str(home)}, check=True, capture_output=True, timeout=120)
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.skipif(os.name != "posix", reason="HOME is the home on POSIX only")
@pytest.mark.parametrize(
    "program",
    [
        ["-c", ENCODE, str(MODEL), "onnx"],
        ["-c", ENCODE, str(MODEL), "openvino"],
        ["-m", "semtune", "encode", str(MODEL), "TEXTS", "-o", "OUT"],
    ],
    ids=["onnxruntime", "openvino", "command"],
)
def test_the_runtimes_leave_no_id_of_this_machine(tmp_path, program):
    if "openvino" in program and not importlib.util.find_spec("openvino"):
        pytest.skip("openvino is not installed")
    home, texts = tmp_path / "home", tmp_path / "texts.txt"
    home.mkdir()
    texts.write_text("kettle\n")
    filled = [{"TEXTS": str(texts), "OUT": str(tmp_path / "vectors.npy")}.get(word, word) for word in program]
    assert [path for path in left_behind(home, [sys.executable, *filled]) if "semtune" not in path.parts] == []
