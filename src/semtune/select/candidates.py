"""Finds the candidates on this machine by name; those that are missing are reported and skipped."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semtune import contract as contracts
from semtune.backbone_catalogue import CatalogueEntry, catalogue, find_entry
from semtune.contract import Contract
from semtune.errors import ContractError, InputError, ModelError
from semtune.hub import is_here, resolve_model
from semtune.tensors import tensor_shapes

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
USUAL = 0.1  # minimum share of the texts for a language to count
SURE = re.compile(r"[a-z]{2}")  # excludes "unknown" and names of scripts


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backbone on this machine.

    Attributes:
        asked: the name that the user gave.
        name: a unique name for reports.
        folder: its model folder.
        contract: how its texts become vectors.
        entry: its entry in the catalogue, if there is one.
        licence: from its README, else from the catalogue; empty if unknown.
        parameters: number of parameters; None if unknown.
        weights_bytes: size of its weight files.
    """

    asked: str
    name: str
    folder: Path
    contract: Contract
    entry: CatalogueEntry | None
    licence: str
    parameters: int | None
    weights_bytes: int

    @property
    def max_length(self) -> int | None:
        """Maximum tokens of a text; None: no limit."""
        return self.contract.max_length if self.contract.max_length < contracts.NO_LIMIT else None

    @property
    def note(self) -> str:
        """What else to know about it."""
        parts = [self.entry.note if self.entry else "", "never trained to embed texts" if self.raw else ""]
        if self.entry and (missing := dict(self.entry.prompts)) and not self.contract.prompts:
            parts.append(
                f"made for the prompts {missing}, but its folder has none; measured without prompts "
                "(add them to config_sentence_transformers.json)"
            )
        return "; ".join(part for part in parts if part)

    @property
    def raw(self) -> bool:
        """Whether it is a language model that was never trained to embed texts."""
        return bool(self.entry and self.entry.raw) or not (self.folder / "modules.json").exists()


@dataclass(frozen=True, slots=True)
class SkippedCandidate:
    """A candidate that is not measured, and why."""

    asked: str
    why: str

    def as_dict(self) -> dict[str, str]:
        """The JSON form."""
        return {"candidate": self.asked, "why": self.why}


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates that can be used, and those that are skipped."""

    usable: tuple[Candidate, ...]
    skipped: tuple[SkippedCandidate, ...]


def gather(words: Sequence[str]) -> Candidates:
    """Find the models.

    Args:
        words: names, hub ids and folders; at least two different ones.

    Raises:
        InputError: fewer than two were given, or none of them can be used.
    """
    asked = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(asked) < 2:
        raise InputError(
            f"{'Only ' + asked[0] if asked else 'No model'} was given as a candidate. Give at least two: "
            "--candidates A,B,... with names, hub ids or folders. To measure one model, use `semtune evaluate`."
        )
    found: dict[str, Candidate] = {}
    skipped: list[SkippedCandidate] = []
    for word in asked:
        try:
            candidate = _look_at(word, {one.name for one in found.values()})
        except (ModelError, ContractError) as error:
            skipped.append(SkippedCandidate(word, str(error)))
            continue
        twin = found.get(candidate.contract.fingerprint)
        if twin:
            skipped.append(SkippedCandidate(word, f"It is the same model as {twin.asked}."))
        else:
            found[candidate.contract.fingerprint] = candidate
    if not found:
        raise InputError(
            "No candidate can be used:\n"
            + "\n".join(f"  {one.asked}: {one.why}" for one in skipped)
            + "\nGive model folders, or names of models that are on this machine or can be downloaded."
        )
    return Candidates(tuple(found.values()), tuple(skipped))


def least(candidates: Candidates) -> Candidate:
    """The candidate with the shortest maximum length: passages cut for it fit all candidates."""
    return min(
        candidates.usable,
        key=lambda one: (not (one.folder / "tokenizer.json").exists(), one.contract.passage_length, one.name),
    )


def usual(languages: Collection[str]) -> list[str]:
    """The models of the catalogue that are on this machine and support the languages.

    Raises:
        InputError: fewer than two are.
    """
    here = [entry.id for entry in catalogue() if entry.supports(languages) and is_here(entry.id)]
    if len(here) < 2:
        spoken = f" made for {', '.join(sorted(languages))}" if languages else ""
        raise InputError(
            f"{'Only ' + here[0] if here else 'None'} of the catalogue's models{spoken} is on this machine. Give at "
            "least two candidates: --candidates A,B,... with names, hub ids or folders."
        )
    return here


def languages_of(report: dict[str, Any]) -> set[str]:
    """The main languages of the texts according to `prepare.json`; empty if unknown."""
    found: set[str] = set()
    for mix in report.get("languages", {}).values():
        known = {code: count for code, count in mix.items() if SURE.fullmatch(code)}
        found |= {code for code, count in known.items() if count >= USUAL * sum(known.values())}
    return found


def _look_at(word: str, taken: set[str]) -> Candidate:
    folder = resolve_model(word)
    contract = contracts.load(folder)
    weights = contracts.weights_files(folder)
    if not weights:
        raise ModelError(
            f"{folder} holds only an exported model, which cannot be tuned. Give the folder it was exported from."
        )
    entry = find_entry(word, contract.name)
    free = (name for name in (contract.name, word, str(folder)) if name not in taken)
    name = next(free, f"{folder} ({contract.fingerprint[:8]})")
    licence = _licence(folder) or (entry.licence if entry else "")
    size = sum(path.stat().st_size for path in weights)
    return Candidate(word, name, folder, contract, entry, licence, _parameters(weights), size)


def _parameters(weights: Sequence[Path]) -> int | None:
    if any(path.suffix != ".safetensors" for path in weights):
        return None
    total = 0
    for path in weights:
        for shape in tensor_shapes(path).values():
            count = 1
            for side in shape:
                count *= side
            total += count
    return total


def _licence(folder: Path) -> str:
    """The licence in the model card's front matter."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        matter = FRONT_MATTER.match(text)
        values = yaml.safe_load(matter[1]) if matter else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    licence = values.get("license") if isinstance(values, dict) else None
    return str(licence) if isinstance(licence, str) else ""
