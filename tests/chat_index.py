"""A small index made with a real exported model, with and without calibrated thresholds."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from semtune.contract import publish_thresholds
from semtune.encoders.load import load_encoder
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.types import Document

LONG = "Keep the kettle in a dry cupboard away from frost. " * 60
DOCUMENTS = [
    Document(
        "kettle#clean",
        "Wipe the kettle with a damp cloth and let it dry in moving air.",
        "Cleaning the kettle",
        {"source": "kettle.md", "headings": ["The kettle", "Cleaning the kettle"], "span": [40, 103], "year": 2020},
    ),
    Document("lantern", "A cracked lantern is mended with glue and a clamp.", "Repairing the lantern", {"year": 2024}),
    Document("web", "A good violin costs more at first.", "", {"url": "https://example.org/violin", "year": 2025}),
    Document("script", "Light the candle by hand.", "The candle", {"url": "javascript:alert(1)"}),
    Document("long", LONG, "Storing the kettle", {"source": "storing.md", "lang": "en"}),
]
QUESTION = "wipe the kettle with a damp cloth"
THRESHOLDS = {"slope": 10.0, "intercept": -5.0, "of": "an answer is labelled relevant"}


def make_index(folder: Path, model: Path, floor: float | None = None, documents=DOCUMENTS) -> Path:
    """An index with a copy of a model whose floor is a score; None: not calibrated."""
    shutil.copytree(model, folder / "model")
    if floor is not None:
        publish_thresholds(folder / "model", {**THRESHOLDS, "thresholds": {"best-f1": floor}})
    build_index(documents, load_encoder(str(folder / "model")), folder / "model", folder / "index", IndexSettings())
    return folder / "index"


def cosines(model: Path, query: str, documents=DOCUMENTS) -> dict[str, float]:
    """Id → similarity to a query, by the encoder alone."""
    encoder = load_encoder(str(model))
    asked = encoder.encode([query], "query").vectors[0]
    kept = encoder.encode([each.content for each in documents]).vectors
    return {each.id: float(np.dot(vector, asked)) for each, vector in zip(documents, kept, strict=True)}


@pytest.fixture(scope="module")
def chat_model(exported):
    """The folder of the exported model."""
    return exported("mean").folder


@pytest.fixture(scope="module")
def plain_index(chat_model, tmp_path_factory):
    """An index of a model without calibration."""
    return make_index(tmp_path_factory.mktemp("plain"), chat_model)


@pytest.fixture(scope="module")
def calibrated_index(chat_model, tmp_path_factory):
    """An index of a model whose floor lies between the best and the second passage for QUESTION."""
    best, second = sorted(cosines(chat_model, QUESTION).values(), reverse=True)[:2]
    return make_index(tmp_path_factory.mktemp("calibrated"), chat_model, (best + second) / 2)
