import json

import pytest

ROWS = [{"query": f"what about thing {i}", "document": f"thing {i} is number {i} of many {i * 7}"} for i in range(40)]


@pytest.fixture
def split(tmp_path):
    def write(train, test):
        for name, rows in (("train", train), ("test", test)):
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return [f"{name}={tmp_path / name}.jsonl" for name in ("train", "test")]

    return write


def test_an_audit_exits_with_one_above_the_limit(semtune, split):
    sources = split(ROWS[:30], ROWS[29:])
    answer = semtune("prepare", "--audit", *sources, "--json")
    assert (answer.code, answer.json["passed"], answer.json["limit"]) == (1, False, 0.0)
    assert answer.json["leaks"]["by_sort"]["text"] == 2  # the question and its answer
    answer = semtune("prepare", "--audit", *sources, "--set", "max_leak_share=0.9", "--json")
    assert (answer.code, answer.json["passed"]) == (0, True)


def test_an_audit_of_an_innocent_split_exits_with_nought(semtune, split):
    answer = semtune("prepare", "--audit", *split(ROWS[:20], ROWS[20:]))
    assert answer.code == 0
    assert answer.out.startswith("0 leaks among 40 held-out texts")


def test_prepare_says_what_is_missing_or_too_much(semtune, split, tmp_path):
    sources = split(ROWS[:20], ROWS[20:])
    assert "Say with -o which folder" in semtune("prepare", *sources).err
    assert "--audit writes nothing" in semtune("prepare", "--audit", *sources, "-o", tmp_path / "x").err
    answer = semtune("prepare", *sources, "-o", tmp_path / "x", "--set", "max_pair=3")
    assert answer.code == 2
    assert "Did you mean 'max_pairs'" in answer.err
    assert not (tmp_path / "x").exists()
    assert "cannot be set with --set" in semtune("prepare", *sources, "-o", tmp_path / "x", "--set", "source=y").err
