import re

import pytest
import yaml

from semtune.cli.init import COMMON, commented_config
from semtune.config import SECTIONS, RunConfig, load_config, parse_config, parse_section, write_config
from semtune.errors import ConfigError, InputError

LEAST = {"name": "demo", "prepare": {"source": "texts"}}
TRAIN_KEYS = (
    "loss, loss_options, matryoshka_dims, guide, teacher, also, num_train_epochs, max_steps, "
    "per_device_train_batch_size, mini_batch_size, gradient_accumulation_steps, max_length, learning_rate, "
    "lr_scheduler_type, warmup_steps, weight_decay, eval_per_epoch, early_stopping_patience, floor, precision, "
    "lora_rank, lora_alpha, lora_dropout, lora_targets, freeze_layers, layer_lr_decay, max_dev_queries, max_dev_passages, report_to"
)
TOP_KEYS = "name, model, runs_dir, seed, store_mb, prepare, select, train, evaluate, export, index, search"


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="my.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def refused(values):
    with pytest.raises(ConfigError) as error:
        parse_config(values)
    return str(error.value)


def test_the_defaults_are_those_of_the_design():
    config = parse_config(LEAST)
    assert config.as_dict() == {
        "name": "demo",
        "model": "all-MiniLM-L6-v2",
        "runs_dir": "runs",
        "seed": 13,
        "store_mb": 2000,
        "prepare": {
            "source": "texts",
            "dev_share": 0.1,
            "test_share": 0.1,
            "min_words": 4,
            "max_pairs": None,
            "max_passages": None,
            "pairs_per_section": 3,
            "shared_documents": "drop",
            "near_duplicates": "keep",
            "pair_labels": "triplets",
            "roles": {},
            "max_bad_share": 0.1,
            "allow_unreadable": False,
            "max_leak_share": 0.0,
            "hard_negatives": 0,
            "mine_margin": 0.95,
            "mine_absolute_margin": None,
            "mine_ranks": [1, 100],
            "mine_sample": False,
            "mine_pool": "not-held-out",
            "mine_judge": None,
            "review": None,
            "feedback": None,
            "feedback_clicks": 2,
            "supervision": {
                "heading": 1.0,
                "summary": 1.0,
                "faq": 1.0,
                "definition": 1.0,
                "link": 0.5,
                "cloze": "auto",
                "neighbour": "auto",
                "crop": "auto",
                "list_item": "auto",
                "comment": "auto",
            },
            "synthetic": {
                "url": "",
                "model": "",
                "api_key_env": "",
                "per_passage": 2,
                "max_passages": 1000,
                "top_k": 10,
                "prompt": "",
                "price_in": 0.0,
                "price_out": 0.0,
                "concurrency": 4,
                "timeout": 60.0,
                "retries": 5,
                "cache": "",
            },
            "chunk_overlap": 0,
        },
        "train": {
            "loss": "auto",
            "loss_options": {},
            "matryoshka_dims": [],
            "guide": "",
            "teacher": "",
            "also": {},
            "num_train_epochs": 3.0,
            "max_steps": -1,
            "per_device_train_batch_size": 32,
            "mini_batch_size": None,
            "gradient_accumulation_steps": 1,
            "max_length": None,
            "learning_rate": None,
            "lr_scheduler_type": "linear",
            "warmup_steps": 0.1,
            "weight_decay": 0.0,
            "eval_per_epoch": 2,
            "early_stopping_patience": 4,
            "floor": {"data": "", "max_drop": 0.01},
            "precision": "auto",
            "lora_rank": 0,
            "lora_alpha": None,
            "lora_dropout": 0.0,
            "lora_targets": [],
            "freeze_layers": 0,
            "layer_lr_decay": 1.0,
            "max_dev_queries": 500,
            "max_dev_passages": 500,
            "report_to": [],
        },
        "select": {
            "candidates": [],
            "max_latency_ms": None,
            "max_dim": None,
            "max_memory": None,
            "max_index": None,
            "steps": 32,
            "rounds": 3,
            "max_queries": 1000,
            "max_passages": 1000,
            "dims": [384, 256, 128, 64],
            "runtime": "auto",
        },
        "evaluate": {
            "task": "",
            "at": [],
            "bm25": True,
            "min_queries": 20,
            "alpha": 0.01,
            "noise": 0.005,
            "min_gain": 0.0,
            "min_metric": None,
            "max_slice_drop": None,
            "general": "",
            "max_drop": 0.01,
            "calibrate": True,
            "trust_made_questions": False,
            "gate": False,
        },
        "export": {"format": ["onnx"], "precision": ["fp32"], "max_loss": 0.005},
        "index": {
            "backend": "local",
            "uri": "",
            "collection": "",
            "database": "",
            "token_env": "SEMTUNE_MILVUS_TOKEN",
            "tls_ca": "",
            "tls_certificate": "",
            "tls_key": "",
            "truncate": "cut",
            "recall": 0.95,
            "memory_mb": 0,
        },
        "search": {"mode": "auto", "questions": [], "k": 3},
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sead": 1}, f"the config: unknown key 'sead'. Did you mean 'seed'? Allowed: {TOP_KEYS}"),
        (
            {"train": {"learning_rat": 1e-3}},
            f"the config: unknown key 'train.learning_rat'. Did you mean 'learning_rate'? Allowed in train: {TRAIN_KEYS}",
        ),
        (
            {"index": {"zzz": 1}},
            "the config: unknown key 'index.zzz'. Allowed in index: backend, uri, collection, database, token_env, "
            "tls_ca, tls_certificate, tls_key, truncate, recall, memory_mb",
        ),
        (
            {"evaluate": {"gate": {"on": 1}}},
            "the config: evaluate.gate: input should be a valid boolean (found {'on': 1})",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(given, message):
    assert refused(LEAST | given) == message


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("train", "num_train_epochs", 0, "input should be greater than 0"),
        ("train", "max_steps", 0, "input should be -1 (no limit) or greater than 0"),
        ("train", "max_steps", -2, "input should be -1 (no limit) or greater than 0"),
        ("train", "per_device_train_batch_size", 1, "input should be greater than or equal to 2"),
        ("train", "precision", "half", "input should be 'auto', 'bf16' or 'fp32'"),
        ("prepare", "test_share", 1, "input should be less than 1"),
        ("evaluate", "min_queries", "many", "input should be a valid integer, unable to parse string as an integer"),
        ("search", "k", 101, "input should be less than or equal to 100"),
    ],
)
def test_a_wrong_value_is_shown_with_what_is_allowed(section, key, value, words):
    values = {**LEAST, section: {**LEAST.get(section, {}), key: value}}
    assert refused(values) == f"the config: {section}.{key}: {words} (found {value!r})"


def test_all_wrong_values_are_listed_at_once():
    message = refused({"name": "../up", "train": {"learning_rate": 2}, "export": {"format": ["onnx", "onx"]}, "x": 1})
    parts = message.removeprefix("the config: ").split("; ")
    assert parts == [
        "name: string should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$' (found '../up')",
        "'prepare' is missing",
        "train.learning_rate: input should be less than 1 (found 2)",
        "export.format.1: input should be 'onnx' or 'torchscript' (found 'onx'). Did you mean 'onnx'?",
        f"unknown key 'x'. Allowed: {TOP_KEYS}",
    ]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            {"backend": "milvus"},
            "index: the milvus backend needs a uri: a file ending in .db or the address of a server",
        ),
        ({"uri": "x.db"}, "index: a uri only works with the milvus backend; set backend: milvus, or leave it out"),
    ],
)
def test_what_only_the_index_step_would_notice_is_refused_before_any_step(index, words):
    assert words in refused(LEAST | {"index": index})
    parse_config(LEAST | {"index": {"backend": "milvus", "uri": "x.db"}})


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("seed=7", None, "seed", 7),
        ("name=other", None, "name", "other"),
        ("train.num_train_epochs=2", "train", "num_train_epochs", 2.0),
        ("train.learning_rate=2e-3", "train", "learning_rate", 0.002),
        ("evaluate.bm25=false", "evaluate", "bm25", False),
        ("prepare.max_pairs=null", "prepare", "max_pairs", None),
        ("search.questions=[what is it, 'a=b']", "search", "questions", ("what is it", "a=b")),
        ("prepare.roles.anchor=subject", "prepare", "roles", {"anchor": "subject"}),
        ("prepare.source={train: a.csv, test: b.csv}", "prepare", "source", {"train": "a.csv", "test": "b.csv"}),
    ],
)
def test_dotted_overrides_have_yaml_s_types(write, override, section, key, value):
    path = write("name: demo\nprepare: {source: texts, max_pairs: 5}\ntrain: {num_train_epochs: 1}\n")
    config = load_config(path, [override])
    found = getattr(getattr(config, section) if section else config, key)
    assert found == value
    assert type(found) is type(value)


def test_the_last_override_wins_and_the_rest_of_the_section_stays(write):
    path = write("name: demo\nprepare: {source: texts}\ntrain: {num_train_epochs: 1, weight_decay: 0.5}\n")
    config = load_config(path, ["train.num_train_epochs=2", "train.num_train_epochs=4"])
    assert (config.train.num_train_epochs, config.train.weight_decay) == (4.0, 0.5)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train", "'train' is not an override. Write section.key=value, e.g. train.num_train_epochs=2."),
        ("=3", "'=3' is not an override. Write section.key=value, e.g. train.num_train_epochs=2."),
        ("name.first=x", "'name.first=x': 'name' is a value, not a section."),
        ("seed=[1", "The value of the override 'seed=[1' is not valid YAML: "),
        ("trian.num_train_epochs=1", "unknown key 'trian'. Did you mean 'train'?"),
        ("train.epochs=1", "unknown key 'train.epochs'."),
    ],
)
def test_bad_overrides_are_refused(write, override, message):
    path = write("name: demo\nprepare: {source: texts}\n")
    with pytest.raises(ConfigError) as error:
        load_config(path, [override])
    assert message in str(error.value)


def test_an_empty_section_stands_at_its_defaults(write):
    path = write("name: demo\nprepare: {source: texts}\ntrain:\n#  num_train_epochs: 1\nsearch:\n")
    assert load_config(path) == parse_config(LEAST)
    assert load_config(path, ["train.max_steps=4"]).train.max_steps == 4
    with pytest.raises(ConfigError, match="'prepare' is missing"):
        load_config(write("name: demo\nprepare:\n"))


def test_variables_come_from_the_environment(write, monkeypatch):
    monkeypatch.setenv("SEMTUNE_TEST_DIR", "/data")
    monkeypatch.delenv("SEMTUNE_TEST_UNSET", raising=False)
    text = (
        "name: demo\nseed: ${SEMTUNE_TEST_UNSET:-21}\n"
        "prepare: {source: '${SEMTUNE_TEST_DIR}/${SEMTUNE_TEST_UNSET:-a b}/x${SEMTUNE_TEST_UNSET:-}'}\n"
        "search: {questions: ['costs $5 or {5}?', '${SEMTUNE_TEST_DIR:-no}']}\n"
    )
    config = load_config(write(text))
    assert config.prepare.source == "/data/a b/x"
    assert config.seed == 21
    assert config.search.questions == ("costs $5 or {5}?", "/data")


def test_an_unset_variable_is_named(write, monkeypatch):
    monkeypatch.delenv("SEMTUNE_TEST_UNSET", raising=False)
    path = write("name: demo\nprepare: {source: '${SEMTUNE_TEST_UNSET}'}\n")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(error.value) == (
        f"{path}: the environment variable SEMTUNE_TEST_UNSET is not set. "
        "Set it, or write ${SEMTUNE_TEST_UNSET:-default}."
    )


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("- a\n- b\n", ConfigError, r"must hold keys and values .*, found list\."),
        ("", ConfigError, r"must hold keys and values .*, found NoneType\."),
        ("name: [", ConfigError, r"my\.yaml is not valid YAML"),
        (None, InputError, r"There is no config file /.*nowhere\.yaml\. `semtune init FOLDER` writes one\."),
    ],
)
def test_a_file_that_is_no_config_is_refused(write, tmp_path, text, kind, message):
    path = tmp_path / "nowhere.yaml" if text is None else write(text)
    with pytest.raises(kind, match=message):
        load_config(path)


def test_places_and_bytes_that_are_no_config_are_refused(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match=r"bytes\.yaml is not a text file in UTF-8\."):
        load_config(tmp_path / "bytes.yaml")
    for path in (tmp_path, tmp_path / "bytes.yaml" / "inner.yaml"):
        with pytest.raises(InputError, match="There is no config file"):
            load_config(path)


def test_what_is_written_runs_again_and_says_everything(tmp_path):
    config = parse_config(
        {
            "name": "1e3",  # looks like a number
            "model": "org/name: x",
            "prepare": {"source": {"train": "a b.csv", "test": "ü.csv"}, "roles": {"anchor": "yes"}},
            "train": {"learning_rate": 1e-5},
            "search": {"questions": ["null", "a: b", "line\nline", "№ 5?"]},
        }
    )
    write_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Resolved by semtune")
    assert list(yaml.safe_load(text)) == ["format", *RunConfig.model_fields]
    assert "№ 5?" in text


def test_a_key_of_an_older_config_is_known_by_its_new_name():
    assert (
        parse_config({"name": "demo", "prepare": {"source": "x", "verdicts": "labels"}}).prepare.pair_labels == "labels"
    )
    assert parse_section("prepare", ["verdicts=labels"]).pair_labels == "labels"


def test_a_config_of_a_later_minor_format_loses_what_is_unknown_and_of_a_major_one_is_refused():
    later = LEAST | {"format": "1.99", "colour": "red", "train": {"max_steps": 3, "warp": 9}}
    assert parse_config(later) == parse_config(LEAST | {"train": {"max_steps": 3}})
    with pytest.raises(ConfigError, match=r"format 2\.0, which is newer .* Install a newer Semtune"):
        parse_config(LEAST | {"format": "2.0"})
    with pytest.raises(ConfigError, match="unknown key 'colour'"):
        parse_config(LEAST | {"format": "1.1", "colour": "red"})


def test_a_section_alone_is_checked_like_the_whole():
    assert parse_section("train", ["max_steps=3"]) == parse_config(LEAST).train.replace(max_steps=3)
    with pytest.raises(ConfigError, match=r"--set: unknown key 'train\.epocs'"):
        parse_section("train", ["epocs=3"])


def test_init_s_config_is_the_defaults_also_with_every_line_taken_in():
    text = commented_config("demo", "my: texts #1", "all-MiniLM-L6-v2", ["a folder of 3 files", "warning: small"])
    wanted = parse_config({"name": "demo", "prepare": {"source": "my: texts #1"}})
    assert parse_config(yaml.safe_load(text)) == wanted
    settings = [line for line in text.splitlines() if re.match(r"# ( {2})*\w+:( |$)", line) and "warning" not in line]
    everything = "\n".join(line[2:] if line in settings else line for line in text.splitlines())
    values = yaml.safe_load(everything)
    assert {name: set(values[name]) - {"source"} for name in COMMON} == {
        name: set(keys) for name, keys in COMMON.items()
    }
    assert parse_config(values) == wanted


def test_init_s_config_explains_its_settings():
    text = commented_config("demo", "texts", "m", [])
    for name, keys in COMMON.items():
        for key in keys:
            description = SECTIONS[name].model_fields[key].description
            assert re.search(rf"^#   {key}: .*  # {re.escape(description)}$", text, re.MULTILINE), key
