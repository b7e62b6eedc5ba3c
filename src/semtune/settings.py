"""What all settings share: one frozen pydantic class a step, whose mistakes are told in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic._internal._model_construction import ModelMetaclass
from pydantic_core import PydanticCustomError

from semtune.errors import ConfigError, nearest

S = TypeVar("S", bound="Settings")


class _Refusing(ModelMetaclass):
    """Turns pydantic's error into Semtune's when a class is called; sections within a config report to the config."""

    def __call__(cls, *args: Any, **values: Any) -> Any:  # noqa: N805 - of a metaclass
        try:
            return super().__call__(*args, **values)
        except ValidationError as error:
            raise ConfigError(in_words(error, cls)) from None  # type: ignore[arg-type]


class Settings(BaseModel, metaclass=_Refusing):
    """Settings of a step or a part of one: given by name, checked when made, never changed afterwards.

    Raises:
        ConfigError: a name is unknown or a value not allowed; every mistake is named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    def replace(self: S, **changes: Any) -> S:
        """The same settings with some changed; checked again."""
        return type(self)(**{**dict(self), **changes})

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return self.model_dump(mode="json")


def in_words(error: ValidationError, model: type[BaseModel]) -> str:
    """All mistakes of an error, each with the nearest known name or what is allowed."""
    return "; ".join(_mistake(item, model) for item in error.errors(include_url=False))


def known_keys(model: type[BaseModel], location: Sequence[str | int] = ()) -> list[str]:
    """The keys allowed in a section; `()` is the top. Empty where the location is a value."""
    inner: Any = model
    for part in location:
        field = inner.model_fields.get(str(part)) if _is_section(inner) else None
        inner = field.annotation if field else None
    return list(inner.model_fields) if _is_section(inner) else []


def _is_section(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _mistake(item: Any, model: type[BaseModel]) -> str:
    *section, key = item["loc"] or ("",)
    where = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        known = known_keys(model, section)
        inside = f" in {'.'.join(map(str, section))}" if section else ""
        return f"unknown key {where!r}.{nearest(str(key), known)} Allowed{inside}: {', '.join(known)}"
    if item["type"] == "missing":
        return f"{where!r} is missing"
    message = f"{item['msg'][0].lower()}{item['msg'][1:]}"
    hint = nearest(str(item["input"]), re.findall(r"'([^']*)'", item["msg"])) if item["type"] == "literal_error" else ""
    return f"{where}: {message} (found {item['input']!r}){'.' if hint else ''}{hint}" if where else message


def mistake(kind: str, message: str) -> PydanticCustomError:
    """An error of settings that do not fit together, to be raised in a validator."""
    return PydanticCustomError(kind, message)  # type: ignore[arg-type]


def split_words(value: Any) -> Any:
    """A string with commas as a list, as on the command line and in configs of older runs; other values as they are."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
