"""What `semtune serve` was asked to do: a config file, and the flags of the command, which win."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from semtune.errors import ConfigError, InputError
from semtune.serve.open import Target, UsePaths
from semtune.serve.settings import ServeSettings


class ServeConfig(ServeSettings):
    """The keys of a config file: what is served, and every setting of the server."""

    targets: tuple[str, ...] | dict[str, str] = Field(
        (), description="index folders, run folders or models: a list of PATH or NAME=PATH, or NAME: PATH"
    )
    model: str | None = Field(None, description="where the model of the only index is now")
    rerank: str | None = Field(None, description="a cross-encoder for /rerank and for searches that ask for it")
    classifier: tuple[str, ...] = Field((), description="saved classifiers for /classify: FOLDER or NAME=FOLDER")
    topics: tuple[str, ...] = Field((), description="folders of topics for /topics: FOLDER or NAME=FOLDER")
    recommender: tuple[str, ...] = Field((), description="recommenders for /recommend: FOLDER, or INDEX NAME=FOLDER")
    truncate: str | None = Field(None, description="of long texts: cut, error or window; null: as in the index")
    runtime: str = Field("auto", description="of the models")

    @property
    def named(self) -> list[Target]:
        """The targets with their names.

        Raises:
            ConfigError: there are none.
        """
        if not self.targets:
            raise ConfigError(
                "Nothing to serve was named. Give an index, run or model: `semtune serve INDEX`, or a config file with "
                "'targets:'."
            )
        if isinstance(self.targets, dict):
            return [Target(path, name) for name, path in self.targets.items()]
        return [Target.parse(target) for target in self.targets]

    @property
    def uses(self) -> UsePaths:
        """The folders of classifiers, topics and recommenders with their names."""
        named = (tuple(map(Target.parse, each)) for each in (self.classifier, self.topics, self.recommender))
        return UsePaths(*named)

    @property
    def settings(self) -> ServeSettings:
        """What of it is about the server."""
        return ServeSettings(**{name: getattr(self, name) for name in ServeSettings.model_fields})


def serve_config(file: Path | None, flags: Mapping[str, Any]) -> ServeConfig:
    """A config file with the flags that were given, those that are not None and not empty, in place of its values.

    Paths in the file are relative to the working directory, as on the command line.

    Raises:
        InputError: there is no such file.
        ConfigError: it is not YAML, or a key or value is wrong; every mistake is named.
    """
    read = _read(file) if file else {}
    try:
        given = ServeConfig(**read)  # so that a mistake in the file is told as one of the file
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    return given.replace(**{name: value for name, value in flags.items() if value not in (None, [], ())})


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The config file {file.absolute()} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} is not valid YAML: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{file} must hold keys and values, such as 'port: 8080', found {type(values).__name__}.")
    return {key: value for key, value in values.items() if value is not None}
