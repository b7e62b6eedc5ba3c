"""multilingual-e5-small with its prompts gives the values that ../shared/data/INDEX.md has for it."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from semtune.dataset import Dataset
from semtune.encoders.load import load_encoder
from semtune.evaluate.scores import score
from semtune.prepare.build.for_evaluation import load_for_evaluation

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(1800)]
QUESTIONS = 300  # the first ones: those that INDEX.md's values are of


@pytest.fixture
def me5(tmp_path):
    folder = Path(os.environ.get("SEMTUNE_ME5", "no folder"))
    if not (folder / "modules.json").is_file():
        pytest.skip("no multilingual-e5-small: $SEMTUNE_ME5 names no model folder")
    shutil.copytree(folder, tmp_path / "me5", copy_function=os.symlink)
    return tmp_path / "me5"


@pytest.mark.parametrize(("tokens", "german", "chinese"), [(256, 0.850, 0.670), (512, 0.860, 0.670)])
def test_questions_in_german_and_chinese_find_english_passages(me5, real_data, tmp_path, tokens, german, chinese):
    (me5 / "sentence_bert_config.json").unlink()
    (me5 / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": tokens, "do_lower_case": False}))
    place = tmp_path / "xquad"
    place.mkdir()
    for language in ("de", "en", "zh"):
        (place / f"beir_{language}").symlink_to(real_data / "xquad" / f"beir_{language}")
    sets = [
        replace(each, ids=each.ids[:QUESTIONS], texts=each.texts[:QUESTIONS], answers=each.answers[:QUESTIONS])
        for each in load_for_evaluation(place).parallel["test"]
        if each.target == "en" != each.source
    ]
    encoder = load_encoder(str(me5), exact=True)
    assert (encoder.contract.max_length, encoder.contract.prompts["document"]) == (tokens, "passage: ")
    found = score(encoder, Dataset(parallel={"test": sets}))
    one_question = 1 / QUESTIONS + 1e-9  # another processor may turn a near tie
    assert found.matrix["de"]["en"] == pytest.approx(german, abs=one_question)
    assert found.matrix["zh"]["en"] == pytest.approx(chinese, abs=one_question)
