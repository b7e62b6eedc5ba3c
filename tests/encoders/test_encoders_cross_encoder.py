"""A cross-encoder with random weights as judge of hard negatives."""

import json

import numpy as np
import pytest

from semtune.encoders.cross_encoder import CrossEncoderJudge, cross_encoder_hash
from semtune.errors import ConfigError, ModelError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.settings import PrepareSettings

PAIRS = [("how to mend a kettle", "a kettle is mended with a new lid and some glue"), ("mend", "short"), ("a", "a")]


def test_scores_are_the_sigmoid_of_the_model_s_output_whatever_the_batch(cross_encoder):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = cross_encoder()
    config = json.loads((folder / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}  # as MS MARCO's models have
    (folder / "config.json").write_text(json.dumps(config))
    judge = CrossEncoderJudge.load(str(folder))
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    with torch.inference_mode():
        raw = [float(model(**tokenizer(*pair, return_tensors="pt")).logits) for pair in PAIRS]
    assert judge(PAIRS) == pytest.approx(1 / (1 + np.exp(-np.array(raw))), abs=1e-5)
    assert judge(PAIRS * 30)[3:6] == pytest.approx(judge(PAIRS), abs=1e-5)
    assert len(set(np.round(raw, 3))) == 3


def test_what_is_no_judge_is_refused(cross_encoder, toy_model, tmp_path):
    with pytest.raises(ModelError, match="gives 3 scores per pair; exactly one is needed"):
        CrossEncoderJudge.load(str(cross_encoder(labels=3)))
    with pytest.raises(ModelError, match="not a cross-encoder: it embeds texts one by one"):
        CrossEncoderJudge.load(str(toy_model))
    with pytest.raises(ModelError, match=r"mine_judge: There is no model folder .*/gone"):
        CrossEncoderJudge.load(str(tmp_path / "gone"))
    with pytest.raises(ModelError, match="mine_judge: No model 'nobody/has-this'"):
        CrossEncoderJudge.load("nobody/has-this")


def test_prepare_heeds_the_judge_and_runs_again_with_another(
    cross_encoder, toy_model, toy_folder, tmp_path, monkeypatch
):
    from semtune.config import parse_config
    from semtune.pipeline import STEPS, run_pipeline
    from toy_run import settings

    folder = cross_encoder()
    monkeypatch.setattr("semtune.pipeline.STEPS", STEPS[:1])

    def run(**options):
        mined = {"hard_negatives": 2, "mine_judge": str(folder), "mine_margin": 0.98}
        report = run_pipeline(parse_config(settings(tmp_path, toy_model, toy_folder, prepare=mined)), **options)
        return report.steps[0]

    run()
    made = json.loads((tmp_path / "runs/toy/prepare/prepare.json").read_text())["negatives"]
    assert made["judged"] > 0
    judge = CrossEncoderJudge.load(str(folder))
    rows = [json.loads(line) for line in (tmp_path / "runs/toy/prepare/train.jsonl").read_text().splitlines()]
    for row in rows:
        positive, *negatives = judge([(row["anchor"], row[name]) for name in ("positive", "negative_1", "negative_2")])
        assert max(negatives) < 0.98 * positive + 1e-5
    review = [json.loads(line) for line in (tmp_path / "runs/toy/prepare/review.jsonl").read_text().splitlines()]
    refused = next(row for row in review if row["guard"] == "judge")
    assert judge([(refused["query"], refused["text"])])[0] == pytest.approx(refused["score"], abs=1e-3)
    assert run().status == "unchanged"
    hashed = cross_encoder_hash(str(folder))
    (folder / "model.safetensors").write_bytes((cross_encoder(labels=3) / "model.safetensors").read_bytes())
    assert cross_encoder_hash(str(folder)) != hashed
    assert run(dry_run=True).reason == "input changed: judge"


def test_a_judge_that_is_not_given_is_asked_for(tmp_path):
    from semtune.encoders.toy import ToyEncoder

    with pytest.raises(ConfigError, match="mine_judge='x' needs that model"):
        prepare(tmp_path, None, 64, PrepareSettings(hard_negatives=1, mine_judge="x"), encoder=ToyEncoder(8))
