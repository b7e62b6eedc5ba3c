"""The settings of export."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from semtune.settings import Settings, mistake, split_words


class ExportSettings(Settings):
    """export: write the model as a graph that can be served without torch."""

    format: Annotated[tuple[Literal["onnx", "torchscript"], ...], BeforeValidator(split_words)] = Field(
        ("onnx",), description="onnx (needed to serve), torchscript"
    )
    precision: Annotated[tuple[Literal["fp32", "int8", "auto"], ...], BeforeValidator(split_words)] = Field(
        ("fp32",),
        description="of the onnx graph: fp32; int8 as an addition; auto: int8 only where dev proves that it keeps the "
        "metric",
    )
    max_loss: float = Field(
        0.005, ge=0, le=1, description="what the metric may lose on dev for int8 to be kept by precision auto"
    )

    @model_validator(mode="after")
    def _int8_is_onnx(self) -> ExportSettings:
        if not self.format or not self.precision:
            raise mistake("empty", "name at least one format (onnx, torchscript) and one precision (fp32, int8)")
        if "int8" in self.precision and "onnx" not in self.format:
            raise mistake("int8", "int8 only works with the onnx format; add onnx to the formats")
        if "auto" in self.precision and ("int8" in self.precision or "onnx" not in self.format):
            raise mistake("auto", "auto decides itself about int8 and needs the onnx format; leave int8 out, keep onnx")
        return self
