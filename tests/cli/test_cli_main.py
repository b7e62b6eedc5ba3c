"""The entry point: help, usage errors, bugs, Ctrl-C, and what is imported."""

import json
import signal
import subprocess
import sys
import textwrap

import pytest

from semtune import __version__

COMMANDS = [
    "run",
    "init",
    "prepare",
    "select",
    "train",
    "distil",
    "evaluate",
    "compare",
    "export",
    "encode",
    "index",
    "label",
    "search",
    "serve",
    "mcp",
    "classify",
    "topics",
    "duplicates",
    "recommend",
    "info",
    "doctor",
    "add",
    "sync",
    "delete",
    "get",
    "verify",
    "compact",
    "dump",
    "migrate",
    "upgrade",
    "rollback",
    "drift",
]


def test_help_lists_the_verbs_in_the_order_of_the_work(semtune):
    answer = semtune("--help")
    assert answer.code == 0
    shown = [line.split()[1] for line in answer.out.splitlines() if line.startswith("│ ") and line[2:3].isalpha()]
    assert shown == COMMANDS
    assert semtune("--version").out == f"semtune {__version__}\n"


def test_every_command_has_help_and_speaks_json(semtune):
    for command in COMMANDS:
        answer = semtune(command, "-h")
        assert (answer.code, answer.err) == (0, "")
        assert "--json" in answer.out


def test_no_command_at_all_shows_the_help_and_no_empty_error(semtune):
    answer = semtune()
    assert answer.code == 2
    assert "Usage: semtune" in answer.out + answer.err
    assert "error:" not in answer.err


def test_help_imports_nothing_heavy():
    heavy = "numpy pydantic yaml torch transformers sentence_transformers tokenizers onnxruntime faiss fastapi pymilvus datasets"
    code = textwrap.dedent(f"""
        import sys
        sys.argv = ["semtune", "--help"]
        from semtune.cli.main import main
        try:
            main()
        finally:
            print("heavy:", *[name for name in "{heavy}".split() if name in sys.modules])
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Usage: semtune" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy:"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["serch", "x"], "No such command 'serch'."),
        (["search", "x"], "Missing argument 'query'."),
        (["search", "x", "q", "--kk", "3"], "No such option: --kk"),
        (["search", "x", "q", "-k", "many"], "Invalid value for '-k': "),
        (["search", "nowhere", "q"], "There is no folder "),
        (["run", "nowhere.yaml"], "There is no config file "),
        (["run", "x.yaml", "--rerun", "often"], "--rerun is 'often'. Allowed: changed, always, never."),
    ],
)
def test_errors_are_one_line_for_people_and_one_document_for_programs(semtune, words, message):
    plain = semtune(*words)
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith(f"error: {message}")
    assert "Traceback" not in plain.err
    told = semtune(*words, "--json")
    assert told.code == 2
    assert told.json == {"error": told.error, "exit_code": 2}
    assert told.error.startswith(message)


def test_a_bug_is_called_one_and_still_gives_one_document(semtune, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("semtune.search.searcher.Searcher.open", broken)
    answer = semtune("search", "x", "q", "--json")
    assert (answer.code, answer.json) == (2, {"error": "by zero", "exit_code": 2})
    assert "Traceback (most recent call last)" in answer.err
    assert "This is a bug in Semtune. Please report it with the lines above." in answer.err


SLEEPER = textwrap.dedent("""
    import sys, time
    from semtune.search.searcher import Searcher

    def sleep(*_, **__):
        print("working", flush=True, file=sys.stderr)
        time.sleep(60)

    Searcher.open = sleep
    sys.argv = ["semtune", "search", "x", "q", "--json"]
    from semtune.cli.main import main
    main()
""")


def test_ctrl_c_says_what_becomes_of_the_work():
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr.readline() == "working\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    message = "stopped. Finished work is kept; the same command continues from there."
    assert (process.returncode, json.loads(out)) == (130, {"error": message, "exit_code": 130})
    assert err.strip() == f"error: {message}"


def test_a_library_that_prints_does_not_spoil_the_document(semtune, monkeypatch):
    import types

    def chatty(*_, **__):
        print("hello from a library")  # noqa: T201 - as libraries do
        answer = types.SimpleNamespace(hits=[], warnings=(), cut_tokens=0)
        return types.SimpleNamespace(answer=lambda *_, **__: answer, mode_of=lambda *_: "dense", close=lambda: None)

    monkeypatch.setattr("semtune.search.searcher.Searcher.open", chatty)
    answer = semtune("search", "x", "q", "--json")
    assert (answer.code, answer.json) == (0, {"query": "q", "mode": "dense", "hits": []})
    assert answer.err == "hello from a library\nNothing was found.\n"
