"""Model folders of every make load as in sentence-transformers, in torch and as a graph, or are refused by name."""

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import model_makes as makes
from model_makes import TEXTS
from model_variants import edit
from semtune import contract as contracts
from semtune.encoders import canary
from semtune.encoders.load import load_encoder
from semtune.encoders.torch import TorchEncoder, open_sentence_transformer
from semtune.errors import ModelError
from semtune.export.build import export_model

MAKES = {
    "truncated": (makes.truncated, {}, 12, "mean"),
    "truncated, compared by the inner product": (makes.truncated, {"similarity": "dot"}, 12, "mean"),
    "truncated to more than it has": (makes.truncated, {"dim": 99}, 32, "mean"),
    "two poolings, old switches": (makes.pooled, {"pooling_mode_cls_token": True}, 64, "cls+mean"),
    "three poolings": (makes.pooled, {"pooling_mode": ["mean", "max", "cls"]}, 96, "mean+max+cls"),
    "without the prompt": (makes.pooled, {"include_prompt": False}, 32, "mean, without the prompt"),
    "first token after the prompt": (
        makes.pooled, {"include_prompt": False, "pooling_mode": "cls"}, 32, "cls, without the prompt",
    ),
    "no special tokens": (makes.without_special_tokens, {}, 32, "mean"),
    "sixteen tokens": (makes.of_length, {"length": 16}, 32, "mean"),
    "old layout": (makes.old_layout, {}, 32, "mean"),
}  # fmt: skip


def cosines(one, other):
    assert one.shape == other.shape
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(1) / np.where(lengths > 0, lengths, 1)


def of_the_library(folder, role, texts=TEXTS):
    model = SentenceTransformer(str(folder), device="cpu")
    return (model.encode_query if role == "query" else model.encode_document)(texts)


def same_as(wanted, folder, texts=TEXTS, roles=("query", "document")):
    """Torch and the exported graph give the wanted vectors for both roles; gives the opened export."""
    served = load_encoder(str(export_model(folder, ["onnx"], folder.parent / "served").folder))
    for encoder in (load_encoder(str(folder), "torch"), served):
        for role in roles:
            assert cosines(encoder.encode(texts, role).vectors, wanted(role)).min() >= 0.99999, (encoder.runtime, role)
    assert served.runtime == "onnx-fp32"
    assert served.contract.fingerprint == contracts.load(folder).fingerprint
    return served


AT_ONCE = {"truncated"}  # the others take minutes: slow


@pytest.mark.parametrize(
    "make", [pytest.param(make, marks=[] if make in AT_ONCE else [pytest.mark.slow]) for make in MAKES]
)
def test_it_equals_sentence_transformers(tmp_path, make):
    write, options, dimension, pooling = MAKES[make]
    folder = write(tmp_path / "model", **options)
    served = same_as(lambda role: of_the_library(folder, role), folder)
    assert (served.contract.dimension, served.contract.pooling) == (dimension, pooling)
    spread = cosines(served.encode(TEXTS[:1]).vectors, served.encode(TEXTS[1:2]).vectors)
    assert spread[0] < 0.999


@pytest.mark.slow
def test_vectors_that_are_cut_have_unit_length_where_the_cosine_counts_and_keep_theirs_where_not(tmp_path):
    cosine = load_encoder(str(makes.truncated(tmp_path / "cosine")), "torch").encode(TEXTS).vectors
    np.testing.assert_allclose(np.linalg.norm(cosine, axis=1), 1, atol=1e-5)
    folder = makes.truncated(tmp_path / "dot", similarity="dot")
    dot = load_encoder(str(folder), "torch").encode(TEXTS).vectors
    np.testing.assert_allclose(dot, of_the_library(folder, "document"), atol=1e-6)
    assert np.linalg.norm(dot, axis=1).max() < 0.95


@pytest.mark.slow
def test_texts_of_a_tokenizer_without_special_tokens_may_be_empty(tmp_path):
    folder = makes.without_special_tokens(tmp_path / "model")
    served = load_encoder(str(export_model(folder, ["onnx"], tmp_path / "served").folder))
    for encoder in (load_encoder(str(folder), "torch"), served):
        assert not encoder.encode([""]).vectors.any()
        mixed = encoder.encode(["", "kettle", "mend a kettle"]).vectors
        assert not mixed[0].any()
        np.testing.assert_allclose(mixed[1:], encoder.encode(["kettle", "mend a kettle"]).vectors, atol=1e-5)


@pytest.mark.slow
def test_a_limit_beyond_the_positions_is_that_of_the_positions(tmp_path):
    folder = makes.of_length(tmp_path / "model", 2000)
    assert contracts.load(folder).max_length == 64
    usual = makes.toy(tmp_path / "usual")  # the same weights, and an honest limit
    served = same_as(lambda role: of_the_library(usual, role), folder)
    made = served.encode(TEXTS)
    assert made.truncated == 1
    assert made.lengths.max() == 64


@pytest.mark.slow
def test_the_prompt_s_part_of_the_pooling_counts(tmp_path):
    with_it = makes.pooled(tmp_path / "with")
    without = makes.pooled(tmp_path / "without", include_prompt=False)
    one, other = (TorchEncoder.load(folder).encode(TEXTS, "query").vectors for folder in (with_it, without))
    assert cosines(one, other).max() < 0.9999
    assert contracts.load(with_it).fingerprint != contracts.load(without).fingerprint
    with pytest.raises(ModelError, match=r"leaves out its prompt .* --format onnx"):
        export_model(without, ["torchscript"], tmp_path / "script")


@pytest.mark.parametrize(
    "types", ["sentence_transformers.models", "sentence_transformers.sentence_transformer.modules"]
)
def test_old_and_new_class_paths_are_one_model(tmp_path, types):
    folder = makes.toy(tmp_path / "model")
    before = contracts.load(folder)
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        kind = module["type"].rsplit(".", 1)[1]
        module["type"] = f"{types}.{kind}" if kind == "Pooling" or types.endswith("models") else module["type"]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert contracts.load(folder) == before
    assert cosines(TorchEncoder.load(folder).encode(TEXTS).vectors, of_the_library(folder, "document")).min() > 0.99999


def test_a_missing_pooling_folder_is_named(tmp_path):
    folder = makes.toy(tmp_path / "model")
    shutil.rmtree(folder / "1_Pooling")
    with pytest.raises(ModelError, match=r"1_Pooling/config.json is missing.*Copy the model folder again"):
        contracts.load(folder)


FAMILIES = [
    ("bge-small-en-v1.5", "cls", "bge"),
    ("my-bge-m3-tuned", "cls", "bge"),
    ("multilingual-e5-small", "mean", "e5"),
    ("gte-base", "mean", "gte"),
    ("gte-modernbert-base", "cls", "gte-modernbert"),
    ("snowflake-arctic-embed-s", "cls", "snowflake-arctic"),
    ("nomic-embed-text-v1.5", "mean", "nomic"),
    ("modernbert-embed-base", "mean", "modernbert-embed"),
    ("e5-mistral-7b-instruct", "lasttoken", "e5-mistral"),
    ("budge5", "mean", None),  # neither bge nor e5
]


@pytest.mark.parametrize(("name", "pooling", "family"), FAMILIES)
def test_a_plain_folder_says_which_pooling_it_assumed(tmp_path, name, pooling, family):
    folder = makes.plain(tmp_path / name)
    made = contracts.load(folder)
    assert made.pooling == pooling
    why = f"as for the {family} models" if family else "the most usual one"
    assert made.assumed.startswith(f"{folder} has no pooling configuration. Semtune assumes {pooling} pooling, {why}.")
    with pytest.warns(UserWarning, match=rf"Semtune assumes {pooling} pooling, {why}"):
        model = open_sentence_transformer(folder, "cpu")
    assert model[1].pooling_mode == pooling


def test_a_family_is_known_by_the_config_as_well(tmp_path):
    named = makes.plain(tmp_path / "my-model", _name_or_path="BAAI/bge-base-en")
    assert contracts.load(named).pooling == "cls"
    assert contracts.load(makes.plain(tmp_path / "typed", model_type="nomic_bert")).assumed.count("nomic models") == 1
    causal = makes.plain(tmp_path / "causal", architectures=["Qwen3ForCausalLM"])
    assert contracts.load(causal).pooling == "lasttoken"
    assert contracts.load(makes.toy(tmp_path / "whole")).assumed == ""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*has no pooling configuration")
def test_the_assumed_pooling_is_that_of_every_runtime(tmp_path):
    folder = makes.plain(tmp_path / "bge-tiny")
    whole = makes.toy(tmp_path / "whole")
    edit(whole / makes.POOLING, pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)
    same_as(lambda role: of_the_library(whole, role), folder)
    mean = makes.plain(tmp_path / "other" / "unknown")
    same_as(lambda role: of_the_library(mean, role), mean)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False], ids=["saved by sentence-transformers", "saved by peft"])
def test_an_adapter_is_merged_on_load(tmp_path, whole):
    base = makes.toy(tmp_path / "base", prompts=None if whole else makes.PROMPTS)
    folder = makes.adapter(tmp_path / "adapter", base, whole=whole)

    def wanted(role):
        if whole:
            return of_the_library(folder, role)
        model = SentenceTransformer(str(base), device="cpu")
        model.load_adapter(str(folder))
        return (model.encode_query if role == "query" else model.encode_document)(TEXTS)

    served = same_as(wanted, folder)
    assert cosines(served.encode(TEXTS).vectors, of_the_library(base, "document")).max() < 0.999
    assert served.contract.fingerprint != contracts.load(base).fingerprint
    opened = open_sentence_transformer(folder, "cpu")
    assert not any("lora" in name for name, _ in opened.named_parameters())
    opened.save_pretrained(str(tmp_path / "merged"), create_model_card=False)
    assert cosines(of_the_library(tmp_path / "merged", "document"), wanted("document")).min() > 0.99999


def test_an_adapter_without_its_base_names_it(tmp_path):
    base = makes.toy(tmp_path / "base")
    folder = makes.adapter(tmp_path / "adapter", base, whole=False)
    edit(folder / "adapter_config.json", base_model_name_or_path="somebody/large-model")
    with pytest.raises(ModelError, match=r"adapter \(LoRA\) for the base model 'somebody/large-model'.* Download"):
        load_encoder(str(folder))
    edit(folder / "adapter_config.json", base_model_name_or_path="../base")  # relative to the adapter
    assert load_encoder(str(folder)).contract.dimension == 32
    other = makes.toy(tmp_path / "other", hidden=16)
    edit(folder / "adapter_config.json", base_model_name_or_path=str(other))
    with pytest.raises(ModelError, match=r"adapter that does not fit its base .*other"):
        load_encoder(str(folder))
    edit(folder / "adapter_config.json", base_model_name_or_path=None)
    with pytest.raises(ModelError, match="that it does not name"):
        load_encoder(str(folder))


@pytest.mark.slow
@pytest.mark.parametrize("static_queries", [True, False])
def test_a_router_encodes_each_role_with_its_part(tmp_path, static_queries):
    folder = makes.router(tmp_path / "router", static_queries=static_queries)
    assert contracts.load(folder).pooling == "router"
    served = same_as(lambda role: of_the_library(folder, role), folder)
    assert cosines(served.encode(TEXTS, "query").vectors, served.encode(TEXTS, "document").vectors).max() < 0.99
    limit = contracts.NO_LIMIT if static_queries else 20
    assert {role: part.max_length for role, part in served.contract.parts.items()} == {"query": limit, "document": 64}
    on_torch = load_encoder(str(folder), "torch")
    for role in ("query", "document"):
        one, other = served.encode(TEXTS, role), on_torch.encode(TEXTS, role)
        assert (one.tokens, one.truncated) == (other.tokens, other.truncated)
    assert contracts.load(tmp_path / "served").parts.keys() == {"query", "document"}
    assert served.decode(served.tokenizer("document").encode(["mend a kettle"], "query").ids[0]).endswith("kettle")
    assert {"onnx-fp32.query", "onnx-fp32.document"} <= canary.read(tmp_path / "served").vectors.keys()
    for encoder in (served, on_torch):
        canary.check(encoder, tmp_path / "served")
    part = served.contract.part("query")
    long = "mend a kettle " * 40
    whole = served.tokenizer("query").lengths([long], "query")[0]
    assert served.encode([long], "query").beyond.tolist() == [max(0, whole - part.max_length)]


def test_a_router_is_exported_to_a_new_folder_and_needs_both_parts(tmp_path):
    folder = makes.router(tmp_path / "router", static_queries=True)
    with pytest.raises(ModelError, match=r"Router model, which is exported as two models.* -o FOLDER"):
        export_model(folder, ["onnx"])
    config = json.loads((folder / "router_config.json").read_text())
    config["structure"]["question"] = config["structure"].pop("query")
    (folder / "router_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"Router model without a part for the role 'query'; its parts are 'document'"):
        load_encoder(str(folder))


def test_a_router_is_not_tuned(tmp_path, toy_folder):
    import semtune

    folder = makes.router(tmp_path / "router", static_queries=True)
    semtune.prepare(str(toy_folder), str(tmp_path / "data"))
    with pytest.raises(ModelError, match=r"is a Router model.* does not tune it"):
        semtune.train(str(tmp_path / "data"), str(folder), str(tmp_path / "tuned"))


@pytest.mark.slow
def test_a_router_is_indexed_and_searched_from_its_export(tmp_path, toy_folder):
    import semtune

    folder = makes.router(tmp_path / "router", static_queries=False)
    semtune.export(str(folder), str(tmp_path / "served"))
    semtune.index(str(tmp_path / "served"), str(toy_folder), str(tmp_path / "index"))
    hits = semtune.Searcher.open(tmp_path / "index").search("mend a kettle", k=3)
    assert len(hits) == 3


def test_a_router_s_fingerprint_is_of_both_parts(tmp_path):
    folder = makes.router(tmp_path / "router", static_queries=False)
    before = contracts.load(folder)
    part = next(path for path in folder.glob("query_0*"))
    edit(part / "sentence_bert_config.json", max_seq_length=10)
    assert contracts.load(folder).fingerprint != before.fingerprint
    assert before.fingerprint not in {part.fingerprint for part in before.parts.values()}


def test_other_kinds_are_refused_by_name(tmp_path, cross_encoder):
    for runtime in ("auto", "torch"):
        with pytest.raises(ModelError, match=r"is a cross-encoder: .* set prepare.mine_judge to it"):
            load_encoder(str(cross_encoder()), runtime)
    saved = makes.toy(tmp_path / "saved")
    for kind, words in [
        ("CrossEncoder", "is a cross-encoder"),
        ("SparseEncoder", r"is a sparse encoder \(SPLADE\).*BM25"),
        ("MultiVectorEncoder", r"is a multi-vector model \(ColBERT\)"),
    ]:
        edit(saved / makes.SETTINGS, model_type=kind)
        with pytest.raises(ModelError, match=rf"{words}.* Give an embedding model instead"):
            load_encoder(str(saved))
    edit(saved / makes.SETTINGS, model_type="SentenceTransformer")
    assert load_encoder(str(saved)).contract.dimension == 32


def test_a_classifier_with_a_pooling_configuration_is_an_encoder(tmp_path):
    folder = makes.toy(tmp_path / "model")
    edit(folder / "config.json", architectures=["BertForSequenceClassification"], id2label={"0": "LABEL_0"})
    assert TorchEncoder.load(folder).encode(TEXTS).vectors.shape == (len(TEXTS), 32)
