"""Four models unlike each other, exported once: what encoders, export and search are tested on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from semtune.contract import Contract
from semtune.io import sha256_file
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model

VARIANTS = ("mean", "cls", "dense", "roberta")
WORDS = " ".join(toy_documents(20).values()).replace("#", "").split()
PROMPTS = {"query": "ask the seller: ", "document": "all about "}


@dataclass(frozen=True, slots=True)
class Variant:
    """A model as sentence-transformers reads it, and its export."""

    name: str
    source: Path
    folder: Path
    contract: Contract
    before: dict[str, str]  # file → hash, in `source` before the export


def write_variant(name: str, folder: Path) -> Path:
    """Write the model folder of one of `VARIANTS`."""
    texts = list(toy_documents(20).values())
    if name == "mean":
        return write_toy_model(folder, texts)
    if name == "cls":
        return _cls(write_toy_model(folder, texts, normalize=False, seed=1))
    if name == "dense":
        return _dense(write_toy_model(folder, texts, layers=1, seed=2, prompts=PROMPTS))
    return _roberta(folder, texts)


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder → its hash."""
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def edit(path: Path, **values: object) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _cls(folder: Path) -> Path:
    """The first token's vector, compared by the inner product: lengths of vectors count."""
    edit(folder / "1_Pooling" / "config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)
    edit(folder / "config_sentence_transformers.json", similarity_fn_name="dot")
    weights = load_file(folder / "model.safetensors")
    for key in [key for key in weights if ".layer." in key and "LayerNorm" not in key]:
        weights[key] = weights[key] * 15  # the first token sees the others
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _dense(folder: Path) -> Path:
    """A dense layer to 24 dimensions before the normalisation, and prompts."""
    modules = json.loads((folder / "modules.json").read_text())
    modules[2] |= {"idx": 3, "name": "3", "path": "3_Normalize"}
    modules.insert(2, {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Dense").mkdir()
    settings = {
        "in_features": 32, "out_features": 24, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh",
    }  # fmt: skip
    (folder / "2_Dense" / "config.json").write_text(json.dumps(settings))
    rng = np.random.default_rng(0)
    weights = {"linear.weight": rng.normal(size=(24, 32)), "linear.bias": rng.normal(size=24)}
    save_file({k: v.astype(np.float32) for k, v in weights.items()}, str(folder / "2_Dense" / "model.safetensors"))
    return folder


def _roberta(folder: Path, texts: list[str]) -> Path:
    """No token types, padding id 1, byte-level BPE that knows capitals while the model's settings lower them, no Normalize."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    folder.mkdir(parents=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocab_size=600, special_tokens=special, show_progress=False)
    bpe.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=48)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = RobertaConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=50, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )  # fmt: skip
        RobertaModel(config).save_pretrained(folder)
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 48, "do_lower_case": True}))
    settings = {"prompts": {"query": "Who asks? "}, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return folder
