"""Which loss fits the training rows, and why another one does not."""

from __future__ import annotations

from semtune.errors import ConfigError, nearest
from semtune.train.data.rows import RowsSummary
from semtune.train.losses.catalogue import LOSSES, NEGATIVES, PAIRS, takes_labels

SCORE_LOSSES = {"CoSENTLoss", "AnglELoss", "CosineSimilarityLoss"}


def choose_loss(rows: RowsSummary, wanted: str) -> tuple[str, str]:
    """The loss for these rows, and why.

    Args:
        rows: of the data set.
        wanted: "auto" or a loss's name.

    Raises:
        ConfigError: there is no such loss, or it does not fit the rows.
    """
    if wanted != "auto":
        _refuse_misfit(wanted, rows)
        return wanted, f"{LOSSES[wanted].why} (you asked for it)"
    name = _default_loss(rows)
    if rows.shape == "plain sentences":
        return name, "each sentence is paired with itself under other dropout (SimCSE, Gao et al. 2021)"
    prefix = "the labels only say same or different: " if name == "OnlineContrastiveLoss" else ""
    return name, prefix + LOSSES[name].why


def _default_loss(rows: RowsSummary) -> str:
    if rows.shape in PAIRS:
        return "MultipleNegativesSymmetricRankingLoss" if rows.parallel else "MultipleNegativesRankingLoss"
    if rows.shape == "plain sentences":
        return "MultipleNegativesRankingLoss"
    if rows.shape == "labelled texts":
        return "BatchAllTripletLoss"
    if rows.binary:
        return "OnlineContrastiveLoss"
    return "SoftmaxLoss" if rows.shape == "labelled pairs" else "CoSENTLoss"


def losses_for(rows: RowsSummary) -> list[str]:
    """The losses that take these rows."""
    several_labels = rows.shape == "labelled pairs" and not rows.binary
    return [
        name
        for name, spec in LOSSES.items()
        if rows.shape in spec.shapes
        and (rows.binary or not spec.binary)
        and not (several_labels and name in SCORE_LOSSES)
    ]


def _refuse_misfit(name: str, rows: RowsSummary) -> None:
    allowed = losses_for(rows)
    if name not in LOSSES:
        raise ConfigError(
            f"train.loss {name!r} is unknown.{nearest(name, LOSSES)} Allowed for {rows.shape}: auto, "
            f"{', '.join(allowed)}."
        )
    if name not in allowed:
        raise ConfigError(
            f"train.loss {name} does not fit this data set of {rows.shape}: {_why_misfit(name, rows)}. Allowed here: "
            f"auto, {', '.join(allowed)}."
        )


def _why_misfit(name: str, rows: RowsSummary) -> str:
    spec = LOSSES[name]
    if spec.in_batch and rows.shape in {"scored pairs", "labelled pairs"}:
        return "it would treat every pair, including the dissimilar ones, as a positive, and ignore the scores"
    if spec.binary:
        return "it needs labels 0 and 1 only"
    if rows.shape == "pairs" and spec.shapes == NEGATIVES:
        return "it needs a negative in each row; mine some with prepare.hard_negatives=1"
    reason = f"it takes {' or '.join(spec.shapes)}"
    if takes_labels(name) and rows.shape in PAIRS:
        reason += "; prepare.pair_labels=labels keeps the labels of a table of labelled pairs"
    return reason
