"""The library's loss modules, made from a name and options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINI_BATCH = "mini_batch_size"
SET_BY_SEMTUNE = {
    "self", "model", "guide", MINI_BATCH, "embedding_dimension", "num_labels", "gather_across_devices",
    "show_progress_bar", "similarity_fct", "loss_fct", "decoder_name_or_path",
}  # fmt: skip
"""Parameters of losses that are not options of the user."""
UNIT_LENGTH_DEFAULTS: dict[str, dict[str, Any]] = {
    "TripletLoss": {"distance_metric": "cosine", "triplet_margin": 0.2},
    "BatchHardTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchSemiHardTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchAllTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchHardSoftMarginTripletLoss": {"distance_metric": "cosine"},
    "DistillKLDivLoss": {"temperature": 0.05},
}
"""The library's defaults (a margin of 5) are for vectors of any length; vectors of unit length are at most 2 apart."""
SYMMETRIC_OPTIONS = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}


def check_loss_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that the loss does not have.

    Raises:
        ConfigError: with those it has.
    """
    known = option_names(name)
    for key in options:
        if key not in known:
            raise ConfigError(
                f"train.loss_options: {name} has no option {key!r}.{nearest(key, known)} "
                f"Allowed: {', '.join(known) or 'none'}."
            )


def option_names(name: str) -> list[str]:
    """The options of a loss that a user may set: its numbers and words, without what Semtune sets itself."""
    return [key for key in _parameters(name) if key not in SET_BY_SEMTUNE]


def build_loss(
    name: str,
    model: SentenceTransformer,
    *,
    options: Mapping[str, Any],
    mini_batch: int | None = None,
    guide: SentenceTransformer | None = None,
    classes: int = 0,
    matryoshka: tuple[int, ...] = (),
    gather: bool = False,
) -> Any:
    """Make the loss module.

    Args:
        name: a key of `semtune.train.losses.catalogue.LOSSES`.
        model: the one that is trained.
        options: of the loss, as in `train.loss_options`.
        mini_batch: rows at a time, for the cached losses.
        guide: for the losses that need one.
        classes: number of labels that a classifier tells apart.
        matryoshka: dimensions that vectors can be cut to afterwards (Kusupati et al. 2022); none: only the whole.
        gather: use negatives of the other processes too.
    """
    from sentence_transformers.sentence_transformer import losses

    values: dict[str, Any] = UNIT_LENGTH_DEFAULTS.get(name, {}) | dict(options)
    parameters = _parameters(name)
    if mini_batch and MINI_BATCH in parameters:
        values[MINI_BATCH] = mini_batch
    if guide is not None:
        values["guide"] = guide
    if gather and "gather_across_devices" in parameters:
        values["gather_across_devices"] = True
    if "Symmetric" in name:
        values |= SYMMETRIC_OPTIONS
    if name == "SoftmaxLoss":
        values |= {"embedding_dimension": model.get_embedding_dimension(), "num_labels": classes}
    loss = _loss_class(name)(model, **_with_distance(name, values))
    return losses.MatryoshkaLoss(model, loss, list(matryoshka)) if matryoshka else loss


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(_loss_class(name).__init__).parameters


def _loss_class(name: str) -> Any:
    """The loss's class; the symmetric ones are deprecated in favour of options, see `SYMMETRIC_OPTIONS`."""
    from sentence_transformers.sentence_transformer import losses

    if name == "SupervisedContrastiveLoss":
        from semtune.train.losses.supervised_contrastive import SupervisedContrastiveLoss

        return SupervisedContrastiveLoss
    return getattr(losses, name.replace("Symmetric", ""))


def _with_distance(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """A config names the distance; the losses take a function or an enum."""
    if "distance_metric" not in values or name == "EmbedDistillLoss":
        return values
    wanted, known = str(values["distance_metric"]), _distances(name)
    if wanted not in known:
        raise ConfigError(
            f"train.loss_options.distance_metric {wanted!r} is unknown. Allowed for {name}: {', '.join(known)}."
        )
    return values | {"distance_metric": known[wanted]}


def _distances(name: str) -> dict[str, Any]:
    from sentence_transformers.sentence_transformer import losses

    if name == "TripletLoss":
        triplet = losses.TripletDistanceMetric
        return {"cosine": triplet.COSINE, "euclidean": triplet.EUCLIDEAN, "manhattan": triplet.MANHATTAN}
    if name.startswith("Batch"):
        batch = losses.BatchHardTripletLossDistanceFunction
        return {"cosine": batch.cosine_distance, "euclidean": batch.euclidean_distance}
    pair = losses.SiameseDistanceMetric
    return {"cosine": pair.COSINE_DISTANCE, "euclidean": pair.EUCLIDEAN, "manhattan": pair.MANHATTAN}
