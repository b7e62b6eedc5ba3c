"""The gate's flags and exit codes, and `semtune compare`, as people type them."""

import json

import pytest

PAIRS = "sentence1,sentence2,score\n" + "".join(
    f"the {one} {i},a {two} {i},{score}\n"
    for i in range(6)
    for one, two, score in (
        ("kettle", "teapot", 4),
        ("loom", "frost", 0),
        ("violin", "violin", 5),
        ("glue", "clamp", 2),
    )
)


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    return path


@pytest.fixture(scope="module")
def kept(done, toy_model, tmp_path_factory):
    """The run's model and its backbone, measured and kept."""
    from typer.testing import CliRunner

    from semtune.cli.main import app

    root = tmp_path_factory.mktemp("kept")
    for name, model in (("tuned", done), ("base", toy_model)):
        words = ["evaluate", model, done, "-o", root / name, "--runtime", "torch"]
        assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    return root


@pytest.mark.parametrize(
    ("flags", "code", "verdict"),
    [
        (["--min-metric", "0", "--min-queries", "5"], 0, "promising"),  # questions made from headings
        (["--min-metric", "0", "--min-queries", "5", "--trust-made-questions"], 0, "ship"),
        (["--min-metric", "1", "--min-queries", "5"], 1, "do-not-ship"),
        (["--min-metric", "0"], 2, "cannot-judge"),  # ten test queries
    ],
)
def test_a_bar_decides_the_exit_code(semtune, done, flags, code, verdict):
    answer = semtune("evaluate", done, done, *flags, "--json")
    assert (answer.code, answer.json["verdict"], answer.json["gain"]) == (code, verdict, None)
    assert answer.json["interval"] == [None, None]
    assert answer.json["p_value"] is None


def test_a_model_against_itself_cannot_be_judged(semtune, done, toy_model):
    answer = semtune("evaluate", toy_model, done, "--against", toy_model, "--min-queries", "5", "--json")
    assert (answer.code, answer.json["verdict"], answer.json["gain"]) == (2, "cannot-judge", 0.0)
    assert answer.json["sentence"] == (
        "cannot judge: nDCG@10 is equal for both on all 10 queries; the 10 questions were made from headings"
    )
    worth = semtune(
        "evaluate", toy_model, done, "--against", toy_model, "--min-queries", "5", "--min-gain", "0.01", "--json"
    )
    assert (worth.code, worth.json["verdict"]) == (1, "do-not-ship")


def test_several_systems_are_compared_and_the_first_decides(semtune, done, toy_model, kept):
    words = ["evaluate", done, done, "--runtime", "torch", "--min-queries", "5", "--json"]
    alone = semtune(*words, "--against", toy_model).json
    found = semtune(*words, "--against", toy_model, "--against", "bm25", "--against", "hybrid").json
    assert list(found["comparisons"]) == ["base", "bm25", "hybrid"]
    assert (found["gain"], found["p_value"]) == (alone["gain"], alone["p_value"])
    raw = [each["p_value"] for each in found["comparisons"].values()]
    assert min(each["p_corrected"] for each in found["comparisons"].values()) == pytest.approx(min(1, 3 * min(raw)))
    again = semtune(*words, "--against", kept / "base").json  # kept values, nothing encoded
    assert {key: again[key] for key in ("gain", "interval", "p_value", "verdict", "against")} == {
        key: alone[key] for key in ("gain", "interval", "p_value", "verdict", "against")
    }


@pytest.mark.slow
def test_forgetting_is_measured_against_the_base(semtune, done, toy_model, pairs, tmp_path):
    words = ["evaluate", done, done, "--against", toy_model, "--runtime", "torch", "--min-queries", "5", "--json"]
    found = semtune(*words, "--general", pairs, "-o", tmp_path / "out").json["forgetting"]
    alone = [
        semtune("evaluate", model, pairs, "--runtime", "torch", "--json").json["spearman"]
        for model in (toy_model, done)
    ]
    assert [found["base"], found["tuned"]] == pytest.approx(alone)
    assert found["drop"] == pytest.approx(alone[0] - alone[1])
    assert (found["data"], found["n"]) == ("pairs.csv", 24)
    assert found["sentence"].startswith("Spearman on general text (pairs.csv) ")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["forgetting"] == found
    refused = semtune("evaluate", done, done, "--general", pairs)
    assert (refused.code, refused.error) == (
        2,
        "--general is measured against the base: name its model with --against.",
    )


def test_runs_are_compared(semtune, done, kept, tmp_path):
    answer = semtune("compare", kept / "base", kept / "tuned", "--json", "-o", tmp_path / "out")
    assert answer.code == 0
    base, tuned = answer.json["runs"]
    metrics = json.loads((kept / "tuned" / "metrics.json").read_text())
    assert (base["name"], tuned["name"], tuned["metrics"]) == ("base", "tuned", metrics["systems"]["tuned"])
    (found,) = answer.json["comparisons"]
    assert found["gain"] == pytest.approx(tuned["value"] - base["value"])
    assert found["verdict"] == "not told apart"  # ten queries are too few to tell
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == answer.json
    page = semtune("compare", kept / "base", kept / "tuned", "--markdown").out.strip()
    assert page == (tmp_path / "out" / "comparison.md").read_text().strip()
    assert page.splitlines()[4].startswith(f"| base | {base['model']} | {base['value']:.4f} |")
    with_run = semtune("compare", kept / "tuned", done, "--json").json  # the run measured its model the same way
    assert with_run["comparisons"][0]["gain"] == pytest.approx(0.0, abs=1e-6)


def test_other_data_is_not_compared(semtune, done, kept, pairs, tmp_path):
    semtune("evaluate", done, pairs, "-o", tmp_path / "pairs")
    answer = semtune("compare", kept / "tuned", tmp_path / "pairs")
    assert answer.code == 2
    assert answer.error.startswith(f"pairs was measured on {pairs} (test, ")
    answer = semtune("evaluate", done, done, "--against", tmp_path / "pairs")
    assert "so they cannot be compared" in answer.error


def test_the_summary_is_a_table_for_a_pull_request(kept):
    lines = (kept / "tuned" / "summary.md").read_text().splitlines()
    metrics = json.loads((kept / "tuned" / "metrics.json").read_text())["systems"]["tuned"]
    assert lines[0] == f"**nDCG@10 {metrics['ndcg@10']:.4f}**"
    assert f"| nDCG@10 | {metrics['ndcg@10']:.4f} |" in lines
