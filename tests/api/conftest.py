"""Static toy models, which need neither torch nor onnxruntime, and an index of a folder of notes."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

import semtune
from semtune.testing.toy_corpus import write_toy_folder


@pytest.fixture(scope="session")
def static_model(toy_model, tmp_path_factory):
    """Seed → the folder of a static model with random rows for the toy model's tokenizer; do not change it."""
    made = {}

    def get(seed=0, dimension=24):
        if (seed, dimension) not in made:
            folder = tmp_path_factory.mktemp("static") / f"model{seed}"
            folder.mkdir()
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(toy_model / name, folder / name)
            size = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"])
            rows = np.random.default_rng(seed).normal(size=(size, dimension)).astype(np.float32)
            save_file({"embedding.weight": rows}, folder / "model.safetensors")
            kinds = ("StaticEmbedding", "Normalize")
            modules = [
                {"idx": i, "name": str(i), "path": "" if not i else "1_Normalize",
                 "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)
            ]  # fmt: skip
            (folder / "modules.json").write_text(json.dumps(modules))
            made[seed, dimension] = folder
        return made[seed, dimension]

    return get


@pytest.fixture
def notes(tmp_path):
    """Six pages of Markdown, a note of three words, and a page with only a title."""
    folder = write_toy_folder(tmp_path / "notes", 6)
    (folder / "short.txt").write_text("buy milk today\n")
    (folder / "title.md").write_text("# Only a title\n")
    return folder


@pytest.fixture
def index(static_model, notes, tmp_path):
    """An index of the notes."""
    semtune.index(str(static_model()), notes, tmp_path / "index")
    return tmp_path / "index"
