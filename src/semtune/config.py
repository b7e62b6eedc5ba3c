"""The config file of a run: one section a step, made of the steps' own settings; unknown keys are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from semtune import formats
from semtune.errors import ConfigError, InputError
from semtune.evaluate.settings import EvaluateSettings
from semtune.export.settings import ExportSettings
from semtune.index.settings import IndexSettings
from semtune.io import atomic_file
from semtune.prepare.settings import PrepareSettings
from semtune.search.settings import SearchSettings
from semtune.select.settings import SelectSettings
from semtune.settings import Settings, in_words, known_keys
from semtune.train.settings import TrainSettings

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
RENAMED = {("prepare", "verdicts"): "pair_labels"}
"""Keys of older configs, by section, and what they are called now."""


class RunConfig(Settings):
    """A whole run."""

    name: str = Field(pattern=NAME, description="the run's name: its folder under runs_dir")
    model: str = Field("all-MiniLM-L6-v2", min_length=1, description="the backbone: a name, a hub id or a folder")
    runs_dir: str = Field("runs", min_length=1, description="where run folders are made")
    seed: int = Field(13, ge=0, lt=2**32, description="of split, training and statistics")
    store_mb: int = Field(
        2000, ge=0, description="maximum MB of the vectors that a run keeps to share between its steps; 0: none"
    )
    prepare: PrepareSettings
    select: SelectSettings = SelectSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    export: ExportSettings = ExportSettings()
    index: IndexSettings = IndexSettings()
    search: SearchSettings = SearchSettings()

    @model_validator(mode="after")
    def _has_a_source(self) -> RunConfig:
        if not self.prepare.source:
            raise PydanticCustomError("source", "'prepare.source' is missing")
        return self


SECTIONS: dict[str, type[Settings]] = {
    "prepare": PrepareSettings,
    "select": SelectSettings,
    "train": TrainSettings,
    "evaluate": EvaluateSettings,
    "export": ExportSettings,
    "index": IndexSettings,
    "search": SearchSettings,
}


def known_fields(section: str) -> dict[str, Any]:
    """The fields of a section: key → what pydantic knows of it."""
    return dict(SECTIONS[section].model_fields)


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a config file, apply `section.key=value` overrides, and check it.

    Paths in it are relative to the working directory, as on the command line. `${NAME}` and
    `${NAME:-default}` in its values are replaced from the environment.

    Raises:
        InputError: there is no such file.
        ConfigError: it is not YAML, or a key or value is wrong; every error is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InputError(f"There is no config file {path.resolve()}. `semtune init FOLDER` writes one.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file in UTF-8.") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} must hold keys and values ('name: ...', 'prepare: ...'), found {type(values).__name__}."
        )
    for override in overrides:
        _override(values, override)
    return parse_config(_expand(values, str(path)), str(path))


def parse_config(values: dict[str, Any], origin: str = "the config") -> RunConfig:
    """Check a config given as plain values.

    Raises:
        ConfigError: every wrong key and value, with the nearest known name or what is allowed; or a later format.
    """
    values = formats.check_config(values, origin, lambda place: known_keys(RunConfig, place))
    # A section whose keys are all commented out is empty in YAML.
    given = {key: value for key, value in values.items() if value is not None or key not in RunConfig.model_fields}
    for (section, old), new in RENAMED.items():
        if isinstance(part := given.get(section), dict) and old in part:
            given[section] = {new: part[old]} | {key: value for key, value in part.items() if key != old}
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {in_words(error, RunConfig)}") from None


def parse_section(name: str, words: Sequence[str]) -> Any:
    """The settings of one section from `key=value` words, the others at their defaults.

    Args:
        name: of the section, one of `SECTIONS`.
        words: as typed after --set.

    Raises:
        ConfigError: a key or value is wrong.
    """
    values: dict[str, Any] = {"name": "x", "prepare": {"source": "x"}}
    for word in words:
        _override(values, f"{name}.{word}")
    return getattr(parse_config(values, "--set"), name)


def write_config(config: RunConfig, path: Path) -> None:
    """Write the resolved config, every default filled in; it runs again."""
    with atomic_file(path) as out:
        out.write("# Resolved by semtune; every default is written out. `semtune run` takes this file as it is.\n")
        yaml.safe_dump(formats.CONFIG.stamp(config.as_dict()), out, sort_keys=False, allow_unicode=True)


def _override(values: dict[str, Any], override: str) -> None:
    key, found, text = override.partition("=")
    if not found or not key:
        raise ConfigError(f"{override!r} is not an override. Write section.key=value, e.g. train.num_train_epochs=2.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"The value of the override {override!r} is not valid YAML: {error}") from None
    *sections, last = key.strip().split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise ConfigError(f"{override!r}: {section!r} is a value, not a section.")
    values[last] = value


def _expand(value: Any, origin: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(inner, origin) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, origin) for inner in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise ConfigError(
                f"{origin}: the environment variable {match[1]} is not set. Set it, or write ${{{match[1]}:-default}}."
            )
        return found

    return VARIABLE.sub(replace, value)
