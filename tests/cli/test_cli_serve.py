"""`semtune serve`: the config file, the flags, and which of them wins. Nothing is served here."""

import pytest

from semtune.errors import ConfigError, InputError
from semtune.serve.config import ServeConfig, serve_config
from semtune.serve.open import Target
from semtune.serve.plan import Announced
from semtune.serve.settings import ServeSettings

FILE = """
targets:
  docs: runs/docs
  faq: runs/faq
port: 9000
timeout: 5
cors_origins: [https://a.org]
token_ids: own
queue:
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "serve.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def planned(monkeypatch):
    """What would be served."""
    plans = []

    def run(plan, announce):
        plans.append(plan)
        announce("http://localhost:1", Announced("docs", 3, ["docs", "faq"]))

    monkeypatch.setattr("semtune.serve.run.run", run)
    return plans


def test_the_file_gives_targets_and_settings_and_flags_win(semtune, config, planned):
    done = semtune("serve", "--config", config, "--port", "0", "--log-texts", "--json")
    assert done.json == {"url": "http://localhost:1", "model": "docs", "documents": 3, "names": ["docs", "faq"]}
    [plan] = planned
    assert plan.targets == [Target("runs/docs", "docs"), Target("runs/faq", "faq")]
    assert plan.settings == ServeSettings(
        port=0, timeout=5, cors_origins=("https://a.org",), token_ids="own", log_texts=True
    )
    assert plan.care is not None
    semtune("serve", "x=runs/other", "--config", config)
    assert planned[1].targets == [Target("runs/other", "x")]


def test_every_setting_has_a_flag(semtune, planned, tmp_path):
    keys = tmp_path / "keys"
    said = {
        "host": "0.0.0.0", "port": 1, "workers": 2, "threads": 3, "queue": 4, "gather": 5, "timeout": 5.0, "receive_timeout": 6.0,
        "max_body": 7000, "max_inputs": 8, "max_k": 9, "token_ids": "cl100k", "api_key_file": keys,
        "cors_origins": ("https://a.org", "https://b.org"), "feedback": tmp_path / "f.jsonl", "log": "json",
        "log_texts": True,
    }  # fmt: skip
    assert set(said) == set(ServeSettings.model_fields)
    words = []
    for name, value in said.items():
        flag = "--cors-origin" if name == "cors_origins" else f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, tuple) else (value,):
            words += [flag] if each is True else [flag, each]
    done = semtune("serve", "runs/docs", *words)
    assert done.code == 0, done.err
    assert planned[0].settings == ServeSettings(**said)
    assert "Warning" not in done.out


def test_an_open_server_without_keys_is_warned_of(semtune, planned):
    assert "Warning: no API keys" in semtune("serve", "runs/docs", "--host", "0.0.0.0").out
    assert "Warning" not in semtune("serve", "runs/docs").out
    assert len(planned) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 1", r"serve.yaml: unknown key 'prot'. Did you mean 'port'\?"),
        ("port: many", "serve.yaml: port: input should be a valid integer"),
        ("token_ids: mine", "serve.yaml: token_ids"),
        ("- a", "must hold keys and values"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_a_config_that_is_wrong_is_refused_in_words(tmp_path, text, message):
    file = tmp_path / "serve.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        serve_config(file, {})


def test_what_is_missing_is_said(semtune, planned, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        serve_config(tmp_path / "none", {})
    assert "Nothing to serve was named" in semtune("serve").error
    assert "token_ids" in semtune("serve", "a", "--token-ids", "ours").error
    assert planned == []


def test_targets_may_be_a_list(tmp_path):
    assert ServeConfig(targets=["a=x", "y"]).named == [Target("x", "a"), Target("y")]
