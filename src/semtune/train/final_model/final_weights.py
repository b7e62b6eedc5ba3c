"""Which weights a training ends with: the tuned ones, the base's, or a mix of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from semtune.metrics import Comparison
from semtune.train.final_model.forgetting_floor import FloorOutcome, MixResult, Weights, choose_mix, mix_weights
from semtune.train.monitor.dev_metric import DevEvaluator, DevMeasure, DevResult
from semtune.train.monitor.finding import Finding

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WeightsKept = Literal["tuned", "mix", "base"]
FEW_DEV_ITEMS = 20  # dev queries or pairs; with fewer, a small gain cannot be seen


@dataclass(frozen=True, slots=True)
class FinalWeights:
    """What a training ends with.

    Attributes:
        kept: "tuned", "mix" (of base and tuned weights) or "base".
        share: of the tuned model in the weights: 1, between, or 0.
        gain: of the tuned model over the base on dev, with interval and p; None without a dev split.
        floor: what was found on the floor set; None without one, or where the base was kept before it was measured.
        findings: what the user should know about it.
    """

    kept: WeightsKept
    share: float
    gain: Comparison | None = None
    floor: FloorOutcome | None = None
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kept": self.kept,
            "share": self.share,
            "gain": asdict(self.gain) if self.gain else None,
            "floor": self.floor.as_dict() if self.floor else None,
        }


def snapshot(model: SentenceTransformer) -> Weights:
    """A copy of a model's weights in main memory."""
    return {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}


def choose_final_weights(
    model: SentenceTransformer,
    base: Weights,
    dev: DevEvaluator | None,
    floor: DevMeasure | None,
    max_drop: float,
    *,
    loss_fell: bool,
    step: int,
    seed: int,
) -> FinalWeights:
    """Choose the weights to keep, and load them into `model`, which holds the best checkpoint.

    Args:
        model: tuned.
        base: its weights before training, from `snapshot`.
        dev: the dev evaluator, begun on the base; None without a dev split.
        floor: measures the floor set; None without one.
        max_drop: what the floor's metric may lose.
        loss_fell: whether the dev loss of the checkpoint is below the base's; it confirms a gain within chance.
        step: of the checkpoint.
        seed: of the resampling.
    """
    gain = None
    if dev is not None and dev.start is not None:
        best = dev.measure(model)
        gain = best.compare(dev.start, seed)
        if why := why_keep_base(best, dev.start, loss_fell):
            model.load_state_dict(base)
            return FinalWeights("base", 0.0, gain, None, (_base_kept(why, step),))
    if floor is None:
        return FinalWeights("tuned", 1.0, gain)
    tuned = snapshot(model)
    outcome = choose_mix(_measure_mix(model, base, tuned, dev, floor), floor.metric, max_drop)
    model.load_state_dict(mix_weights(base, tuned, outcome.share))  # it holds the mix that was measured last
    return FinalWeights(_kept(outcome.share), outcome.share, gain, outcome, _floor_findings(outcome, step))


def _kept(share: float) -> WeightsKept:
    if share == 1.0:
        return "tuned"
    return "mix" if share else "base"


def _floor_findings(outcome: FloorOutcome, step: int) -> tuple[Finding, ...]:
    if outcome.share == 1.0:
        return ()
    advice = (
        "The mix is kept." if outcome.share else "The base is kept. Lower train.learning_rate, or add general pairs."
    )
    forgetting = Finding("forgetting", "warning", outcome.sentence(), advice, step)
    return (forgetting,) if outcome.share else (forgetting, _base_kept("the floor was not kept.", step))


def why_keep_base(best: DevResult, start: DevResult, loss_fell: bool) -> str:
    """Why the tuned model should not replace the base; empty if it should.

    A gain of more than its standard error counts; a smaller one only where the dev loss fell too.
    """
    gain, error = best.value - start.value, best.error_of_gain(start)
    numbers = f"dev {best.metric} is {start.value:.4f} before training and {best.value:.4f} at best afterwards"
    few = f" {len(start.each)} dev items are too few to see a small one." if len(start.each) < FEW_DEV_ITEMS else ""
    if not gain > 0:
        return f"{numbers}: no gain.{few}"
    if not loss_fell and not gain > (error if math.isfinite(error) else math.inf):
        return f"{numbers}: within its standard error of {error:.4f}, and the dev loss did not fall.{few}"
    return ""


def _base_kept(why: str, step: int) -> Finding:
    return Finding("keep the base", "warning", why, "The model folder holds the base's weights.", step)


def _measure_mix(
    model: SentenceTransformer, base: Weights, tuned: Weights, dev: DevEvaluator | None, floor: DevMeasure
) -> Callable[[float], MixResult]:
    """Share → the metrics of that mix; its weights stay in the model."""

    def measure(share: float) -> MixResult:
        model.load_state_dict(mix_weights(base, tuned, share))
        return MixResult(share, dev.measure(model).value if dev else math.nan, floor(model).value)

    return measure
