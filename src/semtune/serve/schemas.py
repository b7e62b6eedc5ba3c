"""What the schemas of all APIs share."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from semtune.errors import nearest


def _whole_characters(text: str) -> str:
    r"""Refuse lone surrogates ("\ud800"): JSON allows them, but tokenizers and responses do not."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("half_character", "contains a lone surrogate")
    return text


Text: TypeAlias = Annotated[StrictStr, AfterValidator(_whole_characters)]
TokenId: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Strict(BaseModel):
    """A request; an unknown field is refused, and the message suggests the nearest known one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_field(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls.model_fields:
                    allowed = ", ".join(cls.model_fields)
                    hint = nearest(str(name), cls.model_fields)
                    said = f"Unknown field {name!r}; allowed are {allowed}.{hint}"
                    raise PydanticCustomError("unknown_field", "{said}", {"said": said})
        return values
