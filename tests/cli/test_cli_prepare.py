import json
import sys
from subprocess import run

import pytest

ROWS = [{"query": f"what about thing {i}", "document": f"thing {i} is number {i} of many {i * 7}"} for i in range(40)]


@pytest.fixture
def split(tmp_path):
    def write(train, test):
        for name, rows in (("train", train), ("test", test)):
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return [f"{name}={tmp_path / name}.jsonl" for name in ("train", "test")]

    return write


def semtune(*words):
    done = run([sys.executable, "-m", "semtune", *map(str, words)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_an_audit_exits_with_one_above_the_limit(split):
    sources = split(ROWS[:30], ROWS[29:])
    code, out, _ = semtune("prepare", "--audit", *sources, "--json")
    answer = json.loads(out)
    assert (code, answer["passed"], answer["limit"]) == (1, False, 0.0)
    assert answer["leaks"]["by_sort"]["text"] == 2  # the question and its answer
    code, out, _ = semtune("prepare", "--audit", *sources, "--set", "max_leak_share=0.9", "--json")
    assert (code, json.loads(out)["passed"]) == (0, True)


def test_an_audit_of_an_innocent_split_exits_with_nought(split):
    code, out, _ = semtune("prepare", "--audit", *split(ROWS[:20], ROWS[20:]))
    assert code == 0
    assert out.startswith("0 leaks among 40 held-out texts")


def test_prepare_says_what_is_missing_or_too_much(split, tmp_path):
    sources = split(ROWS[:20], ROWS[20:])
    assert "Say with -o which folder" in semtune("prepare", *sources)[2]
    assert "--audit writes nothing" in semtune("prepare", "--audit", *sources, "-o", tmp_path / "x")[2]
    code, _, err = semtune("prepare", *sources, "-o", tmp_path / "x", "--set", "max_pair=3")
    assert code == 2
    assert "Did you mean 'max_pairs'" in err
    assert not (tmp_path / "x").exists()
    assert "cannot be set with --set" in semtune("prepare", *sources, "-o", tmp_path / "x", "--set", "source=y")[2]
