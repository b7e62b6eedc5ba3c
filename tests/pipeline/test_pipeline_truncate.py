"""What a run does with long texts: index and evaluate agree, and older runs are not done again."""

from types import SimpleNamespace

import pytest

from semtune.config import parse_config
from semtune.errors import ConfigError
from semtune.index import step as indexing
from semtune.step_inputs import evaluate_key, measured_with


def context(**index):
    config = parse_config({"name": "toy", "prepare": {"source": "x"}, "index": index})
    model = SimpleNamespace(name="base", contract=SimpleNamespace(fingerprint="abc"))
    return SimpleNamespace(config=config, backbone=model)


def index_key(**index):
    return indexing.key(SimpleNamespace(settings=context(**index).config.index))


def test_an_index_is_made_again_only_where_the_rule_changes():
    assert index_key() == index_key(truncate="cut") == {"backend": "local", "uri": "", "collection": ""}
    assert index_key(truncate="window") == {**index_key(), "truncate": "window"}
    assert index_key(truncate="error") != index_key()


def test_evaluate_measures_as_the_index_is_made():
    rules = {rule: measured_with(context(truncate=rule).config) for rule in ("cut", "error", "window")}
    assert rules == {"cut": "cut", "error": "cut", "window": "window"}
    assert "truncate" not in evaluate_key(context())
    assert evaluate_key(context(truncate="window")) == {**evaluate_key(context()), "truncate": "window"}


def test_other_rules_are_refused():
    with pytest.raises(ConfigError, match=r"index.truncate: input should be 'cut', 'error' or 'window'"):
        context(truncate="windows")
