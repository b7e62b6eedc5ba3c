"""Old name of `semtune.train.final_model.forgetting_floor`, until its last users import from there."""

from semtune.train.final_model.forgetting_floor import FloorSet

__all__ = ["FloorSet"]
