"""The losses of sentence-transformers: what each is for, which rows it takes, and how it is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from semtune.errors import ConfigError, nearest
from semtune.train.data.rows import Material, Shape

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Helper = Literal["", "guide", "teacher"]
PAIRS: tuple[Shape, ...] = ("pairs", "triplets", "pairs with negatives")
NEGATIVES: tuple[Shape, ...] = ("triplets", "pairs with negatives")
MINI = "mini_batch_size"


@dataclass(frozen=True, slots=True)
class LossSpec:
    """One loss.

    Attributes:
        why: what it does, in words for the plan.
        shapes: rows it takes.
        in_batch: other rows of the batch are negatives, so texts must not repeat in it, and a larger batch is another task.
        binary: labels must be 0 and 1.
        needs: another model: a "guide" that tells false negatives, or a "teacher" whose scores or vectors are the labels.
        cached: the variant that computes the same gradient in mini-batches (GradCache, Gao et al. 2021); "" if none.
    """

    why: str
    shapes: tuple[Shape, ...]
    in_batch: bool = False
    binary: bool = False
    needs: Helper = ""
    cached: str = ""


_RANK = "the other rows of the batch are negatives (van den Oord et al. 2018; Henderson et al. 2017)"
_CACHED = "as without Cached, the batch in mini-batches: as many negatives in less memory (Gao et al. 2021)"
LOSSES: dict[str, LossSpec] = {
    "MultipleNegativesRankingLoss": LossSpec(
        _RANK, (*PAIRS, "plain sentences"), in_batch=True, cached="CachedMultipleNegativesRankingLoss"
    ),
    "CachedMultipleNegativesRankingLoss": LossSpec(_CACHED, (*PAIRS, "plain sentences"), in_batch=True),
    "MultipleNegativesSymmetricRankingLoss": LossSpec(
        "each side must find the other among the batch; for translations and duplicates",
        PAIRS,
        in_batch=True,
        cached="CachedMultipleNegativesSymmetricRankingLoss",
    ),
    "CachedMultipleNegativesSymmetricRankingLoss": LossSpec(_CACHED, PAIRS, in_batch=True),
    "GISTEmbedLoss": LossSpec(
        "as MultipleNegativesRankingLoss, without the negatives that a guide model finds too alike (Solatorio 2024)",
        PAIRS,
        in_batch=True,
        needs="guide",
        cached="CachedGISTEmbedLoss",
    ),
    "CachedGISTEmbedLoss": LossSpec(_CACHED, PAIRS, in_batch=True, needs="guide"),
    "TripletLoss": LossSpec("the positive nearer than the negative by a margin (Schroff et al. 2015)", NEGATIVES),
    "MarginMSELoss": LossSpec(
        "distance of positive and negative as a teacher sees it (Hofstätter et al. 2020)", NEGATIVES, needs="teacher"
    ),
    "DistillKLDivLoss": LossSpec(
        "spread of scores over positive and negatives as a teacher sees it", NEGATIVES, needs="teacher"
    ),
    "CoSENTLoss": LossSpec("pairs in the order of their scores", ("scored pairs", "labelled pairs")),
    "AnglELoss": LossSpec(
        "as CoSENTLoss, by angles, whose gradient does not vanish (Li and Li 2023)", ("scored pairs", "labelled pairs")
    ),
    "CosineSimilarityLoss": LossSpec("cosine equals score", ("scored pairs", "labelled pairs")),
    "ContrastiveLoss": LossSpec(
        "same together, different apart by a margin (Hadsell et al. 2006)",
        ("scored pairs", "labelled pairs"),
        binary=True,
    ),
    "OnlineContrastiveLoss": LossSpec(
        "ContrastiveLoss on the hard pairs of each batch", ("scored pairs", "labelled pairs"), binary=True
    ),
    "SoftmaxLoss": LossSpec("a classifier of pairs on top (Reimers and Gurevych 2019)", ("labelled pairs",)),
    "BatchHardTripletLoss": LossSpec(
        "the farthest text of the class against the nearest of another (Hermans et al. 2017)", ("labelled texts",)
    ),
    "BatchHardSoftMarginTripletLoss": LossSpec("BatchHardTripletLoss without a margin to choose", ("labelled texts",)),
    "BatchSemiHardTripletLoss": LossSpec("triplets that are neither easy nor hopeless", ("labelled texts",)),
    "BatchAllTripletLoss": LossSpec("every triplet of the batch", ("labelled texts",)),
    "MSELoss": LossSpec(
        "every text where a teacher puts the first (Reimers and Gurevych 2020)",
        ("pairs", "plain sentences"),
        needs="teacher",
    ),
    "EmbedDistillLoss": LossSpec(
        "MSELoss by cosine (Kim et al. 2023)", ("pairs", "plain sentences"), needs="teacher"
    ),
    "DenoisingAutoEncoderLoss": LossSpec(
        "a damaged sentence's vector must suffice to write the whole one (TSDAE, Wang et al. 2021)", ("plain sentences",)
    ),
}  # fmt: skip
OF_THE_BATCH = frozenset(
    {"CoSENTLoss", "AnglELoss", "OnlineContrastiveLoss"} | {name for name in LOSSES if name.startswith("Batch")}
)
"""Losses that compare the rows of a batch without being in-batch negatives."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "TripletLoss": {"distance_metric": "cosine", "triplet_margin": 0.2},
    "BatchHardTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchSemiHardTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchAllTripletLoss": {"distance_metric": "cosine", "margin": 0.2},
    "BatchHardSoftMarginTripletLoss": {"distance_metric": "cosine"},
    "DistillKLDivLoss": {"temperature": 0.05},
}
"""The library's own suit vectors of any length (a margin of 5); those of unit length are at most 2 apart."""
NOT_MATRYOSHKA = {"SoftmaxLoss", "DenoisingAutoEncoderLoss", "MSELoss", "EmbedDistillLoss"}


def takes_labels(loss: str) -> bool:
    """Whether a loss learns from pairs and their labels, rather than from what fits and what does not."""
    return loss in LOSSES and "labelled pairs" in LOSSES[loss].shapes


def choose(found: Material, wanted: str) -> tuple[str, str]:
    """The loss for these rows, and why; `wanted` is "auto" or a loss's name.

    Raises:
        ConfigError: there is no such loss, or it does not fit the rows.
    """
    if wanted != "auto":
        _refuse_misfit(wanted, found)
        return wanted, f"{LOSSES[wanted].why} (you asked for it)"
    if found.shape in PAIRS:
        name = "MultipleNegativesSymmetricRankingLoss" if found.parallel else "MultipleNegativesRankingLoss"
        return name, LOSSES[name].why
    if found.shape == "plain sentences":
        name = "MultipleNegativesRankingLoss"
        return name, "each sentence with itself under other dropout, the batch against it (SimCSE, Gao et al. 2021)"
    if found.shape == "labelled texts":
        return "BatchHardSoftMarginTripletLoss", LOSSES["BatchHardSoftMarginTripletLoss"].why
    if found.shape == "labelled pairs" and not found.binary:
        return "SoftmaxLoss", LOSSES["SoftmaxLoss"].why
    return ("OnlineContrastiveLoss" if found.binary else "CoSENTLoss"), (
        "labels of same and different only: " + LOSSES["OnlineContrastiveLoss"].why
        if found.binary
        else LOSSES["CoSENTLoss"].why
    )


def fitting(found: Material) -> list[str]:
    """The losses that take these rows."""
    return [
        name
        for name, spec in LOSSES.items()
        if found.shape in spec.shapes
        and (not spec.binary or found.binary)
        and not (name in {"CoSENTLoss", "AnglELoss", "CosineSimilarityLoss"} and _three_way(found))
    ]


def joint(name: str) -> bool:
    """Whether a row's loss depends on the other rows of its batch: accumulated batches are then another task."""
    return LOSSES[name].in_batch or name in OF_THE_BATCH


def _three_way(found: Material) -> bool:
    return found.shape == "labelled pairs" and not found.binary


def _refuse_misfit(name: str, found: Material) -> None:
    if name not in LOSSES:
        raise ConfigError(
            f"train.loss {name!r} is not known.{nearest(name, LOSSES)} Allowed for {found.shape}: auto, "
            f"{', '.join(fitting(found))}."
        )
    allowed = fitting(found)
    if name in allowed:
        return
    spec = LOSSES[name]
    if spec.in_batch and found.shape in {"scored pairs", "labelled pairs"}:
        reason = "it would take every pair, the dissimilar ones too, as one that belongs together, and heed no score"
    elif spec.binary:
        reason = "it needs labels 0 and 1 only"
    elif found.shape == "pairs" and spec.shapes == NEGATIVES:
        reason = "it needs a negative in each row; mine some with prepare.hard_negatives=1"
    else:
        reason = f"it takes {' or '.join(spec.shapes)}"
        if takes_labels(name) and found.shape in PAIRS:
            reason += (
                "; a table of pairs marked as following or matching gives labelled ones with prepare.pair_labels=labels"
            )
    raise ConfigError(
        f"train.loss {name} does not fit this data set of {found.shape}: {reason}. Allowed here: auto, {', '.join(allowed)}."
    )


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that the loss does not have.

    Raises:
        ConfigError: with those it has.
    """
    known = option_names(name)
    for key in options:
        if key not in known:
            raise ConfigError(
                f"train.loss_options: {name} has no {key!r}.{nearest(key, known)} Allowed: {', '.join(known) or 'none'}."
            )


def option_names(name: str) -> list[str]:
    """The parameters of a loss that are numbers or words; those that Semtune sets itself are not among them."""
    own = {"self", "model", "guide", MINI, "embedding_dimension", "num_labels", "gather_across_devices", "show_progress_bar", "similarity_fct", "loss_fct", "decoder_name_or_path"}  # fmt: skip
    return [key for key in inspect.signature(_class(name).__init__).parameters if key not in own]


SYMMETRIC = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}


def _class(name: str) -> Any:
    """The library's class; its symmetric ones are deprecated for options of the plain ones, see `SYMMETRIC`."""
    from sentence_transformers.sentence_transformer import losses

    return getattr(losses, name.replace("Symmetric", ""))


def build(
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
        name: of `LOSSES`.
        model: the one that is trained.
        options: of the loss, as in `train.loss_options`.
        mini_batch: rows at a time, for the cached losses.
        guide: for the losses that need one.
        classes: how many labels a classifier tells apart.
        matryoshka: dimensions that vectors can be cut to afterwards (Kusupati et al. 2022); none: only the whole.
        gather: take negatives from the other processes too.
    """
    from sentence_transformers.sentence_transformer import losses

    values: dict[str, Any] = DEFAULTS.get(name, {}) | dict(options)
    parameters = inspect.signature(_class(name).__init__).parameters
    if mini_batch and MINI in parameters:
        values[MINI] = mini_batch
    if guide is not None:
        values["guide"] = guide
    if gather and "gather_across_devices" in parameters:
        values["gather_across_devices"] = True
    if "Symmetric" in name:
        values |= SYMMETRIC
    if name == "SoftmaxLoss":
        values |= {"embedding_dimension": model.get_embedding_dimension(), "num_labels": classes}
    loss = _class(name)(model, **_enums(name, values))
    return losses.MatryoshkaLoss(model, loss, list(matryoshka)) if matryoshka else loss


def _enums(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Distances are given by name in a config, and as functions to the losses."""
    if "distance_metric" not in values or name == "EmbedDistillLoss":
        return values
    from sentence_transformers.sentence_transformer import losses

    wanted = str(values["distance_metric"])
    if name == "TripletLoss":
        known = {
            key.lower(): getattr(losses.TripletDistanceMetric, key) for key in ("COSINE", "EUCLIDEAN", "MANHATTAN")
        }
    elif name.startswith("Batch"):
        distances = losses.BatchHardTripletLossDistanceFunction
        known = {"cosine": distances.cosine_distance, "euclidean": distances.euclidean_distance}
    else:
        metrics = losses.SiameseDistanceMetric
        known = {"cosine": metrics.COSINE_DISTANCE, "euclidean": metrics.EUCLIDEAN, "manhattan": metrics.MANHATTAN}
    if wanted not in known:
        raise ConfigError(
            f"train.loss_options.distance_metric {wanted!r} is not known. Allowed for {name}: {', '.join(known)}."
        )
    return values | {"distance_metric": known[wanted]}
