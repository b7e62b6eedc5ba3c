"""The losses of sentence-transformers: what each is for and which rows it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from semtune.train.data.rows import RowShape

OtherModel = Literal["", "guide", "teacher"]
PAIRS: tuple[RowShape, ...] = ("pairs", "triplets", "pairs with negatives")
NEGATIVES: tuple[RowShape, ...] = ("triplets", "pairs with negatives")


@dataclass(frozen=True, slots=True)
class LossSpec:
    """One loss.

    Attributes:
        why: what it does, in words for the plan.
        shapes: rows it takes.
        in_batch: other rows of the batch are negatives, so texts must not repeat in it, and a larger batch is a harder
            task.
        binary: labels must be 0 and 1.
        needs: another model: a "guide" that recognises false negatives, or a "teacher" whose scores or vectors are the
            labels.
        cached: the variant that computes the same gradient in mini-batches (GradCache, Gao et al. 2021); "" if none.
    """

    why: str
    shapes: tuple[RowShape, ...]
    in_batch: bool = False
    binary: bool = False
    needs: OtherModel = ""
    cached: str = ""


_RANK = "the other rows of the batch are negatives (van den Oord et al. 2018; Henderson et al. 2017)"
_CACHED = "the same loss with the batch in mini-batches: as many negatives in less memory (Gao et al. 2021)"
LOSSES: dict[str, LossSpec] = {
    "MultipleNegativesRankingLoss": LossSpec(
        _RANK, (*PAIRS, "plain sentences"), in_batch=True, cached="CachedMultipleNegativesRankingLoss"
    ),
    "CachedMultipleNegativesRankingLoss": LossSpec(_CACHED, (*PAIRS, "plain sentences"), in_batch=True),
    "MultipleNegativesSymmetricRankingLoss": LossSpec(
        "each side must find the other one in the batch; for translations and duplicates",
        PAIRS,
        in_batch=True,
        cached="CachedMultipleNegativesSymmetricRankingLoss",
    ),
    "CachedMultipleNegativesSymmetricRankingLoss": LossSpec(_CACHED, PAIRS, in_batch=True),
    "GISTEmbedLoss": LossSpec(
        "MultipleNegativesRankingLoss without the negatives that a guide model finds too similar (Solatorio 2024)",
        PAIRS,
        in_batch=True,
        needs="guide",
        cached="CachedGISTEmbedLoss",
    ),
    "CachedGISTEmbedLoss": LossSpec(_CACHED, PAIRS, in_batch=True, needs="guide"),
    "TripletLoss": LossSpec("the positive is closer than the negative by a margin (Schroff et al. 2015)", NEGATIVES),
    "MarginMSELoss": LossSpec(
        "score difference of positive and negative as the teacher gives it (Hofstätter et al. 2020)",
        NEGATIVES,
        needs="teacher",
    ),
    "DistillKLDivLoss": LossSpec(
        "distribution of scores over positive and negatives as the teacher gives it", NEGATIVES, needs="teacher"
    ),
    "CoSENTLoss": LossSpec("ranks pairs in the order of their scores", ("scored pairs", "labelled pairs")),
    "AnglELoss": LossSpec(
        "CoSENTLoss on angles, whose gradient does not vanish (Li and Li 2023)", ("scored pairs", "labelled pairs")
    ),
    "CosineSimilarityLoss": LossSpec("the cosine becomes the score", ("scored pairs", "labelled pairs")),
    "ContrastiveLoss": LossSpec(
        "pulls same pairs together and pushes different ones apart by a margin (Hadsell et al. 2006)",
        ("scored pairs", "labelled pairs"),
        binary=True,
    ),
    "OnlineContrastiveLoss": LossSpec(
        "ContrastiveLoss on the hard pairs of each batch", ("scored pairs", "labelled pairs"), binary=True
    ),
    "SoftmaxLoss": LossSpec(
        "a classifier of pairs on top of the model (Reimers and Gurevych 2019)", ("labelled pairs",)
    ),
    "SupervisedContrastiveLoss": LossSpec(
        "each text must find those of its class among the rest of the batch (Khosla et al. 2020)", ("labelled texts",)
    ),
    "BatchHardTripletLoss": LossSpec(
        "the farthest text of the class against the nearest of another class (Hermans et al. 2017)", ("labelled texts",)
    ),
    "BatchHardSoftMarginTripletLoss": LossSpec("BatchHardTripletLoss without a margin to choose", ("labelled texts",)),
    "BatchSemiHardTripletLoss": LossSpec("triplets that are neither too easy nor too hard", ("labelled texts",)),
    "BatchAllTripletLoss": LossSpec(
        "every text is closer to those of its class than to all others of the batch, by a margin", ("labelled texts",)
    ),
    "MSELoss": LossSpec(
        "every text of a row gets the teacher's vector of the first (Reimers and Gurevych 2020)",
        ("pairs", "plain sentences"),
        needs="teacher",
    ),
    "EmbedDistillLoss": LossSpec(
        "MSELoss with the cosine (Kim et al. 2023)", ("pairs", "plain sentences"), needs="teacher"
    ),
    "DenoisingAutoEncoderLoss": LossSpec(
        "the whole sentence is rebuilt from the vector of a damaged one (TSDAE, Wang et al. 2021)",
        ("plain sentences",),
    ),
}  # fmt: skip
OF_THE_BATCH = frozenset(
    {"CoSENTLoss", "AnglELoss", "OnlineContrastiveLoss", "SupervisedContrastiveLoss"}
    | {name for name in LOSSES if name.startswith("Batch")}
)
"""Losses that compare the rows of a batch without using them as negatives."""
NOT_MATRYOSHKA = {"SoftmaxLoss", "DenoisingAutoEncoderLoss", "MSELoss", "EmbedDistillLoss"}


def takes_labels(loss: str) -> bool:
    """Whether a loss learns from labelled pairs, rather than from positives and negatives."""
    return loss in LOSSES and "labelled pairs" in LOSSES[loss].shapes


def compares_rows(loss: str) -> bool:
    """Whether a row's loss depends on the other rows of its batch; accumulating batches then changes the task."""
    return LOSSES[loss].in_batch or loss in OF_THE_BATCH


def cached_variant(loss: str) -> str:
    """The loss that computes the same gradient in mini-batches (it may be the loss itself); empty if there is none."""
    return loss if loss.startswith("Cached") else LOSSES[loss].cached
