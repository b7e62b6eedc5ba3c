"""From the names that were given to models on this machine; what is not here is named and left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semtune import contract as contracts
from semtune.contract import Contract
from semtune.errors import ContractError, InputError, ModelError
from semtune.hub import is_here, resolve_model
from semtune.select.backbone_catalogue import CatalogueEntry, catalogue, find_entry
from semtune.tensors import tensor_shapes

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
USUAL = 0.1  # share of the texts in a language from which the data is in that language, too
SURE = re.compile(r"[a-z]{2}")  # "unknown" and a script alone are no language


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backbone that is here.

    Attributes:
        asked: as it was given.
        name: what people call it; no two candidates share it.
        folder: where it lies.
        contract: how its texts become vectors.
        entry: what the catalogue knows of it.
        licence: of its README, else of the catalogue; empty: not known.
        parameters: how many; None: its weights are in a format that does not say.
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
        """Tokens that it reads; None: any number."""
        return self.contract.max_length if self.contract.max_length < contracts.NO_LIMIT else None

    @property
    def note(self) -> str:
        """What of it counts besides the numbers, in a sentence or two."""
        parts = [self.entry.note if self.entry else "", "never trained to embed texts" if self.raw else ""]
        if self.entry and (missing := dict(self.entry.prompts)) and not self.contract.prompts:
            parts.append(
                f"made for the prompts {missing}, which its folder does not have; measured without "
                "(they belong into config_sentence_transformers.json)"
            )
        return "; ".join(part for part in parts if part)

    @property
    def raw(self) -> bool:
        """Whether it is a language model without training to embed texts."""
        return bool(self.entry and self.entry.raw) or not (self.folder / "modules.json").exists()


@dataclass(frozen=True, slots=True)
class SkippedCandidate:
    """A candidate that takes no part, and why."""

    asked: str
    why: str

    def as_dict(self) -> dict[str, str]:
        """The JSON form."""
        return {"candidate": self.asked, "why": self.why}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Those who take part and those who do not."""

    usable: tuple[Candidate, ...]
    skipped: tuple[SkippedCandidate, ...]


def gather(words: Sequence[str]) -> Candidates:
    """Find the models.

    Args:
        words: names, hub ids and folders; at least two different ones.

    Raises:
        InputError: fewer than two were given, or none of them is here.
    """
    asked = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(asked) < 2:
        raise InputError(
            f"{'Only ' + asked[0] if asked else 'No model'} was given as a candidate; a choice needs at least two: "
            "--candidates A,B,... with names, hub ids or folders. One model alone is measured by `semtune evaluate`."
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
            "None of the candidates can be used here:\n"
            + "\n".join(f"  {one.asked}: {one.why}" for one in skipped)
            + "\nGive folders of models, or names of models that are on this machine or can be downloaded."
        )
    return Candidates(tuple(found.values()), tuple(skipped))


def least(candidates: Candidates) -> Candidate:
    """The candidate that reads the least of a text: what is cut for it, all can read."""
    return min(
        candidates.usable,
        key=lambda one: (not (one.folder / "tokenizer.json").exists(), one.contract.passage_length, one.name),
    )


def usual(languages: Collection[str]) -> list[str]:
    """The catalogue's models that are on this machine and made for the languages.

    Raises:
        InputError: fewer than two are.
    """
    here = [entry.id for entry in catalogue() if entry.reads(languages) and is_here(entry.id)]
    if len(here) < 2:
        spoken = f" made for {', '.join(sorted(languages))}" if languages else ""
        raise InputError(
            f"Of the catalogue's models{spoken}, {here[0] + ' alone' if here else 'none'} is on this machine. Name at "
            "least two candidates: --candidates A,B,... with names, hub ids or folders."
        )
    return here


def languages_of(report: dict[str, Any]) -> set[str]:
    """The languages that a good part of the texts is in, by `prepare.json`; empty where it does not say."""
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
            f"{folder} holds an exported model only, which cannot be tuned. Give the folder it was made from."
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
    """What the model card's front matter says."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        matter = FRONT_MATTER.match(text)
        values = yaml.safe_load(matter[1]) if matter else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    licence = values.get("license") if isinstance(values, dict) else None
    return str(licence) if isinstance(licence, str) else ""
