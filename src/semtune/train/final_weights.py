"""Which weights a training ends with: the tuned ones, a mix with the base, or the base as it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from semtune.metrics import Comparison
from semtune.train.forgetting_floor import Floor, Point, State, hold, mixed
from semtune.train.monitor.dev_metric import Dev, Measure, Measured
from semtune.train.monitor.diagnosis import FEW, Finding

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Kept = Literal["tuned", "mix", "base"]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a training ends with.

    Attributes:
        kept: "tuned", "mix" (of base and tuned weights) or "base".
        share: of the tuned model in the weights: 1, between, or 0.
        gain: of the tuned model over the base on dev, with interval and p; None without a dev part.
        floor: how the floor was kept; None without one, or where the base was kept before it was asked.
        findings: what there is to say about it.
    """

    kept: Kept
    share: float
    gain: Comparison | None = None
    floor: Floor | None = None
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "kept": self.kept,
            "share": self.share,
            "gain": asdict(self.gain) if self.gain else None,
            "floor": self.floor.as_dict() if self.floor else None,
        }


def snapshot(model: SentenceTransformer) -> State:
    """A copy of a model's weights in main memory."""
    return {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}


def settle(
    model: SentenceTransformer,
    base: State,
    dev: Dev | None,
    floor: Measure | None,
    max_drop: float,
    loss_fell: bool,
    step: int,
    seed: int,
) -> Settled:
    """Choose the weights to keep, and load them into `model`, which holds the best checkpoint.

    Args:
        model: tuned.
        base: its weights before, by `snapshot`.
        dev: the dev measure, begun on the base; None without a dev part.
        floor: measures the floor set; None without one.
        max_drop: what the floor's metric may lose.
        loss_fell: whether the dev loss of the checkpoint is below the base's; confirms a gain within chance.
        step: of the checkpoint.
        seed: of the resampling.
    """
    gain = None
    if dev is not None and dev.start is not None:
        best = dev.measure(model)
        gain = best.compare(dev.start, seed)
        if why := doubt(best, dev.start, loss_fell):
            model.load_state_dict(base)
            return Settled("base", 0.0, gain, None, (_keep_base(why, step),))
    if floor is None:
        return Settled("tuned", 1.0, gain)
    tuned = snapshot(model)
    held = hold(_measure(model, base, tuned, dev, floor), floor.metric, max_drop)
    model.load_state_dict(mixed(base, tuned, held.share))  # it holds the mix that was measured last
    made = Settled({1.0: "tuned", 0.0: "base"}.get(held.share, "mix"), held.share, gain, held)  # type: ignore[arg-type]
    if held.share == 1.0:
        return made
    found = Finding(
        "forgetting",
        "warning",
        held.sentence(),
        "The mix is kept." if held.share else "The base is kept. Lower train.learning_rate, or mix general pairs in.",
        step,
    )
    return replace(made, findings=(found, *(() if held.share else (_keep_base("the floor was not kept.", step),))))


def doubt(best: Measured, start: Measured, loss_fell: bool) -> str:
    """Why the tuned model should not replace the base, in words; empty if it should.

    A gain of more than its standard error counts; a smaller one only where the dev loss fell too.
    """
    gain, error = best.value - start.value, best.error_of_gain(start)
    numbers = f"dev {best.metric} is {start.value:.4f} before and {best.value:.4f} at its best after"
    few = f" {len(start.each)} are few to see it by." if len(start.each) < FEW else ""
    if not gain > 0:
        return f"{numbers}: no gain.{few}"
    if not loss_fell and not gain > (error if math.isfinite(error) else math.inf):
        return f"{numbers}: within its standard error of {error:.4f}, and the dev loss did not fall.{few}"
    return ""


def _keep_base(why: str, step: int) -> Finding:
    return Finding("keep the base", "warning", why, "The model folder holds the base's weights.", step)


def _measure(
    model: SentenceTransformer, base: State, tuned: State, dev: Dev | None, floor: Measure
) -> Callable[[float], Point]:
    """Share → a mix measured; the model is left with it."""

    def measure(share: float) -> Point:
        model.load_state_dict(mixed(base, tuned, share))
        return Point(share, dev.measure(model).value if dev else math.nan, floor(model).value)

    return measure
