"""Model folders of many makes, with tiny random weights: what people have on their disks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from model_variants import PROMPTS, WORDS, edit
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model

TEXTS = [
    "mend a kettle", " ".join(WORDS[:7]), " ".join(WORDS[:14]), " ".join(WORDS[9:60]), " ".join(WORDS[:300]),
    "UPPER lower", "naïve café — “quotes” 😀",
]  # fmt: skip
POOLING, SETTINGS, LENGTH = "1_Pooling/config.json", "config_sentence_transformers.json", "sentence_bert_config.json"


def toy(folder: Path, **options: object) -> Path:
    """A usual model."""
    return write_toy_model(folder, list(toy_documents(20).values()), **options)  # type: ignore[arg-type]


def truncated(folder: Path, *, dim: int = 12, similarity: str = "cosine", normalize: bool = True) -> Path:
    """A model whose vectors are cut to their first numbers."""
    edit(toy(folder, normalize=normalize) / SETTINGS, truncate_dim=dim, similarity_fn_name=similarity)
    return folder


def pooled(folder: Path, **pooling: object) -> Path:
    """A model with these pooling settings."""
    edit(toy(folder, prompts=PROMPTS) / POOLING, **pooling)
    return folder


def without_special_tokens(folder: Path) -> Path:
    """A tokenizer that adds neither [CLS] nor [SEP]."""
    toy(folder)
    edit(folder / "tokenizer.json", post_processor=None)
    edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    return folder


def of_length(folder: Path, length: int) -> Path:
    """A model that says it reads so many tokens; it has 64 positions."""
    edit(toy(folder) / LENGTH, max_seq_length=length)
    edit(folder / "tokenizer_config.json", model_max_length=max(64, length))
    return folder


def old_layout(folder: Path) -> Path:
    """As sentence-transformers 0.x and 1.x saved: the backbone in a folder, another config.json beside it."""
    toy(folder)
    (folder / "0_Transformer").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", LENGTH):
        shutil.move(folder / name, folder / "0_Transformer" / name)
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config.json").write_text('{"__version__": "1.2.0"}')
    (folder / SETTINGS).unlink()
    return folder


def plain(folder: Path, **config: object) -> Path:
    """A transformers folder without anything of sentence-transformers."""
    toy(folder)
    for name in ("modules.json", LENGTH, SETTINGS):
        (folder / name).unlink()
    shutil.rmtree(folder / "1_Pooling")
    edit(folder / "config.json", **config)
    return folder


def adapter(folder: Path, base: Path, *, whole: bool) -> Path:
    """A LoRA adapter for `base`: with the files that sentence-transformers saves (`whole`), or those of peft alone."""
    import torch
    from peft import LoraConfig, TaskType
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base), device="cpu")
    model.add_adapter(LoraConfig(TaskType.FEATURE_EXTRACTION, r=4, lora_alpha=64, target_modules="all-linear"))
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for name, values in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(values, std=0.2)
    if whole:
        model.save_pretrained(str(folder), create_model_card=False)
    else:
        model.transformers_model.save_pretrained(folder)
    edit(folder / "adapter_config.json", base_model_name_or_path=str(base))
    return folder


def router(folder: Path, *, static_queries: bool, prompts: bool = True) -> Path:
    """Queries and documents with a part each: two transformers of other lengths, or a table for the queries."""
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer

    documents = SentenceTransformer(str(toy(folder.parent / "documents", normalize=False)), device="cpu")
    if static_queries:
        tokenizer = Tokenizer.from_file(str(folder.parent / "documents" / "tokenizer.json"))
        rows = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 32)).astype(np.float32)
        queries = [StaticEmbedding(tokenizer, rows)]
    else:
        other = write_toy_model(
            folder.parent / "queries", ["mend kettle violin"], seed=4, layers=1, max_length=20, normalize=False
        )
        queries = list(SentenceTransformer(str(other), device="cpu"))
    modules = [Router.for_query_document(queries, list(documents)), Normalize()]
    model = SentenceTransformer(modules=modules, prompts=PROMPTS if prompts else None, device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
