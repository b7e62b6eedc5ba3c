"""A tiny BERT with random weights and the files of a real model, for tests of the code around a model.

Its word vectors are random, so texts that share words are similar from the start and training has something to learn.
Writing a folder takes milliseconds and needs no torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

WORD = re.compile(r"\w+")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def write_toy_model(
    folder: Path,
    texts: Iterable[str] = (),
    *,
    hidden: int = 32,
    layers: int = 2,
    max_length: int = 64,
    seed: int = 0,
    normalize: bool = True,
    prompts: dict[str, str] | None = None,
) -> Path:
    """Write a sentence-transformers folder of a random BERT with mean pooling; returns `folder`.

    Args:
        folder: created if necessary.
        texts: their words become tokens; other words are split into letters.
        hidden: dimension of the embeddings, a multiple of 4.
        layers: of the encoder.
        max_length: maximum tokens of an input.
        seed: of the weights; another seed gives a model with another fingerprint.
        normalize: end the pipeline with a Normalize module.
        prompts: role → text before each input.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary(texts)
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": 4, "intermediate_size": 2 * hidden, "vocab_size": len(vocabulary),
        "max_position_embeddings": max_length, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "pad_token_id": 0, "initializer_range": 0.02,
    }  # fmt: skip
    _write(folder / "config.json", config)
    _write_weights(folder / "model.safetensors", config, seed)
    _write_tokenizer(folder, vocabulary, max_length)
    modules = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    _write(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": paths[kind], "type": f"sentence_transformers.models.{kind}"}
            for i, kind in enumerate(modules)
        ],
    )
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True}
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    _write(
        folder / "config_sentence_transformers.json",
        {"prompts": prompts or {}, "default_prompt_name": None, "similarity_fn_name": "cosine"},
    )
    return folder


def _vocabulary(texts: Iterable[str]) -> dict[str, int]:
    words = sorted({word for text in texts for word in WORD.findall(text.lower())} - set(LETTERS))
    tokens = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words]
    return {token: number for number, token in enumerate(tokens)}


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _write_tokenizer(folder: Path, vocabulary: dict[str, int], max_length: int) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
    tokenizer.decoder = decoders.WordPiece()  # type: ignore[assignment]
    tokenizer.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens(list(SPECIAL))  # as in every real tokenizer.json, they are recognised in texts
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{name[1:-1].lower()}_token": name for name in SPECIAL}
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "model_max_length": max_length, "do_lower_case": True, **names},
    )


def _write_weights(path: Path, config: dict, seed: int) -> None:
    from safetensors.numpy import save_file

    rng = np.random.default_rng(seed)
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    state: dict[str, np.ndarray] = {}

    def matrix(name: str, rows: int, columns: int, scale: float) -> None:
        state[f"{name}.weight"] = rng.normal(0.0, scale, (rows, columns)).astype(np.float32)

    def linear(name: str, inputs: int, outputs: int) -> None:
        matrix(name, outputs, inputs, 0.02)
        state[f"{name}.bias"] = np.zeros(outputs, dtype=np.float32)

    def norm(name: str) -> None:
        state[f"{name}.weight"] = np.ones(hidden, dtype=np.float32)
        state[f"{name}.bias"] = np.zeros(hidden, dtype=np.float32)

    matrix(
        "embeddings.word_embeddings", config["vocab_size"], hidden, 1.0
    )  # large, so that it starts as a bag of words
    matrix("embeddings.position_embeddings", config["max_position_embeddings"], hidden, 0.02)
    matrix("embeddings.token_type_embeddings", config["type_vocab_size"], hidden, 0.02)
    norm("embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        to = f"encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            linear(f"{to}attention.self.{name}", hidden, hidden)
        linear(f"{to}attention.output.dense", hidden, hidden)
        norm(f"{to}attention.output.LayerNorm")
        linear(f"{to}intermediate.dense", hidden, wide)
        linear(f"{to}output.dense", wide, hidden)
        norm(f"{to}output.LayerNorm")
    linear("pooler.dense", hidden, hidden)
    save_file(state, str(path), metadata={"format": "pt"})
