"""The commands that keep an index up to date, as people and scripts call them."""

import gzip
import json
import sys

import pytest

import semtune as package


@pytest.fixture
def semtune(monkeypatch, capfd):
    """Runs a command in this process; gives exit code, stdout as JSON where it was asked for, and what was said."""
    from semtune.cli.main import main

    def call(*words):
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["semtune", *map(str, words)])
            patch.setattr(sys, "stdout", sys.stdout)
            with pytest.raises(SystemExit) as left:
                main()
        out, err = capfd.readouterr()
        return left.value.code, json.loads(out) if "--json" in words else out, err

    return call


def test_a_day_in_the_life_of_an_index(semtune, index, notes, static_model, tmp_path):
    (tmp_path / "more.md").write_text("# The glacier\n\nA glacier is a river of ice.\n")
    code, found, _ = semtune("add", index, tmp_path / "more.md", "--json")
    assert code == 0
    assert {key: found[key] for key in ("added", "updated", "unchanged", "truncated", "left_out")} == {
        "added": 1, "updated": 0, "unchanged": 0, "truncated": 0, "left_out": {},
    }  # fmt: skip
    assert found["seconds"] >= 0
    assert semtune("add", index, tmp_path / "more.md", "--json")[1]["unchanged"] == 1

    (tmp_path / "ids.txt").write_text("short.txt#1\r\nnope\n\n")
    code, found, _ = semtune("delete", index, "title.md#1", "--ids-file", tmp_path / "ids.txt", "--json")
    assert (code, found["deleted"], found["missing"]) == (0, 2, ["nope"])
    code, found, _ = semtune("get", index, "more.md#1", "nope", "--json")
    assert (found["documents"][0]["title"], found["missing"]) == ("The glacier", ["nope"])

    code, found, _ = semtune("sync", index, notes, "--json")
    assert {key: found[key] for key in ("added", "updated", "deleted")} == {"added": 2, "updated": 0, "deleted": 1}
    assert found["deleted_files"] == {"more.md": 1}

    assert semtune("verify", index, "--json")[:2] == (
        0, {"ok": True, "problems": [], "warnings": [], "count": found["count"]},
    )  # fmt: skip
    assert semtune("compact", index, "--json")[1]["count"] == found["count"]
    assert semtune("dump", index, "-o", tmp_path / "d.jsonl.gz", "--json")[1]["count"] == found["count"]
    with gzip.open(tmp_path / "d.jsonl.gz", "rt") as lines:
        assert sum(1 for _ in lines) == found["count"]
    told = semtune("info", index, "--json")[1]
    assert (told["count"], told["statistics"]["deleted"], told["statistics"]["delta"]) == (found["count"], 0, 0)

    code, done, _ = semtune("upgrade", index, "--model", static_model(1), "--json")
    assert (code, done["status"], done["count"]) == (0, "switched", found["count"])
    assert done["compared"]["overlap_at_10"] > 0
    assert semtune("info", index, "--json")[1]["statistics"]["version before"] == "."
    code, done, _ = semtune("rollback", index, "--json")
    assert (code, done["count"]) == (0, found["count"])
    assert semtune("search", index, "kettle", "--json")[1]["hits"][0]["id"].startswith("kettle")
    assert semtune("migrate", index, tmp_path / "copy", "--json")[1]["count"] == found["count"]


def test_exit_codes(semtune, index, notes):
    for page in list(notes.glob("*.md"))[1:]:
        page.unlink()
    code, found, err = semtune("sync", index, notes, "--json")
    assert (code, found["exit_code"]) == (1, 1)  # a gate says no
    assert "--allow-many-deletions" in err
    assert semtune("delete", index)[0] == 2
    assert semtune("rollback", index)[0] == 2
    (index / "index.sqlite").write_bytes(b"x" * 9000)
    code, found, _ = semtune("verify", index, "--json")
    assert (code, found["ok"]) == (1, False)
    assert found["problems"]


def test_what_people_read(semtune, index, notes, tmp_path):
    (notes / "short.txt").unlink()
    assert "1 deleted" in semtune("sync", index, notes)[1]
    assert "not in the index: 1 ids ('nope')" in semtune("delete", index, "nope")[1]
    assert "The kettle" in semtune("get", index, "kettle.md#1")[1]
    (tmp_path / "log.txt").write_text("cleaning the kettle\nrockets\n")
    out = semtune("drift", index, "--queries", tmp_path / "log.txt")[1]
    assert "below the floor" in out
    assert "Recommendation: ask more. Reason: 2 different queries are too few" in out


def test_a_run_stands_for_its_index(index, tmp_path, notes):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("{}")
    index.rename(run / "index")
    assert package.sync(run, notes, model=None).added == 0
    assert package.verify(run).ok
