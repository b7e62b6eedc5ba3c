"""Semtune's training against the stock SentenceTransformerTrainer at its defaults (fp32, random batches).

The same rows, one epoch, batch 32, dropout kept; what opens the model and the data is not timed. Mixed-length passages
are summary → text of this Python's documentation, positives of 20 to 256 tokens; short sentences are pairs of its lines
of 5 to 24 tokens. With --quality, instead, three seeds of each on the passages, the dev metric measured by one and the
same code.

With the folder of another model it is trained instead, on a quarter of the passages alone; the result is
train-NAME.json.

python benchmarks/train.py [FOLDER] [--json] [--quality]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from passages import MODEL, python_docs
from timing import publish, timed

from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import open_sentence_transformer
from semtune.machine import has_bf16, keep_freed_memory
from semtune.progress import QUIET
from semtune.train.monitor.dev_retrieval import RetrievalMeasure
from semtune.train.planning.plan import plan
from semtune.train.settings import TrainSettings
from semtune.train.trainer.training_job import TrainingJob
from semtune.train.trainer.training_loop import run_training
from semtune.types import Pair

BATCH, ROUNDS, ROWS, SHORT_ROWS, QUALITY_ROWS = 32, 3, 512, 512, 512
LONG, SHORT = range(20, 257), range(5, 25)  # tokens
SEEDS = (1, 2, 3)
SETTINGS = TrainSettings(num_train_epochs=1, per_device_train_batch_size=BATCH)


def stock(pairs: Sequence[Pair], folder: Path, seed: int, advance: Any = lambda _: None) -> Any:
    """Train with the library's Trainer at its defaults, as its documentation shows; returns the model."""
    from datasets import Dataset as Table
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sentence_transformer.trainer import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments
    from transformers import PrinterCallback, TrainerCallback, set_seed

    class Steps(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            advance(1)

    set_seed(seed)
    model = open_sentence_transformer(folder, "cpu")
    model.model_card_data.widget = [{"text": ""}]
    table = Table.from_dict({"anchor": [p.anchor for p in pairs], "positive": [p.positive for p in pairs]})
    arguments = SentenceTransformerTrainingArguments(
        output_dir=tempfile.mkdtemp(), num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=2e-5,
        warmup_steps=0.1, use_cpu=True, seed=seed, save_strategy="no", report_to="none", disable_tqdm=True,
        dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=table,
        loss=losses.MultipleNegativesRankingLoss(model),
        callbacks=[Steps()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return model


def ours(pairs: Sequence[Pair], folder: Path, seed: int, advance: Any = lambda _: None, **changed: Any) -> Any:
    """Train as `semtune train` does; returns the model."""
    data = Dataset(pairs={"train": list(pairs)})
    settings = SETTINGS.replace(**changed)
    with tempfile.TemporaryDirectory() as work:
        chosen = plan(data, settings)
        job = TrainingJob({"main": data}, folder, contracts.load(folder), Path(work), settings, chosen, seed)
        return run_training(job, QUIET, advance).model


def steady(train: Any) -> float:
    """Seconds from the end of the first step to the end of the last: no model is opened and no table made in them."""
    ends: list[float] = []
    train(lambda steps: ends.append(time.perf_counter()) if steps else None)
    return ends[-1] - ends[0]


def speed(pairs: Sequence[Pair], folder: Path) -> dict[str, dict[str, float]]:
    """Ratios of seconds to the stock Trainer's, medians of interleaved rounds."""
    runs = {"stock, fp32": lambda advance: stock(pairs, folder, 1, advance)}
    if has_bf16():
        runs["Semtune, bf16"] = lambda advance: ours(pairs, folder, 1, advance)
    runs["Semtune, fp32"] = lambda advance: ours(pairs, folder, 1, advance, precision="fp32")
    found = timed({name: (lambda run=run: steady(run)) for name, run in runs.items()}, ROUNDS, "stock, fp32")
    rows = len(pairs) - BATCH
    return {name: {**row, "pairs/s": round(rows / row["seconds"], 1)} for name, row in found.items()}


def quality(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Dev nDCG@10 after one epoch on the same rows, three seeds of each, measured alike in fp32."""
    measure = RetrievalMeasure(dataset, contracts.load(folder), bf16=False, max_passages=500, seed=0)
    pairs = dataset.pairs["train"][:QUALITY_ROWS]
    made: dict[str, list[float]] = {"stock, fp32": [], "Semtune": []}
    for seed in SEEDS:
        made["stock, fp32"].append(measure(stock(pairs, folder, seed)).value)
        made["Semtune"].append(measure(ours(pairs, folder, seed)).value)
    base = measure(open_sentence_transformer(folder, "cpu")).value
    summary = {
        name: {
            "mean": round(statistics.mean(v), 4),
            "spread": round(max(v) - min(v), 4),
            "values": [round(x, 4) for x in v],
        }
        for name, v in made.items()
    }
    return {"base": round(base, 4), "rows": len(pairs), **summary}


def short_pairs(texts: Sequence[str], tokenizer: Tokenizer, wanted: int) -> list[Pair]:
    """Lines of the documentation that are short sentences, each with the next one."""
    lines = dict.fromkeys(line.strip() for text in texts for line in text.split(". "))
    sized = [line for line, n in zip(lines, tokenizer.lengths(list(lines)), strict=True) if n in SHORT]
    return [Pair(one, two) for one, two in zip(sized[::2], sized[1::2], strict=False)][:wanted]


def padding(pairs: Sequence[Pair], tokenizer: Tokenizer) -> float:
    """Share of the positives' tokens that are padding in random batches."""
    sizes = np.minimum(tokenizer.lengths([p.positive for p in pairs]), LONG.stop - 1)
    batches = [sizes[i : i + BATCH] for i in range(0, len(sizes), BATCH)]
    return 1 - float(sizes.sum() / sum(b.max() * len(b) for b in batches))


def measured(pairs: Sequence[Pair], folder: Path, tokenizer: Tokenizer) -> dict[str, Any]:
    """The rows, how long they are, and the speeds on them."""
    return {
        "rows": len(pairs),
        "tokens of a positive": round(float(np.mean(tokenizer.lengths([p.positive for p in pairs]))), 1),
        "padding in random batches": round(padding(pairs, tokenizer), 3),
        "variants": speed(pairs, folder),
    }


def main() -> None:
    """Measure and publish."""
    warnings.filterwarnings("ignore")
    keep_freed_memory()  # for both
    dataset, folder, _ = python_docs()
    others = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    folder = others[0] if others else folder
    name, suffix = (others[0].name, f"-{others[0].name}") if others else (MODEL, "")
    tokenizer = Tokenizer(folder, contracts.load(folder))
    if "--quality" in sys.argv:
        what = f"{name}, batch {BATCH}, one epoch, {len(SEEDS)} seeds"
        publish(f"train-quality{suffix}", {"what": what, **quality(dataset, folder)})
        return
    train = dataset.pairs["train"]
    sizes = tokenizer.lengths([pair.positive for pair in train])
    order = np.random.default_rng(0).permutation(len(train))
    passages = [train[i] for i in order if sizes[i] in LONG][: ROWS // 4 if others else ROWS]
    facts: dict[str, Any] = {
        "what": f"{name}, batch {BATCH}, one epoch; peer: stock SentenceTransformerTrainer, fp32, random batches",
        "mixed passages": measured(passages, folder, tokenizer),
    }
    if not others:
        sentences = short_pairs([d.text for d in dataset.corpus], tokenizer, SHORT_ROWS)
        facts["short sentences"] = measured(sentences, folder, tokenizer)
    publish(f"train{suffix}", facts)


if __name__ == "__main__":
    main()
