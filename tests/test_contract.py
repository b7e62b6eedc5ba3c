import dataclasses
import hashlib
import json
import shutil

import pytest

from semtune import contract as contracts
from semtune.errors import ContractError, ModelError
from semtune.testing.toy_model import write_toy_model


@pytest.fixture
def folder(tmp_path):
    return write_toy_model(tmp_path / "toy", ["mend a kettle"], prompts={"query": "ask: ", "document": ""})


def sha(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    return sha(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def change(path, **values):
    found = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in {**found, **values}.items() if value is not ...}))


def test_a_folder_is_described_from_its_files(folder):
    made = contracts.describe(folder, name="mine", base="theirs")
    weights = canonical([["model.safetensors", sha((folder / "model.safetensors").read_bytes())]])
    tokenizer = canonical([["tokenizer.json", sha((folder / "tokenizer.json").read_bytes())]])
    rules = {
        "pooling": "mean",
        "normalize": True,
        "prompts": {"query": "ask: "},
        "max_length": 64,
        "lowercase": False,
        "dimension": 32,
        "tokenizer_sha256": tokenizer,
        "weights_sha256": weights,
    }
    assert {key: getattr(made, key) for key in rules} == rules
    config = json.loads((folder / "config.json").read_text())
    backbone = {key: config[key] for key in ("model_type", "num_hidden_layers", "num_attention_heads", "hidden_act")}
    backbone |= {key: config[key] for key in ("layer_norm_eps", "position_embedding_type") if key in config}
    assert made.fingerprint == canonical({**rules, "architecture": {"backbone": backbone, "dense": []}})
    assert (made.name, made.base, made.similarity, made.exports, made.thresholds) == (
        "mine",
        "theirs",
        "cosine",
        {},
        {},
    )
    assert (made.prompt("query"), made.prompt("document")) == ("ask: ", "")
    assert contracts.describe(folder).name == "toy"


def test_the_fingerprint_is_of_what_makes_vectors_and_not_of_names(folder):
    before = contracts.describe(folder)
    assert contracts.describe(folder, name="x", base="y").fingerprint == before.fingerprint
    moved = shutil.copytree(folder, folder.parent / "moved")
    assert contracts.describe(moved).fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("file", "values", "field", "value"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True},
            "pooling",
            "cls",
        ),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "pooling", "mean+max"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pooling", "lasttoken"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "cls"]}, "pooling", "mean+cls"),
        ("sentence_bert_config.json", {"max_seq_length": 16}, "max_length", 16),
        ("sentence_bert_config.json", {"do_lower_case": True}, "lowercase", True),
        ("tokenizer_config.json", {"model_max_length": 20}, "max_length", 20),
        ("config_sentence_transformers.json", {"prompts": {"query": "q: "}}, "prompts", {"query": "q: "}),
        ("config.json", {"max_position_embeddings": 30}, "max_length", 30),
    ],
)
def test_every_rule_is_read_and_is_in_the_fingerprint(folder, file, values, field, value):
    before = contracts.describe(folder)
    change(folder / file, **values)
    made = contracts.describe(folder)
    assert getattr(made, field) == value
    assert made.fingerprint != before.fingerprint


@pytest.mark.parametrize(
    "values", [{"num_hidden_layers": 1}, {"hidden_act": "relu"}, {"num_attention_heads": 1}, {"layer_norm_eps": 0.1}]
)
def test_the_same_weights_computed_otherwise_are_another_model(folder, values):
    before = contracts.describe(folder)
    change(folder / "config.json", transformers_version="0", hidden_dropout_prob=0.5)
    assert contracts.describe(folder).fingerprint == before.fingerprint  # neither changes a vector
    change(folder / "config.json", **values)
    assert contracts.describe(folder).fingerprint != before.fingerprint


def test_other_weights_and_other_tokenizers_are_other_models(folder, tmp_path):
    before = contracts.describe(folder)
    other = contracts.describe(write_toy_model(tmp_path / "other", ["mend a kettle"], seed=1))
    assert other.weights_sha256 != before.weights_sha256
    assert other.tokenizer_sha256 == before.tokenizer_sha256
    words = contracts.describe(write_toy_model(tmp_path / "words", ["mend a barrel"]))
    assert words.tokenizer_sha256 != before.tokenizer_sha256


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"sentence": 128, "tokenizer": 512, "positions": 512, "kind": "bert"}, 128),
        ({"sentence": 256, "tokenizer": 128, "positions": 512, "kind": "bert"}, 128),
        ({"sentence": None, "tokenizer": 10**30, "positions": 514, "kind": "xlm-roberta"}, 512),
        ({"sentence": 514, "tokenizer": 10**30, "positions": 514, "kind": "mpnet"}, 512),
        ({"sentence": None, "tokenizer": None, "positions": None, "kind": "bert"}, 512),
    ],
)
def test_the_shortest_limit_is_the_length(folder, limits, expected):
    change(folder / "sentence_bert_config.json", max_seq_length=limits["sentence"])
    change(folder / "tokenizer_config.json", model_max_length=limits["tokenizer"])
    change(folder / "config.json", max_position_embeddings=limits["positions"], model_type=limits["kind"])
    assert contracts.describe(folder).max_length == expected


def test_a_plain_transformers_folder_is_pooled_by_the_mean(folder):
    (folder / "modules.json").unlink()
    made = contracts.describe(folder)
    assert (made.pooling, made.dimension, made.normalize) == ("mean", 32, True)
    change(folder / "config_sentence_transformers.json", similarity_fn_name="dot")
    assert (contracts.describe(folder).normalize, contracts.describe(folder).similarity) == (False, "dot")


def test_a_dense_module_sets_the_dimension_and_its_weights_count(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules.insert(2, {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text('{"in_features": 32, "out_features": 8}')
    before = contracts.describe(folder)
    assert before.dimension == 8
    change(folder / "2_Dense" / "config.json", activation_function="torch.nn.modules.activation.Tanh")
    assert contracts.describe(folder).fingerprint != before.fingerprint
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"dense")
    assert contracts.describe(folder).weights_sha256 != before.weights_sha256
    assert contracts.weights_files(folder) == [folder / "2_Dense" / "model.safetensors", folder / "model.safetensors"]


def test_a_module_that_cannot_be_served_is_refused(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["type"] = "sentence_transformers.models.CNN"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="has a CNN module, which Semtune cannot serve"):
        contracts.describe(folder)


def test_a_saved_contract_comes_back(folder):
    made = contracts.describe(folder)
    exports = {"onnx-fp32": contracts.Export("onnx/model.onnx", "ab", "fp32", 0.9999)}
    made = dataclasses.replace(made, exports=exports, thresholds={"same": 0.7}, name="ünï")
    contracts.save(made, folder)
    assert contracts.load(folder) == made
    assert json.loads((folder / "semtune.json").read_text())["format"] == "1.2"


def test_weights_that_are_not_the_contract_s_are_refused(folder, tmp_path):
    contracts.save(contracts.describe(folder), folder)
    other = write_toy_model(tmp_path / "other", ["mend a kettle"], seed=1)
    shutil.copy(other / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ContractError) as error:
        contracts.load(folder)
    assert "are not those its semtune.json was written for" in str(error.value)
    assert contracts.weights_hash(folder)[:12] in str(error.value)
    assert contracts.load(folder, verify=False).name == "toy"
    (folder / "model.safetensors").unlink()  # an exported folder carries none
    assert contracts.load(folder).name == "toy"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": 2}', r"in format 2\.0, which is newer than the 1\.2 that .* pip install --upgrade semtune"),
        ("[]", r"is not a model's contract: it holds no keys and values\. Make it anew with `semtune export MODEL`"),
        ('"x"', "is not a model's contract: it holds no keys and values"),
        ("{}", "is not a model's contract: it has no format number"),
        ('{"format": "one"}', "is not a model's contract: its format number is 'one'"),
    ],
)
def test_a_contract_of_another_format_is_refused(folder, text, words):
    (folder / "semtune.json").write_text(text)
    with pytest.raises(ContractError, match=words):
        contracts.load(folder)


def test_unknown_keys_of_a_later_minor_format_are_ignored(folder):
    made = dataclasses.replace(
        contracts.describe(folder),
        exports={"onnx-fp32": contracts.Export("onnx/model.onnx", "ab", "fp32", 0.9999)},
        calibration=contracts.Calibration(2.0, -1.0, "an answer is relevant"),
    )
    contracts.save(made, folder)
    values = json.loads((folder / "semtune.json").read_text())
    for part in (values, values["exports"]["onnx-fp32"], values["calibration"]):
        part["colour"] = "red"
    (folder / "semtune.json").write_text(json.dumps({**values, "format": "1.99"}))
    assert contracts.load(folder) == made
    (folder / "semtune.json").write_text(json.dumps(values))  # in today's format an unknown key is a mistake
    with pytest.raises(ContractError, match="colour"):
        contracts.load(folder)


def test_a_broken_contract_is_refused(folder):
    (folder / "semtune.json").write_text('{"format": 1, "name": "x", "colour": "red"}')
    with pytest.raises(ContractError, match="is not a contract this Semtune can read"):
        contracts.load(folder)
    (folder / "semtune.json").write_text('{"format"')
    with pytest.raises(ContractError, match=r"semtune\.json is not valid JSON .* Copy it again; or delete it"):
        contracts.load(folder)


def test_a_contract_that_does_not_fit_the_folder_s_files_is_told_where(folder):
    contract = contracts.load(folder)
    contracts.require_own(contract, folder)  # without a file there is nothing to compare
    contracts.save(contract, folder)
    contracts.require_own(contracts.load(folder), folder)
    other = dataclasses.replace(contract, dimension=7, prompts={"query": "other: "})
    with pytest.raises(
        ContractError, match=r"it says dimension 7 \(the files: 32\), prompts {'query': 'other: '} \(the"
    ):
        contracts.require_own(other, folder)


def test_a_folder_that_is_no_model_is_refused(folder, tmp_path):
    with pytest.raises(ModelError, match="is not a model folder: there is no such folder"):
        contracts.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"is not a model folder: it has neither semtune\.json nor config\.json"):
        contracts.load(tmp_path / "empty")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="has no tokenizer files"):
        contracts.load(folder)


def test_half_a_model_folder_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no weights \(model\.safetensors\)"):
        contracts.load(folder)
    (folder / "sentence_bert_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"sentence_bert_config\.json is not valid JSON"):
        contracts.load(folder)
