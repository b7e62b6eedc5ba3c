"""`--to layers`: some of the teacher's own layers, evenly spaced (Sanh et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError, ModelError
from semtune.train.data.rows import MIN_ROWS
from semtune.train.distil.imitate import ImitationData, closeness_facts
from semtune.train.distil.job import DistillationJob, Student
from semtune.train.distil.training_texts import imitation_texts
from semtune.train.planning.plan import uses_bf16
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def to_layers(job: DistillationJob, dataset: Dataset, count: int | None, settings: TrainSettings) -> Student:
    """Some of the teacher's layers, trained to give the teacher's vectors for the texts of the data set.

    Raises:
        ConfigError: the number of layers is not below the teacher's.
        InputError: there are no texts to learn from.
    """
    model = job.model()
    kept = keep_layers(model, count)
    texts = imitation_texts(dataset, job.contract)
    if len(texts) < MIN_ROWS:
        raise InputError(
            f"The data set has {len(texts)} texts to learn from; at least {MIN_ROWS} are needed, thousands are better. "
            "Give a larger one with --data."
        )
    start = job.stage("start", lambda: model, job.teacher)
    lesson = ImitationData({"text": texts}, job.targets(texts, uses_bf16(settings)))
    folder, made = job.imitated(start, lesson, settings)
    numbers = ", ".join(str(at + 1) for at in kept)
    how = f"the teacher's layers {numbers}, taught on {len(texts):,} texts"
    return Student(folder, how, {"layers": [at + 1 for at in kept], **closeness_facts(made)})


def kept_layers(total: int, count: int) -> list[int]:
    """Which of `total` layers are kept: the first, the last, and evenly spaced ones between; of one, the last."""
    if count == 1:
        return [total - 1]
    return [round(at * (total - 1) / (count - 1)) for at in range(count)]


def keep_layers(model: SentenceTransformer, wanted: int | None) -> list[int]:
    """Remove layers of `model` in place; returns the numbers, from 0, of those that are kept.

    Args:
        model: the teacher.
        wanted: number of layers to keep; None: half of them.

    Raises:
        ConfigError: the number is not below the teacher's, or not above 0.
        ModelError: the transformer is not a plain stack of layers.
    """
    from torch import nn

    transformer: Any = getattr(model[0], "auto_model", None)
    if transformer is None:
        raise ModelError("The teacher has no transformer, so it has no layers to remove. Choose another teacher.")
    config = transformer.config
    total = int(config.num_hidden_layers)
    count = max(1, total // 2) if wanted is None else wanted
    if not 0 < count < total:
        raise ConfigError(f"--layers is {count}; allowed: 1 to {total - 1}, since the teacher has {total}.")
    parent, name = _layer_stack(transformer, total)
    kept = kept_layers(total, count)
    setattr(parent, name, nn.ModuleList(getattr(parent, name)[at] for at in kept))
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[at] for at in kept]
    return kept


def _layer_stack(transformer: Any, total: int) -> tuple[Any, str]:
    """The module that holds the list of layers, and the name of the list in it."""
    from torch import nn

    stacks = [
        (parent, name)
        for parent in transformer.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == total
    ]
    if len(stacks) != 1:
        raise ModelError(
            f"The teacher's {type(transformer).__name__} is not one stack of {total} separate layers. Semtune shortens "
            "encoders like BERT, RoBERTa, MPNet, XLM-R and DistilBERT. Choose a teacher of that kind, or --to static."
        )
    return stacks[0]
