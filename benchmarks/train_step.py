"""One training step, with torch's attention and dropout and with Semtune's; bf16 where the processor has it.

Multiple negatives ranking, batch 32 of like length, dropout kept in both, the same batches.
python benchmarks/train_step.py [--json]
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import torch
from passages import MODEL, python_docs
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from timing import interleaved, publish

from semtune.encoders.torch import open_sentence_transformer
from semtune.machine import has_bf16, keep_freed_memory
from semtune.train.cpu.fast_training import fast_on_cpu
from semtune.train.data.sampler import length_batches

BATCH, STEPS, ROUNDS = 32, 2, 3


def main() -> None:
    """Measure and publish."""
    keep_freed_memory()  # for both: it would favour the second
    dataset, folder, _ = python_docs()
    pairs = dataset.pairs["train"]
    lengths = [len(pair.anchor) + len(pair.positive) for pair in pairs]
    keys = [frozenset((i,)) for i in range(len(pairs))]
    batches = length_batches(lengths, keys, BATCH, np.random.default_rng(0))[:STEPS]
    model = open_sentence_transformer(folder, "cpu").train()
    loss = MultipleNegativesRankingLoss(model)
    optimiser = torch.optim.AdamW(model.parameters(), 2e-5, fused=True)
    texts = [[[getattr(pairs[i], side) for i in batch] for side in ("anchor", "positive")] for batch in batches]
    tokens = sum(int(model.preprocess(column)["attention_mask"].sum()) for pair in texts for column in pair)

    def steps(fast: bool, bf16: bool) -> None:
        with fast_on_cpu(model) if fast else nullcontext():
            for columns in texts:
                pair = [model.preprocess(column) for column in columns]  # in the block: without padding
                with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
                    value = loss(pair, None)
                value.backward()
                optimiser.step()
                optimiser.zero_grad()

    half = has_bf16()
    variants = {
        "torch's, fp32": lambda: steps(False, False),
        **({"torch's, bf16": lambda: steps(False, True)} if half else {}),
        "Semtune's, fp32": lambda: steps(True, False),
        **({"Semtune's, bf16": lambda: steps(True, True)} if half else {}),
    }
    what = f"{STEPS} steps of {BATCH} pairs of {MODEL}, {tokens / STEPS:.0f} tokens a step, peer: torch's, fp32"
    publish("train_step", {"what": what, "variants": interleaved(variants, ROUNDS, "torch's, fp32")})


if __name__ == "__main__":
    main()
