"""What the schemas of all APIs share."""

from __future__ import annotations

import difflib
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


def _whole_if_text(value: Any) -> Any:
    return _whole_characters(value) if isinstance(value, str) else value


Value: TypeAlias = Annotated[Any, AfterValidator(_whole_if_text)]
TokenId: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=2**32)]

MODEL = "The served model's name, which may end with :query or :document; by default the first one's."
MOST_UNKNOWN = 64  # fields of a request that are not ours
COMPARED = 64  # characters of a name
ALIKE = 0.8  # of two field names: "encodng_format" is meant to be "encoding_format", "model_name" is not "model"
CHANGE_VECTORS = frozenset(
    ("embedding_type", "instruction", "late_chunking", "normalize", "normalized", "output_dimension", "output_dtype")
) | frozenset(("prompt", "task", "task_type", "truncate_prompt_tokens", "truncation"))  # fields of other APIs


class Strict(BaseModel):
    """A request; an unknown field is refused, and the message suggests the nearest known one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_field(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls.model_fields:
                    raise _unknown(str(name), cls, nearest(str(name), cls.model_fields))
        return values


class Lenient(BaseModel):
    """A request of another API, whose clients send fields of their own: they are kept aside in `model_extra`.

    Refused are those that are nearly one of ours, so that a slip of the pen is not ignored, and those that would change
    the vectors in the API that has them: an answer would look right and not be what was asked for.
    """

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _no_field_that_matters(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        unknown = [name for name in values if name not in cls.model_fields]
        if len(unknown) > MOST_UNKNOWN:  # each is compared with ours, while nobody else is answered
            raise PydanticCustomError(
                "unknown_field", "There are {count} unknown fields; leave them out.", {"count": f"{len(unknown):,}"}
            )
        for name in unknown:
            value = values[name]
            if close := difflib.get_close_matches(str(name)[:COMPARED], list(cls.model_fields), n=1, cutoff=ALIKE):
                raise _unknown(str(name), cls, f" Did you mean {close[0]!r}?")
            if name in CHANGE_VECTORS and value is not None and not isinstance(value, str):
                raise _unknown(str(name), cls, " It would change the vectors, so it is not ignored.")
        return values


def _unknown(name: str, schema: type[BaseModel], hint: str) -> PydanticCustomError:
    said = f"Unknown field {name!r}; allowed are {', '.join(schema.model_fields)}.{hint}"
    return PydanticCustomError("unknown_field", "{said}", {"said": said})
